"""Scores by the million: popscore on Ray Data."""
