"""Sequential: layers one after another, as one plan over one flat vector of parameters."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from math import prod
from typing import Any

import numpy as np

from . import losses, optimizers
from ._threads import get_num_threads
from ._types import Array, Shape
from ._validation.arrays import as_real, copy_into
from ._validation.samples import as_images, as_lengths, as_samples
from ._validation.shapes import as_shape, check_size
from ._validation.values import as_int
from .callbacks import Callback
from .history import History
from .layers import Activation, Dense, Dropout, Embedding, Layer, Recursive
from .layers.base import check_name, class_of, from_config, is_ours, kinds, sample_shape
from .layers.state import StateLayer
from .training import Data, Trainer
from .training_state import TrainingState
from .trees.forest import Forest, as_forest

_SAMPLES, _NUMBERS = 8192, 1 << 22  # predicted without a look at signals, at the most


class Sequential(Layer):
    """A network of layers, each of which reads what the one before gave.

    Parameters
    ----------
    layers : sequence of Layer
        New ones: a layer belongs to one network.
    input_shape : tuple of int
        Of one sample: (F,), (C, H, W), or in time (T, F) and, for an `Embedding`, (T,). T may be None: any length.
        With a `Recursive` layer samples are trees, (None, F) or (None,): so much for each node.
    dtype : {"float32", "float64"}
    seed : int, optional
        Of the initial parameters, the shuffling and the random layers. The same seed gives the same bits, whatever the
        number of threads.

    Attributes
    ----------
    layers : tuple of Layer
    parameters, gradients : ndarray, shape (P,)
        Flat and live: every layer's ``params`` and ``grads`` are views of them. `fit` leaves gradients unspecified.
    params, grads : mapping of str to ndarray
        Those of every layer, under names such as ``"0.weight"``. What is assigned, to these or to the flat ones, is
        copied into place.
    notes : dict
        Whatever else should be saved with it, such as a vocabulary: plain data, as JSON has it. NumPy's numbers are
        saved as Python's, and tuples and arrays as lists.
    history : History or None
        Of the last call of `fit`, the epochs that it finished, whatever ended it.
    """

    def __init__(
        self, layers: Sequence[Layer], *, input_shape: Any, dtype: str = "float32", seed: int | None = None
    ) -> None:
        super().__init__()
        if not isinstance(layers, Iterable):
            raise TypeError(f"layers must be a list of layers; received {layers!r}")
        self.layers = tuple(layers)
        if not self.layers:
            raise ValueError("layers must hold at least one layer; received none")
        for i, layer in enumerate(self.layers):
            if not isinstance(layer, Layer):
                hint = ", a class: make one of it" if isinstance(layer, type) else ""
                raise TypeError(f"layers must hold layers; received {layer!r}{hint}")
            if layer._in_network or layer in self.layers[:i]:
                raise ValueError(f"layers must be new; received {layer!r} of another network, or twice")
            for method in ("forward", "backward"):
                owner = next(kind for kind in type(layer).__mro__ if method in vars(kind))
                if not is_ours(owner):
                    raise TypeError(
                        f"layers[{i}] must not have a {method} of its own, which no network calls; {owner.__name__} has"
                    )
        self._arity = _arity_of(self.layers)
        self._training = TrainingState()
        self._states: Array | None = None
        self.notes: dict[str, Any] = {}
        self.history: History | None = None
        shape = as_shape(input_shape)
        if self._arity is not None and shape[0] is not None:
            raise ValueError(f"input_shape must be (None, F) or (None,) with a Recursive layer; received {shape}")
        self.build(shape, dtype=dtype, seed=seed)
        for layer in self.layers:
            layer._in_network, layer._rng = True, self._rng
        self._in_network = True

    def __repr__(self) -> str:
        inside = "".join(f"    {layer!r},\n" for layer in self.layers)
        return f"Sequential([\n{inside}], input_shape={self.input_shape}, dtype={self.dtype!r})"

    def _shapes(self, shape: Shape) -> list[Shape]:
        """Shapes before, between and after the layers."""
        shapes = [shape]
        for i, layer in enumerate(self.layers):
            if isinstance(layer, Embedding) and i > 0:
                raise ValueError(f"layers[{i}]: Embedding must come first")
            try:
                shapes.append(layer._output_shape(shapes[-1]))
            except ValueError as error:
                raise ValueError(f"layers[{i}]: {error}") from None
        return shapes

    def _output_shape(self, shape: Shape) -> Shape:
        return self._shapes(shape)[-1]

    def _check_sizes(self, shape: Shape) -> None:
        for i, (layer, s) in enumerate(zip(self.layers, self._shapes(shape), strict=False)):
            try:
                layer._check_sizes(s)
            except ValueError as error:
                raise ValueError(f"layers[{i}]: {error}") from None
        check_size((self._size(shape),), "the parameters of layers")

    def _size(self, shape: Shape) -> int:
        return sum(layer._size(s) for layer, s in zip(self.layers, self._shapes(shape), strict=False))

    def _operations(self, shape: Shape, offset: int) -> list[dict[str, Any]]:
        operations = []
        for layer, s in zip(self.layers, self._shapes(shape), strict=False):
            operations += layer._operations(s, offset)
            offset += layer._size(s)
        return operations

    def _attach(
        self,
        shape: Shape,
        output_shape: Shape,
        dtype: str,
        parameters: Array,
        gradients: Array,
        offset: int,
    ) -> None:
        super()._attach(shape, output_shape, dtype, parameters, gradients, offset)
        shapes = self._shapes(shape)
        for i, layer in enumerate(self.layers):
            layer._turn = self._turn
            layer._attach(shapes[i], shapes[i + 1], dtype, parameters, gradients, offset)
            offset += layer._size(shapes[i])
        self._name_parameters(
            {f"{i}.{name}": values for i, layer in enumerate(self.layers) for name, values in layer.params.items()},
            {f"{i}.{name}": values for i, layer in enumerate(self.layers) for name, values in layer.grads.items()},
        )

    @property
    def parameters(self) -> Array:  # noqa: D102
        return self._flat[0]

    @parameters.setter
    def parameters(self, values: Any) -> None:
        copy_into(self.parameters, values, "parameters")

    @property
    def gradients(self) -> Array:  # noqa: D102
        return self._flat[1]

    @gradients.setter
    def gradients(self, values: Any) -> None:
        copy_into(self.gradients, values, "gradients")

    @property
    def _children(self) -> Sequence[Layer]:
        return self.layers

    def _initialize(self, rng: np.random.Generator) -> None:
        for layer in self.layers:
            layer._initialize(rng)

    def _check_values(self, x: Array, name: str) -> None:
        self.layers[0]._check_values(x, name)

    def _planted(self, x: Any, trees: Any, lengths: Any, prefix: str = "") -> tuple[Array, Forest | None]:
        """Give checked samples and, where they are trees, these; x then has a row for each node."""
        if self._arity is None:
            if trees is not None:
                raise ValueError(f"{prefix}trees must be None for a network without a Recursive layer; received others")
            samples = as_samples(x, f"{prefix}x", self.input_shape, self.dtype)
            self._check_values(samples, f"{prefix}x")
            return samples, None
        if trees is None:
            raise ValueError(f"{prefix}trees must be given, as the network has a Recursive layer; received None")
        if lengths is not None:
            raise ValueError(f"{prefix}lengths must be None with trees; received others")
        samples = as_samples(x, f"{prefix}x", self.input_shape[1:], self.dtype)
        forest = as_forest(trees, f"{prefix}trees", self._arity, len(samples))
        self._check_values(samples[trees.leaves], f"{prefix}x at the leaves")
        if samples.ndim == 1:  # an embedding has nothing for the other nodes
            samples = np.where(trees.leaves, samples, -1).astype(self.dtype)
        return samples, forest

    def _lengths(self, lengths: Any, name: str, x: Array) -> Array | None:
        if lengths is not None and x.ndim != 3 and not isinstance(self.layers[0], Embedding):
            raise ValueError(f"{name} must be None for samples without steps in time, {x.shape[1:]}; received others")
        return as_lengths(lengths, name, x)

    @property
    def is_of_trees(self) -> bool:
        """Whether its samples are trees."""
        return self._arity is not None

    @property
    def stateful(self) -> bool:
        """Whether any of its layers goes on from where the last batch ended."""
        return any(layer.stateful for layer in self._state_layers())

    def _state_layers(self) -> list[StateLayer]:
        return [layer for layer in self.layers if isinstance(layer, StateLayer)]

    def reset_state(self) -> None:
        """Let the next sequences of stateful layers start from zeros."""
        self._states = None

    @property
    def state(self) -> list[Any] | None:
        """What stateful layers go on from: the state of each recurrent layer, None of one that is not stateful.

        None where they start from zeros. What is assigned, of the same form, is copied.
        """
        with self._turn.lock:
            if self._states is None:
                return None
            kept = self._state_layers()
            columns = np.split(self._states, np.cumsum([layer._state_size for layer in kept])[:-1], axis=1)
            return [layer._parted(rows) if layer.stateful else None for layer, rows in zip(kept, columns, strict=True)]

    @state.setter
    def state(self, state: Any) -> None:
        kept = self._state_layers()
        if state is None:
            self.reset_state()
            return
        if not self.stateful or not isinstance(state, (list, tuple)) or len(state) != len(kept):
            raise ValueError(
                f"state must have one for each of the {len(kept)} recurrent layers, of which some are stateful; "
                f"received {state!r}"
            )
        for layer, given in zip(kept, state, strict=True):
            if given is not None and not layer.stateful:
                raise ValueError(f"state must be None for {layer!r}, which is not stateful; received another")
        first = next((given for given in state if given is not None), None)
        if first is None:
            self.reset_state()
            return
        samples = len(first[0] if isinstance(first, tuple) else first)
        rows = [layer._joined(given, "state", samples, self.dtype) for layer, given in zip(kept, state, strict=True)]
        self._states = np.hstack(rows)

    def _states_of(self, x: Array) -> Array | None:
        """Give the states that this batch goes on from, and is to change; None where no layer is stateful."""
        if not self.stateful:
            return None
        size = self._plan_for(x.shape[1:]).state_size
        if self._states is None:
            self._states = np.zeros((len(x), size), self.dtype)
        if len(self._states) != len(x):
            raise ValueError(
                f"x must have the {len(self._states)} samples that the states are of, or reset_state() come first; "
                f"received {len(x)}"
            )
        return self._states

    def forward(self, x: Any, *, training: bool = False, lengths: Any = None, trees: Any = None) -> Array:
        """Give the output for a batch, and hold what `backward` needs.

        Parameters
        ----------
        x : array_like, shape (N, *input_shape)
        training : bool
            Whether layers that are random in training are so.
        lengths : array_like of int, shape (N,), optional
            How many steps of each sequence (N, T, ...) count.
        trees : Trees, optional
            Of a network with a `Recursive` layer: then x (M,) or (M, F) and what is given have a row for each node.

        Returns
        -------
        ndarray, shape (N, *output_shape)
            Images lie in memory as those of x do: channels first, or last where x is a view of such memory.
        """
        if self._arity is not None or trees is not None:
            samples, forest = self._planted(x, trees, lengths)
            with self._turn.lock:
                return self._forward_samples(samples, training, forest=forest)
        samples, last = as_images(x, "x", self.input_shape, self.dtype)
        counts = self._lengths(lengths, "lengths", samples)
        self._check_values(samples, "x")
        with self._turn.lock:
            return self._forward_samples(samples, training, last, counts, self._states_of(samples))

    def fit(
        self,
        x: Any,
        y: Any,
        *,
        epochs: int = 1,
        initial_epoch: int = 0,
        batch_size: int = 64,
        loss: str | Callable[[Any, Any], float] | None = None,
        optimizer: optimizers.Optimizer | None = None,
        validation_data: tuple[Any, ...] | None = None,
        validation_split: float = 0.0,
        shuffle: bool = True,
        sample_weight: Any = None,
        class_weight: Any = None,
        lengths: Any = None,
        trees: Any = None,
        callbacks: Iterable[Callback] = (),
        verbose: int = 1,
    ) -> History:
        """Train.

        Parameters
        ----------
        x : array_like, shape (N, *input_shape)
        y : array_like
            Integer labels (N,) or distributions (N, F) for cross-entropy; numbers (N, F) for squared error. Where the
            output has steps in time, (N, T) and (N, T, F).
        epochs, batch_size : int
            The last batch of an epoch may be shorter.
        initial_epoch : int
            How many of the epochs an earlier call took already.
        loss : str or function, optional
            cross_entropy, which takes outputs for logits unless a softmax gives them, or squared_error. That of the
            last call where not given, cross_entropy at first.
        optimizer : Optimizer, optional
            That of the last call where not given, at first ``SGD(0.01, momentum=0.9)``. With an equal one, or one that
            has another fixed rate alone, moments and count of steps go on from call to call; any other starts anew.
        validation_data : (x, y), (x, y, lengths) or (x, y, trees), optional
            Measured after each epoch.
        validation_split : float
            The fraction at the end of x and y to validate on instead of training on it, a sample at least.
        shuffle : bool
            Whether each epoch goes through the samples in an order of its own.
        sample_weight : array_like, shape (N,), optional
            Each sample's loss and gradient are multiplied by it; the batch's sum is divided by the number of its
            samples, or of the steps or nodes that count. Some weight must be above 0.
        class_weight : dict or array_like, optional
            A weight for each label, multiplied with that of the sample.
        lengths : array_like of int, shape (N,), optional
            How many steps of each sequence (N, T, ...) count; the loss is the mean over those of a batch.
        trees : Trees, optional
            N of them, of a network with a `Recursive` layer. x is (M,) or (M, F) then, a row for each of their M nodes.
            y is of the roots, (N,) or (N, F), or, where the network gives all nodes, (M,) or (M, F): a node of label -1
            does not count. The loss is the mean over what counts of a batch.
        callbacks : iterable of Callback
        verbose : {0, 1}
            Whether to print a line for each epoch.

        Returns
        -------
        History

        Raises
        ------
        FloatingPointError
            When a step's loss, parameters or moments are no longer finite: the parameters are then those before it.
        RuntimeError
            If another call of `fit` is training the network (`docs/threads.md`).

        Notes
        -----
        Ctrl-C, or whatever else a signal's handler or a callback raises, leaves a network of whole steps: parameters,
        moments, the count of steps and the states of stateful layers agree, as after that many steps undisturbed. The
        rest of the epoch is lost: a further call begins one, in an order of its own.

        With stateful layers, row i of a batch goes on where row i of the batch before ended: without shuffling, and
        in whole batches. An epoch starts from zeros.
        """
        with self._turn.training():
            return Trainer(self, loss, optimizer).fit(
                x, y, epochs, initial_epoch, batch_size, validation_data, validation_split, shuffle, sample_weight,
                class_weight, lengths, trees, callbacks, verbose,
            )  # fmt: skip

    def train_on_batch(
        self,
        x: Any,
        y: Any,
        *,
        loss: str | Callable[[Any, Any], float] | None = None,
        optimizer: optimizers.Optimizer | None = None,
        sample_weight: Any = None,
        lengths: Any = None,
        trees: Any = None,
    ) -> dict[str, float]:
        """Take one step on one batch; stateful layers go on from the batch before.

        Parameters
        ----------
        x, y, loss, optimizer, sample_weight, lengths, trees
            As of `fit`.

        Returns
        -------
        dict
            `loss`, and `accuracy` where there are classes, of the batch before the step.
        """
        with self._turn.lock:
            self._turn.check_untrained()
            return Trainer(self, loss, optimizer).train_on_batch(x, y, sample_weight, lengths, trees)

    def evaluate(
        self,
        x: Any,
        y: Any,
        *,
        loss: str | Callable[[Any, Any], float] | None = None,
        lengths: Any = None,
        trees: Any = None,
        batch_size: int | None = None,
    ) -> dict[str, float]:
        """Measure the mean loss and the accuracy.

        Parameters
        ----------
        x, y, loss, lengths, trees
            As of `fit`.
        batch_size : int, optional
            Of stateful layers, which start from zeros and go on from batch to batch. Elsewhere it makes no difference.

        Returns
        -------
        dict
            `loss`, and, where targets are classes, `accuracy`: the share of samples, or of their steps in time, whose
            largest output is where the label, or the largest target, says. Targets of cross-entropy are classes, and
            those of squared error where every row is a one among zeros.
        """
        name = self._training.loss if loss is None else losses.as_name(loss)
        size = None if batch_size is None else as_int(batch_size, "batch_size")
        data = self._checked(x, y, lengths, trees, name)
        with self._turn.lock:
            return self._measure(data, name, size)

    def predict(self, x: Any, *, lengths: Any = None, trees: Any = None) -> Array:
        """Give what the last layer gives.

        Parameters
        ----------
        x : array_like, shape (N, *input_shape)
        lengths : array_like of int, shape (N,), optional
            How many steps of each sequence (N, T, ...) count.
        trees : Trees, optional
            Of a network with a `Recursive` layer: then x (M,) or (M, F) has a row for each node.

        Returns
        -------
        ndarray, shape (N, *output_shape), or (M, F) where it is of all nodes
            Stateful layers go on from the last call, of as many samples.
        """
        x, forest = self._planted(x, trees, lengths)
        counts = None if forest is not None else self._lengths(lengths, "lengths", x)
        with self._turn.lock:
            if forest is not None:
                return self._of_nodes(self._run_trees(x, forest), forest)
            if self.stateful:
                return self._run(x, counts, self._states_of(x))
            size = self._chunk(x)
            parts = [self._run(x[i : i + size], _part(counts, i, i + size)) for i in range(0, len(x), size)]
            return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def summary(self) -> None:
        """Print a table of the layers, their output shapes and how many parameters they have."""
        rows = [("layer", "output", "parameters")]
        for layer in self.layers:
            rows.append((type(layer).__name__, str(layer.output_shape), f"{layer._size(layer.input_shape):,}"))
        rows.append(("", "", f"{self.parameters.size:,}"))
        widths = [max(len(row[i]) for row in rows) for i in range(3)]
        for name, shape, count in rows:
            print(f"{name:{widths[0]}}  {shape:{widths[1]}}  {count:>{widths[2]}}")

    def save(self, path: str | os.PathLike[str], *, training: bool = False) -> None:
        """Write layers, parameters and notes to one .npz file, which `fastdl.load` reads.

        The file is written beside and then renamed: whatever happens, there is the old file or the new one.

        Parameters
        ----------
        path : path-like
        training : bool
            Whether to write down too how far the training has come: the optimizer, its moments, the steps taken, the
            states of stateful layers, and the random numbers. The loaded network then goes on as this one would, to the
            bit.

        Raises
        ------
        TypeError
            If ``training`` is True and the optimizer, or its learning rate, is of a class or a function that is not
            fastdl's: a file cannot hold it.
        """
        from .saving import save

        save(self, path, training)

    @classmethod
    def _from_arguments(cls, arguments: dict[str, Any]) -> Layer:
        raise ValueError(f"layers must not hold networks; received a {cls.__name__}")

    def get_config(self) -> dict[str, Any]:
        """Give the class, and the arguments of `Sequential` as plain data."""
        check_name(type(self))
        return {
            "class": type(self).__name__,
            "layers": [layer.get_config() for layer in self.layers],
            "input_shape": list(self.input_shape),
            "dtype": self.dtype,
        }

    def __reduce__(self) -> tuple[Any, ...]:
        from .saving import describe, restore

        with self._turn.lock:
            made = (*describe(self, training=True), self._training.optimizer, kinds(self))
            return restore, made, self._own()

    def _checked(self, x: Any, y: Any, lengths: Any, trees: Any, loss: str, prefix: str = "") -> Data:
        """Check samples, what a loss compares them with, and their lengths or trees."""
        samples, forest = self._planted(x, trees, lengths, prefix)
        counts = self._lengths(lengths, f"{prefix}lengths", samples)
        if len(self.output_shape) == 3:
            raise ValueError(
                f"the network must end in (F,) or (T, F) for a loss; it ends in {self.output_shape}: add a Flatten"
            )
        if loss == "cross_entropy" and self.output_shape[-1] < 2:
            raise ValueError(
                "the network must end in an output for each class with cross_entropy, Dense(2) for yes and no; it ends "
                "in one, which squared_error takes"
            )
        if forest is not None:
            targets, forest = self._node_targets(y, f"{prefix}y", loss, forest)
            there = targets[forest.counts.astype(bool)]
            return Data(samples, targets, None, forest, losses.tell_classes(loss, there))
        outputs = (len(samples), *self._plan_for(samples.shape[1:]).output_shape)
        targets = losses.as_targets(y, f"{prefix}y", loss, outputs, self.dtype, counts)
        there = targets if counts is None or targets.ndim < 3 else targets[_steps_within(counts, targets.shape[1])]
        return Data(samples, targets, counts, None, losses.tell_classes(loss, there))

    def _node_targets(self, y: Any, name: str, loss: str, forest: Forest) -> tuple[Array, Forest]:
        """Give targets for all nodes, and the trees with a note of which of them count."""
        nodes, features, roots = len(forest.trees.words), self.output_shape[-1], len(self.output_shape) == 1
        labels = as_real(y, name)
        wanted = f"each of the {len(forest.trees)} trees" if roots else f"each of their {nodes} nodes"
        if labels.shape[:1] != ((len(forest.trees) if roots else nodes),):
            raise ValueError(f"{name} must have a row for {wanted}; received shape {labels.shape}")
        if roots:
            given = losses.as_targets(y, name, loss, (len(forest.trees), features), self.dtype)
            targets, counts = np.zeros((nodes, *given.shape[1:]), given.dtype), np.zeros(nodes, np.uint8)
            targets[forest.trees.roots], counts[forest.trees.roots] = given, 1
            return targets, forest._replace(counts=counts)
        if loss == "squared_error" or labels.shape != (nodes,) or labels.dtype.kind != "i":
            return losses.as_targets(y, name, loss, (nodes, features), self.dtype), forest
        there = labels != -1
        if not there.any():
            raise ValueError(f"{name} must hold a label for a node at least; received -1 for all")
        targets = losses.as_targets(np.where(there, labels, 0), name, loss, (nodes, features), self.dtype)
        return targets, forest._replace(counts=there.astype(np.uint8))

    def _chunk(self, x: Array) -> int:
        """Give how many samples to predict at a time: their outputs may be large."""
        numbers: int = prod(self._plan_for(x.shape[1:]).output_shape)
        return max(1, min(_SAMPLES, _NUMBERS // numbers))

    def _run(self, x: Array, lengths: Array | None, states: Array | None = None, logits: bool = False) -> Array:
        """Give the outputs of checked samples."""
        plan = self._plan_for(x.shape[1:])
        y: Array = plan.predict(x.reshape(-1), len(x), get_num_threads(), logits, lengths, states)
        return y.reshape(len(x), *plan.output_shape)

    def _run_trees(self, x: Array, forest: Forest, logits: bool = False) -> Array:
        """Give the outputs (M, F) of all nodes, some trees at a time."""
        plan = self._plan_for(sample_shape(x, forest))
        size = max(1, _SAMPLES * len(forest.trees) // len(x))
        parts = []
        for first in range(0, len(forest.trees), size):
            last = min(first + size, len(forest.trees))
            part = forest if last - first == len(forest.trees) else forest.part(first, last)
            rows = x[forest.trees.part(first, last)].reshape(-1)
            trees = part.core(self.dtype)
            parts.append(plan.predict(rows, last - first, get_num_threads(), logits, None, None, trees))
        y: Array = np.concatenate(parts).reshape(len(x), -1)
        return y

    def _measure(self, data: Data, loss: str, batch_size: int | None = None) -> dict[str, float]:
        """Measure on checked samples, some at a time: their outputs may be many."""
        x, y, lengths, forest = data.x, data.y, data.lengths, data.forest
        if forest is not None:
            there = forest.counts.astype(bool)
            mean, _, found = losses.measure(loss, self._run_trees(x, forest, loss == "cross_entropy")[there], y[there])
            return self._figures(mean, found / int(there.sum()), data.classes)
        size = batch_size or len(x)
        states = None
        if self.stateful:
            if len(x) % size:
                raise ValueError(f"batch_size must divide the {len(x)} samples, for stateful layers; received {size}")
            states = np.zeros((size, self._plan_for(x.shape[1:]).state_size), self.dtype)
        else:
            size = self._chunk(x)
        total, hits, count = 0.0, 0, 0
        for start in range(0, len(x), size):
            part = slice(start, start + size)
            lengths_here = _part(lengths, start, start + size)
            outputs = self._run(x[part], lengths_here, states, logits=loss == "cross_entropy")
            targets = y[part]
            if outputs.ndim == 3 and lengths_here is not None:
                there = _steps_within(lengths_here, outputs.shape[1])
                outputs, targets = outputs[there], targets[there]
            rows = outputs.size // outputs.shape[-1]
            mean, _, found = losses.measure(loss, outputs, targets)
            total, hits, count = total + mean * rows, hits + found, count + rows
        return self._figures(total / count, hits / count, data.classes)

    def _figures(self, loss: float, accuracy: float, classes: bool) -> dict[str, float]:
        return {"loss": loss, "accuracy": accuracy} if classes else {"loss": loss}


def network_of(config: dict[str, Any]) -> Sequential:
    """Make a network of what its `get_config` gave, whatever a subclass' constructor takes."""
    kind = class_of(config["class"])
    if not issubclass(kind, Sequential):
        raise ValueError(f"config must name a class of networks; received {kind.__name__}")
    net = kind.__new__(kind)
    layers = [from_config(layer) for layer in config["layers"]]
    Sequential.__init__(net, layers, input_shape=config["input_shape"], dtype=config["dtype"])
    net._complete = True
    return net


def _steps_within(lengths: Array, steps: int) -> Array:
    there: Array = np.arange(steps) < lengths[:, None]
    return there


def _part(array: Array | None, start: int, stop: int) -> Array | None:
    return None if array is None else array[start:stop]


def _arity_of(layers: Sequence[Layer]) -> int | None:
    """Give how many children a node of a network's trees has; None where its samples are no trees."""
    arities = {layer.children for layer in layers if isinstance(layer, Recursive)}
    if not arities:
        return None
    if len(arities) > 1:
        raise ValueError(
            f"layers must agree on the children of a node; received {', '.join(map(str, sorted(arities)))}"
        )
    for i, layer in enumerate(layers):
        if not isinstance(layer, (Activation, Dense, Dropout, Embedding, Recursive)):
            raise ValueError(f"layers[{i}]: {type(layer).__name__} cannot be in a network with a Recursive layer")
    return arities.pop()
