"""The parser: its search, its margin, what it learns, and what it is compared with."""

from itertools import pairwise

import numpy as np
import pytest
import reference
from conftest import close
from hypothesis import given
from hypothesis import strategies as st
from test_recursive import random_tree

import fastdl
from fastdl import _core, callbacks, layers, models, optimizers
from fastdl.datasets import Trees, Vocabulary
from fastdl.trees.parsing import balanced, bracket_f1, fit_parser, parse, right_branching
from fastdl.trees.parsing.merges import Sentences
from fastdl.trees.parsing.search import Parser
from fastdl.trees.parsing.training import fill_gradients


def together(*tuples):
    return Trees.parse("\n".join(line for one in tuples for line in Trees.of(one).brackets()))


def as_pairs(merges, count, words):
    """The trees that merges make, as `reference.parse` writes them: those that are in no other."""
    trees = list(range(words))
    for left, right in merges[:count].tolist():
        trees.append((trees[left], trees[right]))
    inside = {child for pair in merges[:count].tolist() for child in pair}
    return [tree for node, tree in enumerate(trees) if node not in inside]


ACTIVATIONS = {"tanh": ("tanh", 0.0), "leaky_relu": ("leaky_relu", 0.3)}  # as the core takes them


def search(layer, vectors, start, score, gold, penalty, beam, activation=("tanh", 0.0)):
    return _core.load("float64").parse(
        "matrix", *activation, layer.units, layer._flat[0], 0, score, vectors, start, gold, penalty, beam,
        fastdl.get_num_threads(),
    )  # fmt: skip


@given(
    st.lists(st.integers(1, 9), min_size=1, max_size=5),
    st.integers(1, 11),
    st.integers(1, 6),
    st.booleans(),
    st.integers(1, 3),
    st.sampled_from(sorted(ACTIVATIONS)),
    st.integers(0, 99),
)
def test_search(lengths, units, beam, has_gold, threads, name, seed):
    fastdl.set_num_threads(threads)
    rng = np.random.default_rng(seed)
    layer = fastdl.layers.Recursive(units, return_nodes=True).build((None, units), dtype="float64", seed=seed)
    layer.params["weight"][...] = rng.standard_normal((units, 2 * units))
    start = np.concatenate([[0], np.cumsum(lengths)])
    vectors, score = rng.standard_normal((start[-1], units)), rng.standard_normal(units + 1)
    gold, spans = None, [None] * len(lengths)
    if has_gold:
        trees = together(*(random_tree(rng, n - 1, 2) for n in lengths))
        data = Sentences.of(trees, Vocabulary(["a"]))
        gold = data.spans()
        spans = [set(map(tuple, gold[a : b - 1].tolist())) for a, b in pairwise(start)]
    merges, right, counts, totals = search(layer, vectors, start, score, gold, 0.5, beam, ACTIVATIONS[name])
    of_reference = name if name == "tanh" else ACTIVATIONS[name]
    for i, n in enumerate(lengths):
        arguments = vectors[start[i] : start[i + 1]], layer.params, score[:-1], score[-1]
        found = reference.parse(*arguments, spans[i], 0.5, beam, of_reference)
        mine = merges[start[i] : start[i + 1]]
        if not has_gold:
            assert counts[i] == n - 1
            close(totals[i], found[-1][0] if found else 0.0)
            assert as_pairs(mine, n - 1, n) == list(found[-1][1] if found else range(n))
            continue
        so_far = right_so_far(arguments, spans[i], n, of_reference)
        ahead = [total - so_far[step + 1] for step, (total, _) in enumerate(found)]
        most = max([0.0, *ahead])
        close(totals[i], most)
        if most > 0:
            step = int(counts[i]) - 1
            close(np.array(ahead[step]), most)  # two steps may be as far ahead, but for rounding
            assert sorted(as_pairs(mine, counts[i], n), key=reference.span) == list(found[step][1])
            parts = as_pairs(right[start[i] : start[i + 1]], counts[i], n)
            assert all(reference.is_right(part, spans[i]) for part in parts)
            assert len(parts) == n - counts[i]
        else:
            assert counts[i] == 0


