"""Networks in the form of the reference."""

import numpy as np

from fastdl import Sequential, layers
from fastdl._core.kinds import WITH_SETTING
from fastdl.layers.activation import name_and_setting


def specified(layer):
    """Return a layer in the form of the reference, with its parameters."""
    scales = {"lr_scale": layer.lr_scale, "decay_scale": layer.decay_scale}
    norm = isinstance(layer, (layers.BatchNorm, layers.LayerNorm))
    return {**_specified(layer), "frozen": not layer.trainable, "norm": norm, **scales}


def _specified(layer):
    if isinstance(layer, (Sequential, layers.Residual)):
        kind = "chain" if isinstance(layer, Sequential) else "residual"
        return {"kind": kind, "layers": [specified(inner) for inner in layer.layers]}
    if isinstance(layer, layers.Parallel):
        branches = [[specified(inner) for inner in branch] for branch in layer.branches]
        return {"kind": "parallel", "branches": branches, "merge": layer.merge}
    params = {name: values.astype(float) for name, values in layer.params.items()}
    if isinstance(layer, layers.Conv2D):
        return {
            "kind": "conv", **params, "stride": layer.stride, "padding": layer.padding, "dilation": layer.dilation,
            "groups": layer.groups, "activation": activation_of(layer.activation),
        }  # fmt: skip
    if isinstance(layer, layers.ConvTranspose2D):
        return {
            "kind": "transposed", **params, "stride": layer.stride, "padding": layer.padding,
            "extra": layer.output_padding, "activation": activation_of(layer.activation),
        }  # fmt: skip
    if isinstance(layer, layers.Conv1D):
        return {
            "kind": "conv_in_time", **params, "stride": layer.stride, "padding": layer.padding,
            "dilation": layer.dilation, "groups": layer.groups, "activation": activation_of(layer.activation),
        }  # fmt: skip
    if isinstance(layer, (layers.MaxPool1D, layers.MeanPool1D)):
        kind = "max" if isinstance(layer, layers.MaxPool1D) else "mean"
        return {"kind": f"{kind}_in_time", "size": layer.size, "stride": layer.stride}
    if isinstance(layer, layers.Dense):
        return {"kind": "dense", **params, "activation": activation_of(layer.activation)}
    if isinstance(layer, layers.MaxPool2D):
        return {"kind": "max", "size": layer.size, "stride": layer.stride}
    if isinstance(layer, layers.MeanPool2D):
        return {"kind": "mean", "size": layer.size, "stride": layer.stride}
    if isinstance(layer, layers.Flatten):
        return {"kind": "flatten"}
    if isinstance(layer, layers.Reshape):
        return {"kind": "reshape", "shape": layer.output_shape}
    if isinstance(layer, (layers.GlobalMaxPool, layers.GlobalMeanPool)):
        return {"kind": "global", "mean": isinstance(layer, layers.GlobalMeanPool)}
    if isinstance(layer, layers.UpSample2D):
        return {"kind": "upsample", "size": layer.size, "bilinear": layer.interpolation == "bilinear"}
    if isinstance(layer, layers.GaussianNoise):
        return {"kind": "noise", "stddev": layer.stddev}
    if isinstance(layer, layers.Rescaling):
        return {"kind": "rescale", "scale": layer.scale, "offset": layer.offset}
    if isinstance(layer, layers.Activation):
        return {"kind": "activation", "activation": activation_of(layer)}
    if isinstance(layer, layers.Select):
        return {"kind": "select", "indices": list(layer.indices)}
    if isinstance(layer, layers.LayerNorm):
        return {"kind": "layer_norm", **params, "epsilon": layer.epsilon}
    if isinstance(layer, layers.BatchNorm):
        statistics = [values.astype(float) for values in layer.buffers.values()]
        return {
            "kind": "batch_norm", **params, "epsilon": layer.epsilon, "momentum": layer.momentum,
            "running": statistics,
        }  # fmt: skip
    if isinstance(layer, layers.Dropout):
        return {"kind": "dropout", "rate": layer.rate}
    if isinstance(layer, layers.RandomShift):
        return {"kind": "shift", "padding": layer.pixels}
    if isinstance(layer, layers.RandomFlip):
        return {"kind": "flip", "horizontal": layer.horizontal, "vertical": layer.vertical}
    if isinstance(layer, layers.RandomRotation):
        return {"kind": "rotate", "degrees": layer.degrees}
    if isinstance(layer, layers.RandomErasing):
        return {"kind": "erase", "rate": layer.rate, "area": layer.area, "ratio": layer.ratio}
    if isinstance(layer, layers.Embedding):
        return {"kind": "embedding", **params}
    if isinstance(layer, layers.PositionalEmbedding):
        return {"kind": "positions", **params}
    if isinstance(layer, layers.PeriodicEmbedding):
        return {"kind": "periodic", **params}
    if isinstance(layer, layers.RobustScaling):
        constants = [values.astype(float) for values in layer.buffers.values()]
        return {"kind": "robust_scale", "limit": layer.limit, "running": constants}
    if isinstance(layer, layers.SelfAttention):
        return {"kind": "attention", **params, "heads": layer.heads, "causal": layer.causal}
    if isinstance(layer, layers.Recursive):
        return {
            "kind": "recursive", **params, "composition": layer.composition,
            "cell_activation": activation_of(layer.activation), "nodes": layer.return_nodes,
        }  # fmt: skip
    inner = layer.layer if isinstance(layer, layers.Bidirectional) else layer
    cell = {layers.RNN: "rnn", layers.LSTM: "lstm"}.get(type(inner)) or (
        "gru_after" if inner.reset_after else "gru_before"
    )
    return {
        "kind": "recurrent", **params, "cell": cell,
        "cell_activation": activation_of(getattr(inner, "activation", "tanh")),
        "sequences": inner.return_sequences, "merge": getattr(layer, "merge", "concat"), "stateful": inner.stateful,
    }  # fmt: skip


def named(gradients):
    return [array for values in gradients for array in values]


def activation_of(activation):
    """Return an activation in the form of the reference: a name, or (name, setting)."""
    name, setting = name_and_setting(activation)
    return (name, setting) if name in WITH_SETTING else name


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
