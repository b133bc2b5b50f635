r"""
Article 5: recurrent networks
=============================

A layer that remembers, unrolled in time: how its gradient comes back, and how it learns to
tell what came first.

What came before often matters: words of a sentence, say. A recurrent layer reads one input
after the other, and besides the input it reads its own last state:

.. math:: s_t = f(U x_t + W s_{t-1})

So a state depends on all inputs so far, and the layer, drawn once for each time, is a
network as deep as the sequence is long, with the same weights at every level.
"""

# sphinx_gallery_thumbnail_number = 2
import matplotlib.pyplot as plt
import numpy as np

from fastdl import Sequential, layers, optimizers
from fastdl.compat.rnn import RecurrentLayer, TanhActivator

# %%
# Back through time
# -----------------
#
# The error is known at the last state. From there its gradient with respect to the weighted
# input, :math:`\delta`, goes back a step at a time, and what the weights get is the sum
# over all times:
#
# .. math:: \delta_{t-1} = f'(s_{t-1}) \circ W^T \delta_t, \qquad
#    \frac{\partial E}{\partial W} = \sum_t \delta_t\, s_{t-1}^T, \qquad
#    \frac{\partial E}{\partial U} = \sum_t \delta_t\, x_t^T
#
# The task: five numbers come, of which the first is 1 or -1 and the others are small and
# say nothing. One unit's last state is to be 0.8 or -0.8, according to the first.

STEPS, UNITS = 5, 8
np.random.seed(0)
tanh = TanhActivator()
layer = RecurrentLayer(1, UNITS, tanh, 0.1)
layer.U, layer.W = (
    np.random.normal(0, 0.5, (UNITS, 1)),
    np.random.normal(0, 0.3, (UNITS, UNITS)),
)


def read(first):
    """Let the layer read a sequence, and give unit 0's last state."""
    layer.reset_state()
    for value in [first, *np.random.normal(0, 0.1, STEPS - 1)]:
        layer.forward([[value]])
    return layer.state_list[-1][0, 0]


errors, lengths = [], {}
for step in range(2001):
    first = np.random.choice([-1.0, 1.0])
    answer = read(first)
    errors.append(abs(answer - 0.8 * first))
    error = np.zeros((UNITS, 1))
    error[0] = answer - 0.8 * first
    layer.backward(error * tanh.backward(layer.state_list[-1]), tanh)
    if step in (0, 200, 2000):
        lengths[step] = [
            np.linalg.norm(delta) / np.linalg.norm(layer.delta_list[-1])
            for delta in layer.delta_list[1:]
        ]
    layer.update()
    if step % 500 == 0:
        print(f"step {step}: wanted {0.8 * first:+.1f}, got {answer:+.3f}")

# %%
# On the left the length of :math:`\delta` at each time, as a share of that at the last.
# With the weights as they were drawn it shrinks at every step back. After training it
# shrinks at the first of them, and hardly any more from there to the input that matters:
# :math:`W` has learned to carry what it gets. On the right the error over the steps.

figure, panels = plt.subplots(
    1,
    2,
    num="Left, the error term by time: before training it fades evenly, after it hardly. "
    "Right, the error over steps",
    figsize=(8, 3),
    layout="constrained",
)
for step, shown in lengths.items():
    panels[0].plot(range(1, STEPS + 1), shown, "o-", label=f"after {step} steps")
panels[0].set(
    xlabel="time", ylabel="share of the last δ", xticks=range(1, STEPS + 1), ylim=(0, None)
)
panels[1].semilogy(np.convolve(errors, np.ones(50) / 50, "valid"))
panels[1].set(xlabel="step", ylabel="error, mean of 50")
for axes in panels:
    axes.grid(alpha=0.3)
panels[0].legend(frameon=False)
plt.show()

# %%
# What the states do
# ------------------
#
# The layer unrolled, after either first input: columns are times, rows are its eight units.
# The first input sets a pattern, and :math:`W` turns it on from state to state until unit
# 0, the top row, has to answer.

