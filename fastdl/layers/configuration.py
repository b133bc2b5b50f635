"""A layer's configuration: its constructor's arguments, from which it is saved, copied and made again."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

from .._hints.arguments import ConstructorSignature, check_arguments, check_count
from .._hints.attributes import hint_of
from .._validation.values import as_list
from .definition import Definition
from .trainable import TRAINING_SETTINGS, Trainable, train_as, training_config

if TYPE_CHECKING:
    from typing_extensions import Self

    from .base import Layer

_FIXED = (
    "arity", "buffers", "dtype", "grads", "input_shape", "output_shape", "params", "parameter_count", "reading",
    "stateful", "turn",
)  # fmt: skip
_IN_A_LIST = "give a list of layers"
_NO_INPUT = "the size of the input follows from the layer before, and settings are given by name"
_BY_NAME = "settings are given by name, such as input_shape"
_CLASSES: dict[str, Any] = {}  # all layer classes, by name
_INSIDE = "sublayers"  # the training settings of layers that the constructor of a user's own makes


class _LayerType(type):
    """Suggests names for unknown arguments of a constructor, and marks a layer as complete when that has returned."""

    if not TYPE_CHECKING:  # or type checkers would take each new layer for Any

        def __call__(cls, *args: Any, **kwargs: Any) -> Any:
            if kwargs:
                check_arguments(cls, kwargs)
            try:
                layer = super().__call__(*args, **kwargs)
            except TypeError:
                alike = bool(args) and isinstance(args[0], Configured)
                has_input = "input_shape" in inspect.signature(cls).parameters
                check_count(cls, args, _IN_A_LIST if alike else _BY_NAME if has_input else _NO_INPUT)
                raise
            if "_complete" not in vars(layer):
                raise TypeError(f"{cls.__name__}.__init__ must call super().__init__()")
            complete(layer)
            return layer


class Configured(Trainable, Definition, ConstructorSignature, metaclass=_LayerType):
    """A layer that keeps the arguments of its constructor as attributes, and whose class is registered by name."""

    _complete = False  # whether its constructor has returned

    def __init__(self) -> None:
        vars(self)["_complete"] = False

    def __init_subclass__(cls, abstract: bool = False) -> None:
        super().__init_subclass__()
        last = _CLASSES.get(cls.__name__)
        if not abstract and (last is None or not is_ours(last)):
            _CLASSES[cls.__name__] = cls

    if not TYPE_CHECKING:  # or type checkers would allow any attribute

        def __setattr__(self, name: str, value: Any) -> None:
            if self._complete and name[0] != "_":
                kind = type(self).__name__
                if name in arguments_of(type(self)) or name in _FIXED:
                    raise AttributeError(f"{name} of {kind} cannot be changed: make another {kind}")
                if name in ("forward", "backward"):
                    raise AttributeError(f"{name} of {kind} cannot be changed: networks run operations")
                if name not in vars(self) and not hasattr(type(self), name):
                    raise AttributeError(f"{kind} has no {name!r} that could be set{hint_of(type(self), name)}")
            object.__setattr__(self, name, value)

    def given_arguments(self) -> dict[str, Any]:
        """Return the arguments of its constructor that it keeps as attributes."""
        return {name: getattr(self, name) for name in arguments_of(type(self)) if hasattr(self, name)}

    def __repr__(self) -> str:
        arguments = ", ".join(f"{name}={value!r}" for name, value in self.given_arguments().items())
        return f"{type(self).__name__}({arguments})"

    def own_attributes(self) -> dict[str, Any]:
        """Return the attributes that a subclass has added, which copies and pickles include."""
        return self.attributes_besides(arguments_of(type(self)))

    def attributes_besides(self, names: Iterable[str]) -> dict[str, Any]:
        """Return the attributes that are neither these, which a copy is made with, nor follow from how it is made."""
        known = {*names, *_FIXED}
        return {name: value for name, value in vars(self).items() if not name.startswith("_") and name not in known}

    @classmethod
    def from_arguments(cls, arguments: dict[str, Any]) -> Self:
        """Make a layer from its constructor's arguments, by name."""
        return cls(**arguments)

    def get_config(self) -> dict[str, Any]:
        """Return the class, the constructor's arguments and the settings of training, for `from_config`."""
        kind = type(self)
        check_name(kind)
        names = arguments_of(kind)
        missing = [name for name in names if not hasattr(self, name)]
        if missing:
            raise TypeError(
                f"{kind.__name__} must keep its constructor's arguments as attributes, to be saved or copied; "
                f"there is no {', '.join(missing)}"
            )
        arguments = {name: _described(getattr(self, name)) for name in names}
        config = {"class": kind.__name__, **arguments, **training_config(self)}
        inside = [] if is_ours(kind) else [training_config(layer) for layer in _inside(self)]
        return {**config, _INSIDE: inside} if any(inside) else config


