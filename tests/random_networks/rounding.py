"""How much rounding may do."""

TOLERANCE = {"float32": 3e-4, "float64": 1e-10}  # of numbers that went through a few layers


class Corner(Exception):
    """Rounding may decide: a relu or a maximum is near to another slope, or a step is of next to nothing between large
    numbers. No more can be told."""
