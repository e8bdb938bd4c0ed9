"""Why a photo has its score, and what would change it."""
