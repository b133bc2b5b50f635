"""Networks of recurrent layers: their steps that count, their states, and how they train."""

import numpy as np
import pytest
import reference
from conftest import close

import fastdl
from fastdl import Sequential, callbacks, gradient_check, layers, losses, models, optimizers


def sequence_network(steps=None, dtype="float64", **options):
    return Sequential(
        [layers.Embedding(11, 6), layers.LSTM(9, return_sequences=True, **options),
         layers.GRU(8, return_sequences=True, **options), layers.Dense(11)],
        input_shape=(steps,), dtype=dtype, seed=3,
    )  # fmt: skip


def test_a_network_is_its_layers(rng):
    net = sequence_network()
    x = rng.integers(11, size=(13, 7))
    y = x
    for i, layer in enumerate(net.layers):
        shape = layer.input_shape
        alone = layers.from_config(layer.get_config()).build(shape, dtype="float64")
        for name, values in alone.params.items():
            values[...] = net.params[f"{i}.{name}"]
        y = alone.forward(y)
    assert (net.forward(x) == y).all()
    close(net.predict(x), y)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("samples", [1, 3, 21])
def test_gradients_of_a_network(samples, masked, rng):
    net = sequence_network(stateful=masked)
    x, y = rng.integers(11, size=(2, samples, 6))
    lengths = rng.integers(1, 7, samples) if masked else None
    assert gradient_check(net, x, lengths=lengths, limit=60) < 1e-6
    assert gradient_check(net, x, y, lengths=lengths, limit=60, epsilon=3e-5) < 1e-5 * samples


def test_nothing_is_asked_of_steps_that_do_not_count(rng):
    net = sequence_network()
    x, lengths = rng.integers(11, size=(4, 6)), np.array([6, 1, 3, 2])
    dy = rng.standard_normal((4, 6, 11))
    net.forward(x, lengths=lengths)
    net.backward(dy)
    wanted = {name: values.copy() for name, values in net.grads.items()}
    there = np.arange(6) < lengths[:, None]
    close(wanted["3.bias"], dy[there].sum(axis=0))
    dy[~there] = 1e6
    net.forward(x, lengths=lengths)
    net.backward(dy)
    for name, values in net.grads.items():
        assert (values == wanted[name]).all(), name


@pytest.mark.parametrize("batch", [1, 2, 7, 20])
@pytest.mark.parametrize("masked", [False, True])
def test_a_step_goes_down_the_gradient(batch, masked, rng):
    """The loss is the mean over the steps that count, and its gradient that of forward and backward."""
    net = sequence_network(dtype="float64")
    x, y = rng.integers(11, size=(2, batch, 6))
    lengths = rng.integers(1, 7, batch) if masked else None
    logits = net.forward(x, lengths=lengths)
    there = np.arange(6) < (np.full(batch, 6) if lengths is None else lengths)[:, None]
    loss = losses.cross_entropy(logits[there], y[there])
    dy = np.zeros_like(logits)
    dy[there] = losses.cross_entropy_backward(logits[there], y[there])
    net.backward(dy)
    before, gradient = net.parameters.copy(), net.gradients.copy()
    result = net.train_on_batch(x, y, lengths=lengths, optimizer=optimizers.SGD(0.1))
    close(net.parameters, before - 0.1 * gradient)
    close(np.float64(result["loss"]), loss)
    close(np.float64(result["accuracy"]), (logits.argmax(-1) == y)[there].mean())
    net.parameters[...] = before
    measured = net.evaluate(x, y, lengths=lengths)
    close(np.float64(measured["loss"]), loss)
    close(np.float64(measured["accuracy"]), (logits.argmax(-1) == y)[there].mean())


def test_labels_past_the_end_do_not_matter(rng):
    net = sequence_network()
    x, y = rng.integers(11, size=(2, 4, 6))
    lengths = np.array([1, 6, 3, 2])
    there = np.arange(6) < lengths[:, None]
    first = net.evaluate(x, y, lengths=lengths)
    assert net.evaluate(np.where(there, x, 7), np.where(there, y, -1), lengths=lengths) == first


def test_states_of_a_network_in_and_out(rng):
    net = Sequential(
        [layers.GRU(5, return_sequences=True), layers.LSTM(4, return_sequences=True, stateful=True), layers.Dense(3)],
        input_shape=(None, 2), seed=0,
    )  # fmt: skip
    x = rng.standard_normal((3, 8, 2))
    assert net.state is None
    net.predict(x[:, :5])
    nothing, (h, c) = net.state
    assert nothing is None
    assert h.shape == c.shape == (3, 4)
    wanted = net.predict(x[:, 5:])
    net.state = None
    assert (net.predict(x[:, 5:]) != wanted).any()
    net.state = [None, (h, c)]
    assert (net.predict(x[:, 5:]) == wanted).all()
    net.state = [None, (h, c)]
    assert (net.forward(x[:, 5:]) == wanted).all()
    net.state = [None, None]
    assert net.state is None


def stateful_data(rng):
    x, y = rng.integers(11, size=(2, 12, 4))
    return sequence_network(stateful=True), x, y, {"batch_size": 3, "shuffle": False, "verbose": 0}


