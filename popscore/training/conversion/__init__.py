"""From weights to a model file, and to the Hub."""
