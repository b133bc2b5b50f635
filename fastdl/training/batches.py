"""Training on batches that somebody makes one after another: the next one while the core is at work with the last."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from copy import deepcopy
from dataclasses import dataclass
from queue import Empty, Full, Queue
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

from .examples import Examples, examples_of

if TYPE_CHECKING:
    from ..losses import Loss
    from ..sequential import Sequential

_PATIENCE = 0.05  # seconds, after which a thread looks whether it is still wanted


def are_batches(x: Any, y: Any) -> bool:
    """Tell whether what `fit` is given is an iterable of batches rather than an array of samples."""
    if isinstance(x, (list, tuple)):
        first = x[0] if len(x) else None
        holds_arrays = isinstance(first, list) and len(first) > 0 and getattr(first[0], "ndim", 0) > 0
        return y is None and (isinstance(first, tuple) or holds_arrays)
    is_array = isinstance(x, (str, bytes)) or hasattr(x, "__array__") or hasattr(x, "__dataframe__")
    return y is None and isinstance(x, Iterable) and not is_array


def pair_of(given: Any, name: str) -> tuple[Any, Any, Any, Any]:
    """Give x, y, what is third of samples, lengths or trees, and the weights of a tuple that holds them."""
    if not isinstance(given, (tuple, list)) or len(given) not in (2, 3, 4):
        size = f" of {len(given)}" if isinstance(given, (tuple, list)) else ""
        raise ValueError(
            f"{name} must be (x, y), (x, y, lengths) or (x, y, trees), and a sample_weight after it; "
            f"received {type(given).__name__}{size}"
        )
    x, y, third, weights = (*given, None, None)[:4]
    return x, y, third, weights


@dataclass(eq=False, repr=False)
class Batches:
    """An iterable of batches, each a tuple (x, y), (x, y, lengths) or (x, y, trees), and a sample_weight after it."""

    net: Sequential
    loss: Loss
    given: Iterable[Any]
    class_weight: Any = None

    def examples(self) -> Generator[Examples]:
        """Go through them once, and give each checked."""
        net, k = self.net, 0
        with closing(_ahead(self.given)) as made:
            for k, batch in enumerate(made, 1):
                name = f"batch {k}'s "
                x, y, third, weights = pair_of(batch, f"batch {k}")
                lengths, trees = (None, third) if net.reading.arity is not None else (third, None)
                data = examples_of(net, x, y, lengths, trees, weights, self.loss, name)
                if self.class_weight is not None:
                    data = data.weighted_by_class(self.class_weight, self.loss, net.output_shape[-1])
                yield data
        if k == 0:
            hint = ": an iterator can be gone through once" if isinstance(self.given, Iterator) else ""
            raise ValueError(f"x must give a batch at least in each epoch; it gave none{hint}")


def _ahead(items: Iterable[Any]) -> Generator[Any]:
    """Give copies of items, each of which is made, in a thread of its own, while the one before it is used.

    They are copies because whoever makes them may use an array again.
    """
    made: Queue[tuple[Any, BaseException | None]] = Queue(1)
    unwanted = Event()
    nothing = object()

    def give(item: Any, error: BaseException | None = None) -> None:
        while not unwanted.is_set():
            try:
                made.put((item, error), timeout=_PATIENCE)
                return
            except Full:
                pass

    def make() -> None:
        try:
            iterator = iter(items)
            for item in iterator:
                give(deepcopy(item))
                if unwanted.is_set():
                    break
            if isinstance(iterator, Generator):
                iterator.close()
            give(nothing)
        except BaseException as error:  # which whoever asks for the next one is to see
            give(nothing, error)

    thread = Thread(target=make, name="fastdl batches", daemon=True)
    thread.start()
    try:
        while True:
            try:
                item, error = made.get(timeout=_PATIENCE)  # between two of which Ctrl-C has its turn
            except Empty:
                continue
            if error is not None:
                raise error
            if item is nothing:
                return
            yield item
    finally:
        unwanted.set()
        thread.join(1.0)  # and no longer, should it wait for something that does not come
