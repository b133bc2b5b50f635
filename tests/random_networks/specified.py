"""Networks in the form of the reference."""

from operator import attrgetter

import numpy as np

from fastdl import Sequential, layers
from fastdl._core.kinds import WITH_SETTING
from fastdl.layers.activation import name_and_setting


def specified(layer):
    """Return a layer in the form of the reference, with its parameters."""
    scales = {"lr_scale": layer.lr_scale, "decay_scale": layer.decay_scale}
    norm = isinstance(layer, (layers.BatchNorm, layers.GroupNorm, layers.LayerNorm))
    return {**FORMS[type(layer)](layer), "frozen": not layer.trainable, "norm": norm, **scales}


def all_of(chain):
    return [specified(layer) for layer in chain]


def activation_of(activation):
    """Return an activation in the form of the reference: a name, or (name, setting)."""
    name, setting = name_and_setting(activation)
    return (name, setting) if name in WITH_SETTING else name


def own_activation(layer):
    return activation_of(layer.activation)


def as_kind(kind, *settings, **others):
    """Return the form of a kind: its parameters, the attributes of these names, and others by functions."""

    def form(layer):
        params = {name: values.astype(float) for name, values in layer.params.items()}
        same = {name: getattr(layer, name) for name in settings}
        return {"kind": kind, **params, **same, **{name: get(layer) for name, get in others.items()}}

    return form


def running_statistics(layer):
    return [values.astype(float) for values in layer.buffers.values()]


def cell_of(layer):
    layer = layer.layer if isinstance(layer, layers.Bidirectional) else layer
    if isinstance(layer, layers.GRU):
        return "gru_after" if layer.reset_after else "gru_before"
    return {layers.RNN: "rnn", layers.LSTM: "lstm"}[type(layer)]


def of_cell(name, default=None):
    """Return the function that gives this attribute of a recurrent layer, in one direction or two."""
    return lambda layer: getattr(getattr(layer, "layer", layer), name, default)


RECURRENT = as_kind(
    "recurrent", cell=cell_of, cell_activation=lambda layer: activation_of(of_cell("activation", "tanh")(layer)),
    sequences=of_cell("return_sequences"), stateful=of_cell("stateful"),
    merge=lambda layer: getattr(layer, "merge", "concat"),
)  # fmt: skip
WINDOW = "stride", "padding", "dilation", "groups"
FORMS = {
    Sequential: lambda layer: {"kind": "chain", "layers": all_of(layer.layers)},
    layers.Residual: lambda layer: {"kind": "residual", "layers": all_of(layer.layers)},
    layers.Parallel: lambda layer: {
        "kind": "parallel", "branches": [all_of(branch) for branch in layer.branches], "merge": layer.merge,
    },
    layers.Dense: as_kind("dense", activation=own_activation),
    layers.Conv1D: as_kind("conv_in_time", *WINDOW, activation=own_activation),
    layers.Conv2D: as_kind("conv", *WINDOW, activation=own_activation),
    layers.ConvTranspose2D: as_kind(
        "transposed", "stride", "padding", extra=attrgetter("output_padding"), activation=own_activation
    ),
    layers.MaxPool1D: as_kind("max_in_time", "size", "stride"),
    layers.MeanPool1D: as_kind("mean_in_time", "size", "stride"),
    layers.MaxPool2D: as_kind("max", "size", "stride"),
    layers.MeanPool2D: as_kind("mean", "size", "stride"),
    layers.GlobalMaxPool: as_kind("global", mean=lambda _: False),
    layers.GlobalMeanPool: as_kind("global", mean=lambda _: True),
    layers.UpSample2D: as_kind("upsample", "size", bilinear=lambda layer: layer.interpolation == "bilinear"),
    layers.Flatten: as_kind("flatten"),
    layers.Reshape: as_kind("reshape", shape=attrgetter("output_shape")),
    layers.Select: as_kind("select", indices=lambda layer: list(layer.indices)),
    layers.Activation: as_kind("activation", activation=activation_of),
    layers.Rescaling: as_kind("rescale", "scale", "offset"),
    layers.RobustScaling: as_kind("robust_scale", "limit", running=running_statistics),
    layers.LayerNorm: as_kind("layer_norm", "epsilon"),
    layers.GroupNorm: as_kind("group_norm", "epsilon", "groups"),
    layers.BatchNorm: as_kind("batch_norm", "epsilon", "momentum", running=running_statistics),
    layers.Dropout: as_kind("dropout", "rate"),
    layers.GaussianNoise: as_kind("noise", "stddev"),
    layers.RandomShift: as_kind("shift", padding=attrgetter("pixels")),
    layers.RandomFlip: as_kind("flip", "horizontal", "vertical"),
    layers.RandomRotation: as_kind("rotate", "degrees"),
    layers.RandomErasing: as_kind("erase", "rate", "area", "ratio"),
    layers.Embedding: as_kind("embedding"),
    layers.PositionalEmbedding: as_kind("positions"),
    layers.PeriodicEmbedding: as_kind("periodic"),
    layers.SelfAttention: as_kind("attention", "heads", "causal"),
    layers.RNN: RECURRENT,
    layers.LSTM: RECURRENT,
    layers.GRU: RECURRENT,
    layers.Bidirectional: RECURRENT,
    layers.Recursive: as_kind(
        "recursive", "composition", cell_activation=own_activation, nodes=attrgetter("return_nodes")
    ),
}  # fmt: skip


def named(gradients):
    return [array for values in gradients for array in values]


def leaves(chain):
    """Yield the layers of the reference that are not made of others."""
    for layer in chain:
        if layer["kind"] in ("chain", "residual"):
            yield from leaves(layer["layers"])
        elif layer["kind"] == "parallel":
            for branch in layer["branches"]:
                yield from leaves(branch)
        else:
            yield layer


def parameters(model):
    return [values for layer in leaves(model.layers) for values in layer.values() if isinstance(values, np.ndarray)]


def layers_of(model):
    """Return the layer of each parameter."""
    return [layer for layer in leaves(model.layers) for values in layer.values() if isinstance(values, np.ndarray)]


def running(chain):
    return [values for layer in leaves(chain) for values in layer.get("running", ())]


def nodes_of(trees, which):
    """Return the rows of some trees' nodes, one tree after another."""
    return np.concatenate([np.arange(trees.start[tree], trees.start[tree + 1]) for tree in which])
