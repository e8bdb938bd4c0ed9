"""A person's own audience: past posts, what was like them, and what that says about a new photo."""
