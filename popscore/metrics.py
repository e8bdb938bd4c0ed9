"""How good scores are: figures that the field uses, in numpy alone."""
