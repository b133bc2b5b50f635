"""Optimizers drawn at random."""

import numpy as np
import reference

from fastdl import optimizers
from random_networks.rounding import TOLERANCE, Corner
from random_networks.specified import layers_of, named, parameters

EPSILON = 1e-2  # for optimizers that divide by the gradient's size


class Optimizer:
    """An optimizer drawn at random, ours and the reference's."""

    def __init__(self, draw):
        self.clip = draw.of({}, {}, {"clip_norm": 0.3}, {"clip_value": 0.05})
        decay = draw.of({}, {"weight_decay": 0.01})
        epsilon = {"epsilon": EPSILON}  # without it, tiny gradients would amplify rounding
        momentum = {"momentum": draw.of(0.0, 0.9), "nesterov": draw.chance(0.3)}
        if not momentum["momentum"]:
            momentum["nesterov"] = False
        self.kind = draw.of("SGD", "SGD", "Adam", "AdamW", "RMSprop", "AdaGrad", "NAdam", "Adadelta")
        # small enough for rounding to stay small
        lr = draw.of(0.0003, 0.002) if self.kind == "SGD" else draw.of(0.003, 0.02)
        lr /= 10 if draw.wide else 1
        settings = {
            "SGD": {**momentum, **decay}, "Adam": {**epsilon, **decay}, "AdamW": {**epsilon, "weight_decay": 0.01},
            "RMSprop": {**epsilon, **decay}, "AdaGrad": {**epsilon, **decay}, "NAdam": {**epsilon, **decay},
            "Adadelta": {**epsilon, **decay},
        }[self.kind]  # fmt: skip
        self.settings = {"lr": lr, **settings}
        self.decay_biases = draw.chance(0.7)
        self.ours = getattr(optimizers, self.kind)(**self.settings, **self.clip, decay_biases=self.decay_biases)
        self.moments, self.steps = {}, 0
        # The largest gradient beside which the rounding of another one does not show in a step that does not grow
        # with it.
        reach = lr if self.kind == "SGD" else lr / EPSILON
        bounded = self.kind != "SGD" or "clip_value" in self.clip
        self.largest = TOLERANCE[draw.dtype] / (reach * np.finfo(draw.dtype).eps) if bounded else np.inf

    def step(self, model, gradients):
        """Take the reference's step on the reference's network."""
        self.steps += 1
        gradients, of_layers = named(gradients), layers_of(model)
        norm = np.sqrt(sum((g**2).sum() for g, layer in zip(gradients, of_layers, strict=True) if not layer["frozen"]))
        scale = min(1.0, self.clip["clip_norm"] / norm) if "clip_norm" in self.clip and norm else 1.0
        limit = self.clip.get("clip_value", np.inf)
        if max((abs(g * scale).max(initial=0) for g in gradients), default=0) > self.largest:
            raise Corner
        for k, (values, g) in enumerate(zip(parameters(model), gradients, strict=True)):
            if not of_layers[k]["frozen"]:
                values[...] = self._updated(k, values, np.clip(g * scale, -limit, limit), of_layers[k])

    def _updated(self, k, p, g, layer):
        first, second = self.moments.get(k, (np.zeros_like(p), np.zeros_like(p)))
        spared = not self.decay_biases and (layer["norm"] or p.ndim < 2 or p is layer.get("bias"))
        decay = 0.0 if spared else self.settings.get("weight_decay", 0.0) * layer["decay_scale"]
        settings = {**self.settings, "lr": self.settings["lr"] * layer["lr_scale"], "weight_decay": decay}
        if self.kind == "SGD":
            p, first = reference.sgd_step(p, g, first, **settings)
        elif self.kind in ("Adam", "AdamW", "NAdam"):
            take = getattr(reference, f"{self.kind.lower()}_step")
            p, first, second = take(p, g, first, second, step=self.steps, **settings)
        elif self.kind == "RMSprop":
            p, second = reference.rmsprop_step(p, g, second, **settings)
        elif self.kind == "Adadelta":
            p, first, second = reference.adadelta_step(p, g, first, second, **settings)
        else:
            p, second = reference.adagrad_step(p, g, second, **settings)
        self.moments[k] = first, second
        return p
