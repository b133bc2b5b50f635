"""Descriptions of the layers of a Keras model, from its configuration."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

from ..._core.kinds import ACTIVATIONS
from .descriptions import Description, Descriptions, one, padded, states, text_of

Config = dict[str, Any]

_MODELS = ("Sequential", "Functional")
_IN_TRAINING = (
    "InputLayer", "Identity", "Dropout", "SpatialDropout1D", "SpatialDropout2D", "AlphaDropout", "GaussianDropout",
    "GaussianNoise", "ActivityRegularization", "RandomFlip", "RandomRotation", "RandomTranslation", "RandomErasing",
)  # fmt: skip
_SLOPE = 0.2  # the slope of Keras's leaky_relu by name


def describe_model(config: Config) -> Descriptions:
    """Describe the layers of a model, each of which reads the output of the one before."""
    if config["class_name"] not in _MODELS:
        raise ValueError(f"its model must be Sequential or Functional; it is {config['class_name']!r}")
    layers = config["config"]["layers"]
    known = {*KNOWN, *_IN_TRAINING, *_MODELS}
    if others := [layer["class_name"] for layer in layers if layer["class_name"] not in known]:
        raise ValueError(f"its layers must be of {', '.join(KNOWN)}; one is a {others[0]}")
    if config["class_name"] == "Functional":
        _check_chain(layers, config["config"]["output_layers"])
    for layer in layers:
        name, settings = layer["class_name"], layer["config"]
        if name in _MODELS:
            yield from describe_model(layer)
        elif name in KNOWN:
            _must(name, settings, data_format=("channels_last", None), return_state=(False,), keepdims=(False,))
            yield from KNOWN[name](settings, layer.get("build_config") or {})
            if name in _WITH_ACTIVATION:
                yield from _named(settings["activation"])


def _check_chain(layers: list[Config], outputs: Any) -> None:
    """Check that each layer reads the one before, once, and that the model's only output is the last layer's."""
    for before, layer in pairwise(layers):
        read = [argument for node in layer["inbound_nodes"] for argument in node["args"]]
        if len(read) != 1 or read[0]["config"]["keras_history"][0] != before["config"]["name"]:
            raise ValueError(f"its model must be a chain; {layer['config']['name']} reads others than the one before")
        given = [item for node in layer["inbound_nodes"] for item in node.get("kwargs", {}).items()]
        if more := [name for name, value in given if value]:  # such as initial_state, or training=True
            raise ValueError(f"its layers must be called with inputs alone; {layer['config']['name']} has {more}")
    given = [name for name, *_ in (outputs if isinstance(outputs[0], list) else [outputs])]
    if given != [layers[-1]["config"]["name"]]:
        raise ValueError(f"its model must be a chain; it gives what {', '.join(given)} do")


def _must(name: str, settings: Config, **known: tuple[Any, ...]) -> None:
    """Check that settings, if given, have values that we support."""
    for setting, values in known.items():
        if settings.get(setting, values[0]) not in values:
            raise ValueError(f"{setting} of {name} must be {values[0]}; it is {settings[setting]!r}")


def _named(activation: Any, setting: Any = None) -> Descriptions:
    """Describe the activation of this name in Keras."""
    name = {"linear": "identity", "swish": "silu", "hard_swish": "hard_silu", "None": "identity"}.get(
        str(activation), activation
    )
    if not isinstance(name, str) or name not in ACTIVATIONS:
        raise ValueError(f"activations must be of {', '.join(ACTIVATIONS)}; one is {activation!r:.100}")
    usual = {"leaky_relu": _SLOPE, "elu": 1.0}.get(name)
    description = ("activation", name) if usual is None else ("activation", name, usual if setting is None else setting)
    if name != "identity":
        yield description


def _cell(kind: str, settings: Config, *, backwards: bool = False) -> Description:
    _must(kind, settings, go_backwards=(backwards,), recurrent_activation=("sigmoid",), return_state=(False,))
    description = {"SimpleRNN": "RNN"}.get(kind, kind), *states(settings["return_sequences"], settings["stateful"])
    if kind == "SimpleRNN":
        return (*description, *_named(settings["activation"]))
    _must(kind, settings, activation=("tanh",))
    return (*description, f"reset_after={settings['reset_after']}") if kind == "GRU" else description


def _directions(settings: Config, _: Config) -> Descriptions:
    ways = []
    for which, backwards in (("layer", False), ("backward_layer", True)):
        kind = settings[which]["class_name"]
        if kind not in ("SimpleRNN", "LSTM", "GRU"):
            raise ValueError(f"{which} of Bidirectional must be SimpleRNN, LSTM or GRU; it is {kind!r}")
        ways.append(_cell(kind, settings[which]["config"], backwards=backwards))
    if ways[0] != ways[1]:
        raise ValueError(f"both layers of Bidirectional must be alike; one is {text_of(ways[1])}")
    yield "both directions", settings["merge_mode"], *ways[0]


def _convolution(settings: Config, _: Config) -> Descriptions:
    kernel, stride, dilation = (tuple(settings[name]) for name in ("kernel_size", "strides", "dilation_rate"))
    padding = (0,) * len(kernel) if settings["padding"] == "valid" else settings["padding"]
    yield "convolution", kernel, stride, dilation, padded(padding, kernel, stride, dilation)


def _transposed(settings: Config, _: Config) -> Descriptions:
    """Describe a transposed convolution, if its padding is equal on all sides and its kernel covers the stride."""
    _must("Conv2DTranspose", settings, output_padding=(None,), dilation_rate=([1, 1], 1))
    kernel, stride = (tuple(settings[name]) for name in ("kernel_size", "strides"))
    more = [k - step for k, step in zip(kernel, stride, strict=True)]
    same = settings["padding"] == "same"
    if min(more) < 0 or (same and any(n % 2 for n in more)):
        raise ValueError(
            f"Conv2DTranspose of kernel {kernel}, stride {stride} and padding {settings['padding']} has no counterpart"
        )
    yield "transposed convolution", kernel, stride, tuple(n // 2 if same else 0 for n in more), (0, 0)


def _pool(kind: str) -> Callable[[Config, Config], Descriptions]:
    def describe(settings: Config, _: Config) -> Descriptions:
        _must(kind, settings, padding=("valid",))
        yield kind, tuple(settings["pool_size"]), tuple(settings["strides"] or settings["pool_size"])

    return describe


def _normalization(kind: str) -> Callable[[Config, Config], Descriptions]:
    def describe(settings: Config, built: Config) -> Descriptions:
        _must(kind, settings, center=(True,), scale=(True,))
        axis, rank = settings["axis"], len(built["input_shape"])
        axes = tuple(sorted(n % rank for n in (axis if isinstance(axis, list) else [axis])))
        if kind == "layer normalization":
            yield kind, settings["epsilon"], axes
            return
        if axes != (rank - 1,):
            raise ValueError(f"axis of BatchNormalization must be the last one; it is {axis}")
        yield kind, settings["epsilon"]

    return describe


def _embedding(settings: Config, _: Config) -> Descriptions:
    if settings["mask_zero"]:
        raise ValueError("mask_zero of Embedding must be False; what it leaves out are steps beyond `lengths` here")
    yield ("embedding",)


def _relu(settings: Config, _: Config) -> Descriptions:
    _must("ReLU", settings, max_value=(None,), negative_slope=(0,), threshold=(0,))
    return _named("relu")


def _softmax(settings: Config, _: Config) -> Descriptions:
    _must("Softmax", settings, axis=(-1,))
    return _named("softmax")


def _reshape(settings: Config, _: Config) -> Descriptions:
    if -1 in settings["target_shape"]:
        raise ValueError("target_shape of Reshape must have all its sizes; one is -1")
    yield "reshape", tuple(settings["target_shape"])


_WITH_ACTIVATION = ("Dense", "Conv1D", "Conv2D", "DepthwiseConv1D", "DepthwiseConv2D", "Conv2DTranspose", "Activation")
KNOWN: dict[str, Callable[[Config, Config], Descriptions]] = {
    "Dense": lambda settings, _: one("dense"),
    "Conv1D": _convolution,
    "Conv2D": _convolution,
    "DepthwiseConv1D": _convolution,
    "DepthwiseConv2D": _convolution,
    "Conv2DTranspose": _transposed,
    "Embedding": _embedding,
    "SimpleRNN": lambda settings, _: one(*_cell("SimpleRNN", settings)),
    "LSTM": lambda settings, _: one(*_cell("LSTM", settings)),
    "GRU": lambda settings, _: one(*_cell("GRU", settings)),
    "Bidirectional": _directions,
    "BatchNormalization": _normalization("batch normalization"),
    "LayerNormalization": _normalization("layer normalization"),
    "Activation": lambda settings, _: iter(()),
    "ReLU": _relu,
    "LeakyReLU": lambda settings, _: _named("leaky_relu", settings["negative_slope"]),
    "ELU": lambda settings, _: _named("elu", settings["alpha"]),
    "Softmax": _softmax,
    "MaxPooling1D": _pool("max pool"),
    "MaxPooling2D": _pool("max pool"),
    "AveragePooling1D": _pool("mean pool"),
    "AveragePooling2D": _pool("mean pool"),
    "GlobalMaxPooling1D": lambda settings, _: one("global max pool"),
    "GlobalMaxPooling2D": lambda settings, _: one("global max pool"),
    "GlobalAveragePooling1D": lambda settings, _: one("global mean pool"),
    "GlobalAveragePooling2D": lambda settings, _: one("global mean pool"),
    "UpSampling2D": lambda settings, _: one("upsampling", tuple(settings["size"]), settings["interpolation"]),
    "Flatten": lambda settings, _: one("flatten"),
    "Reshape": _reshape,
    "Rescaling": lambda settings, _: one("rescaling", settings["scale"], settings["offset"]),
}
