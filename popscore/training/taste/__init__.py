"""How the prior of tastes was learnt from people's ratings, and how it is put to the proof."""
