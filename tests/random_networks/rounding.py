"""The tolerance for rounding."""

import numpy as np

TOLERANCE = {"float32": 3e-4, "float64": 1e-10}  # of numbers that went through a few layers


class Off(AssertionError):
    """A result is farther from the reference's than the tolerance: by ``error``."""

    def __init__(self, message, error):
        super().__init__(message)
        self.error = error


class Corner(Exception):
    """Rounding may decide the result: a relu or a maximum is near another slope, or a step is the difference of large
    numbers. So results cannot be compared."""


def shaken(values, by, rng):
    """Return numbers that are each changed by up to this share; whole ones, which may be tokens, stay."""
    changed = values * (1 + by * rng.uniform(-1, 1, values.shape))
    return np.where(values == np.round(values), values, changed)
