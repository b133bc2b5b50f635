"""The recursive layer, for trees."""

from __future__ import annotations

import numpy as np

from .._core.graph import Tensor
from .._core.kinds import OF_CELLS
from .._limits import MOST_CHILDREN
from .._types import Shape
from .._validation.values import as_choice, as_flag, as_int
from .activation import Activation, as_activation, name_and_setting
from .base import Layer
from .initial_values import start_weights
from .sample_shapes import sequence_shape

COMPOSITIONS = ("matrix", "tensor", "lstm")


class Recursive(Layer):
    """A vector for each node of a tree, from those of its children, with the same weights at every node (article 7).

    Parameters
    ----------
    units : int
        The width of all nodes, and of the vectors at the leaves.
    children : int
        The number of children of each node that is not a leaf; `Trees.binarize` makes trees binary.
    activation : str or Activation
        f below: tanh, relu, identity, sigmoid, leaky_relu, elu, selu, softplus, hard_sigmoid, hard_tanh or relu6. An
        lstm has its own.
    composition : {"matrix", "tensor", "lstm"}
        How a node is computed from its children's vectors, side by side in x:

        - matrix: f(W x + b) (article 7, equation 1; Socher et al. 2011).
        - tensor: f(x^T V x / n + W x + b), a bilinear form of the n numbers of x for each unit (Socher et al. 2013,
          without the n, which lets V be learned at the same rate as W).
        - lstm: c = i g + sum of f_k c_k and y = o tanh c, with gates i, o, f_1, f_2 ... (sigmoid) and g (tanh) of
          W x + b (Tai, Socher and Manning 2015). A leaf's vector is its c, and y = tanh c.
    return_nodes : bool
        Whether to give the vectors of all nodes, or only of roots.

    Notes
    -----
    x (M, units), of all M nodes of some trees, of which the leaves' rows are read; y (M, units), or (N, units) of the N
    roots. ``params["weight"]`` (units, children * units), ``params["bias"]`` (units,), both of an lstm for the gates
    i, o, g, f_1, f_2 ... one below the other, (3 + children) * units. ``params["tensor"]`` (units, P) has a column for
    each of the P pairs i <= j that ``np.triu_indices(children * units)`` gives, in its order: x_i x_j and x_j x_i are
    the same number, so that one weight stands for V_ij + V_ji.
    """

    def __init__(
        self,
        units: int,
        children: int = 2,
        activation: str | Activation = "tanh",
        *,
        composition: str = "matrix",
        return_nodes: bool = False,
    ) -> None:
        super().__init__()
        self.units, self.children = as_int(units, "units"), as_int(children, "children")
        if self.children > MOST_CHILDREN:
            raise ValueError(f"children must be at most {MOST_CHILDREN}; received {children}")
        as_choice(composition, "composition", COMPOSITIONS)
        known = ("tanh",) if composition == "lstm" else OF_CELLS
        self.activation: str | Activation = as_activation(activation, known=known)
        self.composition, self.return_nodes = composition, as_flag(return_nodes, "return_nodes")

    def operations(self, x: Tensor) -> Tensor:  # noqa: D102
        _, features = sequence_shape(self, x.shape)
        if features != self.units:
            raise ValueError(
                f"input_shape of Recursive must have as many features as it has units, {self.units}; received {x.shape}"
            )
        name, setting = name_and_setting(self.activation)
        return x.then(
            "recursive",
            composition=self.composition,
            composition_activation=name,
            setting=setting,
            children=self.children,
            nodes=self.return_nodes,
        )

    def parameter_shapes(self, shape: Shape) -> dict[str, Shape]:  # noqa: D102
        inputs = self.children * self.units
        if self.composition == "lstm":
            columns = (3 + self.children) * self.units
            return {"weight": (inputs, columns), "bias": (columns,)}
        if self.composition == "matrix":
            return {"weight": (inputs, self.units), "bias": (self.units,)}
        return {
            "weight": (inputs, self.units),
            "tensor": (inputs * (inputs + 1) // 2, self.units),
            "bias": (self.units,),
        }

    def initialize(self, rng: np.random.Generator) -> None:  # noqa: D102
        inputs = self.children * self.units
        start_weights(self, "glorot_uniform", inputs, self.units, rng)
        if self.composition != "lstm":
            # Initially, a node is about the mean of its children, at any height.
            weight = self.params["weight"]
            weight *= 0.1
            for k in range(self.children):
                weight[:, k * self.units : (k + 1) * self.units] += np.eye(self.units) / self.children
        if self.composition == "tensor":
            tensor = self.params["tensor"]
            tensor[...] = rng.uniform(-1, 1, tensor.shape) / (2 * inputs)