def test_the_first_of_equals_comes_first():
    layer = fastdl.layers.Recursive(1, return_nodes=True).build((None, 1), dtype="float64", seed=0)
    layer.params["weight"][...], layer.params["bias"][...] = [[-1, -3]], 2
    words, start = np.ones((4, 1)), np.array([0, 4])
    for beam in (1, 2, 9):  # whose score is the same, whatever they are made of
        merges, *_ = search(layer, words, start, np.array([0.0, 1.0]), None, 0.0, beam)
        assert merges[:3].tolist() == [[0, 1], [4, 2], [5, 3]]
    # Both pairs are right, and the wrong one between them is ahead by its penalty.
    gold = np.array([[0, 2], [2, 4], [0, 4], [0, 0]], np.int32)
    merges, right, counts, scores = search(layer, words, start, np.array([-2.0, 1.0]), gold, 0.5, 1)
    assert (merges[0].tolist(), right[0].tolist(), counts[0], scores[0]) == ([1, 2], [0, 1], 1, 0.5)


def right_so_far(arguments, spans, n, activation):
    """Add up the scores of right merges, the best first."""
    vectors, w, u, bias = arguments
    row, total, so_far = list(range(n)), 0.0, [0.0]
    y = reference.tree_vectors(vectors, w, activation)
    while len(row) > 1:
        pairs = [(row[i], row[i + 1]) for i in range(len(row) - 1)]
        scores = [u @ y(pair) + bias if reference.is_right(pair, spans) else -np.inf for pair in pairs]
        at = int(np.argmax(scores))
        row[at : at + 2] = [pairs[at]]
        total += scores[at]
        so_far.append(total)
    return so_far


def objective(net, vocabulary, trees, penalty):
    """The mean loss over sentences, from the search's own figures."""
    data = Sentences.of(trees, vocabulary)
    losses = Parser.of(net, vocabulary).search(data, 1, data.spans(), penalty)[3]
    return losses.mean()


@pytest.mark.parametrize(
    ("composition", "activation"),
    [
        ("matrix", "tanh"), ("tensor", "tanh"), ("lstm", "tanh"), ("matrix", "leaky_relu"),
        ("tensor", layers.Activation("leaky_relu", slope=0.3)),
    ],
)  # fmt: skip
def test_the_margins_gradient(composition, activation, rng):
    trees = together(*(random_tree(rng, n, 2) for n in (4, 6, 3, 5)))
    trees.words = [word and "abcdef"[i % 6] for i, word in enumerate(trees.words)]
    vocabulary = Vocabulary(["?", *"abcdef"])
    recursive = layers.Recursive(5, activation=activation, composition=composition, return_nodes=True)
    parser = [layers.Embedding(7, 5), recursive, layers.Dense(1)]
    net = fastdl.Sequential(parser, input_shape=(None,), seed=1, dtype="float64")
    net.parameters[:] = rng.standard_normal(net.parameters.size) * 0.5
    data = Sentences.of(trees, vocabulary)
    loss, without = fill_gradients(Parser.of(net, vocabulary), data, data.spans(), 0.3, 1)
    assert loss / 4 == pytest.approx(objective(net, vocabulary, trees, 0.3))
    assert without < 4
    gradients, step = net.gradients.copy(), 1e-6
    for place in rng.permutation(net.parameters.size)[:80]:
        before = net.parameters[place]
        net.parameters[place] = before + step
        above = objective(net, vocabulary, trees, 0.3)
        net.parameters[place] = before - step
        difference = (above - objective(net, vocabulary, trees, 0.3)) / (2 * step)
        net.parameters[place] = before
        assert difference == pytest.approx(gradients[place], rel=1e-5, abs=1e-7)


def test_it_learns_a_grammar(rng, tmp_path):
    # Sums of products: * binds more tightly than +, both to the left.
    def tree(terms):
        whole = None
        for factors in terms:
            term = "n"
            for _ in range(factors):
                term = (term, ("*", "n"))
            whole = term if whole is None else (whole, ("+", term))
        return whole

    trees = together(*(tree(rng.integers(0, 4, rng.integers(2, 5))) for _ in range(400)))
    train, test = trees[:300], trees[300:]
    vocabulary = Vocabulary(["?", *"n+*"])
    net = models.tree_parser(4, units=20, seed=0)
    history = fit_parser(
        net, vocabulary, train, epochs=15, optimizer=optimizers.Adam(5e-3), validation_trees=test
    ).history
    assert history["val_f1"][-1] > 0.97
    assert history["loss"][-1] < 0.1 * history["loss"][0]
    found = parse(net, vocabulary, test.sentences())
    assert found.sentences() == test.sentences()
    assert bracket_f1(found, test) == history["val_f1"][-1]
    assert bracket_f1(parse(net, vocabulary, test.sentences(), beam=4), test) > 0.9
    assert bracket_f1(right_branching(test.sentences()), test) < 0.5
    # One at a time as together, and after saving.
    net.save(tmp_path / "net.npz")
    again = fastdl.load(tmp_path / "net.npz")
    for i, sentence in enumerate(test.sentences()[:5]):
        assert parse(again, vocabulary, [sentence]).brackets() == found[i].brackets()


