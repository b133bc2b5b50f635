"""The tolerance for rounding."""

TOLERANCE = {"float32": 3e-4, "float64": 1e-10}  # of numbers that went through a few layers


class Corner(Exception):
    """Rounding may decide the result: a relu or a maximum is near another slope, or a step is the difference of large
    numbers. So results cannot be compared."""
