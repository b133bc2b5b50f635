"""Training on batches that somebody makes one after another: the next one while the core is at work with the last."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from copy import deepcopy
from dataclasses import dataclass
from math import inf
from queue import Empty, Full, Queue
from threading import Event, Thread
from time import perf_counter
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from .agreement import check_shares
from .examples import Examples, examples_of
from .machines import Machines
from .state import TrainingState
from .stepping import BLOCK_SECONDS, means
from .steps import step_on

if TYPE_CHECKING:
    from ..callbacks import Callback
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
            f"{name} must be (x, y), (x, y, lengths) or (x, y, trees), with sample_weight after it where there is one; "
            f"received {type(given).__name__}{size}"
        )
    x, y, third, weights = (*given, None, None)[:4]
    return x, y, third, weights


@dataclass(eq=False, repr=False)
class Batches:
    """Passes of a call of `fit` over an iterable of batches, each a tuple as `pair_of` takes it.

    Attributes
    ----------
    figures : list of str
        What is told of a pass, at the most.
    samples : int
        How many there are, which is not known.
    work : float
        Nor are the multiply-adds of a pass forward over them.
    """

    net: Sequential
    state: TrainingState
    loss: Loss
    given: Iterable[Any]
    class_weight: Any
    machines: Machines
    figures: ClassVar[list[str]] = ["loss", "accuracy"]
    samples: ClassVar[int] = 0
    work: ClassVar[float] = inf

    def take(self, epoch: int, last: int, watchers: list[Callback]) -> dict[str, float]:
        """Go through the batches once, and give the figures; callbacks have their turn ten times a second."""
        net, machines, sums, done, found = self.net, self.machines, np.zeros(3), 0, dict[str, float]()
        classes = True  # of all batches so far
        with net.turn.lock:
            seed = net.draw()
            net.reset_state()
        shown = perf_counter()
        with closing(self._examples()) as examples:  # whatever ends it ends the making of batches
            for data in examples:
                check_shares(machines, net, self.loss, len(data), len(data))
                rates = self.state.rates(1)
                machines.agree_on_steps(1, rates, data)
                with net.turn.lock:
                    states = net.states_for(len(data))
                    sums += step_on(net, self.state, self.loss, data, seed + done, rates, states, machines)
                done += len(data)
                classes = classes and data.classes
                loss, accuracy = means(sums)
                found = {"loss": loss, "accuracy": accuracy} if classes else {"loss": loss}
                if machines.first(perf_counter() - shown) > BLOCK_SECONDS:
                    for watcher in watchers:
                        watcher.on_batch_block(net, done, 0, {"epoch": epoch, **found})
                    shown = perf_counter()
        machines.check_end()
        for watcher in watchers:
            watcher.on_batch_block(net, done, done, {"epoch": epoch, **found})
        return found

    def _examples(self) -> Generator[Examples]:
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
            hint = ": an iterator gives its batches only once" if isinstance(self.given, Iterator) else ""
            raise ValueError(f"x must give at least one batch in each epoch; it gave none{hint}")


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
