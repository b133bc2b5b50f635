"""Plain text taken apart into a treebank's words."""

# ruff: noqa: RUF001

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fastdl.datasets import Trees, read_trees, words_of
from fastdl.text.words import sentences_of, text_of

TREEBANK = Path(__file__).parent.parent.parent / "shared/data/sst/test.txt"
PLAIN = {"``": '"', "''": '"', "`": "'"}
CURLY = {"``": "“", "''": "”", "`": "‘", "'": "’", "--": "—", "...": "…"}


def typed(words, curly):
    """Write a treebank's words as a person does, who knows typography and nothing of treebanks.

    Closing signs and the ends of words stand at what precedes them, opening signs at what follows; "cannot" is a word,
    no sentence ends in two points, and dots at its start stand at its first word. A hyphen that is a word of its own is
    a dash between spaces.
    """
    text, apart = "", False
    for i, word in enumerate(words):
        if word == "." and text.endswith(".") and words[i - 1] != "...":
            continue
        dash = curly and word == "--"
        closing = word in {"''", "'", "...", "/", "'s", "n't", "'re", "'ll", "'ve", "'d", "'m", *",.;:?!%)"}
        cannot = words[i - 1 : i + 1] == ["can", "not"]
        if apart and not (closing or cannot or dash):
            text += " "
        text += CURLY.get(word, word.replace("'", "’")) if curly else PLAIN.get(word, word)
        apart = not (dash or word in {"``", "`", "/", *"($#"} or (word == "..." and i == 0))
    return text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("It's co-written, isn't it? (3.5 $)", "It 's co-written , is n't it ? ( 3.5 $ )"),
        ("Well... it works -- sort of.", "Well ... it works -- sort of ."),
        ("...and it isn’t—alas…", "... and it is n't -- alas ..."),
        ("Mr. Lee, of the U.S. army, met Ms. C. H. O'Hara.", "Mr. Lee , of the U.S. army , met Ms. C. H. O'Hara ."),
        ("No. 1 of 2. No.", "No. 1 of 2 . No ."),
        ("Plays, films, etc.", "Plays , films , etc. ."),
        ("“The ‘best’ of ’em”", "`` The ` best ' of 'em ''"),
        ("\"The 'best' of 'em\" (\"so\"--'they' say)", "`` The ` best ' of 'em '' ( `` so '' -- ` they ' say )"),
        ('a 9" set of the " 60s "', "a 9 '' set of the `` 60s ''"),
        ("the '60s, ‘70s and 1980's", "the '60s , '70s and 1980 's"),
        ("the actors' good ol' rock 'n' roll at five o'clock", "the actors ' good ol' rock 'n' roll at five o'clock"),
        ("DON'T! You cannot, we won't've; 'tis y'all's?!", "DO N'T ! You can not , we wo n't 've ; 't is y'all 's ?!"),
        ("$1,000.50 at 10:30, 100% of .5, 1990–95", "$ 1,000.50 at 10:30 , 100 % of .5 , 1990-95"),
        ("writer/director and R&B of U.S.-born J.K.", "writer/director and R&B of U.S.-born J.K. ."),
        (r"-LRB- writer\/director -RRB- \*\*\* -LSB- a -LCB- b", "( writer/director ) *** [ a { b"),
        ("<unk> of @-@ at https://a.org/?c=d.e. Or me@b.org.", "<unk> of @-@ at https://a.org/?c=d.e . Or me@b.org ."),
        ("End . . . or end.... Or..", "End ... or end ... . Or .."),
        ('He said "films, etc."', "He said `` films , etc. . ''"),
        ("mass. Mass. law. Al. Ho et al. I. Jason X... X", "mass . Mass. law . Al . Ho et al. I . Jason X ... X"),
        ("'Tis—and 'twas, ‘til 'bout ―so 'round 'em, 'cause 'tisane 'no Bol'shoi",
         "'T is -- and 't was , 'til 'bout -- so 'round 'em , 'cause ` tisane ` no Bol'shoi"),
        ("Jan–Feb, post\u2010war cel·la 'roundly ol'x", "Jan -- Feb , post-war cel·la ` roundly ol'x"),
        ("It is n't; I'm, he'd, WE'LL, you're --- 's", "It is n't ; I 'm , he 'd , WE 'LL , you 're -- 's"),
        ('the actors \' (" so " ) we\'ve', "the actors ' ( `` so '' ) we 've"),
        ("1, 2,a:b,3 (no. 4; vitamin C.) Jason X. ", "1 , 2 , a : b , 3 ( no. 4 ; vitamin C . ) Jason X ."),
        ("pre-\"war\" and/'or' צ״ה ג׳ה a\u20dd", "pre - `` war '' and / ` or ' צ״ה ג׳ה a\u20dd"),
        ("10\u202f000 self\u2011made\u200bfilms.Best 3/4-time", "10\u202f000 self-made films.Best 3/4-time"),
        ("snake_case f(x[0])", "snake_case f ( x [ 0 ] )"),
        ("  ", ""),
    ],
)  # fmt: skip
def test_words_of_a_sentence(text, words):
    assert words_of(text) == words.split(" ") * bool(words)


