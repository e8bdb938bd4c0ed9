"""What the model says about a photo beside its score: where the score comes from."""