figure, panels = plt.subplots(
    1,
    2,
    num="States of eight units over five steps, after 1 and after -1: opposite patterns",
    figsize=(8, 2.8),
    layout="constrained",
)
for axes, first in zip(panels, (1.0, -1.0), strict=True):
    answer = read(first)
    states = np.hstack(layer.state_list[1:])
    shown = axes.imshow(states, cmap="RdBu_r", vmin=-1, vmax=1, aspect="auto")
    axes.set(title=f"{first:+.0f} came first: {answer:+.2f}", xlabel="time", ylabel="unit")
    axes.set_xticks(range(STEPS), range(1, STEPS + 1))
figure.colorbar(shown, ax=panels)
plt.show()

# %%
# Going back over five steps is easy. Over fifty, a product of fifty matrices either
# vanishes or explodes, unless all that happens to cancel; :doc:`the sixth article
# <article6_lstm_gru>` is about that.
#
# A language model
# ----------------
#
# The article's use for it is to guess the next word. A word becomes a vector, the state of
# a recurrent layer sums up the words so far, and a softmax turns a number for each word
# into probabilities:
#
# .. math:: y_i = \frac{e^{x_i}}{\sum_k e^{x_k}}

x = np.array([1.0, 2.0, 3.0, 4.0])
print("softmax of 1, 2, 3, 4:", np.round(np.exp(x) / np.exp(x).sum(), 2))

# %%
# With today's layers that is a list of three, trained on the cross-entropy of the words
# that did come next. Six sentences make a small language, in which a sentence's start and
# end are words too.

SENTENCES = [
    "the cat saw the dog",
    "the cat slept",
    "the dog saw a bird",
    "the dog slept",
    "a bird sang",
    "a bird saw the cat",
]
START, END = "<s>", "<e>"
texts = [[START, *sentence.split(), END] for sentence in SENTENCES]
words = sorted({word for text in texts for word in text})
longest = max(map(len, texts)) - 1
ids = np.array(
    [
        [words.index(word) for word in text + [END] * (longest + 1 - len(text))]
        for text in texts
    ]
)
lengths = np.array([len(text) - 1 for text in texts])

net = Sequential(
    [
        layers.Embedding(len(words), 12),
        layers.RNN(24, return_sequences=True),
        layers.Dense(len(words)),
    ],
    input_shape=(None,),
    seed=0,
)
history = net.fit(
    ids[:, :-1],
    ids[:, 1:],
    lengths=lengths,
    epochs=150,
    batch_size=6,
    optimizer=optimizers.Adam(0.01),
    verbose=0,
).history
print(f"loss {history['loss'][0]:.2f} at first, {history['loss'][-1]:.2f} at last")

# %%
# Each column is what it expects after the words so far. After *the* there is a cat or a
# dog, after *the cat* it saw or it slept, and what was seen depends on who saw it, two
# words back.


def expected(text):
    """Return the probabilities of each word after each of the text's."""
    logits = net.predict(np.array([[words.index(word) for word in text]]))[0]
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)


figure, panels = plt.subplots(
    1,
    2,
    num="Probabilities of the next word, after each word of two sentences",
    figsize=(8, 4),
    layout="constrained",
    sharey=True,
)
for axes, text in zip(panels, (texts[0][:-1], texts[2][:-1]), strict=True):
    shown = axes.imshow(expected(text).T, vmin=0, vmax=1, aspect="auto")
    axes.set_xticks(range(len(text)), text, rotation=45)
    axes.set_xlabel("so far")
panels[0].set_yticks(range(len(words)), words)
panels[0].set_ylabel("next")
figure.colorbar(shown, ax=panels)
plt.show()

# %%
# `models.language_model` is this with long short-term memories, and `layers.Bidirectional`
# reads both ways; :doc:`../sequences` has more.
