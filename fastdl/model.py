"""Sequential: layers one after another, as one plan over one flat vector of parameters."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from . import losses, optimizers
from ._threads import get_num_threads
from ._validation import Array, as_dtype, as_samples, as_shape
from .callbacks import Callback
from .history import History
from .layers import Layer
from .training import Trainer

_CHUNK = 8192  # samples predicted without a look at signals


class Sequential(Layer):
    """A network of layers, each of which reads what the one before gave.

    Parameters
    ----------
    layers : sequence of Layer
        New ones: a layer belongs to one network.
    input_shape : tuple of int
        Of one sample: (F,) or (C, H, W).
    dtype : {"float32", "float64"}
    seed : int, optional
        Of the initial parameters, the shuffling and the random layers. The same seed gives the same bits, whatever the
        number of threads.

    Attributes
    ----------
    layers : list of Layer
    parameters, gradients : ndarray, shape (P,)
        Flat and live: every layer's ``params`` and ``grads`` are views of them. `fit` leaves gradients unspecified.
    params, grads : dict of str to ndarray
        Those of every layer, under names such as ``"0.weight"``.
    """

    def __init__(
        self, layers: Sequence[Layer], *, input_shape: Any, dtype: str = "float32", seed: int | None = None
    ) -> None:
        super().__init__()
        self.layers = list(layers)
        if not self.layers:
            raise ValueError("layers must hold at least one layer; received none")
        for i, layer in enumerate(self.layers):
            if not isinstance(layer, Layer):
                raise TypeError(f"layers must hold layers; received {layer!r}")
            if layer._network is not None or layer in self.layers[:i]:
                raise ValueError(f"layers must be new; received {layer!r} of another network, or twice")
        self._rng = np.random.default_rng(seed)
        self._trainer: Trainer | None = None
        self.build(as_shape(input_shape), dtype=as_dtype(dtype))
        for layer in self.layers:
            layer._network = self
        self._network = self

    def __repr__(self) -> str:
        inside = "".join(f"    {layer!r},\n" for layer in self.layers)
        return f"Sequential([\n{inside}], input_shape={self.input_shape}, dtype={self.dtype!r})"

    def _shapes(self, shape: tuple[int, ...]) -> list[tuple[int, ...]]:
        """Shapes before, between and after the layers."""
        shapes = [shape]
        for i, layer in enumerate(self.layers):
            try:
                shapes.append(layer._output_shape(shapes[-1]))
            except ValueError as error:
                raise ValueError(f"layers[{i}]: {error}") from None
        return shapes

    def _output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return self._shapes(shape)[-1]

    def _size(self, shape: tuple[int, ...]) -> int:
        return sum(layer._size(s) for layer, s in zip(self.layers, self._shapes(shape), strict=False))

    def _operations(self, shape: tuple[int, ...], offset: int) -> list[dict[str, Any]]:
        operations = []
        for layer, s in zip(self.layers, self._shapes(shape), strict=False):
            operations += layer._operations(s, offset)
            offset += layer._size(s)
        return operations

    def _attach(
        self,
        shape: tuple[int, ...],
        output_shape: tuple[int, ...],
        dtype: str,
        parameters: Array,
        gradients: Array,
        offset: int,
    ) -> None:
        super()._attach(shape, output_shape, dtype, parameters, gradients, offset)
        self.parameters, self.gradients = parameters, gradients
        shapes = self._shapes(shape)
        for i, layer in enumerate(self.layers):
            layer._attach(shapes[i], shapes[i + 1], dtype, parameters, gradients, offset)
            offset += layer._size(shapes[i])
            self.params.update({f"{i}.{name}": values for name, values in layer.params.items()})
            self.grads.update({f"{i}.{name}": values for name, values in layer.grads.items()})

    def _initialize(self, rng: np.random.Generator) -> None:
        for layer in self.layers:
            layer._initialize(self._rng)

    def fit(
        self,
        x: Any,
        y: Any,
        *,
        epochs: int = 1,
        batch_size: int = 64,
        loss: str | Callable[[Any, Any], float] | None = None,
        optimizer: optimizers.Optimizer | None = None,
        validation_data: tuple[Any, Any] | None = None,
        validation_split: float = 0.0,
        shuffle: bool = True,
        sample_weight: Any = None,
        class_weight: Any = None,
        callbacks: Iterable[Callback] = (),
        verbose: int = 1,
    ) -> History:
        """Train.

        Parameters
        ----------
        x : array_like, shape (N, *input_shape)
        y : array_like
            Integer labels (N,) or distributions (N, F) for cross-entropy; numbers (N, F) for squared error.
        epochs, batch_size : int
            The last batch of an epoch may be shorter.
        loss : str or function, optional
            cross_entropy or squared_error. That of the last call where not given, cross_entropy at first.
        optimizer : Optimizer, optional
            That of the last call where not given, at first ``SGD(0.01, momentum=0.9)``. For as long as the same object
            is given, its velocities and its count of steps go on from call to call.
        validation_data : (x, y), optional
            Measured after each epoch.
        validation_split : float
            The fraction at the end of x and y to validate on instead of training on it.
        shuffle : bool
            Whether each epoch goes through the samples in an order of its own.
        sample_weight : array_like, shape (N,), optional
            Each sample's loss and gradient are multiplied by it; the batch's sum is divided by its number of samples.
        class_weight : dict or array_like, optional
            A weight for each label, multiplied with that of the sample.
        callbacks : iterable of Callback
        verbose : {0, 1}
            Whether to print a line for each epoch.

        Returns
        -------
        History
        """
        trainer = self._prepared(loss, optimizer)
        history = trainer.fit(
            x, y, epochs, batch_size, validation_data, validation_split, shuffle, sample_weight, class_weight,
            callbacks, verbose,
        )  # fmt: skip
        return history

    def train_on_batch(
        self,
        x: Any,
        y: Any,
        *,
        loss: str | Callable[[Any, Any], float] | None = None,
        optimizer: optimizers.Optimizer | None = None,
        sample_weight: Any = None,
    ) -> dict[str, float]:
        """Take one step on one batch.

        Parameters
        ----------
        x, y, loss, optimizer, sample_weight
            As of `fit`.

        Returns
        -------
        dict
            `loss`, and `accuracy` where there are classes, of the batch before the step.
        """
        return self._prepared(loss, optimizer).train_on_batch(x, y, sample_weight)

    def evaluate(self, x: Any, y: Any, *, loss: str | Callable[[Any, Any], float] | None = None) -> dict[str, float]:
        """Measure the mean loss and the accuracy.

        Parameters
        ----------
        x, y, loss
            As of `fit`.

        Returns
        -------
        dict
            `loss`, and `accuracy` where there is more than one output: the share of samples whose largest output is
            where the label, or the largest target, says.
        """
        name = losses.as_name(loss) if loss is not None else self._trainer.loss if self._trainer else "cross_entropy"
        x, y = self._checked_pair(x, y, name, "x", "y")
        return self._measure(x, y, name)

    def predict(self, x: Any) -> Array:
        """Give what the last layer gives.

        Parameters
        ----------
        x : array_like, shape (N, *input_shape)

        Returns
        -------
        ndarray, shape (N, *output_shape)
        """
        return self._run(as_samples(x, "x", self.input_shape, self.dtype))

    def summary(self) -> None:
        """Print a table of the layers, their output shapes and how many parameters they have."""
        rows = [("layer", "output", "parameters")]
        for layer in self.layers:
            rows.append((type(layer).__name__, str(layer.output_shape), f"{layer._size(layer.input_shape):,}"))
        rows.append(("", "", f"{self.parameters.size:,}"))
        widths = [max(len(row[i]) for row in rows) for i in range(3)]
        for name, shape, count in rows:
            print(f"{name:{widths[0]}}  {shape:{widths[1]}}  {count:>{widths[2]}}")

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write layers and parameters to one .npz file, which `fastdl.load` reads.

        The file is written beside and then renamed: whatever happens, there is the old file or the new one.
        The state of an optimizer is not saved.
        """
        from .saving import save

        save(self, path)

    def get_config(self) -> dict[str, Any]:
        """Give the constructor's arguments as plain data."""
        return {
            "layers": [layer.get_config() for layer in self.layers],
            "input_shape": list(self.input_shape),
            "dtype": self.dtype,
        }

    def __reduce__(self) -> tuple[Any, ...]:
        from .saving import restore

        return restore, (self.get_config(), {name: values.copy() for name, values in self.params.items()})

    def _prepared(
        self, loss: str | Callable[[Any, Any], float] | None, optimizer: optimizers.Optimizer | None
    ) -> Trainer:
        """Give the trainer of the last call where it is of this loss and optimizer, else a new one."""
        last = self._trainer
        name = losses.as_name(loss) if loss is not None else last.loss if last else "cross_entropy"
        if optimizer is None:
            optimizer = last.optimizer if last else optimizers.SGD(0.01, momentum=0.9)
        if not isinstance(optimizer, optimizers.Optimizer):
            raise TypeError(f"optimizer must be one of fastdl.optimizers; received {optimizer!r}")
        if last is None or optimizer is not last.optimizer:
            self._trainer = Trainer(self, name, optimizer)
        else:
            last.loss = name
        assert self._trainer is not None
        return self._trainer

    def _checked_pair(self, x: Any, y: Any, loss: str, x_name: str, y_name: str) -> tuple[Array, Array]:
        """Check samples and what a loss compares them with."""
        samples = as_samples(x, x_name, self.input_shape, self.dtype)
        if len(self.output_shape) != 1:
            raise ValueError(f"the network must end in (F,) for a loss; it ends in {self.output_shape}: add a Flatten")
        if loss == "cross_entropy" and self.output_shape[0] < 2:
            raise ValueError("loss must be squared_error for a network of one output; received cross_entropy")
        return samples, losses.as_targets(y, y_name, loss, len(samples), self.output_shape[0], self.dtype)

    def _run(self, x: Array, logits: bool = False) -> Array:
        threads = get_num_threads()
        parts = []
        for start in range(0, len(x), _CHUNK):
            part = x[start : start + _CHUNK]
            y = self._plan.predict(part.reshape(-1), len(part), threads, logits)
            parts.append(y.reshape(len(part), *self.output_shape))
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _measure(self, x: Array, y: Array, loss: str) -> dict[str, float]:
        from . import _core

        outputs = self._run(x, logits=loss == "cross_entropy")
        mean, _, hits = _core.load(self.dtype).loss_and_gradient(loss, outputs, y)
        return self._figures(mean, hits / len(x))

    def _figures(self, loss: float, accuracy: float) -> dict[str, float]:
        return {"loss": loss, "accuracy": accuracy} if self.output_shape[0] > 1 else {"loss": loss}
