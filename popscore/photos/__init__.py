"""Photos: from a path or bytes to upright pixels; finding them in folders; what they look like."""
