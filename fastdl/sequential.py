"""Sequential: layers one after another, as one plan over one flat vector of parameters."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from copy import copy
from typing import TYPE_CHECKING, Any

from ._core.graph import Graph, Tensor
from ._hints.attributes import hint_at, hint_instead
from ._hints.known_attributes import OF_NETWORKS, OPERATIONS_OF_NETWORKS
from ._types import Array, ArrayLike, DTypeLike, Shape, ShapeLike
from ._validation.arrays import copy_into
from ._warning import warn
from .derivatives import Differentiable
from .layers import Layer
from .layers.building import Built
from .layers.chains import adopted, numbered, through
from .layers.configuration import check_name, classes_of, complete, from_config
from .layers.container import Container
from .layers.graph_cache import cached_graph
from .layers.trainable import train_as, training_config
from .training.fitting import Fitting
from .training.history import History
from .training.predicting import Predicting

# `inspection` and `saving` are loaded by what asks for them: a program that trains and predicts does not.
if TYPE_CHECKING:
    from typing_extensions import Self

    from .inspection.picture import Picture
    from .trees import Trees


class Sequential(Fitting, Predicting, Differentiable, Container):
    """A network of layers, each of which reads the output of the one before.

    Parameters
    ----------
    layers : sequence of Layer
        New ones: a layer belongs to one network.
    input_shape : int or tuple of int
        The shape of one sample: (F,), (C, H, W), or in time (T, F) and, for an `Embedding`, (T,). T may be None for
        any length. With a `Recursive` layer samples are trees, (None, F) or (None,), which is the shape of each node.
    dtype : {"float32", "float64"}
    seed : int, optional
        For the initial parameters, the shuffling and the random layers. The same seed gives the same bits, whatever
        the number of threads.

    Attributes
    ----------
    layers : tuple of Layer
    parameters, gradients : ndarray, shape (P,)
        Flat and live: every layer's ``params`` and ``grads`` are views of them. After `fit`, gradients are undefined.
    params, grads : mapping of str to ndarray
        The arrays of every layer, under names such as ``"0.weight"``. Values assigned to these, or to the flat ones,
        are copied into place.
    notes : dict
        Anything else to be saved with the network, such as a vocabulary: plain data that JSON can hold. NumPy's numbers
        are saved as Python's, and tuples and arrays as lists.
    initial_seed : int or None
        The seed it was built with; None if there was none, or if the network comes from a file.
    history : History or None
        The history of the last call of `fit`: the epochs that it finished, however it ended.
    """

    def __init__(
        self,
        layers: Sequence[Layer],
        *,
        input_shape: ShapeLike | None = None,
        dtype: str = "float32",
        seed: int | None = None,
    ) -> None:
        super().__init__()
        self.layers: tuple[Layer, ...] = adopted(layers)
        self.notes: dict[str, Any] = {}
        self.initial_seed: int | None = None
        self.history: History | None = None
        if input_shape is not None:
            _warn_of_channels_last(input_shape)
            self.build(input_shape, dtype=dtype, seed=seed)

    def __repr__(self) -> str:
        inside = "".join(f"    {layer!r},\n" for layer in self.layers)
        built = f", input_shape={self.input_shape}, dtype={self.dtype!r}" if hasattr(self, "dtype") else ""
        return f"Sequential([\n{inside}]{built})"

    def _repr_html_(self) -> str:
        from .inspection.html import network_html

        return network_html(self)

    def given_arguments(self) -> dict[str, Any]:  # noqa: D102
        return {"layers": self.layers}

    def own_attributes(self) -> dict[str, Any]:  # noqa: D102
        return self.attributes_besides(["layers"])  # whatever the constructor of a subclass takes and keeps

    def allocate(self, input_shape: ShapeLike, *, dtype: DTypeLike = "float32", seed: int | None = None) -> None:  # noqa: D102
        super().allocate(input_shape, dtype=dtype, seed=seed)
        self.initial_seed = None if seed is None else int(seed)
        self.enter_network()

    def named_layers(self) -> Mapping[str, Layer]:  # noqa: D102
        return numbered(self.layers)

    @property
    def sublayers(self) -> Sequence[Layer]:  # noqa: D102
        return self.layers

    def operations(self, x: Tensor) -> Tensor:  # noqa: D102
        return through(self.layers, x)

    def graph_and_layers(self, shape: Shape) -> tuple[Graph, Sequence[Built]]:  # noqa: D102
        graph = cached_graph(shape, self.layers, self)
        return super().graph_and_layers(shape) if graph is None else (graph, (*self.layers, self))

    @property
    def parameters(self) -> Array:  # noqa: D102
        return self.flat[0]

    @parameters.setter
    def parameters(self, values: ArrayLike) -> None:
        with self.turn.lock:
            copy_into(self.parameters, values, "parameters")
            self.turn.count_change()

    @property
    def gradients(self) -> Array:  # noqa: D102
        return self.flat[1]

    @gradients.setter
    def gradients(self, values: ArrayLike) -> None:
        with self.turn.lock:
            copy_into(self.gradients, values, "gradients")

    @property
    def is_of_trees(self) -> bool:
        """Whether its samples are trees."""
        return self.arity is not None

    def activations(
        self, x: ArrayLike, layer: Layer | str | int, *, lengths: ArrayLike | None = None, trees: Trees | None = None
    ) -> Array:
        """Compute the output of one of the layers, as `predict` does that of the last.

        Parameters
        ----------
        x, lengths, trees
            As for `predict`.
        layer : Layer, str or int
            A layer of the network, or inside one of its layers; or its name, such as ``"3.0"``, with which the names of
            its parameters begin; or its number.

        Returns
        -------
        ndarray, shape (N, *layer.output_shape), or (M, F) for all nodes of trees
            Stateful layers start from zeros, and their kept states do not change. Before the first recursive layer,
            nodes that are not leaves have zeros.

        Raises
        ------
        ValueError
            If the layer is not in the network.
        """
        from .inspection.inside import Inside

        inside = Inside(self, x, lengths, trees)
        return inside.tensor(inside.place(layer).target)

    def summary(self) -> None:
        """Print a table of all layers: output shapes, parameters, multiply-adds and bytes of activations.

        Multiply-adds are those of the matrix products in a forward pass of one sample, as if nothing were skipped;
        element-wise work is not counted. Activations are the outputs of the layers for one sample. If samples are
        sequences of any length T, or trees of any number of nodes M, both are given as functions of these.
        """
        from .inspection.summary import Summary

        print(Summary(self).text())

    def plot(self, path: str | os.PathLike[str] | None = None) -> Picture:
        """Draw the network: its layers, the shapes that flow between them, and the layers inside others.

        Parameters
        ----------
        path : path-like, optional
            Where to save the picture; it must end in .svg.

        Returns
        -------
        Picture
            Notebooks show it; ``svg`` is the picture as text, and ``save(path)`` writes it.
        """
        from .inspection.picture import draw

        picture = draw(self)
        if path is not None:
            picture.save(path)
        return picture

    def save(self, path: str | os.PathLike[str], *, training: bool = False) -> None:
        """Write layers, parameters and notes to one .npz file, which `fastdl.load` reads.

        A temporary file is written first and then renamed: whatever happens, the old file or the new one is there.

        Parameters
        ----------
        path : path-like
        training : bool
            Whether to save the state of training as well: the optimizer, its moments, the steps taken, the states of
            stateful layers, the random numbers, and the state of callbacks. The loaded network then continues training
            as this one would, to the bit.

        Raises
        ------
        TypeError
            If ``training`` is True and the loss, the optimizer or its learning rate is a function or class that is not
            fastdl's, or if a callback's state is not plain data, which files cannot hold. Without ``training`` such a
            loss is left out: give it to `evaluate` and `fit` again after loading.
        """
        from .saving import save

        save(self, path, training)

    @classmethod
    def from_arguments(cls, arguments: dict[str, Any]) -> Self:  # noqa: D102
        net = cls.__new__(cls)  # whatever the constructor of a subclass takes
        Sequential.__init__(net, arguments["layers"])
        complete(net)
        return net

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Make a network of what its `get_config` gave, whatever the constructor of a subclass takes."""
        net = cls.unfilled(config)
        net.initialize(net.generator)
        return net

    @classmethod
    def unfilled(cls, config: dict[str, Any]) -> Self:
        """Do what `from_config` does, but let parameters be zeros."""
        net = cls.from_arguments({"layers": [from_config(layer) for layer in config["layers"]]})
        train_as(net, config)
        net.allocate(config["input_shape"], dtype=config["dtype"])
        return net

    def get_config(self) -> dict[str, Any]:
        """Return the class, and the arguments of `Sequential` as plain data."""
        check_name(type(self))
        layers = [layer.get_config() for layer in self.layers]
        config: dict[str, Any] = {"class": type(self).__name__, "layers": layers, **training_config(self)}
        if not hasattr(self, "dtype"):  # it is one, or to be one, of another's layers
            return config
        return {**config, "input_shape": list(self.input_shape), "dtype": self.dtype}

    def __reduce__(self) -> tuple[Any, ...]:
        if not hasattr(self, "dtype"):
            return super().__reduce__()
        from .saving import describe, restore

        with self.turn.lock:
            training = self.training_state
            made = (*describe(self, training=True), copy(training.optimizer), training.loss, classes_of(self))
            return restore, made, self.own_attributes()


def _warn_of_channels_last(shape: ShapeLike) -> None:
    # Squares as large as pictures in grey, or in three colours, are.
    if isinstance(shape, (tuple, list)) and len(shape) == 3:
        size, width, channels = shape
        if channels in (1, 3) and isinstance(size, int) and size == width and size >= 8 * channels:
            warn(
                f"input_shape {tuple(shape)} is of {size} channels of {size} x {channels} pixels: channels come first, "
                f"({channels}, {size}, {size})"
            )


hint_at(Sequential, OF_NETWORKS)
hint_instead(Sequential, OPERATIONS_OF_NETWORKS)
