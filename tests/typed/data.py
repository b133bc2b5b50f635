"""Data: images, texts and trees, read and made, as a user's script would."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from typing_extensions import assert_type

import fastdl
from fastdl import History, datasets, models, optimizers
from fastdl.text.sampling import sample
from fastdl.trees import Trees, drawing, parsing

(x_train, y_train), (x_test, y_test) = datasets.mnist()
assert_type(x_train, NDArray[Any])
assert_type(y_test, NDArray[Any])
Image.fromarray((x_test[0, 0] * 255).astype(np.uint8)).save("digit.png")
assert_type(fastdl.images.read_image("digit.png", (1, 28, 28), invert=True), NDArray[Any])
for name, labels in (("train", y_train), ("t10k", y_test)):
    with open(f"{name}-labels-idx1-ubyte", "wb") as file:
        file.write(b"\0\0\x08\x01" + (4).to_bytes(4, "big") + labels[:4].astype(np.uint8).tobytes())
    with open(f"{name}-images-idx3-ubyte", "wb") as file:
        sizes = b"".join(n.to_bytes(4, "big") for n in (4, 28, 28))
        file.write(b"\0\0\x08\x03" + sizes + bytes(4 * 28 * 28))
assert_type(datasets.read_idx("t10k-labels-idx1-ubyte"), NDArray[Any])
train, test = datasets.idx_folder(".", transpose=True)
assert_type(train[0], NDArray[Any])

# Texts.
with open("text.txt", "w", encoding="utf-8") as written:
    written.write("the cat sat on the mat. " * 20)
text = datasets.read_text("text.txt")
assert_type(text, str)
vocabulary = datasets.Vocabulary.of(text, limit=20)
assert_type(vocabulary, datasets.Vocabulary)
assert_type(len(vocabulary), int)
assert_type(vocabulary.encode(text), NDArray[Any])
assert_type(vocabulary.encode_one("t"), int)
assert_type(vocabulary.unknown("t?"), list[str])
assert_type(vocabulary.decode([1, 2, 3]), str)
assert_type(vocabulary.tokens, list[str])
ids, following = datasets.text_windows(vocabulary.encode(text), batch_size=2, steps=8)
assert_type(following, NDArray[Any])
assert_type(datasets.words_of("It isn't."), list[str])
language_model = models.language_model(len(vocabulary), units=4, dim=3, seed=0)
assert_type(language_model.fit(ids, following, batch_size=2, shuffle=False, verbose=0), History)
assert_type(sample(language_model, vocabulary, "the", length=5, temperature=0.5, seed=0), str)
assert_type(datasets.standard_library(200), str)

# Trees.
trees = Trees.parse("(1 (0 not) (1 (1 good) (0 film)))\n(0 (0 bad) (0 film))", names=["0", "1"])
assert_type(trees, datasets.Trees)
assert_type(trees[0], Trees)
assert_type(trees[:2].roots, NDArray[Any])
assert_type(trees.words, list[str | None])
assert_type(trees.brackets(), list[str])
assert_type(trees.sentences(), list[list[str]])
assert_type(trees.label(0), str)
for array in (
    trees.start, trees.parents, trees.labels, trees.height, trees.leaves, trees.spans(), trees.children(2),
    trees.child_counts(),
):  # fmt: skip
    assert_type(array, NDArray[Any])
assert_type(trees.part(0, 1), slice)
assert_type(Trees.of((("two", "schools'"), "students")).binarize(), Trees)
assert_type(trees.with_labels([-1] * 8).without("1"), Trees)
with open("trees.txt", "w") as bracketed:
    bracketed.write("\n".join(trees.brackets()))
assert_type(datasets.read_trees("trees.txt", names=["0", "1"]), Trees)
assert_type(datasets.expression_trees(3), Trees)
assert_type(datasets.expression_words("f(x)"), list[str])
assert_type(drawing.draw_tree(trees[0], colour=True), str)
drawing.save_picture(trees[0], "tree.png")
words = datasets.Vocabulary.of_words(["not", "good", "film", "bad"] * 2)
classifier = models.tree_classifier(len(words), 2, units=4, seed=0)
nodes = trees.encode(words)
classifier.fit(nodes, trees.labels, trees=trees, verbose=0)
assert_type(classifier.evaluate(nodes, trees.labels, trees=trees), dict[str, float])
assert_type(classifier.predict(nodes, trees=trees), NDArray[Any])

parser = models.tree_parser(len(words), units=4, seed=0)
told = parsing.fit_parser(parser, words, trees, optimizer=optimizers.Adam(0.01), validation_trees=trees)
assert_type(told, History)
assert_type(parsing.parse(parser, words, [["not", "good"]], beam=2), Trees)
found = parsing.right_branching(trees.sentences())
assert_type(parsing.bracket_f1(found, parsing.balanced(trees.sentences())), float)
assert fastdl.get_num_threads() > 0
