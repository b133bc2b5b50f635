"""fastdl and one object per neuron do the same."""

import numpy as np

from bench import work
from bench.object_model import Network
from fastdl import models
from fastdl.optimizers import SGD

SAMPLES = 5


def test_the_same_weights_after_the_same_samples():
    start = [(w.astype(float), b.astype(float)) for w, b in work.mlp_start()]
    x, targets = work.mnist()[0][:SAMPLES].astype(float), work.mlp_targets()[:SAMPLES].astype(float)
    objects = Network([784, 300, 10])
    objects.set_weights([(w.tolist(), b.tolist()) for w, b in start])
    for sample, target in zip(x.reshape(SAMPLES, -1).tolist(), targets.tolist(), strict=True):
        objects.train_one_sample(sample, target, 0.3)
    net = models.mlp(input_shape=(1, 28, 28), dtype="float64")
    weighted = [layer for layer in net.layers if layer.params]
    for layer, (weight, bias) in zip(weighted, start, strict=True):
        layer.params["weight"][...] = weight
        layer.params["bias"][...] = bias
    net.fit(x, targets, batch_size=1, loss="squared_error", optimizer=SGD(0.3), shuffle=False, verbose=0)
    rows = [np.column_stack([layer.params["weight"], layer.params["bias"]]).ravel() for layer in weighted]
    np.testing.assert_allclose(np.concatenate(rows), objects.get_weights(), rtol=1e-10, atol=1e-13)
