r"""
Article 7: recursive networks
=============================

Trees instead of sequences: one phrase read in two ways, a sentence's sentiment at every
node, and a parser that learns where to merge.

*Two schools' students* are students of two schools, or two students of a school. The words
are the same and stand in the same order; what differs is which of them belong together, and
that is a tree. A recursive network makes the vector of a node from those of its children,
with the same weights at every node:

.. math:: p = f(W_1 c_1 + W_2 c_2 + b), \qquad W = (W_1\ W_2)

So every phrase, however long, becomes a vector of the same size, and so does the whole
sentence.
"""

import matplotlib.pyplot as plt
import numpy as np

from fastdl import Sequential, layers, models, optimizers
from fastdl.compat.activators import TanhActivator
from fastdl.compat.recursive import RecursiveLayer, TreeNode
from fastdl.datasets import Trees, Vocabulary
from fastdl.trees import parsing

# %%
# Two readings of one phrase
# --------------------------
#
# The article's layer joins nodes: leaves, or what it joined before. The error comes back
# from the root to the leaves, to each child by its own half of :math:`W`:
#
# .. math:: \delta_1 = W_1^T \delta_p \circ f'(c_1), \qquad
#    \delta_2 = W_2^T \delta_p \circ f'(c_2)
#
# It is to tell the readings apart by the first number of the root's vector: 0.8 for two
# schools, -0.8 for two students.

np.random.seed(0)
tanh = TanhActivator()
layer = RecursiveLayer(6, 2, tanh, 0.1)
layer.W = np.random.normal(0, 0.4, layer.W.shape)
words = {word: np.random.normal(0, 0.5, (6, 1)) for word in ("two", "schools'", "students")}


def join(left, right):
    """Return the parent of two nodes."""
    layer.forward(left, right)
    return layer.root


def read(together):
    """Return the phrase's root: (two schools') students, or two (schools' students)."""
    two, schools, students = (TreeNode(vector) for vector in words.values())
    return (
        join(join(two, schools), students)
        if together
        else join(two, join(schools, students))
    )


answers, before = [], (read(True), read(False))
for step in range(301):
    wanted = step % 2
    root = read(wanted)
    error = np.zeros((6, 1))
    error[0] = root.data[0] - (0.8 if wanted else -0.8)
    layer.backward(error * tanh.backward(root.data))
    layer.update()
    answers.append((read(True).data[0, 0], read(False).data[0, 0]))
    if step % 100 == 0:
        one, other = answers[-1]
        print(
            f"step {step}: (two schools') students {one:+.3f}, "
            f"two (schools' students) {other:+.3f}"
        )

# %%
# Both trees, before and after. A node shows, and is coloured by, the first number of its
# vector, blue above zero and red below. The leaves are the same in all four pictures, since
# words are not trained here.


def draw_tree(axes, value, word, children, left=0, depth=0):
    """Draw a node and all below it from a column on; give its place and the next column."""
    places = []
    for child in children:
        place, left = draw_tree(axes, *child, left, depth + 1)
        places.append(place)
    x = np.mean(places) if children else left
    for place in places:
        axes.plot([x, place], [-depth, -depth - 1], color="tab:gray", zorder=1)
    if not np.isnan(value):
        face, number = plt.cm.RdBu(0.5 + value / 3), f"{round(value, 1) + 0:+.1f}"
        axes.scatter(x, -depth, s=600, color=face, edgecolor="tab:gray", zorder=2)
        axes.text(x, -depth, number, ha="center", va="center", fontsize=9, color="black")
    axes.text(x, -depth - 0.35, word or "", ha="center", va="top")
    axes.set_axis_off()
    axes.margins(0.15, 0.2)
    return x, left + (not children)


def told(node, names):
    """Return what `draw_tree` takes of a node, with its words from `names`."""
    children = [told(child, names) for child in node.children]
    return node.data[0, 0], None if children else next(names), children


figure, panels = plt.subplots(
    2,
    2,
    num="Two trees over the words two, schools', students: roots of any colour before "
    "training, one blue and one red after it",
    figsize=(7, 5),
    layout="constrained",
)
for row, roots, when in zip(
    panels, (before, (read(True), read(False))), ("before", "after"), strict=True
):
    for axes, root, reading in zip(
        row, roots, ("students of two schools", "two students"), strict=True
    ):
        draw_tree(axes, *told(root, iter(words)))
        axes.set_title(f"{when}: {reading}", fontsize=10)
plt.show()

# %%

