"""Training: what `Sequential.fit` and its like do between their checks and the core."""
