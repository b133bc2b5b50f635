"""Networks of all layers there are, forward and back."""

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
    ``activation``. Made of others are ``chain`` and ``residual`` (layers), and ``parallel`` (branches, merge). Of steps
    there are ``conv_in_time``, ``max_in_time`` and ``mean_in_time``. ``transposed`` has ``extra`` pixels.

    Attributes
    ----------
    dx : ndarray
        After `backward`, the input's gradient.
    margin : float
        After `forward`, how near a relu or a maximum came to another slope: rounding may take it there.
    """

    def __init__(self, layers):
        self.layers = layers
        self.states = {}

    def forward(self, x, *, lengths=None, children=None, draw=None):
        """Give the output; `draw`, of a network in training, seeds its randomness."""
        self.lengths, self.children, self.draw = lengths, children, draw
        self.random = 0  # layers so far
        self.margin = np.inf
        y, self._back = chain(self, {"layers": self.layers}, x)
        return y

    def backward(self, dy):
        """Give the gradients of the parameters, a tuple for each layer that has any, first to last."""
        self.dx, *gradients = self._back(dy)
        return gradients

    def layer(self, layer, x):
        """Give what a layer and its activation make of x, and the way back."""
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
        """Note how near these come to a corner; those that lie on one do so of themselves, as zeros' maximum."""
        self.margin = min(self.margin, gaps.min(where=gaps > 0, initial=np.inf))

    def in_cell(self, activation):
        """Give what notes how near a cell's weighted inputs come to a corner; on one, rounding alone has put them."""

        def see(weighted):
            self.margin = min([self.margin, *(np.abs(weighted - corner).min() for corner in corners(activation))])

        return see

    def there(self, x):
        """Which steps count, for every number of x (N, T, F)."""
        lengths = np.full(len(x), x.shape[1]) if self.lengths is None else np.asarray(self.lengths)
        return np.broadcast_to((np.arange(x.shape[1]) < lengths[:, None])[:, :, None], x.shape)

    def bits(self, samples):
        """Random bits of each sample, for the random layer whose turn it is."""
        self.random += 1
        return drawn(self.draw, self.random - 1, samples)


def lenet5(parameters, activation="relu", pooling="max"):
    """Build LeNet-5 of the arrays [(weight, bias)] of its five layers with parameters."""
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