def test_what_a_callback_predicts_is_another_text(monkeypatch, rng):
    """A training's states go on as if nobody had asked."""
    monkeypatch.setattr("fastdl.training.stepping.BLOCK_SECONDS", 0)

    class Asks(callbacks.Callback):
        def on_batch_block(self, net, done, total, logs):
            net.predict(x[:3])

    net, x, y, options = stateful_data(rng)
    other = sequence_network(stateful=True)
    net.fit(x, y, callbacks=[Asks()], **options)
    other.fit(x, y, **options)
    assert (net.parameters == other.parameters).all()


def test_an_epoch_starts_from_zeros(rng):
    net, x, y, options = stateful_data(rng)
    other = sequence_network(stateful=True)
    other.predict(x[:3])  # which leaves states
    net.fit(x, y, epochs=2, **options)
    for _ in range(2):
        other.fit(x, y, **options)
        other.predict(x[:3])
    assert (net.parameters == other.parameters).all()


def test_validation_of_a_stateful_network(rng):
    """It goes on from batch to batch, in batches of the training's size, which is checked before there is one."""
    net, x, y, options = stateful_data(rng)
    history = net.fit(x, y, validation_data=(x[:6], y[:6]), **options).history
    measured = net.evaluate(x[:6], y[:6], batch_size=3)
    assert (history["val_loss"], history["val_accuracy"]) == ([measured["loss"]], [measured["accuracy"]])
    assert measured != net.evaluate(x[:6], y[:6])
    before = net.parameters.copy()
    with pytest.raises(ValueError, match="batch_size must divide the 7 samples"):
        net.fit(x, y, validation_data=(x[:7], y[:7]), **options)
    assert (net.parameters == before).all()


@pytest.mark.parametrize("threads", [2, 3, 5])
def test_any_number_of_threads_to_the_bit(threads, rng):
    x, y = rng.integers(11, size=(2, 90, 40))
    results = []
    for n in (1, threads):
        fastdl.set_num_threads(n)
        net = sequence_network(dtype="float32")
        history = net.fit(x, y, epochs=2, batch_size=40, lengths=np.arange(90) % 40 + 1, verbose=0,
                          optimizer=optimizers.Adam(0.01, clip_norm=0.1))  # fmt: skip
        results.append((net.parameters.copy(), history.history["loss"], net.predict(x)))
    for one, other in zip(*results, strict=True):
        assert np.array_equal(one, other)


@pytest.mark.parametrize("units", [40, 400])
def test_a_team_in_training(units, rng):
    x, y = rng.integers(11, size=(2, 4, 50))
    results = []
    for threads in (1, 2, 3):
        fastdl.set_num_threads(threads)
        net = models.language_model(11, units=units, layers=2, seed=0)
        net.fit(x, y, epochs=3, batch_size=2, shuffle=False, verbose=0, optimizer=optimizers.SGD(0.1, clip_norm=0.5))
        net.reset_state()
        results.append((net.parameters.copy(), net.predict(x[:1])))
    for others in results[1:]:
        for one, other in zip(results[0], others, strict=True):
            assert np.array_equal(one, other)


def test_stateful_training_goes_on_from_batch_to_batch(rng):
    """Truncated back-propagation: the states go on, their gradients do not."""
    batch, windows, steps = 5, 3, 4
    tokens = rng.integers(11, size=(batch, windows * steps + 1))
    x = np.concatenate([tokens[:, w * steps : (w + 1) * steps] for w in range(windows)])
    y = np.concatenate([tokens[:, w * steps + 1 : (w + 1) * steps + 1] for w in range(windows)])
    net, other = sequence_network(stateful=True), sequence_network()
    net.fit(x, y, batch_size=batch, shuffle=False, verbose=0, optimizer=optimizers.SGD(0.5))
    states = [None, None]
    for w in range(windows):
        part = slice(w * batch, (w + 1) * batch)
        alone = [
            layers.from_config(layer.get_config()).build(layer.input_shape, dtype="float64") for layer in other.layers
        ]
        for i, layer in enumerate(alone):
            for name, values in layer.params.items():
                values[...] = other.params[f"{i}.{name}"]
        h = alone[1].forward(alone[0].forward(x[part]), initial_state=states[0])
        logits = alone[3].forward(alone[2].forward(h, initial_state=states[1]))
        states = [alone[1].state, alone[2].state]
        d = losses.cross_entropy_backward(logits, y[part])
        for layer in alone[::-1]:
            d = layer.backward(d)
        for i, layer in enumerate(alone):
            for name, gradient in layer.grads.items():
                other.params[f"{i}.{name}"][...] -= 0.5 * gradient
    close(net.parameters, other.parameters)
    # Measured in windows as in one piece.
    whole = sequence_network()
    whole.parameters[...] = net.parameters
    expected = whole.evaluate(tokens[:, :-1], tokens[:, 1:])
    close(np.float64(net.evaluate(x, y, batch_size=batch)["loss"]), expected["loss"])
    # And predicted.
    net.reset_state()
    parts = [net.predict(x[w * batch : (w + 1) * batch]) for w in range(windows)]
    close(np.concatenate(parts, axis=1), whole.predict(tokens[:, :-1]))


