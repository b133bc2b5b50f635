"""Trees in arrays, bracketed files of them, and pictures."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastdl.datasets import Trees, Vocabulary, expression_trees, expression_words, read_trees
from fastdl.text.escapes import escaped
from fastdl.trees.drawing import draw_tree, save_picture

FILM = "(3 (2 A) (4 (4 (4 great) (2 ,)) (3 (2 odd) (2 film))))"
words = st.text("abc'-é1()", min_size=1, max_size=4)
nested = st.recursive(words, lambda below: st.lists(below, min_size=1, max_size=4).map(tuple), max_leaves=20)


def unnested(tree, node=None):
    """The tuples that `Trees.of` would make the tree of."""
    node = tree.roots[0] if node is None else node
    if tree.words[node] is not None:
        return tree.words[node]
    return tuple(unnested(tree, child) for child in np.flatnonzero(tree.parents == node))


def test_brackets_become_arrays():
    trees = Trees.parse(f"{FILM}\n(0 bad)")
    assert len(trees) == 2
    assert trees.start.tolist() == [0, 9, 10]
    assert trees.words == ["A", "great", ",", None, "odd", "film", None, None, None, "bad"]
    assert trees.labels.tolist() == [2, 4, 2, 4, 2, 2, 3, 4, 3, 0]
    assert trees.names == ["0", "1", "2", "3", "4"]
    assert trees.parents.tolist() == [8, 3, 3, 7, 6, 6, 7, 8, -1, -1]
    assert trees.children(2)[8].tolist() == [0, 7]
    assert trees.height.tolist() == [0, 0, 0, 1, 0, 0, 1, 2, 3, 0]
    assert trees.roots.tolist() == [8, 9]
    assert trees.spans().tolist()[3:9] == [[1, 3], [3, 4], [4, 5], [3, 5], [1, 5], [0, 5]]
    assert trees.sentences() == [["A", "great", ",", "odd", "film"], ["bad"]]
    assert trees.brackets() == [FILM, "(0 bad)"]


def test_syntactic_labels_over_several_lines():
    trees = Trees.parse("( (S (NP (DT the) (NN cat))\n     (VP (VBZ sits))) )\n")
    assert trees.names == ["DT", "NN", "NP", "S", "VBZ", "VP"]
    assert trees.labels[trees.roots].tolist() == [-1]
    assert trees.brackets() == ["(@ (S (NP (DT the) (NN cat)) (VP (VBZ sits))))"]
    # One child takes its parent's place, under the parent's label where there is one.
    assert trees.binarize().brackets() == ["(S (NP (DT the) (NN cat)) (VP sits))"]


def test_what_is_no_word_is_left_out():
    trees = Trees.parse("""
        (TOP (S (NP-SBJ-1 (-NONE- *PRO*)) (VP (TO to) (VP (VB go) (ADVP (-NONE- *T*-1) (-NONE- 0))))))
        ( (NP (-NONE- *)) )
        (NP (-NONE- *) (-NONE- *))
        ((S (NP-SBJ (PRP$ its) (NN cat) (-NONE- *ICH*-2)) (. .)))
    """)
    real = trees.without("-NONE-")
    assert real.brackets() == [
        "(TOP (S (VP (TO to) (VP (VB go)))))", "(@ (S (NP-SBJ (PRP$ its) (NN cat)) (. .)))",
    ]  # fmt: skip
    assert real.binarize().brackets() == ["(TOP (TO to) (VP go))", "(S (NP-SBJ (PRP$ its) (NN cat)) (. .))"]
    assert real.without("-NONE-").brackets() == real.without("NP").brackets() == real.brackets()
    with pytest.raises(ValueError, match="trees must hold words of another label than -NONE-; all have it"):
        trees[1:3].without("-NONE-")


@given(st.lists(nested, min_size=1, max_size=4))
def test_words_of_a_label_are_left_out(tuples):
    def text(tree):
        if isinstance(tree, str):
            return f"({'-NONE-' if 'a' in tree else 'W'} {escaped(tree)})"
        return f"(X {' '.join(map(text, tree))})"

    def rest(tree):
        if isinstance(tree, str):
            return None if "a" in tree else tree
        return tuple(part for part in map(rest, tree) if part is not None) or None

    trees, left = Trees.parse(" ".join(map(text, tuples))), [tree for tree in map(rest, tuples) if tree is not None]
    if left:
        assert [unnested(tree) for tree in trees.without("-NONE-")] == left
    else:
        with pytest.raises(ValueError, match="trees must hold words of another label than -NONE-"):
            trees.without("-NONE-")


def test_more_children_are_made_two():
    trees = Trees.parse("(X (1 a) (1 b) (1 c) (1 d))")
    assert trees.child_counts().tolist() == [0, 0, 0, 0, 4]
    with pytest.raises(ValueError, match="arity must be at least 4, the most children of a node; received 3"):
        trees.children(3)
    assert trees.binarize().brackets() == ["(X (1 a) (@ (1 b) (@ (1 c) (1 d))))"]


@given(st.lists(nested, min_size=1, max_size=5))
def test_brackets_go_round(tuples):
    trees = [Trees.of(one) for one in tuples]
    assert [unnested(tree) for tree in trees] == tuples
    together = Trees.parse("\n".join(tree.brackets()[0] for tree in trees))
    assert [unnested(tree) for tree in together] == tuples
    binary = together.binarize()
    assert binary.sentences() == together.sentences()
    assert set(binary.child_counts().tolist()) <= {0, 2}
    assert binary.binarize().brackets() == binary.brackets()
    some = together[::-1]
    assert some.brackets() == together.brackets()[::-1]
    assert (some.height == np.concatenate([tree.height for tree in trees[::-1]])).all()


def test_brackets_as_words():
    tree = Trees.of(("f", ("(", "x", ")")))
    assert tree.brackets() == ["(@ (@ f) (@ (@ -LRB-) (@ x) (@ -RRB-)))"]
    assert Trees.parse(tree.brackets()[0]).sentences() == [["f", "(", "x", ")"]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("(2 (3 a) (2 b)\n(2 c)", "t:1:1: this bracket is never closed"),
        ("(2 a)\n  (2 b))", "t:2:8: this bracket closes none"),
        ("(2 a) b", "t:1:7: 'b' must stand in brackets"),
        ("()", "t:1:1: a node must have a label and a word, or children; it has nothing"),
        ("(2 (3 a) (4))", "t:1:10: a node must have a label and a word, or children; it has '4' alone"),
        ("(2 a b)", "t:1:6: a node must have one word, after its label, or children; 'b' is too much"),
        ("(2 a (3 b))", "t:1:6: a node must have a word or children; this one has 'a' too"),
        ("(2 (3 b) a)", "t:1:10: a node must have one word"),
        ("", "t must hold trees; it holds none"),
        (" \n", "t must hold trees; it holds none"),
    ],
)
def test_malformed_brackets(text, message):
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        Trees.parse(text, name="t")


def test_labels_of_another_file():
    with pytest.raises(ValueError, match=r"t:2:4: label must be one of 0, 1, 2; it is 3"):
        Trees.parse("(1 a)\n(1 (3 a) (2 b))", name="t", names=["0", "1", "2"])
    with pytest.raises(ValueError, match=r"t:1:1: label must be one of L0, L1, .*, L19, ...; it is X"):
        Trees.parse("(X a)", name="t", names=[f"L{i}" for i in range(30)])
    trees = Trees.parse("(b (@ x) (a y))", names=["b", "a"])
    assert trees.labels.tolist() == [-1, 1, 0]


def test_files(tmp_path):
    path = tmp_path / "trees.txt"
    path.write_text(f"{FILM}\n{FILM}\n", encoding="utf-8")
    assert len(read_trees(path)) == 2
    path.write_text("(1 a)\n(1 b\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"trees.txt:2:1: this bracket is never closed"):
        read_trees(path)
    path.write_bytes(b"(1 \xff)")
    with pytest.raises(ValueError, match="must be UTF-8 text"):
        read_trees(path)


def test_deep_and_wide_trees():
    deep = "(x " * 10_000 + "(x a)" + " (x b))" * 10_000
    tree = Trees.parse(deep)
    assert tree.height.max() == 10_000
    assert tree.brackets() == [deep]
    assert tree.binarize().brackets() == [deep]
    nest = "a"
    for _ in range(10_000):
        nest = (nest, "b")
    assert Trees.of(nest).height.max() == 10_000
    wide = Trees.parse("(x " + "(x a) " * 10_000 + ")")
    assert wide.child_counts()[-1] == 10_000
    assert wide.brackets() == ["(x" + " (x a)" * 10_000 + ")"]
    assert wide.binarize().height.max() == 9_999


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0, 3], [2, 2, -1], ["a", "b", None], [0, 0, -2]), "labels must be 3 integers from -1 on"),
        (([0, 2], [2, 2, -1], ["a", "b"]), r"parents must have shape \(2,\)"),
        (([0, 2], [2, 2, -1], ["a", "b", None]), "start must rise from 0 to 3"),
        (([0, 3, 3], [2, 2, -1], ["a", "b", None]), "start must rise from 0 to 3"),
        (([0, 0], [], []), "start must rise from 0 to 0"),
        (([0, 3], [-1, 0, 0], [None, "a", "b"]), "parents must make trees in post-order"),
        (([0, 3], [2, -1, -1], ["a", "b", None]), "parents must make trees in post-order"),
        (([0, 3], [2, 2, 2], ["a", "b", None]), "parents must make trees in post-order"),
        (([0, 3], [2, 2, 7], ["a", "b", None]), "parents must make trees in post-order"),
        (([0, 3], [2, 7, -1], ["a", "b", None]), "parents must make trees in post-order"),
        (([0, 1, 3], [2, 2, -1], ["a", "b", None]), "parents must make trees in post-order"),
        (([0, 5], [3, 4, 3, 4, -1], ["a", "b", "c", None, None]), "parents must make trees in post-order"),
        (([0, 3], [2, 2, -1], ["a", None, None]), "words must hold a word for each leaf"),
        (
            ([0, 3], [2, 2, -1], ["a", "b c", None]),
            "words must be strings, not empty and without white space; received 'b c'",
        ),
        (([0, 3], [2, 2, -1], ["a", "", None]), "words must be strings, not empty"),
        (([0, 3], [2, 2, -1], ["a", 2, None]), "words must be strings, not empty"),
        (
            ([0, 3], [2, 2, -1], ["a", "b", None], [0, 1, 2], ["x", "y"]),
            "labels must be below 2, as names has them; received 2",
        ),
        (([0, 3], [2, 2, -1], ["a", "b", None], [0.5, 1, 2]), r"labels must be integers \(M,\); received shape \(3,\)"),
        (([0, 3.5], [2, 2, -1], ["a", "b", None]), "start must be integers"),
        ((3, [2, 2, -1], ["a", "b", None]), r"start must be integers \(M,\); received shape \(\)"),
    ],
)
def test_arrays_that_are_no_trees(arguments, message):
    with pytest.raises(ValueError, match=message):
        Trees(*arguments)


@pytest.mark.parametrize("nest", [(), ("a", ()), ("a", 3), 3, None])
def test_tuples_that_are_no_trees(nest):
    with pytest.raises(TypeError, match="nested must hold words and tuples of them, none of them empty"):
        Trees.of(nest)


def test_arrays_are_the_trees_own():
    start, parents = np.array([0, 3]), np.array([2, 2, -1], np.int32)
    trees = Trees(start, parents, ["a", "b", None])
    start[1], parents[0] = 1 << 40, 7  # the core would follow them anywhere
    assert trees.start.tolist() == [0, 3]
    assert trees.parents.tolist() == [2, 2, -1]
    for array in (trees.start, trees.parents, trees.labels, trees.height, trees[0].start, trees[0].parents):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
    with pytest.raises(TypeError, match="an array of numbers is wanted here; received Trees"):
        np.asarray(trees)


def test_no_tree_is_left():
    with pytest.raises(IndexError, match="no tree is left"):
        Trees.parse(FILM)[1:]


def test_vocabulary_of_trees():
    trees = Trees.parse(FILM)
    once = [f"w{i:02}" for i in range(20)]
    vocabulary = Vocabulary.of_words(["great", "great", *once])
    # Every tenth of the words that occur once is left unknown.
    assert vocabulary.tokens == ["<unknown>", "great", *(w for w in once if w not in ("w00", "w10"))]
    assert trees.encode(vocabulary).tolist() == [0, 1, 0, -1, 0, 0, -1, -1, -1]
    assert Vocabulary.of_words(["<unknown>", "a", "a"]).tokens == ["<unknown>", "a"]


def test_expressions():
    trees = expression_trees(300)
    assert len(trees) == 300
    assert set(trees.child_counts().tolist()) == {0, 2}
    sizes = [len(sentence) for sentence in trees.sentences()]
    assert min(sizes) >= 3
    assert max(sizes) <= 40
    assert len(set(trees.brackets())) == 300
    assert expression_words("f(x, 'a b')[2]") == ["f", "(", "x", ",", "<string>", ")", "[", "<number>", "]"]
    assert expression_words("""g(f"a b {f'{x!r}'}" + y)""") == ["g", "(", "<string>", "+", "y", ")"]


@pytest.mark.parametrize(
    ("source", "error", "message"),
    [
        ("f(x", ValueError, "source must be an expression of Python"),
        ("a $ b", ValueError, "source must be an expression of Python"),
        ("a ! b", ValueError, "source must be an expression of Python; it cannot have '!' there"),
        ("'abc", ValueError, "source must be an expression of Python"),
        (None, TypeError, "source must be a string; received NoneType"),
    ],
)
def test_what_is_no_expression(source, error, message):
    with pytest.raises(error, match=message):
        expression_words(source)


def test_labels_that_are_too_large_for_numbers():
    """They are names: numbers up to them all would have names else."""
    assert Trees.parse("(99999 a)").names[-2:] == ["99998", "99999"]
    assert Trees.parse("(100000 a) (1 b)").names == ["1", "100000"]


def test_numbers_beyond_their_type():
    for parents, labels, name in (([2**32 - 1], None, "parents"), ([-1], [2**64 - 1], "labels")):
        with pytest.raises(ValueError, match=f"{name} must be from -.* received"):
            Trees([0, 1], np.array(parents), ["word"], None if labels is None else np.array(labels))


def test_which_expressions_are_taken(monkeypatch, tmp_path):
    """Those of 3 to 40 tokens, of which each is a word of its own."""
    long = " + ".join("a" for _ in range(20))  # 39 tokens
    (tmp_path / "a.py").write_text(f"x = b.c\ny = {long}\nz = not {long}\nw = not not {long}\nv = f'{{b}}' + b * c\n")
    (tmp_path / "b.py").write_text("f('é');\n", encoding="utf-8")
    monkeypatch.setattr("sysconfig.get_path", lambda _: str(tmp_path))
    taken = [" ".join(words) for words in expression_trees().sentences()]
    assert taken == ["b . c", long, f"not {long}"]


def test_drawings(tmp_path, monkeypatch):
    tree = Trees.parse(FILM)
    lines = draw_tree(tree).splitlines()
    assert lines[:3] == [" +", "├─  0 A", "└─ ++"]
    assert "\033[" not in draw_tree(tree)
    assert "\033[1;38;5;33m++\033[0m" in draw_tree(tree, colour=True)
    assert draw_tree(Trees.parse("(S (NP cats) (VP sleep))")).splitlines() == ["(S)", "├─ (NP) cats", "└─ (VP) sleep"]
    assert draw_tree(Trees.of(("a", ("b", "c")))).splitlines() == ["·", "├─ a", "└─ ·", "   ├─ b", "   └─ c"]
    pytest.importorskip("matplotlib")
    save_picture(tree, tmp_path / "tree.svg")
    text = (tmp_path / "tree.svg").read_text()
    assert "2166ac" in text
    save_picture(Trees.of(("a$b", "c_{", r"$\q$")), tmp_path / "tree.png")
    assert (tmp_path / "tree.png").read_bytes().startswith(b"\x89PNG")
    # A node stands above the middle of what is below it, and leaves side by side.
    monkeypatch.setattr("fastdl.trees.drawing.save_figure", lambda figure, path, dpi: drawn.append(figure))
    drawn = []
    save_picture(Trees.of((("a", "b", ("c", "d")), "e")), "any")
    save_picture(Trees.parse("(x a)\n(x (x b) (x c))"), "any")
    assert len(drawn.pop().axes[0].collections) == 1  # of the first tree alone
    places = [dots.get_offsets()[0].tolist() for dots in drawn[0].axes[0].collections]
    middle = (0 + 1 + 2.5) / 3
    assert places == [
        [0, -2], [1, -2], [2, -3], [3, -3], [2.5, -2], [pytest.approx(middle), -1], [4, -1],
        [pytest.approx((middle + 4) / 2), 0],
    ]  # fmt: skip
    with pytest.raises(ValueError, match="a picture can show at most 200 words; the tree has 201"):
        save_picture(Trees.of(("a",) * 201), tmp_path / "wide.png")


@pytest.mark.parametrize("names", [["very good"], ["("], ["a)"], [""], ["@"], ["a\n"], ["a", "a"]])
def test_names_that_could_not_be_read_again_are_not_written(names):
    trees = Trees.of(("a", "film")).with_labels([0, 0, 0], names)
    assert trees.label(0) == names[0]
    with pytest.raises(ValueError, match="names must be different, without spaces and brackets, and not @; received"):
        trees.brackets()


def test_names_come_back():
    trees = Trees.of(("a", "film")).with_labels([1, 0, 2], ["é-1", "10", "very\u00a0good"])
    again = Trees.parse(trees.brackets()[0], names=trees.names)
    np.testing.assert_array_equal(again.labels, trees.labels)