figure, axes = plt.subplots(
    num="The roots' first numbers over 300 steps: the two readings part, and reach 0.8 and "
    "-0.8",
    figsize=(6, 2.6),
    layout="constrained",
)
for values, reading in zip(
    np.transpose(answers),
    ("(two schools') students", "two (schools' students)"),
    strict=True,
):
    axes.plot(values, label=reading)
axes.set(xlabel="step", ylabel="first number")
axes.grid(alpha=0.3)
axes.legend(frameon=False)
plt.show()

# %%
# Sentiment at every node
# -----------------------
#
# With today's layers trees come from brackets, thousands at a time if need be, and a label
# may stand at every node. Here 0 is bad, 1 neither and 2 good.

trees = Trees.parse("""
(2 (1 a) (2 (2 good) (1 film)))
(0 (1 a) (0 (0 bad) (1 film)))
(0 (1 not) (2 (1 a) (2 (2 good) (1 film))))
(2 (1 not) (0 (1 a) (0 (0 bad) (1 film))))
(2 (1 a) (2 (2 good) (1 story)))
(0 (1 a) (0 (0 bad) (1 story)))
(2 (1 the) (2 (2 good) (1 story)))
(0 (1 the) (0 (0 bad) (1 film)))
(0 (1 not) (2 good))
(2 (1 not) (0 bad))
(1 (1 a) (1 film))
(1 (1 the) (1 story))
""")
vocabulary = Vocabulary(["<unknown>", *sorted(set(filter(None, trees.words)))])
net = Sequential(
    [
        layers.Embedding(len(vocabulary), 16),
        layers.Recursive(16, return_nodes=True),
        layers.Dense(3),
    ],
    input_shape=(None,),
    seed=0,
)
x = trees.encode(vocabulary)
net.fit(
    x,
    trees.labels,
    trees=trees,
    epochs=60,
    batch_size=2,
    optimizer=optimizers.Adam(0.02),
    verbose=0,
)
print(net.evaluate(x, trees.labels, trees=trees))

# %%
# Two phrases that it has not seen. What a node is drawn by is the mean of its
# probabilities' labels, from -1 to 1. *Not* turns what follows it over.


def nested(tree, values, node=None):
    """Return what `draw_tree` takes of a tree in arrays, with a value for each node."""
    node = int(tree.roots[0]) if node is None else node
    children = [
        nested(tree, values, int(child)) for child in np.flatnonzero(tree.parents == node)
    ]
    return values[node], tree.words[node], children


phrases = [Trees.of(("not", ("the", (word, "story")))) for word in ("good", "bad")]
figure, panels = plt.subplots(
    1,
    2,
    num="Two phrases with not, their nodes coloured by sentiment",
    figsize=(8, 3.8),
    layout="constrained",
)
for axes, phrase in zip(panels, phrases, strict=True):
    logits = net.predict(phrase.encode(vocabulary), trees=phrase)
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    sentiment = (odds @ [-1, 0, 1]) / odds.sum(axis=1)
    print(phrase.brackets()[0], f"{sentiment[phrase.roots[0]]:+.2f}")
    draw_tree(axes, *nested(phrase, sentiment))
plt.show()

# %%
# A parser
# --------
#
# Where do trees come from? The article's answer is a recursive network once more: a score
# for each node says how well its children go together. All neighbours are scored, the best
# pair becomes a node, and so on until one is left. It learns by a margin, by which the
# right tree is to be ahead of every other.
#
# Three sums are enough for it to learn that a product comes first.

sums = [("n", ("+", "n")), ("n", ("+", ("n", ("*", "n")))), (("n", ("*", "n")), ("+", "n"))]
gold = Trees.parse("\n".join(Trees.of(one).brackets()[0] for one in sums))
vocabulary = Vocabulary(["<unknown>", "n", "+", "*"])
parser = models.tree_parser(len(vocabulary), units=16, seed=0)
parsing.fit_parser(parser, vocabulary, gold, epochs=40, optimizer=optimizers.Adam(0.02))
found = parsing.parse(parser, vocabulary, [list("n*n+n*n")])
print(found.brackets()[0])

# %%
# A longer one, which it has not seen. A node shows its score, by which it was chosen among
# its neighbours; leaves need none.

scores = parser.predict(found.encode(vocabulary), trees=found)[:, 0]
scores = np.where(found.leaves, np.nan, scores / abs(scores).max())
figure, axes = plt.subplots(
    num="The parsed sum n*n+n*n: both products are nodes, and the sum joins them",
    figsize=(6.5, 3.6),
    layout="constrained",
)
draw_tree(axes, *nested(found, scores))
plt.show()

# %%
# Sentences of a treebank, the commands that train on them, and other ways to compose
# children are on the page about :doc:`../trees`.
