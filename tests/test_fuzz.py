"""What `fuzz.py` does for hours with guidance, for a moment and without."""

import json
from copy import deepcopy

import pytest
from fuzz import TARGETS, network, seeds
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


DESCRIPTIONS = [data for data in seeds("network") if data[:1] == b"{"]
LAYERS = [layer for data in DESCRIPTIONS for layer in json.loads(data)["layers"]]
SCALARS = [None, True, -1, 0, 1, 2, 3, 7, 2**31, 2**63, 2**70, 10**400, 0.5, -0.5, 1e308, float("nan"), "", "tanh"]
VALUES = st.sampled_from([*SCALARS, [], {}, [1], [2, 2], [None, 2], [1, 2, 3], *LAYERS])
DROP = object()


def _places(part):
    """Yield all (holder, key) of a description."""
    for key, below in list(part.items() if isinstance(part, dict) else enumerate(part)):
        yield part, key
        if isinstance(below, (dict, list)):
            yield from _places(below)


@settings(max_examples=500)
@given(
    st.sampled_from(DESCRIPTIONS),
    st.lists(st.tuples(st.integers(0, 200), VALUES | st.just(DROP)), min_size=1, max_size=3),
)
def test_descriptions_by_chance(data, changes):
    """One of the corpus, whose arrays are right, but in a few places of which is another value, or none."""
    config = json.loads(data)
    for place, value in changes:
        places = list(_places(config))
        holder, key = places[place % len(places)]
        if value is DROP:
            del holder[key]
        else:
            holder[key] = deepcopy(value)
    network(json.dumps(config).encode())