@pytest.mark.parametrize("threads", [2, 5])
def test_any_number_of_threads(threads, rng):
    trees = together(*(random_tree(rng, int(n), 2) for n in rng.integers(2, 15, 60)))
    nets = []
    for number in (1, threads):
        fastdl.set_num_threads(number)
        net = models.tree_parser(2, units=18, seed=0)
        fit_parser(net, Vocabulary(["?", "a"]), trees, epochs=2, optimizer=optimizers.Adam(0.01), beam=3)
        nets.append(net)
    assert (nets[0].parameters == nets[1].parameters).all()


def test_a_training_goes_on_from_call_to_call(rng, tmp_path):
    trees = together(*(random_tree(rng, int(n), 2) for n in rng.integers(3, 9, 20)))
    vocabulary, adam = Vocabulary(["?", "a"]), optimizers.Adam(0.01)
    whole, parts = (models.tree_parser(2, units=5, seed=0) for _ in range(2))
    fit_parser(whole, vocabulary, trees, epochs=3, optimizer=adam)
    fit_parser(parts, vocabulary, trees, optimizer=adam)
    fit_parser(parts, vocabulary, trees)
    parts.save(tmp_path / "net.npz", training=True)
    again = fastdl.load(tmp_path / "net.npz")
    fit_parser(again, vocabulary, trees)
    assert (again.parameters == whole.parameters).all()


def test_rates_and_figures_of_each_step():
    trees = Trees.parse("(x (x (x a) (x b)) (x (x c) (x d)))\n" * 4)
    vocabulary = Vocabulary.of_words([word for word in trees.words if word])

    def parser():
        return models.tree_parser(len(vocabulary), units=4, seed=0)

    class Figures(callbacks.Callback):
        def on_batch_block(self, net, done, total, logs):
            figures.append((logs["loss"], logs["accuracy"]))

    figures = []
    fit_parser(parser(), vocabulary, trees, optimizer=optimizers.SGD(0.0), batch_size=1, callbacks=[Figures()])
    assert figures[0][0] > 0
    np.testing.assert_allclose(figures, figures[:1] * 4, rtol=1e-6)
    # The search is as wide as it is asked to be.
    losses = []
    for beam in (1, 8):
        net = models.tree_parser(len(vocabulary), units=4, seed=2)
        wide = Trees.parse("(x (x (x a) (x b)) (x (x c) (x (x d) (x (x a) (x (x c) (x b))))))\n" * 4)
        history = fit_parser(net, vocabulary, wide, optimizer=optimizers.SGD(0.0), beam=beam, penalty=1.0).history
        losses += history["loss"]
    assert losses[0] < losses[1]
    one, other = parser(), parser()
    for net, epochs in ((one, 1), (other, 3)):  # all but the first step are too small to change a number
        fit_parser(net, vocabulary, trees, optimizer=optimizers.SGD(lambda step: 1e-30 if step else 0.1), epochs=epochs)
        assert (net.parameters != parser().parameters).any()
    assert (one.parameters == other.parameters).all()


def test_baselines():
    sentences = [["a"], ["a", "b"], ["a", "b", "c"], list("abcde")]
    assert [t.brackets()[0] for t in right_branching(sentences)] == [
        "(@ a)",
        "(@ (@ a) (@ b))",
        "(@ (@ a) (@ (@ b) (@ c)))",
        "(@ (@ a) (@ (@ b) (@ (@ c) (@ (@ d) (@ e)))))",
    ]
    assert balanced(sentences)[2:].brackets() == [
        "(@ (@ (@ a) (@ b)) (@ c))",
        "(@ (@ (@ (@ a) (@ b)) (@ c)) (@ (@ d) (@ e)))",
    ]
    assert right_branching([["w"] * 1000]).height.max() == 999
    assert balanced([["w"] * 1000]).height.max() == 10


