"""fastdl and one object per neuron do the same, and how long each takes."""

from time import perf_counter

import numpy as np

from bench import digits
from bench.object_model import Network
from fastdl import models
from fastdl.optimizers import SGD

SAMPLES = 5
TIMED = 6_000  # by the core


def test_the_same_weights_after_the_same_samples(benchmark):
    start = [(w.astype(float), b.astype(float)) for w, b in digits.mlp_start()]
    x, targets = digits.mnist()[0].astype(float), digits.mlp_targets().astype(float)
    objects = Network([784, 300, 10])
    objects.set_weights([(w.tolist(), b.tolist()) for w, b in start])
    few = list(zip(x[:SAMPLES].reshape(SAMPLES, -1).tolist(), targets[:SAMPLES].tolist(), strict=True))
    for sample, target in few:
        objects.train_one_sample(sample, target, 0.3)
    net = models.mlp(activation="sigmoid", output="sigmoid", input_shape=(1, 28, 28), dtype="float64")
    weighted = [layer for layer in net.layers if layer.params]
    for layer, (weight, bias) in zip(weighted, start, strict=True):
        layer.params["weight"][...] = weight
        layer.params["bias"][...] = bias

    def fit(samples):
        begin = perf_counter()
        net.fit(
            x[:samples], targets[:samples], batch_size=1, loss="squared_error", optimizer=SGD(0.3), shuffle=False,
            verbose=0,
        )  # fmt: skip
        return (perf_counter() - begin) / samples

    fit(SAMPLES)
    rows = [np.column_stack([layer.params["weight"], layer.params["bias"]]).ravel() for layer in weighted]
    np.testing.assert_allclose(np.concatenate(rows), objects.get_weights(), rtol=1e-10, atol=1e-13)
    core = min(fit(TIMED) for _ in range(3))
    benchmark.pedantic(objects.train_one_sample, (*few[0], 0.3), rounds=5)
    benchmark.extra_info["us a sample, by the core"] = core * 1e6
    benchmark.extra_info["times the core's"] = times = benchmark.stats.stats.min / core
    print(f"one object per neuron: {times:,.0f} times the core's")
