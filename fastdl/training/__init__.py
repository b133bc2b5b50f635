"""Training: the work of `Sequential.fit` and its like between the user's arguments and the core."""
