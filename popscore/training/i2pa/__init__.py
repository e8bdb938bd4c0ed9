"""Train a ranker on pairs of photos: intrinsic image popularity (Ding, Ma & Wang 2019), on one's own photos."""
