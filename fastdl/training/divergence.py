"""The error of a training that diverges."""

from __future__ import annotations


class DivergenceError(FloatingPointError):
    """A step gave numbers that are not finite, and was undone.

    Attributes
    ----------
    fault : str
        What has happened.
    advice : str
        What may help whoever calls `fit`; a command has options instead, and a sweep other trials.
    """

    def __init__(self, fault: str, advice: str) -> None:
        super().__init__(fault, advice)
        self.fault, self.advice = fault, advice

    def __str__(self) -> str:
        return f"{self.fault}, and the parameters are now those before it: {self.advice}"
