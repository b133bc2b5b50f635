"""Recurrent layers, alone and in networks, beside the reference and central differences."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import reference
from conftest import close
from hypothesis import given
from hypothesis import strategies as st

import fastdl
from fastdl import Sequential, callbacks, gradient_check, layers, losses, models, optimizers

CELLS = {
    "rnn tanh": ("rnn", "tanh", lambda units, **o: layers.RNN(units, **o)),
    "rnn relu": ("rnn", "relu", lambda units, **o: layers.RNN(units, "relu", **o)),
    "rnn identity": ("rnn", "identity", lambda units, **o: layers.RNN(units, "identity", **o)),
    "rnn sigmoid": ("rnn", "sigmoid", lambda units, **o: layers.RNN(units, "sigmoid", **o)),
    "lstm": ("lstm", "tanh", layers.LSTM),
    "gru after": ("gru_after", "tanh", layers.GRU),
    "gru before": ("gru_before", "tanh", lambda units, **o: layers.GRU(units, reset_after=False, **o)),
}
cells = pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS.keys())


def built(layer, features, dtype="float64", steps=None):
    """Give the layer with biases that are not zero."""
    layer.build((steps, features), dtype=dtype, seed=1)
    rng = np.random.default_rng(2)
    for name, values in layer.params.items():
        if "bias" in name:
            values[...] = rng.standard_normal(values.shape) / 2
    return layer


def weights(layer, suffix=""):
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    return {name: layer.params[name + suffix].astype(float) for name in names}


@given(
    st.sampled_from(sorted(CELLS)), st.integers(1, 40), st.integers(1, 9), st.integers(1, 20), st.integers(1, 40),
    st.booleans(), st.booleans(), st.sampled_from(["float32", "float64"]), st.integers(0, 2**32 - 1),
)  # fmt: skip
def test_any_shape(name, samples, steps, features, units, sequences, masked, dtype, seed):
    cell, activation, make = CELLS[name]
    rng = np.random.default_rng(seed)
    layer = built(make(units, return_sequences=sequences), features, dtype)
    x = rng.standard_normal((samples, steps, features))
    lengths = rng.integers(1, steps + 1, samples) if masked else None
    y, h, c = reference.recurrent(cell, x, weights(layer), activation=activation, lengths=lengths)
    close(layer.forward(x, lengths=lengths), y if sequences else h, dtype)
    final = layer.state if cell == "lstm" else (layer.state,)
    for actual, expected in zip(final, (h, c), strict=False):
        close(actual, expected, dtype)
    if sequences and not masked:
        dy = rng.standard_normal(y.shape)
        dx, gradients = reference.recurrent_backward(cell, dy, x, weights(layer), activation)
        close(layer.backward(dy), dx, dtype)
        for parameter, gradient in gradients.items():
            close(layer.grads[parameter], gradient, dtype)


@cells
@pytest.mark.parametrize("steps", [1, 2, 300])
@pytest.mark.parametrize("samples", [1, 19])
def test_long_and_short(cell, steps, samples, rng):
    name, activation, make = cell
    layer = built(make(5, return_sequences=True, recurrent_initializer="zeros"), 3)
    layer.params["weight_hh"][...] = rng.standard_normal(layer.params["weight_hh"].shape) / 4
    x = rng.standard_normal((samples, steps, 3))
    close(layer.forward(x), reference.recurrent(name, x, weights(layer), activation=activation)[0])
    dy = rng.standard_normal((samples, steps, 5))
    dx, gradients = reference.recurrent_backward(name, dy, x, weights(layer), activation)
    close(layer.backward(dy), dx)
    for parameter, gradient in gradients.items():
        close(layer.grads[parameter], gradient)


@cells
@pytest.mark.parametrize("sequences", [False, True])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("samples", [1, 5, 18])
def test_gradients(cell, sequences, masked, samples, rng):
    layer = built(cell[2](6, return_sequences=sequences), 4)
    lengths = [3, 1, 7, 2, 5] * 4 if masked else None
    x = rng.standard_normal((samples, 7, 4))
    assert gradient_check(layer, x, lengths=lengths and lengths[:samples], limit=150) < 1e-6


@cells
@pytest.mark.parametrize("steps", [1, 300])
def test_gradients_of_long_and_short(cell, steps, rng):
    layer = built(cell[2](4, return_sequences=True), 3)
    for weight in ("weight_hh", "weight_ih"):
        layer.params[weight][...] /= 2
    assert gradient_check(layer, rng.standard_normal((2, steps, 3)), limit=40) < 1e-5


@pytest.mark.parametrize("merge", ["concat", "sum"])
@pytest.mark.parametrize("sequences", [False, True])
@pytest.mark.parametrize("masked", [False, True])
@cells
def test_bidirectional(cell, sequences, masked, merge, rng):
    name, activation, make = cell
    layer = built(layers.Bidirectional(make(5, return_sequences=sequences), merge), 3)
    x, lengths = rng.standard_normal((6, 8, 3)), [8, 1, 3, 8, 5, 2] if masked else None
    ways = [
        reference.recurrent(
            name, x, weights(layer, suffix), activation=activation, lengths=lengths, reverse=bool(suffix)
        )
        for suffix in ("", "_reverse")
    ]
    parts = [y if sequences else h for y, h, _ in ways]
    close(layer.forward(x, lengths=lengths), np.concatenate(parts, axis=-1) if merge == "concat" else sum(parts))
    assert gradient_check(layer, x, lengths=lengths, limit=60) < 1e-6


@cells
def test_states_in_and_out(cell, rng):
    """Two halves are the whole, forward and backward."""
    layer = built(cell[2](7, return_sequences=True), 3)
    x, dy = rng.standard_normal((2, 9, 10, 3))[..., :3], rng.standard_normal((9, 10, 7))
    x = x[0]
    y = layer.forward(x)
    final = layer.state
    dx = layer.backward(dy)
    grads = {name: g.copy() for name, g in layer.grads.items()}
    first = layer.forward(x[:, :4])
    middle = layer.state
    second = layer.forward(x[:, 4:], initial_state=middle)
    close(np.concatenate([first, second], axis=1), y)
    for one, other in zip(np.atleast_3d(layer.state), np.atleast_3d(final), strict=True):
        close(one, other)
    dx_second = layer.backward(dy[:, 4:])
    total = {name: g.copy() for name, g in layer.grads.items()}
    wanted = layer.state_gradient
    layer.forward(x[:, :4])
    dx_first = layer.backward(dy[:, :4], state_gradient=wanted)
    close(np.concatenate([dx_first, dx_second], axis=1), dx)
    for name, g in layer.grads.items():
        close(g + total[name], grads[name])


@cells
@pytest.mark.parametrize("masked", [False, True])
def test_gradients_of_states(cell, masked, rng):
    layer = built(cell[2](4), 3)
    x, lengths = rng.standard_normal((5, 6, 3)), [6, 1, 2, 6, 3] if masked else None
    pair = cell[0] == "lstm"
    start, direction = rng.standard_normal((2, 2, 5, 4))
    dy = rng.standard_normal((5, 4))

    def objective():
        y = layer.forward(x, lengths=lengths, initial_state=tuple(start) if pair else start[0])
        return (y * dy).sum() + sum(
            (s * d).sum() for s, d in zip(layer.state if pair else [layer.state], direction, strict=False)
        )

    objective()
    layer.backward(dy, state_gradient=tuple(direction) if pair else direction[0])
    gradient = layer.state_gradient if pair else [layer.state_gradient]
    for k, expected in enumerate(gradient):
        for index in np.ndindex(5, 4):
            before = start[k][index]
            start[k][index] = before + 1e-6
            above = objective()
            start[k][index] = before - 1e-6
            below = objective()
            start[k][index] = before
            assert abs((above - below) / 2e-6 - expected[index]) < 1e-7


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("sequences", [False, True])
@cells
def test_states_of_both_directions(cell, sequences, masked, rng):
    name, activation, make = cell
    layer = built(layers.Bidirectional(make(4, return_sequences=sequences)), 3)
    x, lengths = rng.standard_normal((5, 6, 3)), [6, 1, 2, 6, 3] if masked else None
    start, way, asked = rng.standard_normal((3, 2, 2, 5, 4))

    def states(arrays):
        return tuple(tuple(pair) if name == "lstm" else pair[0] for pair in arrays)

    y = layer.forward(x, lengths=lengths, initial_state=states(start))
    outputs = []
    for suffix, (h, c), state in zip(("", "_reverse"), start, layer.state, strict=True):
        output, h, c = reference.recurrent(
            name, x, weights(layer, suffix), activation=activation, lengths=lengths, reverse=bool(suffix), h=h, c=c
        )
        outputs.append(output if sequences else h)
        for one, other in zip(state if name == "lstm" else [state], (h, c), strict=False):
            close(one, other)
    close(y, np.concatenate(outputs, axis=-1))

    dy = rng.standard_normal(y.shape)
    layer.backward(dy, state_gradient=states(asked))
    used = 2 if name == "lstm" else 1

    def objective(step):
        y = layer.forward(x, lengths=lengths, initial_state=states(start + step * way))
        final = np.array([s if name == "lstm" else [s] for s in layer.state])
        return (y * dy).sum() + (final * asked[:, :used]).sum()

    gradient = np.array([s if name == "lstm" else [s] for s in layer.state_gradient])
    assert abs((objective(1e-6) - objective(-1e-6)) / 2e-6 - (gradient * way[:, :used]).sum()) < 1e-7


@pytest.mark.parametrize("make", [lambda layer: layer, layers.Bidirectional])
@cells
def test_back_once_for_a_forward(cell, make, rng):
    """The first time puts gradients where the gates were."""
    layer = built(make(cell[2](5)), 3)
    x = rng.standard_normal((2, 4, 3))
    dx = layer.backward(np.ones_like(layer.forward(x)))
    with pytest.raises(RuntimeError, match="backward must follow forward: it can go back once"):
        layer.backward(np.ones((2, *layer.output_shape)))
    assert (layer.backward(np.ones_like(layer.forward(x))) == dx).all()


def test_built_again_starts_from_zeros(rng):
    layer, x = layers.LSTM(4, stateful=True), rng.standard_normal((2, 5, 3))
    first = layer.build((None, 3), seed=0).forward(x)
    assert (layer.build((None, 3), seed=0).forward(x) == first).all()


@cells
def test_stateful_alone(cell, rng):
    layer, other = (built(cell[2](6, return_sequences=True, stateful=s), 3) for s in (True, False))
    x = rng.standard_normal((4, 9, 3))
    parts = [layer.forward(x[:, :5]), layer.forward(x[:, 5:])]
    close(np.concatenate(parts, axis=1), other.forward(x))
    layer.reset_state()
    close(layer.forward(x[:, :5]), parts[0])


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


@cells
@pytest.mark.parametrize("samples", [1, 3, 8])
@pytest.mark.parametrize("merge", [None, "sum"])
def test_a_team_to_the_bit(cell, samples, merge, rng):
    """One group, which all threads take together: few units, which one of them takes alone, and many."""
    for steps, features, units in ((300, 40, 70), (30, 24, 330)):
        layer = cell[2](units, return_sequences=True, recurrent_initializer="uniform")
        layer = built(layers.Bidirectional(layer, merge) if merge else layer, features, "float32")
        x = rng.standard_normal((samples, steps, features))
        dy = rng.standard_normal((samples, steps, units))
        lengths = rng.integers(1, steps + 1, samples)
        results = []
        for threads in (1, 2, 3, 5):
            fastdl.set_num_threads(threads)
            y = layer.forward(x, lengths=lengths)
            results.append([y, layer.backward(dy), *(g.copy() for g in layer.grads.values())])
        for others in results[1:]:
            for one, other in zip(results[0], others, strict=True):
                assert np.array_equal(one, other)


@cells
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("threads", [1, 2])
def test_one_sample_to_the_bit(cell, dtype, threads, rng):
    """A batch of one has panels of weights of its own, of one to eight vectors."""
    fastdl.set_num_threads(threads)
    for units in (1, 7, 17, 30, 41, 55, 70, 90, 111, 130, 203):
        layer = built(cell[2](units, return_sequences=True, recurrent_initializer="uniform"), 5, dtype)
        x, dy = rng.standard_normal((4, 6, 5)), rng.standard_normal((4, 6, units))
        y = layer.forward(x)
        dx = layer.backward(dy)
        for i in range(4):
            assert (layer.forward(x[i : i + 1]) == y[i]).all()
            assert (layer.backward(dy[i : i + 1]) == dx[i]).all()


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


def test_vectors_for_tokens(rng):
    layer = layers.Embedding(9, 5).build((7,), dtype="float64", seed=0)
    x, dy = rng.integers(9, size=(4, 7)), rng.standard_normal((4, 7, 5))
    assert (layer.forward(x) == layer.params["weight"][x]).all()
    assert (layer.backward(dy) == 0).all()
    expected = np.zeros((9, 5))
    np.add.at(expected, x, dy)
    close(layer.grads["weight"], expected)


@pytest.mark.parametrize("rate", [0.0, 0.25, 0.9])
def test_dropout(rate):
    layer = layers.Dropout(rate).build((40, 30), dtype="float64")
    x = np.ones((50, 40, 30))
    assert (layer.forward(x) == 1).all()
    y = layer.forward(x, training=True)
    kept = y != 0
    assert abs(kept.mean() - (1 - rate)) < 0.01
    np.testing.assert_allclose(y[kept], 1 / (1 - rate), rtol=1e-4)
    assert (layer.backward(x) == y).all()
    if rate:
        assert (y != layer.forward(x, training=True)).any()
        flat = kept.reshape(-1).astype(float) - kept.mean()
        for lag in (1, 2, 3, 4, 30, 1200):  # no pattern from neighbour to neighbour
            assert abs((flat[lag:] * flat[:-lag]).mean()) < 0.01


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


def test_starts():
    layer = layers.LSTM(16, forget_bias=1.5).build((3, 8), seed=0, dtype="float64")
    assert (layer.params["bias_ih"] == np.repeat([0, 1.5, 0, 0], 16)).all()
    for gate in np.split(layer.params["weight_hh"], 4):
        close(gate @ gate.T, np.eye(16))
    assert abs(layer.params["weight_ih"]).max() <= np.sqrt(6 / 24)


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
    for name, layer in (("rnn", layers.RNN(32)), ("lstm", layers.LSTM(32, forget_bias=3.0))):
        rng = np.random.default_rng(0)
        x, y = adding_problem(rng, 6000, 60)
        net = Sequential([layer, layers.Dense(1)], input_shape=(60, 2), seed=0)
        net.fit(x, y, epochs=40, batch_size=32, loss="squared_error", verbose=0,
                optimizer=optimizers.Adam(0.01, clip_norm=1.0))  # fmt: skip
        test_x, test_y = adding_problem(rng, 1000, 60)
        errors[name] = 2 * net.evaluate(test_x, test_y)["loss"]
    # To say 1 every time has a mean square error of 1/6.
    assert errors["rnn"] > 0.1
    assert errors["lstm"] < 0.01


def test_teams_that_others_keep_from_forming(rng):
    """While the threads are busy elsewhere, a second caller's team is itself alone."""
    x = rng.standard_normal((1, 200, 64))
    dy = rng.standard_normal((1, 200, 200))
    fastdl.set_num_threads(3)

    def run(_):
        layer = layers.LSTM(200, return_sequences=True).build((None, 64), seed=0)
        results = [layer.forward(x), layer.backward(dy)]
        return [*results, *layer.grads.values()]

    expected = run(None)
    with ThreadPoolExecutor(6) as pool:
        for results in pool.map(run, range(24)):
            for one, other in zip(results, expected, strict=True):
                assert np.array_equal(one, other)
