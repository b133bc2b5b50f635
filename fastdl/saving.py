"""One network in one .npz file: arrays and a description, nothing that runs."""

from __future__ import annotations

import json
import os
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from . import losses, optimizers
from ._archive import DAMAGE, Archive, damage, encode, write
from ._core.graph import Graph
from ._files import as_path, open_file, replacing
from ._limits import MOST_STEPS
from ._types import Array, Shape
from ._validation.arrays import check_variance
from ._validation.shapes import as_shape
from ._validation.values import as_dtype, as_flag, as_int
from .callbacks import keeping
from .layers.chains import adopted, numbered, through
from .layers.configuration import class_of, from_config
from .layers.container import walk
from .training.state import TrainingState, zero_moments

if TYPE_CHECKING:
    from .losses import Loss
    from .optimizers import Optimizer
    from .sequential import Sequential

_FORMAT = "fastdl network 1"
_MOMENTS, _STATES = "moments", "states"  # arrays besides the parameters: of the optimizer, and of stateful layers
_OPTIMIZER, _STEPS, _EPOCHS, _CALLBACKS = "optimizer", "steps", "epochs", "callbacks"  # in the description
_MOST_LAYERS = 1000  # as each takes much more memory than its description
_MOST_NAMED = 50  # arrays that an error names
_SCALARS = (str, int, float, bool, type(None))


def save(net: Sequential, path: str | os.PathLike[str], training: bool = False) -> None:
    """Save a network, as `Sequential.save` describes."""
    text, arrays = packed(net, training)
    with replacing(path) as file:
        write(file, text, arrays)


def packed(net: Sequential, training: bool = False) -> tuple[bytes, dict[str, Array]]:
    """Return a network as an encoded description and arrays, after checking that they can be read again."""
    if as_flag(training, "training") and net.training_state.moments is None:
        raise ValueError("training must be False for a network that has not been trained; received True")
    with net.turn.lock:
        config, arrays = describe(net, training)
        if training:
            config[_OPTIMIZER] = _described(net.training_state.optimizer)
            for kept in config[_CALLBACKS]:
                kept["state"] = _plain(kept["state"], f"the state of {kept['class']}")
        loss = net.training_state.loss
        if loss is not None and (training or loss.is_fused):
            config["loss"] = _described(loss)
    config["notes"] = _as_notes(config["notes"])
    text = encode(config)
    _check(json.loads(text), arrays)
    return text, arrays


def _described(part: Optimizer | Loss) -> dict[str, Any]:
    """Describe an optimizer or a loss, neither of which a network that is saved alone needs."""
    try:
        config: dict[str, Any] = part.get_config()
    except TypeError as error:
        raise TypeError(f"{error}: training=False saves the network alone") from None
    return config


def describe(net: Sequential, training: bool) -> tuple[dict[str, Any], dict[str, Array]]:
    """Describe a network and the state of its training, as plain data and arrays."""
    net.check_built()
    state = net.training_state
    config: dict[str, Any] = {"format": _FORMAT, **net.get_config(), "loss": None, "notes": net.notes}
    arrays = {name: np.array(values, order="C") for name, values in {**net.params, **net.buffers}.items()}
    if training:
        config["generator"] = net.generator.bit_generator.state
        if state.moments is not None:
            config[_STEPS], config[_EPOCHS] = state.steps, state.epochs
            arrays[_MOMENTS] = state.moments.copy()
            config[_CALLBACKS], theirs = keeping.packed(state.callbacks())
            arrays.update(theirs)
        if net.flat_states is not None:
            config[_STATES] = len(net.flat_states)
            arrays[_STATES] = net.flat_states.copy()
    return config, arrays


def load(path: str | os.PathLike[str]) -> Sequential:
    """Read a network that `Sequential.save` wrote.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    Sequential

    Raises
    ------
    ValueError
        If the file is not such a network, whole and unaltered. Nothing in it is ever run.
    """
    with open_file(path) as file:
        try:
            archive = Archive(file)
            config = archive.config()
            wanted_arrays = expected(config)
            if set(wanted_arrays) != archive.names:
                wanted, found = (", ".join(sorted(names)[:_MOST_NAMED]) for names in (wanted_arrays, archive.names))
                raise ValueError(f"it must hold {wanted}; it holds {found}")
            optimizer = optimizers.from_config(config[_OPTIMIZER]) if _STEPS in config else None
            arrays = {name: archive.array(name, dtype, shape) for name, (dtype, shape) in wanted_arrays.items()}
            _check_numbers(arrays)
            return restore(config, arrays, optimizer, loss_of(config))
        except DAMAGE as error:
            raise ValueError(f"{as_path(path)} must be a network saved by fastdl; {damage(error)}") from error


def unfilled(config: dict[str, Any], loss: Loss | None) -> Sequential:
    """Make a network from a description, without its parameters."""
    kind: Any = class_of(config["class"])
    if not hasattr(kind, "unfilled"):
        raise ValueError(f"config must name a class of networks; received {kind.__name__}")
    net: Sequential = kind.unfilled(config)
    net.training_state.loss, net.notes = loss, dict(config["notes"])
    return net


def loss_of(config: dict[str, Any]) -> Loss | None:
    """Return the loss of a description, if it has one."""
    return None if config["loss"] is None else losses.from_config(config["loss"])