@pytest.mark.parametrize("kind", ["norm", "value"])
def test_clipping(kind, rng):
    net = sequence_network()
    x, y = rng.integers(11, size=(2, 9, 6))
    net.backward(losses.cross_entropy_backward(net.forward(x), y))
    before, gradient = net.parameters.copy(), net.gradients.copy()
    norm = np.sqrt((gradient**2).sum())
    for limit in (norm / 3, norm * 2) if kind == "norm" else (abs(gradient).max() / 5,):
        net.parameters[...] = before
        expected = gradient * min(1, limit / norm) if kind == "norm" else np.clip(gradient, -limit, limit)
        net.train_on_batch(x, y, optimizer=optimizers.SGD(1.0, **{f"clip_{kind}": limit}))
        close(net.parameters, before - expected)


def test_dropout_in_training_alone(rng):
    x, y = rng.integers(11, size=(2, 30, 6))
    make = lambda rate: Sequential(  # noqa: E731
        [layers.Embedding(11, 6), layers.RNN(8, return_sequences=True), layers.Dropout(rate), layers.Dense(11)],
        input_shape=(6,), seed=0,
    )  # fmt: skip
    one, other, none = make(0.5), make(0.5), make(0.0)
    losses_ = [net.fit(x, y, epochs=2, verbose=0).history["loss"] for net in (one, other, none)]
    assert losses_[0] == losses_[1] != losses_[2]
    assert (one.predict(x) == one.predict(x)).all()


@pytest.mark.parametrize("where", ["network", "layer"])
def test_softmax_of_every_step(where, rng):
    """Rows of no whole number of vectors must not run into one another."""
    last = [layers.Dense(11, "softmax")] if where == "layer" else [layers.Dense(11), layers.Activation("softmax")]
    net = Sequential([layers.RNN(5, return_sequences=True), *last], input_shape=(None, 3), dtype="float64", seed=0)
    plain = Sequential([layers.RNN(5, return_sequences=True), layers.Dense(11)], input_shape=(None, 3), dtype="float64")
    plain.parameters[...] = net.parameters
    x, y = rng.standard_normal((6, 9, 3)), rng.integers(11, size=(6, 9))
    close(net.predict(x), reference.softmax(plain.predict(x)))
    assert gradient_check(net, x, limit=60) < 1e-6
    assert net.evaluate(x, y) == plain.evaluate(x, y)


def test_any_length_after_another(rng):
    net, fixed = sequence_network(), sequence_network(9)
    for steps in (9, 1, 4, 9, 30, 31, 32, 33, 9):
        x = rng.integers(11, size=(3, steps))
        y = net.predict(x)
        assert y.shape == (3, steps, 11)
        if steps == 9:
            assert (y == fixed.predict(x)).all()


def test_saved_and_loaded(tmp_path, rng):
    net = Sequential(
        [layers.Embedding(11, 4), layers.Bidirectional(layers.GRU(5, return_sequences=True, reset_after=False), "sum"),
         layers.Dropout(0.5), layers.LSTM(6, forget_bias=2.0), layers.Dense(3)],
        input_shape=(None,), seed=0,
    )  # fmt: skip
    net.save(tmp_path / "net.npz")
    again = fastdl.load(tmp_path / "net.npz")
    assert again.get_config() == net.get_config()
    x = rng.integers(11, size=(3, 5))
    assert (again.predict(x) == net.predict(x)).all()


def adding_problem(rng, samples, steps):
    """Numbers, of which two are marked; what is asked for is their sum (Hochreiter and Schmidhuber 1997)."""
    x = np.zeros((samples, steps, 2), np.float32)
    x[:, :, 0] = rng.random((samples, steps))
    rows = np.arange(samples)
    first, second = rng.integers(steps // 10, size=samples), rng.integers(steps // 10, steps // 2, size=samples)
    x[rows, first, 1] = x[rows, second, 1] = 1
    return x, (x[rows, first, 0] + x[rows, second, 0])[:, None]


def test_an_lstm_adds_what_an_rnn_cannot():
    errors = {}
    # Of three LSTMs, as one in some stays where all begin.
    for name, seed in (("rnn", 0), ("lstm", 0), ("lstm", 1), ("lstm", 2)):
        layer = layers.RNN(32) if name == "rnn" else layers.LSTM(32, forget_bias=3.0)
        rng = np.random.default_rng(0)
        x, y = adding_problem(rng, 6000, 60)
        net = Sequential([layer, layers.Dense(1)], input_shape=(60, 2), seed=seed)
        net.fit(x, y, epochs=40, batch_size=32, loss="squared_error", verbose=0,
                optimizer=optimizers.Adam(0.01, clip_norm=1.0))  # fmt: skip
        test_x, test_y = adding_problem(rng, 1000, 60)
        errors[name] = min(errors.get(name, 1), 2 * net.evaluate(test_x, test_y)["loss"])
    # To say 1 every time has a mean square error of 1/6.
    assert errors["rnn"] > 0.1
    assert errors["lstm"] < 0.01
