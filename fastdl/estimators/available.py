"""scikit-learn's `available_if`, with a type: a method stays what it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    Method = TypeVar("Method", bound=Callable[..., Any])

    def available_if(check: Callable[[Any], bool]) -> Callable[[Method], Method]:
        """Make a method available on those objects that pass a check."""

else:
    from sklearn.utils.metaestimators import available_if as available_if
