"""Settings for the training of a layer: whether it is trained, and factors of its learning rate and weight decay."""

from __future__ import annotations

from typing import Any

from .._core.graph import Graph
from .._validation.values import as_flag, as_number

TRAINING_SETTINGS = {"trainable": True, "lr_scale": 1.0, "decay_scale": 1.0}  # attributes, and their initial values


class Trainable:
    """A layer's settings for training, which apply to its operations in a graph."""

    _trainable = True
    _lr_scale = _decay_scale = 1.0

    @property
    def trainable(self) -> bool:
        """Whether `fit` and `step` change its parameters, if all layers around it are trainable too.

        May be set at any time; `fit` heeds it from the next epoch on. `backward` gives all gradients either way. In
        training, a `BatchNorm` that is not trained uses its running statistics, and does not update them; random layers
        remain random.
        """
        return self._trainable

    @trainable.setter
    def trainable(self, trainable: bool) -> None:
        self._change(_trainable=as_flag(trainable, "trainable"))

    @property
    def lr_scale(self) -> float:
        """The factor of the optimizer's rate for its parameters, multiplied by those of layers around it.

        May be set at any time; `fit` heeds it from the next epoch on.
        """
        return self._lr_scale

    @lr_scale.setter
    def lr_scale(self, lr_scale: float) -> None:
        self._change(_lr_scale=as_number(lr_scale, "lr_scale"))

    @property
    def decay_scale(self) -> float:
        """The factor of the optimizer's weight decay for its parameters, as for `lr_scale`."""
        return self._decay_scale

    @decay_scale.setter
    def decay_scale(self, decay_scale: float) -> None:
        self._change(_decay_scale=as_number(decay_scale, "decay_scale"))

    def forget_all_plans(self) -> None:
        """Drop all plans of the layer's network, as they contain these settings."""
        raise NotImplementedError

    def _change(self, **settings: Any) -> None:
        vars(self).update(settings)
        self.forget_all_plans()

    def apply_training_settings(self, graph: Graph, first: int) -> None:
        """Apply the settings to a graph's operations from number ``first`` on, which are the layer's."""
        if not self._trainable:
            graph.freeze(first)
        if self._lr_scale != 1 or self._decay_scale != 1:
            graph.scale(first, self._lr_scale, self._decay_scale)


def training_config(layer: Trainable) -> dict[str, Any]:
    """Return the settings of a layer that are not the defaults."""
    settings = {name: getattr(layer, name) for name in TRAINING_SETTINGS}
    return {name: value for name, value in settings.items() if value != TRAINING_SETTINGS[name]}


def train_as(layer: Trainable, config: dict[str, Any]) -> None:
    """Set a layer's training settings to those of a description, or to the defaults."""
    for name, default in TRAINING_SETTINGS.items():
        setattr(layer, name, config.get(name, default))
