"""Networks of all kinds of layers, forward and backward."""

import numpy as np

from .activations import activate, activate_backward, corners
from .combinators import chain
from .kinds import KINDS
from .randomness import drawn


class Network:
    """A chain of layers, each a dict of its kind, its parameters and settings.

    ``conv`` (weight, bias, stride, padding, dilation, groups), ``dense`` (weight, bias), ``max`` and ``mean`` (size,
    stride), ``flatten``, ``reshape`` (shape), ``global`` (mean), ``upsample`` (size, bilinear), ``noise`` (stddev),
    ``rescale`` (scale, offset), ``activation``, ``dropout`` (rate), ``shift`` (padding), ``flip`` (horizontal,
    vertical), ``rotate`` (degrees), ``erase`` (rate, area, ratio), ``embedding`` (weight), ``recurrent`` (cell,
    cell_activation, sequences, merge, stateful, and parameters as PyTorch names them, those of a second direction with
    _reverse), ``recursive`` (composition, cell_activation, nodes, weight, bias, tensor), ``select`` (indices),
    ``attention`` (heads, causal, in_proj_weight, in_proj_bias, out_proj_weight, out_proj_bias), ``positions`` (weight),
    ``periodic`` (weight, bias), ``robust_scale`` (limit, and center and scale, a list, as ``running``),
    ``layer_norm`` (weight, bias, epsilon), ``batch_norm`` (weight, bias, epsilon, momentum, and the running statistics,
    a list of mean and variance, which are taken in training too where it is ``frozen``); any may have an
    ``activation``. ``chain`` and ``residual`` (layers) and ``parallel`` (branches, merge) are made of others. For
    sequences there are ``conv_in_time``, ``max_in_time`` and ``mean_in_time``. ``transposed`` has ``extra`` pixels.

    Attributes
    ----------
    dx : ndarray
        After `backward`, the input's gradient.
    margin : float
        After `forward`, how near a relu or a maximum came to another slope, which rounding may decide.
    """

    def __init__(self, layers):
        self.layers = layers
        self.states = {}

    def forward(self, x, *, lengths=None, children=None, draw=None):
        """Return the output; `draw` seeds the randomness of a network in training."""
        self.lengths, self.children, self.draw = lengths, children, draw
        self.random = 0  # random layers so far
        self.margin = np.inf
        y, self._back = chain(self, {"layers": self.layers}, x)
        return y

    def backward(self, dy):
        """Return the gradients of the parameters, a tuple for each layer that has any, from first to last."""
        self.dx, *gradients = self._back(dy)
        return gradients

    def layer(self, layer, x):
        """Return the output of a layer and its activation, and the backward pass."""
        x, back = KINDS[layer["kind"]](self, layer, x)
        activation, nested = layer.get("activation", "identity"), layer["kind"] in ("chain", "residual", "parallel")
        y = activate(x, activation)
        for corner in corners(activation):
            self.near(np.abs(x - corner))

        def with_activation(dy):
            dx, *values = back(activate_backward(dy, x, activation))
            return dx, *(values if nested or not values else [tuple(values)])

        return y, with_activation

    def near(self, gaps):
        """Record how near these come to a corner; exact zeros do not count, as of the maximum of zeros."""
        self.margin = min(self.margin, gaps.min(where=gaps > 0, initial=np.inf))

    def in_cell(self, activation):
        """Return a function that records how near a cell's weighted inputs come to a corner; exact hits count too."""

        def see(weighted):
            self.margin = min([self.margin, *(np.abs(weighted - corner).min() for corner in corners(activation))])

        return see

    def there(self, x):
        """Return which steps count, for every number of x (N, T, F)."""
        lengths = np.full(len(x), x.shape[1]) if self.lengths is None else np.asarray(self.lengths)
        return np.broadcast_to((np.arange(x.shape[1]) < lengths[:, None])[:, :, None], x.shape)

    def bits(self, samples):
        """Return random bits of each sample, for the next random layer."""
        self.random += 1
        return drawn(self.draw, self.random - 1, samples)


def lenet5(parameters, activation="relu", pooling="max"):
    """Build LeNet-5 from the arrays [(weight, bias)] of its five layers with parameters."""
    (c1, c2, d1, d2, d3) = ({"weight": w.copy(), "bias": b.copy()} for w, b in parameters)
    pool = {"kind": pooling, "size": (2, 2), "stride": (2, 2)}
    plain = {"kind": "conv", "stride": (1, 1), "dilation": (1, 1), "groups": 1, "activation": activation}
    return Network([
        {**plain, **c1, "padding": (2, 2)},
        pool,
        {**plain, **c2, "padding": (0, 0)},
        pool,
        {"kind": "flatten"},
        {"kind": "dense", **d1, "activation": activation},
        {"kind": "dense", **d2, "activation": activation},
        {"kind": "dense", **d3},
    ])  # fmt: skip
