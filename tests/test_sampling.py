"""Language models: what they learn by heart, and what they write."""

import pytest

from fastdl import Sequential, layers, models, optimizers
from fastdl.datasets import Vocabulary, text_windows
from fastdl.text.sampling import sample

FOX = "The quick brown fox jumps over the lazy dog. It doesn't bark! "


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_a_model_learns_a_sentence_by_heart(cell):
    vocabulary = Vocabulary.of(FOX)
    x, y = text_windows(vocabulary.encode(FOX * 40), 4, 20)
    net = models.language_model(len(vocabulary), cell=cell, units=48, dropout=0.0, dim=16, seed=0)
    net.fit(x, y, epochs=40, batch_size=4, shuffle=False, verbose=0, optimizer=optimizers.Adam(0.01, clip_norm=1.0))
    assert sample(net, vocabulary, FOX[:12], length=50, temperature=0) == FOX[:62]


def test_a_transformer_learns_a_sentence_by_heart():
    vocabulary = Vocabulary.of(FOX)
    x, y = text_windows(vocabulary.encode(FOX * 40), 4, 20)
    net = models.transformer(len(vocabulary), 20, units=32, layers=2, dropout=0.0, seed=0)
    net.fit(x, y, epochs=40, batch_size=4, verbose=0, optimizer=optimizers.Adam(0.003, clip_norm=1.0))
    for prompt in (FOX[:3], FOX[:12], FOX[:40]):  # also of more tokens than it takes
        assert sample(net, vocabulary, prompt, length=90, temperature=0) == (FOX * 3)[: len(prompt) + 90]


def test_samples():
    vocabulary = Vocabulary.of("abc\n")
    net = models.language_model(len(vocabulary), units=8, seed=0)
    one, other = (sample(net, vocabulary, "ab", length=60, seed=0) for _ in range(2))
    assert one == other != sample(net, vocabulary, "ab", length=60, seed=1)
    assert one.startswith("ab")
    assert len(one) == 62
    cold = sample(net, vocabulary, length=60, temperature=1e-3, seed=5)
    assert cold == sample(net, vocabulary, length=60, temperature=0)
    assert net.state is None
    # What is unknown is not written, however likely it is.
    net.params["3.bias"][0] = 1e6
    assert not set(sample(net, vocabulary, length=60, seed=0)) - set("abc\n")


def test_a_prompt_stays_as_it_is():
    vocabulary = Vocabulary.of("abc\n")
    net = models.language_model(len(vocabulary), units=8, seed=0)
    assert sample(net, vocabulary, "é☃b", length=5, seed=0).startswith("é☃b")
    vocabulary = Vocabulary.of(FOX + "(“", words=True)
    net = models.language_model(len(vocabulary), units=8, seed=0)
    for prompt in ("The  quick", "A cat,\n\tand", "The quick ", "It barks .", " "):
        written = sample(net, vocabulary, prompt, length=5, seed=0)
        assert written.startswith(prompt)
        assert "  " not in written[len(prompt) - 1 :]
    logits = net.params["3.bias"]
    logits[...] = 0
    logits[vocabulary.encode_one("fox")] = 1e6
    for prompt, whole in (
        ("The  cat", "The  cat fox fox"), ("The ", "The fox fox"), ("Hi!", "Hi! fox fox"), ("", "fox fox"),
        ("The (", "The (fox fox"), ("I isn’t “", "I isn’t “fox fox"), ("Dr.", "Dr. fox fox"),  # noqa: RUF001
    ):  # fmt: skip
        assert sample(net, vocabulary, prompt, length=2, temperature=0) == whole


def test_without_a_prompt_what_comes_first_is_known(monkeypatch):
    for text, words, start in (("aa\nb", False, "\n"), ("abba a", False, "a"), ("A cat.", True, "<s>")):
        vocabulary = Vocabulary.of(text, words=words)
        net = models.language_model(len(vocabulary), units=4, seed=0)
        asked = []
        predict = net.predict
        monkeypatch.setattr(net, "predict", lambda ids, asked=asked, predict=predict: asked.append(ids) or predict(ids))
        sample(net, vocabulary, length=2)
        assert vocabulary.tokens[asked[0].item()] == start


def test_logits_of_any_size(rng):
    vocabulary = Vocabulary.of("abc\n")
    net = models.language_model(len(vocabulary), units=8, seed=0)
    likeliest = sample(net, vocabulary, "ab", length=20, temperature=0)
    assert sample(net, vocabulary, "ab", length=20, temperature=1e-320) == likeliest
    net.parameters[...] = 3e38 * rng.choice([-1, 1], net.parameters.shape)
    assert len(sample(net, vocabulary, "ab", length=20)) == 22


def network_of(*more, vocabulary=5, stateful=True):
    recurrent = layers.RNN(4, return_sequences=True, stateful=stateful)
    return Sequential([layers.Embedding(vocabulary, 3), recurrent, *more], input_shape=(None,), seed=0)


@pytest.mark.parametrize(
    ("net", "arguments", "error", "message"),
    [
        (Sequential([layers.Dense(5)], input_shape=5), {}, ValueError, r"net must take tokens .* \(5,\) to \(5,\)"),
        (network_of(layers.Dense(5), stateful=False), {}, ValueError, "net must have recurrent layers, all with"),
        (network_of(layers.GRU(5, return_sequences=True)), {}, ValueError, "net must have recurrent layers, all"),
        (network_of(layers.Bidirectional(layers.GRU(5, return_sequences=True), "sum")), {}, ValueError, "all with"),
        (network_of(layers.SelfAttention(1, causal=True), layers.Dense(5)), {}, ValueError, "or else attention"),
        (
            Sequential([layers.Embedding(5, 3), layers.SelfAttention(1), layers.Dense(5)], input_shape=(None,)), {},
            ValueError, "causal=True; received 0 recurrent layers, 0 of them stateful, and 1 of attention, 0 of",
        ),
        (network_of(layers.LSTM(5, stateful=True)), {}, ValueError, r"net must take tokens .* \(None,\) to \(5,\)"),
        (network_of(layers.Dense(5, "softmax")), {}, ValueError, "net must end in logits; received one .* softmax"),
        (network_of(layers.Dense(5), layers.Activation("softmax"), layers.Dropout(0.1)), {}, ValueError, "logits"),
        (network_of(layers.Dense(5, "softmax"), layers.GaussianNoise(0.1)), {}, ValueError, "net must end in logits"),
        (network_of(layers.Dense(4)), {}, ValueError, "vocabulary must have the tokens that .* 4, .* received 5"),
        (network_of(layers.Dense(6)), {}, ValueError, "vocabulary must have the tokens that .* 6, .* received 5"),
        (network_of(layers.Dense(5), vocabulary=4), {}, ValueError, "vocabulary must .* takes, 4, .* received 5"),
        (network_of(layers.Dense(5)), {"prompt": None}, TypeError, "prompt must be a string; received None"),
        (network_of(layers.Dense(5)), {"prompt": b"a"}, TypeError, "prompt must be a string; received b'a'"),
        (network_of(layers.Dense(5)), {"seed": -1}, ValueError, "seed must be at least 0; received -1"),
    ],
)  # fmt: skip
def test_networks_that_cannot_write(net, arguments, error, message):
    if net.stateful:
        net.predict([[0, 1]])
        before = net._states.copy()
    with pytest.raises(error, match=message):
        sample(net, Vocabulary.of("abc\n"), **arguments)
    assert not net.stateful or (net._states == before).all()
