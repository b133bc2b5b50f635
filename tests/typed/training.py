"""Training: losses, metrics, optimizers, schedules, callbacks, and many networks, as a user's script would."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from typing_extensions import assert_type

import fastdl
from fastdl import History, Sequential, callbacks, layers, losses, metrics, optimizers, recipes, schedules

rng = np.random.default_rng(0)
x = rng.standard_normal((60, 4))
labels = (x[:, 0] > 0).astype(int)


def network() -> Sequential:
    """Return a small one."""
    return Sequential([layers.Dense(6, "tanh"), layers.Dense(2)], input_shape=4, seed=0)


net = network()
history = net.fit(
    x, labels, epochs=3, batch_size=16, loss="cross_entropy", optimizer=optimizers.SGD(0.1, momentum=0.9),
    validation_split=0.2, sample_weight=np.ones(60), class_weight={0: 1.0, 1: 2.0}, metrics=["f1", metrics.AUC()],
    verbose=0,
)  # fmt: skip
assert_type(history, History)
assert_type(history.history, dict[str, list[float]])
assert_type(net.history, History | None)
assert_type(history.plot("history.png"), Figure)
assert_type(net.evaluate(x, labels, metrics=[metrics.Accuracy()]), dict[str, float])
assert_type(net.train_on_batch(x.tolist(), labels.tolist(), optimizer=optimizers.Adam(1e-3)), dict[str, float])
assert_type(net.initial_seed, int | None)


def batches() -> Iterator[tuple[NDArray[np.float64], NDArray[np.int64]]]:
    """Yield batches that are made as they are needed."""
    for _ in range(3):
        yield x[:8], labels[:8]


class Loader:
    """Batches, for several epochs."""

    def __iter__(self) -> Iterator[tuple[NDArray[np.float64], NDArray[np.int64]]]:
        """Go through them once."""
        return batches()


net.fit(batches(), verbose=0)
net.fit(Loader(), epochs=2, validation_data=(x, labels), verbose=0)
net.fit(Loader(), epochs=2, validation_data=Loader(), verbose=0)
net.fit(x, labels, validation_data=[(x, labels)], verbose=0)
assert_type(net.evaluate(Loader(), metrics=["f1"]), dict[str, float])
assert_type(net.evaluate(batches()), dict[str, float])
assert_type(net.predict(batches()), NDArray[Any])
assert_type(net.predict(x[k : k + 8] for k in range(0, 16, 8)), NDArray[Any])
assert_type(net.predict([x[:8], x[8:]]), NDArray[Any])

# Optimizers and schedules.
warming: Callable[[int], float] = schedules.cosine(0.1, 100, warmup=10)
assert_type(warming(3), float)
for optimizer in (
    optimizers.SGD(warming, nesterov=True, momentum=0.5),
    optimizers.Adam(schedules.one_cycle(0.1, 50), betas=(0.8, 0.9), clip_norm=1.0),
    optimizers.AdamW(schedules.step(0.1, every=10, factor=0.5), decay_biases=False),
    optimizers.NAdam(schedules.constant(1e-3)),
    optimizers.Lion(1e-4, clip_value=0.5),
    optimizers.RMSprop(1e-3, alpha=0.9),
    optimizers.AdaGrad(1e-2),
    optimizers.Adadelta(rho=0.9),
    optimizers.SGD(lambda step: 0.1 / (1 + step)),
):
    own_loop: optimizers.Optimizer = optimizer
    y = net.forward(x, training=True)
    net.backward(losses.cross_entropy_backward(y, labels))
    net.step(own_loop)
assert_type(optimizers.from_config(optimizers.Adam(1e-3).get_config()), optimizers.Optimizer)
assert_type(schedules.from_config(schedules.constant(0.1).get_config()), Callable[[int], float])
faster = optimizers.SGD(0.1)
faster.lr = 0.2
faster.lr = warming
net.training_state.optimizer.lr = 0.05

# Losses.
assert_type(losses.cross_entropy(y, labels), float)
assert_type(losses.cross_entropy_backward(y, labels), NDArray[Any])
assert_type(losses.squared_error(x, [[0.0] * 4] * 60), float)
assert_type(losses.squared_error_backward(x, x), NDArray[Any])
assert_type(losses.from_config("huber"), losses.Loss)
for loss in (
    losses.SquaredError(),
    losses.AbsoluteError(),
    losses.Huber(delta=2.0),
    losses.Quantile((0.1, 0.9)),
    losses.Poisson(),
    losses.BinaryCrossEntropy(),
):
    targets = np.abs(x[:, :1] if isinstance(loss, losses.Quantile) else x[:, :2]).clip(0, 1)
    network().fit(x, targets, loss=loss, verbose=0)
net.fit(x, labels, loss=losses.CrossEntropy(label_smoothing=0.1, ignore_label=-1), verbose=0)


def squared(outputs: NDArray[Any], targets: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return a loss of one's own, and its gradient."""
    wrong = outputs - np.eye(2)[targets]
    return (wrong**2).sum(axis=1), 2 * wrong


