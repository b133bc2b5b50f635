"""Iterables of batches: how they differ from arrays, and passes over them, with each batch checked as it comes."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from reprlib import repr as short
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ..layers import Layer
from ..losses import Loss
from ..samples import Samples, as_batch
from .examples import Examples, examples_of
from .prefetch import prefetched

if TYPE_CHECKING:
    from ..sequential import Sequential

Checked = TypeVar("Checked", Examples, Samples)

_ARRAYS = ("__array__", "__dataframe__", "toarray")  # attributes of arrays, and of objects that convert to arrays


def _first(x: Any) -> Any:
    """Return the first item of a list or another sequence, or None."""
    if isinstance(x, (list, tuple)) or (isinstance(x, Sequence) and not isinstance(x, (str, bytes, memoryview))):
        return x[0] if len(x) else None
    return None


def _are_items(x: Any) -> bool:
    """Return whether an object is an iterable, but nothing that NumPy converts to an array."""
    if isinstance(x, (list, tuple, Sequence, Mapping)) or any(hasattr(x, name) for name in _ARRAYS):
        return False
    return isinstance(x, Iterable)


def are_batches(x: Any, y: Any = None) -> bool:
    """Return whether x is an iterable of batches of samples with targets, rather than an array; y must be None."""
    if y is not None:
        return False
    first = _first(x)
    if isinstance(first, list):
        return getattr(_first(first), "ndim", 0) > 0
    return isinstance(first, tuple) or _are_items(x)


def are_batches_of_samples(net: Layer, x: Any) -> bool:
    """Return whether x is an iterable of batches of samples: in a list, arrays with the axes of a batch."""
    first = _first(x)
    if isinstance(first, (list, tuple)):
        first = _first(first)
    axes = getattr(first, "ndim", 0)
    return axes == (net.arity is None) + len(net.input_shape) if axes else _are_items(x)


def check_unused(**arguments: Any) -> None:
    """Check that arguments that describe samples in an array are not given with batches."""
    for name, value in arguments.items():
        if value is not None:
            raise ValueError(f"{name} must not be given where x is an iterable of batches; received {short(value)}")


def examples_in(net: Sequential, given: Any, name: str, prefix: str, loss: Loss, of_many: bool = True) -> Examples:
    """Check a tuple (x, y, lengths or trees, weights), whose last one or two may be missing."""
    if not isinstance(given, (tuple, list)) or len(given) not in (2, 3, 4):
        raise ValueError(
            f"{name} must be (x, y), (x, y, lengths) or (x, y, trees), with sample_weight after it where there is one; "
            f"received {_kind(given)}"
        )
    x, y, third, weights = (*given, None, None)[:4]
    return examples_of(net, x, y, *_lengths_and_trees(net, third), weights, loss, prefix, of_many=of_many)


def samples_in(net: Layer, given: Any, name: str, prefix: str) -> Samples:
    """Check the samples of such a tuple, of (x,), or x itself."""
    if not isinstance(given, (tuple, list)):
        given = (given,)
    if not 1 <= len(given) <= 4:
        raise ValueError(f"{name} must be x, or a tuple as fit takes it, such as (x, y); received {_kind(given)}")
    x, _, third = (*given, None, None)[:3]
    return as_batch(net, x, *_lengths_and_trees(net, third), prefix, may_wait=True)


def _kind(given: Any) -> str:
    return type(given).__name__ + (f" of {len(given)}" if isinstance(given, (tuple, list)) else "")


def _lengths_and_trees(net: Layer, third: Any) -> tuple[Any, Any]:
    return (third, None) if net.arity is None else (None, third)


class Stream(Generic[Checked]):
    """An iterable of batches, each checked as it comes.

    Parameters
    ----------
    given : iterable
    name : str
        The name of the argument.
    check : callable
        Checks a batch and gives its contents: called with the batch, its name in errors, and the prefix of the names of
        its parts.
    prefix : str
        The prefix of the names of batches.
    times : int
        The number of passes, as far as is known.
    """

    def __init__(
        self, given: Any, name: str, check: Callable[[Any, str, str], Checked], prefix: str = "", times: int = 1
    ) -> None:
        self._given, self._name, self._prefix = given, name, prefix
        self._check: Callable[[Any, str, str], Checked] = check
        if times > 1 and isinstance(given, Iterator) and type(given).__module__ in ("builtins", "itertools"):
            raise ValueError(  # iterators of other classes may begin again
                f"{name} must give its batches anew in each of {times} epochs, as a list does, or an object with "
                f"an __iter__; received a {type(given).__name__}, which gives them once"
            )

    def checked(self) -> Generator[Checked]:
        """Yield the checked batches, once. Close the generator to end the making of batches."""
        k, counted = 0, False
        with closing(prefetched(self._given)) as made:
            for k, batch in enumerate(made, 1):
                name = f"{self._prefix}batch {k}"
                checked = self._check(batch, name, f"{name}'s ")
                counted = counted or not isinstance(checked, Examples) or checked.counts()
                yield checked
        if k == 0:
            hint = ": an iterator gives its batches only once" if isinstance(self._given, Iterator) else ""
            raise ValueError(f"{self._name} must give at least one batch each time; it gave none{hint}")
        if not counted:
            raise ValueError(f"{self._name} must give a label that counts; all that it gave are ignored")
