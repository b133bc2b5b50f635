"""Networks for other programs, estimators, sweeps, pictures and the page, as a user's script would."""

import pathlib
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NoReturn

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from typing_extensions import assert_type

import fastdl
from fastdl import Sequential, estimators, export, layers, losses, models, optimizers, plots
from fastdl.inspection.picture import Picture
from fastdl.recipes import Recipe
from fastdl.sweeps import Trial, picture, sweep, table

rng = np.random.default_rng(0)
x = rng.standard_normal((40, 4))
labels = (x[:, 0] > 0).astype(int)
net = Sequential([layers.Dense(4, "tanh"), layers.Dense(2)], input_shape=4, seed=0)

# Exchange.
export.to_onnx(net, pathlib.Path("net.onnx"))
assert_type(export.from_onnx("net.onnx"), Sequential)
export.to_safetensors(net, "net.safetensors")
assert_type(export.from_safetensors("net.safetensors"), Sequential)
dense = layers.Dense(2).build(4)
state = export.to_state_dict(dense)
assert_type(state, dict[str, NDArray[Any]])
export.from_state_dict(dense, state)
export.from_state_dict(net, export.to_state_dict(net, names=["first", "second"]), names=["first", "second"])
assert_type(export.from_safetensors("net.safetensors", net=net), Sequential)
written = export.to_c(net, "net.c", weights="int8", data=(x, labels))
assert_type(written, export.CFile)
assert_type(written.constants, int)
assert_type(written.after, dict[str, float] | None)
with suppress(FileNotFoundError):
    export.from_keras(net, "net.weights.h5")


# The page.
class Opened(Exception):
    """What ends it."""


def opened(address: str) -> NoReturn:
    """End it as soon as it is there."""
    raise Opened(address)


with suppress(Opened):
    fastdl.serve.serve(models.lenet5(seed=0), port=0, ready=opened)

# Pictures.
assert_type(plots.confusion_matrix(labels, net.predict(x)), NDArray[Any])
assert_type(plots.plot_confusion(labels, net.predict(x), names=["no", "yes"], path="confusion.png"), Figure)
assert_type(plots.plot_filters(models.lenet5(seed=0).layers[0]), Figure)
reader = models.transformer(5, 16, units=8, layers=1, heads=2, seed=0)
assert_type(plots.attention_weights(reader, [[0, 1, 2]], "3.1"), NDArray[Any])
assert_type(plots.plot_attention(reader, [0, 1, 2], names="abc"), Figure)


# Sweeps.
def make(units: int, lr: float) -> Recipe:
    """Return a network of some settings."""
    made = Sequential([layers.Dense(units, "relu"), layers.Dense(2)], input_shape=4, seed=0)
    return Recipe(made, {"epochs": 2, "optimizer": optimizers.Adam(lr)})


settings = fastdl.sweeps.grid(units=[2, 4], lr=[0.01, 0.1])
assert_type(settings, list[dict[str, Any]])
trials = sweep(make, settings, x, labels, validation_split=0.25, record="runs.jsonl", verbose=0)
assert_type(trials, list[Trial])
assert_type(trials[0].figures, dict[str, float] | None)
assert_type(table(trials), str)
drawn = picture(trials)
assert_type(drawn, Picture)
drawn.save("sweep.svg")

# Estimators.
rates: Callable[[int], float] = lambda step: 0.01  # noqa: E731
classifier = estimators.NetClassifier(hidden=(8,), epochs=2, lr=rates, random_state=0)
assert_type(classifier.fit(x, labels), estimators.NetClassifier)
assert_type(classifier.fit(x, labels).predict(x), NDArray[Any])
assert_type(classifier.score(x, labels), float)
assert_type(classifier.network_, Sequential)
assert_type(classifier.partial_fit(x, labels), estimators.NetClassifier)
classifier.predict_proba(x)
classifier.decision_function(x)
given = estimators.NetClassifier(net, optimizer=optimizers.SGD(0.1), epochs=1, early_stopping=True, metrics=["f1"])
given.fit(x, labels, sample_weight=np.ones(40))


def network(features: int, outputs: int) -> Sequential:
    """Return a network for a table of so many columns."""
    return Sequential([layers.Dense(3, "relu"), layers.Dense(outputs)])


regressor = estimators.NetRegressor(network, loss=losses.Huber(2.0), epochs=1)
assert_type(regressor.fit(x, x[:, 1]), estimators.NetRegressor)
assert_type(regressor.predict(x), NDArray[Any])
assert_type(regressor.score(x, x[:, 1]), float)
transformer = estimators.NetTransformer(hidden=(3,), epochs=1)
assert_type(transformer.fit(x, labels).transform(x), NDArray[Any])
ensemble = estimators.NetEnsemble(estimators.NetClassifier("tabular", epochs=1), members=2, bags=True)
assert_type(ensemble.fit(x, labels), estimators.NetEnsemble)
assert_type(ensemble.predict(x), NDArray[Any])
assert_type(ensemble.score(x, labels), float)
encoder = estimators.TableEncoder(missing="embed", min_count=1)
assert_type(encoder.fit_transform(x), NDArray[Any])
assert_type(encoder.fit(x).transform(x), NDArray[Any])
assert_type(encoder.cardinalities_, dict[int, int])
assert_type(encoder.get_feature_names_out(), NDArray[Any])
