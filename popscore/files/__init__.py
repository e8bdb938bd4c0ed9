"""Files: opened safely, written whole or not at all."""