def restore(
    config: dict[str, Any],
    arrays: dict[str, Array],
    optimizer: Optimizer | None = None,
    loss: Loss | None = None,
    _: Any = None,
) -> Sequential:
    """Make a network from what `describe` gave, with the optimizer and the loss that trained it.

    The last argument is the layers' classes, so that unpickling imports their modules.
    """
    net = unfilled(config, loss)
    for name, values in {**net.params, **net.buffers}.items():
        values[...] = arrays[name]
    if "generator" in config:
        net.generator.bit_generator.state = config["generator"]
    if _STEPS in config:
        assert optimizer
        moments = zero_moments(optimizer, net.parameters.size, net.dtype)
        moments[...] = arrays[_MOMENTS]
        counter = np.array([config[_STEPS]], np.int64)
        kept = keeping.unpacked(config[_CALLBACKS], arrays)
        net.training_state = TrainingState(
            net.training_state.loss, optimizer, counter, moments, epochs=config[_EPOCHS], kept=kept
        )
    if _STATES in config:
        net.flat_states = arrays[_STATES].copy()
    return net


def expected(config: Any) -> dict[str, tuple[np.dtype[Any], Shape]]:
    """Return the dtypes and shapes of the arrays that belong to a description, before memory is allocated."""
    if not isinstance(config, dict) or config.get("format") != _FORMAT:
        raise ValueError(f"its format must be {_FORMAT!r}")
    shapes, state_size = _shapes(config)
    theirs = {}
    if _STEPS in config:
        as_int(config[_STEPS], _STEPS, least=0, most=MOST_STEPS)
        as_int(config[_EPOCHS], _EPOCHS, least=0)
        kept = optimizers.from_config(config[_OPTIMIZER]).moments
        shapes[_MOMENTS] = (kept, sum(prod(shape) for shape in shapes.values()))
        theirs = keeping.expected(config[_CALLBACKS])
    if _STATES in config:
        shapes[_STATES] = (as_int(config[_STATES], _STATES), state_size)
    dtype = np.dtype(config["dtype"])
    return {**{name: (dtype, shape) for name, shape in shapes.items()}, **theirs}


def _shapes(config: dict[str, Any]) -> tuple[dict[str, tuple[int, ...]], int]:
    """Return the shapes of the parameters, and the size of a sample's states."""
    as_dtype(config["dtype"])
    if (count := _layers_in(config["layers"])) > _MOST_LAYERS:
        raise ValueError(f"layers must be at most {_MOST_LAYERS}; there are {count}")
    chain = adopted([from_config(description) for description in config["layers"]])
    graph = Graph(as_shape(config["input_shape"]))
    graph.finish(through(chain, graph.input))
    shapes = {id(lowered.layer): lowered.input_shape for lowered in graph.layers}
    found = {}
    for path, layer in (pair for name, child in numbered(chain).items() for pair in walk(child, name)):
        for name, stored in layer.parameter_shapes(shapes[id(layer)]).items():
            found[f"{path}.{name}"] = layer.shown_shape(stored)
    return found, sum(states.size for states in graph.reading.states)


def _layers_in(part: Any) -> int:
    """Count the layers of a description, and the layers inside them."""
    if isinstance(part, dict):
        return ("class" in part) + sum(map(_layers_in, part.values()))
    return sum(map(_layers_in, part)) if isinstance(part, list) else 0


def _check(config: Any, arrays: dict[str, Array]) -> None:
    """Check, before anything is overwritten, that the file could be read again."""
    try:
        wanted = expected(config)
    except DAMAGE as error:
        raise ValueError(f"the network must be as it was made, to be read again; {error}") from error
    found = {name: (array.dtype, array.shape) for name, array in arrays.items()}
    if found != wanted:
        name = next(name for name in {**found, **wanted} if found.get(name) != wanted.get(name))
        said, given = (shapes.get(name, (None, None))[1] for shapes in (wanted, found))
        raise ValueError(
            f"the network must be as it was made, to be read again; its layers say that {name} is of shape {said}, it "
            f"is of shape {given}"
        )
    _check_numbers(arrays)


def _check_numbers(arrays: dict[str, Array]) -> None:
    for name, values in arrays.items():
        if name.startswith(keeping.PREFIX):  # a callback's own, such as figures that are still NaN
            continue
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise ValueError(f"{name} must be finite; it holds NaN or infinity")
        check_variance(values, name, name)


def _as_notes(notes: Any) -> dict[str, Any]:
    if not isinstance(notes, dict):
        raise TypeError(f"notes must be a dict; received {notes!r}")
    try:
        plain: dict[str, Any] = _plain(notes, "notes")
    except RecursionError:
        raise ValueError("notes must not be nested so deeply; received a part that may hold itself") from None
    return plain


def _plain(value: Any, name: str) -> Any:
    """Convert data to what JSON would give back, with NumPy's numbers as Python's."""
    if isinstance(value, _SCALARS):
        return value
    if isinstance(value, (np.generic, np.ndarray)) and value.dtype.kind in "biufU":
        return (value.astype(float) if value.dtype.kind == "f" else value).tolist()
    if isinstance(value, (list, tuple)):
        return [v if type(v) in _SCALARS else _plain(v, f"{name}[{i}]") for i, v in enumerate(value)]
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                raise TypeError(f"{name} must have strings for keys, as JSON has it; received {key!r}")
        return {key: _plain(v, f"{name}[{key!r}]") for key, v in value.items()}
    raise TypeError(f"{name} must be plain data, as JSON has it; received {value!r}")
