"""Whole trainings, against the reference and against themselves."""

import copy
import pickle

import numpy as np
import pytest
import reference
from conftest import close

import fastdl
from fastdl import History, Sequential, callbacks, gradient_check, layers, models, optimizers
from fastdl.trees import Trees


def digits(rng, samples):
    """Images whose classes can be told apart: a bright block in one of ten places."""
    y = rng.integers(0, 10, samples)
    x = 0.1 * rng.random((samples, 1, 28, 28))
    for image, label in zip(x, y, strict=True):
        top, left = 4 * (label // 3), 8 * (label % 3)
        image[0, top : top + 6, left : left + 6] += 0.9
    return x, y


def pairs(net):
    return [(layer.params["weight"], layer.params["bias"]) for layer in net.layers if layer.params]


def small_net():
    return Sequential([layers.Dense(5, "tanh"), layers.Dense(3)], input_shape=4, seed=0)


@pytest.mark.parametrize(
    ("activation", "pooling", "epsilon"),
    # Smooth networks allow larger differences, which their smallest gradients need to stand out from rounding.
    [("relu", "max", 1e-5), ("tanh", "max", 1e-5), ("tanh", "mean", 1e-4), ("sigmoid", "mean", 1e-3)],
)
def test_gradients_of_lenet5(activation, pooling, epsilon, rng):
    net = models.lenet5(seed=0, dtype="float64", activation=activation, pooling=pooling)
    x = rng.standard_normal((3, 1, 28, 28))
    assert gradient_check(net, x, [1, 2, 3], limit=200, epsilon=epsilon) < 1e-4
    assert gradient_check(net, x, limit=200, epsilon=epsilon) < 1e-4


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("pooling", ["max", "mean"])
@pytest.mark.parametrize("nesterov", [False, True])
def test_three_steps_of_lenet5(dtype, pooling, nesterov, rng):
    x, y = digits(rng, 50)
    x = x.astype(dtype)
    net = models.lenet5(seed=0, dtype=dtype, pooling=pooling)
    model = reference.lenet5([(w.astype(float), b.astype(float)) for w, b in pairs(net)], pooling=pooling)
    settings = {"momentum": 0.9, "nesterov": nesterov, "weight_decay": 1e-2}
    velocities = {}
    losses = []
    for start in (0, 20, 40):  # the last batch is short
        logits = model.forward(x[start : start + 20].astype(float))
        losses.append(reference.cross_entropy(logits, y[start : start + 20]) * len(logits))
        gradients = model.backward(reference.cross_entropy_backward(logits, y[start : start + 20]))
        weighted = [layer for layer in model.layers if "weight" in layer]
        for layer, both in zip(weighted, gradients, strict=True):
            for name, g in zip(("weight", "bias"), both, strict=True):
                v = velocities.get((id(layer), name), np.zeros_like(g))
                layer[name], velocities[id(layer), name] = reference.sgd_step(layer[name], g, v, lr=0.1, **settings)
    history = net.fit(x, y, batch_size=20, shuffle=False, optimizer=optimizers.SGD(0.1, **settings), verbose=0)
    assert history.history["loss"][0] == pytest.approx(sum(losses) / 50, rel=1e-5)
    for (w, b), layer in zip(pairs(net), weighted, strict=True):
        close(w, layer["weight"], dtype)
        close(b, layer["bias"], dtype)


def test_adam_through_fit(rng):
    x, target = rng.standard_normal((8, 5)), rng.standard_normal((8, 3))
    net = Sequential([layers.Dense(3)], input_shape=5, dtype="float64", seed=0)
    w, b = (p.copy() for p in pairs(net)[0])
    moments = [[np.zeros_like(p), np.zeros_like(p)] for p in (w, b)]
    for step in (1, 2, 3):
        dy = reference.squared_error_backward(reference.dense(x, w, b), target)
        _, dw, db = reference.dense_backward(dy, x, w)
        w, *moments[0] = reference.adam_step(w, dw, *moments[0], step=step, lr=0.01, weight_decay=0.1)
        b, *moments[1] = reference.adam_step(b, db, *moments[1], step=step, lr=0.01, weight_decay=0.1)
    adam = optimizers.Adam(0.01, weight_decay=0.1)
    net.fit(x, target, epochs=3, batch_size=8, loss="squared_error", optimizer=adam, shuffle=False, verbose=0)
    close(pairs(net)[0][0], w)
    close(pairs(net)[0][1], b)


@pytest.mark.parametrize("name", ["RMSprop", "AdaGrad", "AdamW"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_other_optimizers_through_fit(name, dtype, rng):
    x, target = rng.standard_normal((8, 5)), rng.standard_normal((8, 23))
    net = Sequential([layers.Dense(23)], input_shape=5, dtype=dtype, seed=0)
    state = [[p.astype(float), np.zeros(p.shape), np.zeros(p.shape)] for p in pairs(net)[0]]
    for step in (1, 2, 3):
        dy = reference.squared_error_backward(reference.dense(x, *(p for p, *_ in state)), target)
        for i, g in enumerate(reference.dense_backward(dy, x, state[0][0])[1:]):
            p, m, v = state[i]
            if name == "RMSprop":
                p, v = reference.rmsprop_step(p, g, v, lr=0.01, alpha=0.9, weight_decay=0.1)
            elif name == "AdaGrad":
                p, v = reference.adagrad_step(p, g, v, lr=0.01, weight_decay=0.1)
            else:
                p, m, v = reference.adamw_step(p, g, m, v, step=step, lr=0.01, weight_decay=0.1)
            state[i] = [p, m, v]
    options = {"alpha": 0.9} if name == "RMSprop" else {}
    optimizer = getattr(optimizers, name)(0.01, weight_decay=0.1, **options)
    net.fit(x, target, epochs=3, batch_size=8, loss="squared_error", optimizer=optimizer, shuffle=False, verbose=0)
    for actual, (expected, *_) in zip(pairs(net)[0], state, strict=True):
        close(actual, expected, dtype)


def test_the_first_of_equal_outputs_is_the_class(rng):
    net = Sequential([layers.Dense(3)], input_shape=2)
    net.parameters[...] = 0
    x, labels = rng.standard_normal((4, 2)), [0, 1, 2, 0]
    assert net.evaluate(x, labels)["accuracy"] == 0.5
    assert net.train_on_batch(x, labels)["accuracy"] == 0.5


def test_accuracy_is_of_classes(rng, capsys):
    x, numbers, labels = rng.standard_normal((12, 4)), rng.standard_normal((12, 3)), np.arange(12) % 3
    for loss, y, classes in (
        ("cross_entropy", labels, True),
        ("cross_entropy", np.full((12, 3), 1 / 3), True),
        ("squared_error", np.eye(3)[labels], True),
        ("squared_error", np.eye(3)[labels] + np.eye(3)[0], False),
        ("squared_error", 0.9 * np.eye(3)[labels], False),
        ("squared_error", np.zeros((12, 3)), False),
        ("squared_error", numbers, False),
    ):
        net = small_net()
        names = {"loss", "accuracy"} if classes else {"loss"}
        history = net.fit(x, y, loss=loss, validation_split=0.25).history
        assert set(history) == {*names, *(f"val_{name}" for name in names), "seconds"}
        assert ("accuracy" in capsys.readouterr().out) == classes
        assert set(net.evaluate(x, y)) == set(net.train_on_batch(x, y)) == names
    # Steps beyond a sequence's end tell nothing.
    net = Sequential([layers.RNN(3, return_sequences=True)], input_shape=(None, 4), seed=0)
    x, lengths = rng.standard_normal((3, 4, 4)), [4, 2, 1]
    y = np.eye(3)[rng.integers(3, size=(3, 4))] * (np.arange(4) < np.array(lengths)[:, None])[:, :, None]
    assert "accuracy" in net.evaluate(x, y, loss="squared_error", lengths=lengths)
    assert "accuracy" not in net.evaluate(x, y, loss="squared_error")


@pytest.mark.parametrize(
    "last",
    [
        [layers.Dense(3, "sigmoid")],
        [layers.Dense(3, "relu"), layers.Dropout(0.1)],
        [layers.Dense(3), layers.Activation("tanh")],
        [layers.Dense(3, "hard_tanh"), layers.Flatten()],
        [Sequential([layers.Dense(3, "softmax"), layers.GaussianNoise(0.1)])],
        [layers.Parallel([[layers.Dense(1)], [layers.Dense(2, "softmax"), layers.Select([1, 0])]])],
        [layers.Dense(3, "relu"), layers.Reshape((3, 1, 1)), layers.RandomFlip(), layers.Flatten()],
    ],
)
def test_an_activation_before_cross_entropy(last, rng):
    x, y = rng.standard_normal((12, 4)), np.arange(12) % 3
    net = Sequential([layers.Dense(5, "relu"), *last], input_shape=4, seed=0)
    with pytest.warns(UserWarning, match="cross_entropy takes the outputs of .* for logits"):
        net.fit(x, y, verbose=0)
    net.fit(x, np.eye(3)[y], loss="squared_error", verbose=0)
    for end in ([], [layers.Flatten()], [layers.Reshape(3)]):
        softmax = Sequential([layers.Dense(5, "relu"), Sequential([layers.Dense(3, "softmax"), *end])], input_shape=4)
        likelihood = np.log(softmax.predict(x)[np.arange(12), y]).mean()
        assert np.isclose(softmax.fit(x, y, batch_size=12, verbose=0).history["loss"][0], -likelihood)
    heads = layers.Parallel([[layers.Dense(1, "sigmoid")], [layers.Dense(2, "sigmoid")]])
    with pytest.warns(UserWarning, match="binary_cross_entropy takes the outputs of sigmoid for logits"):
        Sequential([heads], input_shape=4, seed=0).fit(x, np.eye(3)[y], loss="binary_cross_entropy", verbose=0)


def test_some_weights_may_be_zero(rng):
    """A batch whose weights are all zero has a loss of zero, and changes nothing without momentum or decay."""
    x, y = rng.standard_normal((8, 4)), np.arange(8) % 3
    weights = np.repeat([0.0, 1.0], 4)
    net, other = small_net(), small_net()
    arguments = {"optimizer": optimizers.SGD(0.1), "shuffle": False, "batch_size": 4, "verbose": 0}
    net.fit(x, y, sample_weight=weights, **arguments)
    other.fit(x[4:], y[4:], **arguments)
    assert (net.parameters == other.parameters).all()
    with pytest.raises(ValueError, match="must not make all weights 0"):
        net.train_on_batch(x[:4], y[:4], sample_weight=weights[:4])


@pytest.mark.parametrize("batch", [1, 3, 7, 64, 10**25])
def test_any_batch_size(batch, rng):
    """Batches that do not divide the data, of one sample, and larger than all of them; the reference does the same."""
    x, target = rng.standard_normal((64, 30)) * (rng.random((64, 30)) < 0.3), rng.random((64, 4))
    net = Sequential([layers.Dense(21, "sigmoid"), layers.Dense(4, "tanh")], input_shape=30, dtype="float64", seed=1)
    model = reference.Network([
        {"kind": "dense", "weight": w.copy(), "bias": b.copy(), "activation": a}
        for (w, b), a in zip(pairs(net), ("sigmoid", "tanh"), strict=True)
    ])  # fmt: skip
    for start in range(0, 64, batch):
        y = model.forward(x[start : start + batch])
        gradients = model.backward(reference.squared_error_backward(y, target[start : start + batch]))
        for layer, (dw, db) in zip(model.layers, gradients, strict=True):
            layer["weight"] -= 0.5 * dw
            layer["bias"] -= 0.5 * db
    net.fit(
        x, target, batch_size=batch, loss="squared_error", optimizer=optimizers.SGD(0.5), shuffle=False, verbose=0
    )  # fmt: skip
    for (w, b), layer in zip(pairs(net), model.layers, strict=True):
        close(w, layer["weight"])
        close(b, layer["bias"])


@pytest.mark.parametrize("batch", [1, 50])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_any_number_of_threads_to_the_bit(batch, dtype, rng):
    x, y = digits(rng, 230)
    results = []
    for threads in (1, 2, 3, 5):
        fastdl.set_num_threads(threads)
        net = models.lenet5(seed=5, dtype=dtype, shift=1)
        history = net.fit(x, y, epochs=2, batch_size=batch, verbose=0, validation_split=0.1).history
        del history["seconds"]
        results.append((net.parameters.tobytes(), history))
    assert all(result == results[0] for result in results)


def test_a_seed_gives_the_same_bits_and_another_others(rng):
    x, y = digits(rng, 100)
    bits = []
    for seed in (1, 1, 2):
        net = models.lenet5(seed=seed, shift=1)
        net.fit(x, y, batch_size=16, verbose=0)
        bits.append(net.parameters.tobytes())
    assert bits[0] == bits[1] != bits[2]


def test_weights_of_samples_and_classes(rng):
    x, y = rng.standard_normal((12, 5)), rng.integers(0, 3, 12)
    weight = rng.random(12)

    def trained(**arguments):
        net = Sequential([layers.Dense(3)], input_shape=5, dtype="float64", seed=0)
        loss = net.fit(x, y, batch_size=12, shuffle=False, verbose=0, **arguments).history["loss"][0]
        return net.parameters.copy(), loss

    # Weights of whole numbers do what copies of the sample would, over the same divisor.
    net = Sequential([layers.Dense(3)], input_shape=5, dtype="float64", seed=0)
    logits = net.predict(x)
    each = np.array([reference.cross_entropy(logits[i : i + 1], y[i : i + 1]) for i in range(12)])
    parameters, loss = trained(sample_weight=weight)
    assert loss == pytest.approx((weight * each).mean())
    dy = reference.cross_entropy_backward(logits, y) * weight[:, None]
    _, dw, _ = reference.dense_backward(dy, x, net.params["0.weight"])
    close(parameters[:15].reshape(5, 3).T, net.params["0.weight"] - 0.01 * dw)
    by_class = trained(class_weight={0: 2.0, 2: 0.5})
    by_sample = trained(sample_weight=np.array([2.0, 1.0, 0.5])[y])
    assert (by_class[0] == by_sample[0]).all()
    both = trained(class_weight=[2.0, 1.0, 0.5], sample_weight=weight)
    close(both[0], trained(sample_weight=weight * np.array([2.0, 1.0, 0.5])[y])[0])


def test_softmax_layer_is_fused_with_its_loss(rng):
    x, y = rng.standard_normal((40, 6)), rng.integers(0, 4, 40)
    ends = []
    for activation in ("softmax", None):
        net = Sequential([layers.Dense(4, activation)], input_shape=6, dtype="float64", seed=0)
        history = net.fit(x, y, epochs=3, batch_size=16, shuffle=False, verbose=0, validation_data=(x, y)).history
        del history["seconds"]
        ends.append((net.parameters.copy(), history, net.evaluate(x, y)))
        if activation:
            close(net.predict(x).sum(axis=1), np.ones(40))
    assert (ends[0][0] == ends[1][0]).all()
    assert ends[0][1:] == ends[1][1:]


def test_learning(rng):
    x, y = digits(rng, 1000)
    net = models.lenet5(seed=0)
    history = net.fit(x, y, epochs=4, batch_size=20, validation_data=(x[:100], y[:100]), verbose=0)
    assert isinstance(history, History)
    assert history.history["accuracy"][-1] > 0.95
    assert history.history["val_accuracy"][-1] > 0.95
    assert net.evaluate(x, y)["accuracy"] == (net.predict(x).argmax(axis=1) == y).mean()


def test_validation_split_is_the_end_and_not_trained_on(rng):
    x, y = digits(rng, 50)
    one, other = models.lenet5(seed=0), models.lenet5(seed=0)
    split = one.fit(x, y, validation_split=0.2, verbose=0).history
    given = other.fit(x[:40], y[:40], validation_data=(x[40:], y[40:]), verbose=0).history
    assert (one.parameters == other.parameters).all()
    assert split["val_loss"] == given["val_loss"]


def test_callbacks_see_it_all(rng, capsys):
    x, y = digits(rng, 50)
    calls = []

    class Watch(callbacks.Callback):
        def on_fit_begin(self, net, epochs, samples):
            calls.append(("fit", epochs, samples))

        def on_epoch_begin(self, net, epoch):
            calls.append(("epoch", epoch))

        def on_batch_block(self, net, done, total, logs):
            net.predict(x[:1])  # may be used meanwhile
            calls.append(("block", done, total))

        def on_epoch_end(self, net, epoch, logs):
            calls.append(("end", epoch, sorted(logs)))

        def on_fit_end(self, net):
            calls.append(("done",))

    models.lenet5(seed=0).fit(x, y, epochs=2, batch_size=8, callbacks=[Watch()], validation_data=(x, y))
    names = sorted(["epoch", "loss", "accuracy", "val_loss", "val_accuracy", "seconds"])
    assert calls[0] == ("fit", 2, 50)
    assert calls[1] == ("epoch", 1)
    assert ("block", 50, 50) in calls
    assert ("end", 2, names) in calls
    assert calls[-1] == ("done",)
    assert capsys.readouterr().out.count("epoch ") == 2


def test_copies_and_pickles(rng):
    x, y = digits(rng, 30)
    net = models.lenet5(seed=0)
    net.fit(x, y, verbose=0)
    for again in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert (again.predict(x) == net.predict(x)).all()
        again.parameters[...] = 0
    assert net.parameters.any()


def test_summary(capsys):
    models.lenet5().summary()
    out = capsys.readouterr().out
    assert "61,706" in out
    assert "(16, 5, 5)" in out


def test_a_regression_has_no_accuracy(rng):
    net = Sequential([layers.Dense(1)], input_shape=3, seed=0)
    x = rng.standard_normal((200, 3))
    history = net.fit(x, x @ [[1.0], [2], [3]], loss="squared_error", epochs=150, verbose=0).history
    assert "accuracy" not in history
    close(net.params["0.weight"], np.array([[1.0, 2, 3]]), "float32")
    assert "accuracy" not in net.evaluate(x, np.ones((200, 1)))  # nor has one whose targets happen to be ones


def test_plot(rng, tmp_path):
    pytest.importorskip("matplotlib")
    x, y = digits(rng, 30)
    history = models.lenet5(seed=0).fit(x, y, epochs=2, validation_data=(x, y), metrics=["f1"], verbose=0)
    figure = history.plot(str(tmp_path / "curves.png"))
    assert len(figure.axes) == 3
    for axes, name in zip(figure.axes, ("loss", "accuracy", "f1"), strict=True):
        drawn = [measure for measure in (name, f"val_{name}") if measure != "f1"]
        curves = [line for line in axes.lines if len(line.get_xdata()) == 2]  # and a star at the best epoch
        for line, measure in zip(curves, drawn, strict=True):
            assert line.get_xdata().tolist() == [1, 2]
            assert line.get_ydata().tolist() == history.history[measure]
    assert (tmp_path / "curves.png").read_bytes()[:4] == b"\x89PNG"


def test_random_bits_of_a_pass_are_those_of_the_generators_integers():
    net = Sequential([layers.Dense(1)], input_shape=(2,), seed=3)
    net.draw()  # the generator is in the middle of its numbers
    same = copy.deepcopy(net.generator)
    assert [net.draw() for _ in range(100)] == [int(same.integers(1 << 63)) for _ in range(100)]
    assert net.generator.bit_generator.state == same.bit_generator.state


def test_samples_in_the_order_of_their_labels_are_warned_of(rng):
    x, y = rng.standard_normal((90, 3)), np.repeat([0, 1, 2], 30)
    net = Sequential([layers.Dense(3)], input_shape=3, seed=0)
    for targets in (y, np.eye(3)[y]):
        with pytest.warns(UserWarning, match="labels such as 2 are among these alone: shuffle the samples"):
            net.fit(x, targets, validation_split=1 / 3, verbose=0)
    order = rng.permutation(90)
    net.fit(x[order], y[order], validation_split=1 / 3, verbose=0)
    net.fit(x, y, validation_split=0.25, verbose=0)  # some of the last class are learned from


def test_the_labels_of_steps_and_trees_are_warned_of_too(rng):
    """Those that count: not those of padding, nor of the nodes below the roots."""
    x, lengths = rng.standard_normal((40, 50, 2)), np.repeat([50, 9], 20)
    labels = rng.integers(1, 3, (40, 50))
    net = Sequential([layers.GRU(3, return_sequences=True), layers.Dense(4)], input_shape=(None, 2), seed=0)
    net.fit(x, labels, validation_split=0.5, verbose=0)
    labels[np.arange(50) >= lengths[:, None]] = 0
    net.fit(x, labels, lengths=lengths, validation_split=0.5, verbose=0)
    labels[20:, :9] = 3
    told = "labels such as {} are among these alone"
    with pytest.warns(UserWarning, match=told.format(3)):
        net.fit(x, labels, lengths=lengths, validation_split=0.5, verbose=0)
    trees = Trees.parse("(0 (0 a) (0 b))\n" * 40)
    net = Sequential([layers.Embedding(2, 3), layers.Recursive(3), layers.Dense(3)], input_shape=(None,), seed=0)
    with pytest.warns(UserWarning, match=told.format(2)):
        net.fit(np.tile([0, 1, 0], 40), np.repeat([0, 1, 2, 2], 10), trees=trees, validation_split=0.5, verbose=0)