def test_bracket_f1():
    gold = together(("a", ("b", ("c", "d"))), (("a", "b"), "c"), ("a", "b"))
    assert bracket_f1(gold, gold) == 1
    # b-d, c-d and a-b are to be found; the whole sentences are not.
    assert bracket_f1(right_branching(gold.sentences()), gold) == pytest.approx(2 / 3)
    assert bracket_f1(gold[2], gold[2]) == 1
    with pytest.raises(ValueError, match="found and gold must be of the same sentences"):
        bracket_f1(gold[:2], gold)


def test_sentences_of_one_word_and_of_a_thousand():
    net = models.tree_parser(3, units=4, seed=0)
    vocabulary = Vocabulary(["?", "a", "b"])
    found = parse(net, vocabulary, [["a"], ["b", "unheard-of"], ["a", "b"] * 500], beam=2)
    assert found[0].brackets() == ["(@ a)"]
    assert found[1].brackets() == ["(@ (@ b) (@ unheard-of))"]
    assert found.sentences()[2] == ["a", "b"] * 500


def test_bad_input():
    net, vocabulary = models.tree_parser(3, units=4, seed=0), Vocabulary(["?", "a", "b"])
    trees = together(("a", ("b", "a")))
    adam = optimizers.Adam()
    for sentences in ([], [["a"], []]):
        with pytest.raises(ValueError, match="sentences must hold a word at least in each"):
            parse(net, vocabulary, sentences)
    for function in (right_branching, balanced):
        with pytest.raises(ValueError, match="sentences must hold a word at least in each"):
            function([["a"], []])
    for sentences in ("a b", ["a b"], [["a", 3]]):
        with pytest.raises(TypeError, match=r"sentences must .* lists of words, as words_of gives them; received"):
            parse(net, vocabulary, sentences)
    for beam, message in (
        (0, "beam must be at least 1; received 0"),
        (10**20, "beam must be at most 1024; received 1000"),
    ):
        with pytest.raises(ValueError, match=message):
            parse(net, vocabulary, [["a"]], beam=beam)
    with pytest.raises(TypeError, match=r"optimizer must be one of fastdl\.optimizers; received 'adam'"):
        fit_parser(net, vocabulary, trees, optimizer="adam")
    with pytest.raises(TypeError, match="trees must be Trees; received list"):
        fit_parser(net, vocabulary, [trees], optimizer=adam)
    activated = fastdl.Sequential(
        [
            fastdl.layers.Embedding(3, 4),
            fastdl.layers.Recursive(4, return_nodes=True),
            fastdl.layers.Dense(1, "sigmoid"),
        ],
        input_shape=(None,),
    )
    with pytest.raises(ValueError, match=r"net must be a parser.*Dense\(units=1, activation='sigmoid'"):
        parse(activated, vocabulary, [["a"]])
    with pytest.raises(ValueError, match=r"net must be a parser, as models\.tree_parser makes it"):
        parse(models.mlp((4, 2)), vocabulary, [["a"]])
    with pytest.raises(ValueError, match="vocabulary must hold at most 3 words, which net knows; received 4"):
        parse(net, Vocabulary(list("abcd")), [["a"]])
    with pytest.raises(ValueError, match="trees must have 2 children at every node that is no leaf"):
        fit_parser(net, vocabulary, together(("a", "b", "a")), optimizer=adam)
    with pytest.raises(ValueError, match="trees must hold a sentence of three words"):
        fit_parser(net, vocabulary, together(("a", "b")), optimizer=adam)
    with pytest.raises(ValueError, match="penalty must be a finite number from 0"):
        fit_parser(net, vocabulary, trees, optimizer=adam, penalty=-1)
    net = models.tree_parser(3, units=9, seed=0)
    net.parameters[:] = 3e38  # sums of these overflow
    with pytest.raises(FloatingPointError, match="step 1 gives a loss, parameters or moments that are not finite"):
        fit_parser(net, vocabulary, trees, optimizer=adam)
    assert (net.parameters == np.float32(3e38)).all()
    net = models.tree_parser(3, units=4, seed=0)
    before = net.parameters.copy()
    with pytest.raises(FloatingPointError, match="step 1 gives a loss, parameters or moments that are not finite"):
        fit_parser(net, vocabulary, trees, optimizer=optimizers.SGD(1e39))
    assert (net.parameters == before).all()
