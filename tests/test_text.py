"""Texts: read, as tokens of a vocabulary, and as windows to train on."""

import numpy as np
import pytest

from fastdl.datasets import Vocabulary, read_text, standard_library, text_windows, words_of

FOX = "The quick brown fox jumps over the lazy dog. It doesn't bark! "


def test_characters():
    vocabulary = Vocabulary.of("abracadabra")
    assert repr(vocabulary) == "<Vocabulary of 6 characters: '<unknown>', 'a', 'b', 'r', ...>"
    assert vocabulary.tokens == ["<unknown>", "a", "b", "r", "c", "d"]
    assert vocabulary.encode("bad?").tolist() == [2, 1, 5, 0]
    assert vocabulary.decode([2, 1, 5, 0]) == "bad\ufffd"
    assert Vocabulary.of("abracadabra", limit=3).encode("abrac").tolist() == [1, 2, 0, 1, 0]


def test_what_is_no_text_and_no_id():
    vocabulary = Vocabulary.of("the")
    for call in (vocabulary.encode, vocabulary.unknown, Vocabulary.of):
        for text, name in ((b"the", "bytes"), (None, "NoneType")):
            with pytest.raises(TypeError, match=f"text must be a string; received {name}"):
                call(text)
    for words, message in (
        ("abc", "words must be a list of strings; received 'abc'"),
        (["a", 1], "words must be strings; received 1"),
    ):
        with pytest.raises(TypeError, match=message):
            Vocabulary.of_words(words)
    for sentence, name in ((b"the", "bytes"), (None, "NoneType")):
        with pytest.raises(TypeError, match=f"sentence must be a string; received {name}"):
            words_of(sentence)
    for ids, error, message in (
        ([-1], ValueError, "ids must be at least 0; received -1"),
        ([0, 4], ValueError, "ids must be from 0 to 3; received 4"),
        ([1.0], TypeError, "ids must be an integer; received 1.0"),
    ):
        with pytest.raises(error, match=message):
            vocabulary.decode(ids)


def test_a_vocabulary_does_not_depend_on_the_order_of_a_text():
    assert Vocabulary.of("bacab").tokens == Vocabulary.of("cabba").tokens == ["<unknown>", "a", "b", "c"]
    assert Vocabulary.of("b a\n", words=True).tokens == Vocabulary.of("a b\n", words=True).tokens


def test_unknown_tokens():
    assert Vocabulary.of("abc").unknown("a☃bé☃") == ["☃", "é"]
    assert Vocabulary.of("A cat.", words=True).unknown("A dog. A cow.") == ["dog", "cow"]
    assert Vocabulary(["<unknown>", "<s>", "The", "U.S."], words=True).unknown("The U.S.") == []


def test_words_and_sentences():
    vocabulary = Vocabulary.of(FOX, words=True)
    ids = vocabulary.encode(FOX)
    assert [vocabulary.tokens[i] for i in ids] == (
        [
            "<s>",
            "The",
            "quick",
            "brown",
            "fox",
            "jumps",
            "over",
            "the",
            "lazy",
            "dog",
            ".",
            "<e>",
            "<s>",
            "It",
            "does",
            "n't",
            "bark",
            "!",
            "<e>",
        ]
    )
    assert vocabulary.decode(ids) == "The quick brown fox jumps over the lazy dog.\nIt doesn't bark!\n"
    assert vocabulary.encode("The cat.").tolist()[2] == 0


def test_sentences_end_where_they_do():
    vocabulary = Vocabulary.of("Mr. Fox met Dr. J. Bear in the U.S., etc. (He slept.) Why?\n\n<unk> it is", words=True)
    assert vocabulary.decode(vocabulary.encode("Mr. Fox slept. Why? J. Bear met the U.S.")) == (
        "Mr. Fox slept.\nWhy?\nJ. Bear met the U.S.\n"
    )
    assert vocabulary.decode(vocabulary.encode("It is (etc.). He met <unk>")) == "<unknown> is (etc.).\nHe met <unk>\n"
    assert "<unk>" in vocabulary
    assert "." in vocabulary
    assert "Fox." not in vocabulary


def test_a_sentence_a_line():
    text = "mr. fox met\nthe u.s. dr.\n \n <unk> 's it . and it is n't\n"
    vocabulary = Vocabulary.of(text, words=True, lines=True)
    assert vocabulary.decode(vocabulary.encode(text)) == "mr. fox met\nthe u.s. dr.\n<unk>'s it. and it isn't\n"
    assert vocabulary.tokens.count("<e>") == 1
    assert (vocabulary.encode(text) == vocabulary.encode_one("<e>")).sum() == 3
    with pytest.raises(ValueError, match="lines must be False for a vocabulary of characters; received True"):
        Vocabulary.of(text, lines=True)


def test_a_text_that_has_unknown_words():
    for vocabulary in (Vocabulary.of("a <unknown> b", words=True), Vocabulary.of_words(["a", "b", "<unknown>"] * 2)):
        assert vocabulary.tokens.count("<unknown>") == 1
        assert vocabulary.encode("a <unknown>").tolist().count(0) == 1 + 2 * ("<s>" not in vocabulary)


def test_a_text_that_goes_on():
    vocabulary = Vocabulary.of("He met the U.S. and Dr. Fox.", words=True)
    ends = {whole: vocabulary.encode("He met the U.S.", whole=whole)[-2:].tolist() for whole in (True, False)}
    assert vocabulary.decode(ends[True]) == ".\n"
    assert vocabulary.decode(ends[False]) == "the U.S."


def test_windows_follow_one_another():
    ids = np.arange(1, 64)
    x, y = text_windows(ids, batch_size=3, steps=5)
    assert x.shape == y.shape == (12, 5)
    assert (y == x + 1).all()
    for stream in range(3):
        assert (np.diff(x[stream::3].reshape(-1)) == 1).all()
    assert text_windows(np.arange(16), 3, 5)[0].tolist() == np.arange(15).reshape(3, 5).tolist()
    with pytest.raises(ValueError, match="at least 16 tokens, a window of 5 for each of 3 streams; it has 15"):
        text_windows(np.arange(15), 3, 5)


def test_windows_of_what_is_no_text():
    assert text_windows([1, 2, 3, 4, 5], 2, 2)[0].tolist() == [[1, 2], [3, 4]]
    for ids, error, message in (
        (np.arange(16.0), ValueError, r"ids must be integers of shape \(L,\); received float64 of shape \(16,\)"),
        (np.zeros((4, 4), int), ValueError, r"ids must be integers of shape \(L,\); received int64 of shape \(4, 4\)"),
        ("some text", TypeError, "ids must be an array of real numbers"),
    ):
        with pytest.raises(error, match=message):
            text_windows(ids, 3, 5)


def test_the_standard_library():
    text = standard_library(10_000)
    assert len(text) == 10_000
    assert "import" in text


@pytest.mark.parametrize(
    ("content", "message"), [(b"", "must hold text; it is empty"), (b"abc\xff\xfe", "must be UTF-8 text; byte 3")]
)
def test_files_that_are_no_text(tmp_path, content, message):
    (tmp_path / "text").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_text(tmp_path / "text")


def test_a_mark_before_the_text(tmp_path):
    (tmp_path / "text").write_text("abc", encoding="utf-8-sig")
    assert read_text(tmp_path / "text") == "abc"
