"""Calls of a network, whose results are compared with the reference's."""

import copy

import numpy as np
import reference

from fastdl import gradient_check, layers, losses
from random_networks.draw import random_trees
from random_networks.rounding import TOLERANCE, Corner, Off, shaken
from random_networks.specified import named, nodes_of, parameters, running, specified

MARGIN = {"float32": 1e-4, "float64": 1e-9}  # nearer to a corner of a relu, rounding may decide


class Use:
    """Calls of a network on samples that are drawn for it, compared with the reference."""

    def __init__(self, draw, net):
        self.draw, self.net, self.rng = draw, net, draw.rng
        self.model = reference.Network(specified(net)["layers"])
        self.options, self.known = {}, {}
        net.reset_state()
        self.of_trees = draw.kind == "trees"
        if self.of_trees:
            self.trees = random_trees(draw)
            shape = (len(self.trees.words), *net.input_shape[1:])
            self.options["trees"] = self.trees
        else:
            steps = draw.steps()
            shape = draw.samples(), *(steps if n is None else n for n in net.input_shape)
        tokens = isinstance(net.layers[0], layers.Embedding)
        self.x = self.rng.integers(0, draw.vocabulary, shape) if tokens else self.rng.standard_normal(shape)
        for k in draw.categories:
            self.x[..., k] = self.rng.integers(0, draw.vocabulary, shape[:-1])
        if not tokens:
            self.x = self.x.astype(net.dtype)
        self.lengths = None
        if net.reading.in_time and not self.of_trees and draw.chance(0.4):
            self.lengths = self.rng.integers(1, shape[1] + 1, shape[0])
            self.options["lengths"] = self.lengths
        self.samples = len(self.trees) if self.of_trees else len(self.x)
        self.seen = self.x.astype(float)  # by the reference
        if draw.shaking is not None:
            self.seen = shaken(self.seen, np.finfo(net.dtype).eps, draw.shaking)
            for values in parameters(self.model):
                values[...] = shaken(values, np.finfo(net.dtype).eps, draw.shaking)

    def rows(self, which):
        """Return the rows of x of some samples: themselves, or the nodes of trees."""
        return nodes_of(self.trees, which) if self.of_trees else which

    def expected(self, which=None, draw=None):
        """Return the reference's outputs for some samples, or for all."""
        which = np.arange(self.samples) if which is None else which
        x = self.seen[self.rows(which)]
        if not self.of_trees:
            return self.model.forward(x, lengths=None if self.lengths is None else self.lengths[which], draw=draw)
        trees = self.trees[which.tolist()]
        if x.ndim == 1:
            x[~trees.leaves] = -1
        children = [[child for child in row if child >= 0] for row in trees.children(self.draw.children).tolist()]
        return self.model.forward(x, children=children, draw=draw)

    def close(self, actual, expected, what):
        expected = np.array(expected)
        self.draw.expected.append(expected)
        if self.draw.shaking is not None:
            return
        assert actual.shape == expected.shape, f"{what} has shape {actual.shape}, not {expected.shape}"
        error = np.abs(actual - expected).max(initial=0)
        drift = max(1, self.draw.optimizer.steps)  # parameters differ a little more after each step
        limit = TOLERANCE[self.net.dtype] * max(np.abs(expected).max(initial=0), 1.0) * drift
        if not error <= limit:
            raise Off(f"{what} is off by {error:.2g}, with {self.call()}", error)

    def check_margin(self):
        if self.model.margin < MARGIN[self.net.dtype]:
            raise Corner

    def call(self):
        return f"x of shape {self.x.shape}, lengths {self.lengths}"

    def counts(self, outputs, which=slice(None)):
        """Return which rows of some samples' outputs count."""
        if outputs.ndim == 3 and self.lengths is not None:
            return np.arange(outputs.shape[1]) < self.lengths[which][:, None]
        return np.ones(outputs.shape[:-1], bool)

    def layout(self, x):
        """Return images as they are, or with channels last in memory."""
        if x.ndim == 4 and self.draw.chance(0.3):
            return np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
        return x

    def predict(self):
        for _ in range(2):  # the second continues from the states of the first
            self.close(self.net.predict(self.x, **self.options), self.expected(), "predict")

    def backward(self):
        training = self.draw.chance(0.5)
        y = self.net.forward(self.layout(self.x), training=training, **self.options)
        draw = reference.scramble(self.net.held_forward()[3]) if training else None
        expected = self.expected(draw=draw)
        self.close(y, expected, "forward")
        dy = self.rng.standard_normal(y.shape)
        dx = self.net.backward(self.layout(dy))
        self.check_margin()
        if y.ndim == 3 and self.lengths is not None:
            dy[~self.counts(y)] = 0
        gradients = self.model.backward(dy)
        self.close(dx, self.model.dx, "dx")
        for name, expected in zip(self.net.grads, named(gradients), strict=True):
            self.close(self.net.grads[name], expected, f"the gradient of {name}")
        self.close_running()

    def close_running(self):
        for name, expected in zip(self.net.buffers, running(self.model.layers), strict=True):
            self.close(self.net.buffers[name], expected, name)

    def gradient_check(self):
        if self.expected().size and self.model.margin > 1e-3:
            error = gradient_check(self.net, self.x, limit=2, **self.options)
            assert error < 0.05, f"gradient_check gives {error:.2g}, with {self.call()}"

    def targets(self, outputs):
        """Draw a loss, and targets for outputs of this shape."""
        last = self.net.layers[-1]
        ends = getattr(last, "activation", None) or getattr(last, "name", "identity")
        classes = outputs.shape[-1]
        dense = isinstance(last, layers.Dense)
        if dense and ends in ("identity", "sigmoid") and self.draw.chance(0.3):
            return losses.BinaryCrossEntropy(), self.rng.random(outputs.shape).astype(self.net.dtype)
        # Of an activation before it, cross_entropy leaves out a softmax alone.
        if classes < 2 or not dense or ends not in ("identity", "softmax") or self.draw.chance(0.4):
            levels = self.rng.uniform(0.1, 0.9, self.draw.of(*[n for n in (1, 2, 3, 5) if classes % n == 0]))
            loss = self.draw.of(
                "squared_error", losses.SquaredError(), losses.Huber(0.3), losses.AbsoluteError(),
                losses.Quantile(levels.tolist()), *([losses.Poisson()] if abs(outputs).max() < 5 else []),
            )  # fmt: skip
            if isinstance(loss, losses.Poisson):
                return loss, self.rng.poisson(2.0, outputs.shape).astype(self.net.dtype)
            width = classes // len(levels) if isinstance(loss, losses.Quantile) else classes
            return loss, self.rng.standard_normal((*outputs.shape[:-1], width)).astype(self.net.dtype)
        if self.draw.chance(0.3):
            return "cross_entropy", self.rng.dirichlet(np.ones(classes), outputs.shape[:-1]).astype(self.net.dtype)
        labels = self.rng.integers(0, classes, outputs.shape[:-1])
        if self.of_trees and len(self.net.output_shape) == 2 and self.draw.chance(0.5):
            labels[self.rng.random(len(labels)) < 0.3] = -1
            labels[0] = 0
        return "cross_entropy", labels

    def loss(self, name, outputs, targets, weights=None):
        """Return the summed loss of rows that count, its gradient, and the number of hits."""
        rows = len(outputs)
        best = targets if targets.ndim == 1 else targets.argmax(axis=1)
        if name == "cross_entropy":
            gradient = reference.cross_entropy_backward(outputs, targets) * rows
            each = np.array([reference.cross_entropy(outputs[i : i + 1], targets[i : i + 1]) for i in range(rows)])
        elif isinstance(name, losses.Huber):
            each, gradient = reference.huber(outputs, targets, name.delta)
        elif isinstance(name, losses.Quantile):
            each, gradient = reference.quantile(outputs, targets, name.levels)
        else:
            each, gradient = reference.LOSSES[name if isinstance(name, str) else name.name](outputs, targets)
        if isinstance(name, (losses.AbsoluteError, losses.Quantile)):
            distance = abs(outputs.reshape(*targets.shape, -1) - targets[..., None])
            if distance.min(initial=1) < 10 * TOLERANCE[self.net.dtype]:
                raise Corner
        weights = np.ones(rows) if weights is None else weights
        hits = int((outputs.argmax(axis=1) == best).sum())
        return (each * weights).sum(), gradient * weights[:, None], hits

    def counted(self, targets, outputs, which):
        """Return which rows of some samples' outputs count, and their targets."""
        if self.of_trees:
            rows = self.rows(which) if len(self.net.output_shape) == 2 else which
            there = np.ones(len(rows), bool) if targets.ndim > 1 else targets[rows] >= 0
            return there, targets[rows][there]
        there = self.counts(outputs, which)
        return there, targets[which][there]

    def leave_out(self, loss):
        """Remove a last activation from the model if it is part of the loss, and return whether it is."""
        has = "softmax" if loss == "cross_entropy" else getattr(loss, "leaves_out", "identity")
        if has != "identity" and self.model.layers[-1].get("activation") == has:
            self.model.layers[-1]["activation"] = "identity"
            return True
        return False

    def evaluate(self):
        outputs = self.expected()
        name, targets = self.targets(outputs)
        if self.leave_out(name):
            self.model.states = {}
            outputs = self.expected()
        options = {"batch_size": self.samples} if self.net.stateful else {}
        weights, which = self.weights(outputs), np.arange(self.samples)
        measured = self.net.evaluate(self.x, targets, loss=name, sample_weight=weights, **options, **self.options)
        there, targets = self.counted(targets, outputs, which)
        of_rows = None if weights is None else self.of_rows(weights, which, outputs)[there]
        loss, _, hits = self.loss(name, outputs[there], targets, of_rows)
        self.close(np.array(measured["loss"]), loss / there.sum(), "the loss")
        if "accuracy" in measured and self.net.dtype == "float64":
            self.close(np.array(measured["accuracy"]), hits / there.sum(), "the accuracy")

    def fit(self):
        outputs = self.expected()
        self.model.states = {}
        name, targets = self.targets(outputs)
        self.leave_out(name)
        batch = max(1, self.samples // self.draw.of(1, 1, 2, 3))
        if self.net.stateful and self.samples % batch:
            batch = self.samples
        shuffle = self.draw.chance(0.5) and not self.net.stateful
        weights = self.weights(outputs)
        optimizer = self.draw.optimizer  # which continues from the last fit
        epochs, rng = self.draw.of(1, 1, 2), copy.deepcopy(self.net.generator)
        history = self.net.fit(
            self.x, targets, loss=name, optimizer=optimizer.ours, batch_size=batch, epochs=epochs, shuffle=shuffle,
            sample_weight=weights, verbose=0, **self.options,
        )  # fmt: skip
        for epoch in range(epochs):
            order = rng.permutation(self.samples) if shuffle else np.arange(self.samples)
            seed = int(rng.integers(1 << 63))
            total = hits = count = 0
            self.model.states = {}
            for start in range(0, self.samples, batch):
                which = order[start : start + batch]
                outputs = self.expected(which, draw=reference.scramble(seed + start))
                self.check_margin()
                there, wanted = self.counted(targets, outputs, which)
                of_rows = None if weights is None else self.of_rows(weights, which, outputs)[there]
                loss, gradient, hit = self.loss(name, outputs[there], wanted, of_rows)
                total, hits, count = total + loss, hits + hit, count + there.sum()
                dy = np.zeros_like(outputs)
                dy[there] = gradient / max(there.sum(), 1)
                optimizer.step(self.model, self.model.backward(dy))
            self.close(np.array(history.history["loss"][epoch]), total / count, "the loss of fit")
            if "accuracy" in history.history and self.net.dtype == "float64":
                self.close(np.array(history.history["accuracy"][epoch]), hits / count, "the accuracy of fit")
        for name, expected in zip(self.net.params, parameters(self.model), strict=True):
            self.close(self.net.params[name], expected, f"{name} after fit")
        self.close_running()

    def weights(self, outputs):
        """Draw weights of samples, or of the rows of all outputs, of any sign; or none."""
        shape = self.draw.of(None, None, (self.samples,), outputs.shape[:-1])
        return None if shape is None else self.rng.standard_normal(shape).astype(self.net.dtype)

    def of_rows(self, weights, which, outputs):
        """Return the weights of some samples for each row of their outputs."""
        if self.of_trees and len(self.net.output_shape) == 2:
            nodes = len(weights) == len(self.x)
            return weights[self.rows(which)] if nodes else np.repeat(weights[which], np.diff(self.trees.start)[which])
        weights = weights[which]
        return weights if weights.shape == outputs.shape[:-1] else np.broadcast_to(weights[:, None], outputs.shape[:2])
