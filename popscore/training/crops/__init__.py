"""How the ranker of crops was made: what photographers put in the middle of their frames."""
