"""What `fuzz.py` does for hours with guidance, for a moment and without."""

import pytest
from fuzz import TARGETS, seeds
from hypothesis import given, settings
from hypothesis import strategies as st

EDITS = st.lists(st.tuples(st.integers(0, 4096), st.integers(0, 8), st.binary(max_size=8)), max_size=4)


@st.composite
def files(draw, target):
    """One of the corpus, a few places of which hold something else, or bytes by chance."""
    data = bytearray(draw(st.sampled_from(seeds(target)) | st.binary(max_size=64)))
    for place, length, instead in draw(EDITS):
        start = place % (len(data) + 1)
        data[start : start + length] = instead
    return bytes(data)


@pytest.mark.parametrize("target", TARGETS)
def test_the_corpus(target):
    for data in seeds(target):
        TARGETS[target](data)


@pytest.mark.parametrize("target", TARGETS)
def test_files_by_chance(target):
    @settings(max_examples=300)
    @given(files(target))
    def check(data):
        TARGETS[target](data)

    check()
