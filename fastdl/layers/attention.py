"""Self-attention."""

from __future__ import annotations

import numpy as np

from .._core.graph import Tensor
from .._types import Shape
from .._validation.values import as_flag, as_int
from ..initializers import Initializer
from .base import Layer
from .initial_values import check_initializer, drawn, is_pytorch
from .sample_shapes import sequence_shape


class SelfAttention(Layer):
    """Let each step of a sequence attend to all steps, or to those up to itself (Vaswani et al. 2017).

    Each step gives a query, a key and a value, which are divided among heads of D = F / heads features. A head gives
    each step the mean of all values, weighted by softmax(query key^T / sqrt(D)); a dense layer follows.

    Parameters
    ----------
    heads : int
        The number of heads, which must divide F.
    causal : bool
        Whether no step attends to later ones.
    initializer : str, (str, float) or callable
        For each (F, F) of the weights: a name from `fastdl.initializers`, a pair of such a name and a gain, or a
        function. "pytorch" draws the first three like PyTorch's layer, with `glorot_uniform` for (3 F, F), and no
        biases.

    Notes
    -----
    x and y (N, T, F). Parameters are those of PyTorch's ``MultiheadAttention``: ``params["in_proj_weight"]`` (3 F, F),
    queries, keys and values one below the other, ``"in_proj_bias"`` (3 F,), ``"out_proj_weight"`` (F, F) and
    ``"out_proj_bias"`` (F,). In sequences with lengths, no step attends to steps that do not count.
    """

    def __init__(self, heads: int, *, causal: bool = False, initializer: Initializer = "uniform") -> None:
        super().__init__()
        self.heads, self.causal = as_int(heads, "heads"), as_flag(causal, "causal")
        self.initializer: Initializer = check_initializer(initializer)

    def operations(self, x: Tensor) -> Tensor:  # noqa: D102
        _, features = sequence_shape(self, x.shape)
        if features % self.heads:
            raise ValueError(f"heads must divide the {features} features of a step; received {self.heads}")
        seen = x.then("dense", units=3 * features).then("attention", heads=self.heads, causal=self.causal)
        return seen.then("dense", units=features)

    def parameter_shapes(self, shape: Shape) -> dict[str, Shape]:  # noqa: D102
        features = shape[1]
        return {
            "in_proj_weight": (features, 3 * features),
            "in_proj_bias": (3 * features,),
            "out_proj_weight": (features, features),
            "out_proj_bias": (features,),
        }

    def initialize(self, rng: np.random.Generator) -> None:  # noqa: D102
        features = self.input_shape[1]
        for name, matrices in (("in_proj", 3), ("out_proj", 1)):
            weight, initializer, fan_out = self.params[f"{name}_weight"], self.initializer, features
            if matrices == 3 and is_pytorch(initializer):
                gain = initializer[1] if isinstance(initializer, tuple) else 1.0
                initializer, fan_out = ("glorot_uniform", gain), 3 * features
            for k in range(matrices):
                part = weight[k * features : (k + 1) * features]
                part[...] = drawn(initializer, part.shape, features, fan_out, rng)
            self.params[f"{name}_bias"][...] = 0