def test_figures_with_spaces_that_do_not_break():
    assert words_of("2\xa01/2 of 10\u202f000\xa0m") == ["2\xa01/2", "of", "10\u202f000", "m"]


@pytest.mark.parametrize(
    "text",
    [
        "यह अच्छी फ़िल्म है", "నేను తెలుగు మాట్లాడతాను", "தமிழ் மொழி", "בְּרֵאשִׁית בָּרָא", "كِتَابٌ جَمِيلٌ", "می‌خواهم کتاب‌ها",
        "cafe\u0301 re\u0301sume\u0301 e\u0301te\u0301", "Việt Nam", "👩‍👩‍👧 ❤️",
    ],
)  # fmt: skip
def test_marks_belong_to_words(text):
    assert words_of(text) == text.split(" ")
    assert words_of(f"({text}।)") == ["(", *text.split(" "), "।", ")"]


@pytest.mark.parametrize("curly", [False, True])
def test_the_treebank_from_plain_text(curly):
    if not TREEBANK.exists():
        pytest.skip("the Stanford Sentiment Treebank is not at ../shared/data/sst")
    sentences = read_trees(TREEBANK).sentences()
    right = sum(words_of(typed(sentence, curly)) == sentence for sentence in sentences)
    assert right >= 0.995 * len(sentences)
    assert sum(words_of(" ".join(sentence)) == sentence for sentence in sentences) >= 0.995 * len(sentences)


@given(st.text("ab'-.é\u0301é12/&(?न\u093f \u200d", max_size=20))
@example(".\u200d.")
def test_no_letter_is_lost(text):
    kept = "".join(words_of(text, whole=False))
    assert [c for c in kept if c not in "'`-"] == [c for c in text if c not in "'`- "]
    assert all(words_of(text))


@pytest.mark.parametrize(
    "text",
    [
        'The "best" (so far) isn\'t \'it\', it\'s... that\'s -- $5, 10% of [all]? \'Tis! <unk>\n"A;" b: c, etc.',
        "So be it....", "「你好。」 如是，也。", "यह है। क्या?", "هذا؟ نعم، هو",
    ],
)  # fmt: skip
def test_words_are_written_as_people_do(text):
    written = text_of(word for line in text.split("\n") for word in (*words_of(line), "\n")).rstrip("\n")
    assert written == text


@given(st.text("ab.?!'\"()。 U", max_size=20))
def test_no_word_is_in_no_sentence(text):
    assert [word for sentence in sentences_of(text) for word in sentence] == words_of(text)
    assert list(sentences_of(text, lines=True)) == [words_of(text)] * bool(text.strip())


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("Mr. Lee left the U.S. yesterday. He did? Yes!", ["Mr. Lee left the U.S. yesterday.", "He did?", "Yes!"]),
        ('"Why?" he asked. "No!" She left (at 5.) So.', ['"Why?" he asked.', '"No!"', "She left (at 5.)", "So."]),
        ("Well... so it is. J. K. Lee\n \nThe end", ["Well... so it is.", "J. K. Lee", "The end"]),
        ("the cat sat. the dog, etc. ran.\nit slept", ["the cat sat.", "the dog, etc. ran.", "it slept"]),
        ("「你好。」他说。对！是？", ["「你好。」", "他说。", "对！", "是？"]),
        ("यह है। वह है॥ هذا؟ نعم", ["यह है।", "वह है॥", "هذا؟", "نعم"]),
        (" \n\n ", []),
    ],
)
def test_sentences(text, sentences):
    assert [text_of(sentence) for sentence in sentences_of(text)] == sentences


def test_a_text_that_goes_on():
    text = "plays, etc.\n\nfilms, etc."
    assert list(sentences_of(text, whole=False)) == [["plays", ",", "etc.", "."], ["films", ",", "etc."]]
    assert [sentence[-1] for sentence in sentences_of(text)] == [".", "."]


def test_lines_are_sentences():
    assert list(sentences_of("a. b\n\n dr. no\n \n", lines=True)) == [["a", ".", "b"], ["dr.", "no"]]


def test_escapes_of_trees():
    trees = Trees.parse(r"(X (N and\/or) (N \*) (N -LCB-) (N -RSB-) (N -LRB-))")
    assert trees.sentences() == [["and/or", "*", "{", "]", "("]]
    assert trees.brackets() == ["(X (N and/or) (N *) (N {) (N ]) (N -LRB-))"]
    assert words_of(" ".join(trees.sentences()[0])) == trees.sentences()[0]
