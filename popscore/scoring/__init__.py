"""Photos to scores: one pipeline for one photo and for ten thousand."""