net.fit(x, labels, loss=squared, verbose=0)


# Metrics.
def share(targets: NDArray[Any], outputs: NDArray[Any]) -> float:
    """Return a metric of one's own."""
    return float(outputs.mean())


measured = net.evaluate(
    x, labels, loss="cross_entropy", metrics=[
        metrics.F1(), metrics.BalancedAccuracy(), metrics.TopK(1), "accuracy", share,
        metrics.of_labels(lambda targets, told: float((targets == told).mean())),
    ]
)  # fmt: skip
assert_type(measured["f1"], float)
straight = Sequential([layers.Dense(1)], input_shape=4, seed=0)
straight.evaluate(x, x[:, 0], loss="squared_error", metrics=[metrics.R2(), metrics.MeanAbsoluteError()])
scored = metrics.of_scores(lambda targets, scores: float(scores.mean()))
assert_type(scored(labels, y), float)
metric: metrics.Metric = metrics.F1()


# Callbacks.
class Board(callbacks.Logger):
    """A logger of one's own."""

    def begin(self, run: callbacks.Run) -> None:
        """Begin."""
        self.lines = [f"{run.first} to {run.epochs}: {run.settings['optimizer']}"]

    def write(self, epoch: int, figures: dict[str, Any]) -> None:
        """Write."""
        self.lines.append(f"{epoch}: {figures['loss']}")


class Patient(callbacks.Callback):
    """A callback of one's own."""

    def on_epoch_end(self, net: Sequential, epoch: int, logs: dict[str, Any]) -> bool:
        """Stop."""
        return epoch >= 2


stopping = callbacks.EarlyStopping(patience=2)
everything = [
    callbacks.EMA(0.9), callbacks.CSVLogger("log.csv"), callbacks.JSONLogger("log.jsonl"), stopping,
    callbacks.LearningRateSchedule(lambda epoch: 0.1 / (1 + epoch)), callbacks.PrintEpochs(), callbacks.Progress(),
    callbacks.ModelCheckpoint("best.npz", monitor="val_loss"), callbacks.TensorBoard("boards"), Board(), Patient(),
]  # fmt: skip
net.fit(x, labels, epochs=3, loss="cross_entropy", validation_split=0.2, callbacks=everything, verbose=0)
assert_type(stopping.best, float)
averaging = [callbacks.SWA(1), callbacks.ReduceLROnPlateau("loss", patience=1)]
net.fit(x, labels, epochs=2, optimizer=optimizers.SGD(0.1), callbacks=averaging, verbose=0)


def elsewhere(trial: Any) -> list[callbacks.Callback]:
    """Return callbacks for programs that need not be there."""
    return [callbacks.LiveCurves(), callbacks.MLflow("runs", name="first"), callbacks.OptunaPruning(trial)]


# Many networks.
fitted = fastdl.fit_many([network(), network()], x, labels, each=[{}, {"optimizer": faster}], epochs=2, verbose=0)
assert_type(fitted, list[fastdl.Fitted])
assert_type(fitted[0].net, Sequential)
assert_type(fitted[0].history, History | None)
assert_type(fitted[0].error, Exception | None)

# Recipes.
for recipe in (
    recipes.lenet5(100, epochs=1, seed=0),
    recipes.mlp(100, hidden=(5,), epochs=1),
    recipes.tabular(100, 3, 2, categories={0: 3}),
    recipes.language_model(100, 5, units=4),
    recipes.transformer(100, 5, 4, heads=2, units=8, layers=1),
    recipes.tree_classifier(10, 5, 2),
    recipes.tree_parser(10, 5),
):
    assert_type(recipe, recipes.Recipe)
    assert_type(recipe.net, Sequential)
    assert_type(recipe.arguments, dict[str, Any])
assert_type(recipes.tabular_training(100), dict[str, Any])