@cache
def arguments_of(kind: type[Configured]) -> tuple[str, ...]:
    """Return the names of a constructor's arguments, and of those that it passes on to the one that it extends."""
    parameters = list(inspect.signature(kind.__init__).parameters.values())[1:]
    names = [p.name for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    if len(names) == len(parameters):
        return tuple(names)
    above = next(one for one in kind.__mro__[1:] if issubclass(one, Configured))
    return (*names, *(name for name in arguments_of(above) if name not in names))


def complete(layer: Configured) -> None:
    """Refuse unknown attributes from now on, as the layer's constructor has returned."""
    vars(layer)["_complete"] = True


def is_ours(kind: type) -> bool:
    """Return whether a class is one of fastdl's own."""
    return kind.__module__.startswith("fastdl.")


def check_name(kind: type[Configured]) -> None:
    """Check that a class can be found by its name."""
    if _CLASSES.get(kind.__name__) is not kind:
        raise TypeError(f"{kind.__name__} must be the only layer class of that name, to be found by it again")


def from_config(config: dict[str, Any]) -> Layer:
    """Make a layer from what its `get_config` gave.

    Parameters
    ----------
    config : dict

    Returns
    -------
    Layer
        New and not built, with the same training settings.

    Raises
    ------
    ValueError
        If there is no layer class of that name: one of a user's own must have been imported.
    """
    if not isinstance(config, dict):
        raise ValueError(f"config must be a dict; received {config!r}")
    arguments = {name: _made_of(value) for name, value in config.items()}
    training = {name: arguments.pop(name) for name in TRAINING_SETTINGS if name in arguments}
    inside = as_list(arguments.pop(_INSIDE, []), _INSIDE, "settings")
    layer = class_of(arguments.pop("class", None)).from_arguments(arguments)
    train_as(layer, training)
    children = list(_inside(layer)) if inside else []
    if len(inside) != len(children) or not all(isinstance(settings, dict) for settings in inside):
        raise ValueError(f"{_INSIDE} must be the settings of {len(children)} layers; received {inside}")
    for child, settings in zip(children, inside, strict=True):
        train_as(child, settings)
    return layer


def _inside(layer: Configured) -> Iterator[Configured]:
    """Yield the layers inside a layer, and those inside these."""
    for child in layer.sublayers:
        yield child
        yield from _inside(child)


def _described(argument: Any) -> Any:
    """Return an argument as plain data, even if it is a layer or contains layers."""
    if isinstance(argument, Configured):
        return argument.get_config()
    if isinstance(argument, (list, tuple)) and any(isinstance(item, (Configured, list, tuple)) for item in argument):
        return [_described(item) for item in argument]
    return argument


def _made_of(argument: Any) -> Any:
    """Undo `_described`."""
    if isinstance(argument, dict) and "class" in argument:
        return from_config(argument)
    return [_made_of(item) for item in argument] if isinstance(argument, list) else argument


def class_of(name: Any) -> type[Layer]:
    """Return the layer class of this name."""
    if name not in _CLASSES:
        raise ValueError(f"config must name a layer class of fastdl, or one that has been imported; received {name!r}")
    kind: type[Layer] = _CLASSES[name]
    return kind


def classes_of(layer: Configured) -> list[type[Configured]]:
    """Return the classes of a layer and of all layers inside it: unpickling the list imports them."""
    return [type(layer), *(kind for child in layer.sublayers for kind in classes_of(child))]
