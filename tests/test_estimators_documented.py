"""Each parameter of an estimator is documented, in its own docstring or in the one that this refers to."""

import inspect
import re

import pytest

from fastdl import estimators

CLASSES = [getattr(estimators, name) for name in estimators.__all__ if isinstance(getattr(estimators, name), type)]


def documented(cls):
    """Return the names in a docstring's section of parameters."""
    section = re.search(r"^Parameters\n-+\n(.*?)(?=^\w+\n-+\n|\Z)", inspect.getdoc(cls), re.MULTILINE | re.DOTALL)
    lines = re.findall(r"^(\w.*?) :", section[1], re.MULTILINE) if section else []
    return {name for line in lines for name in line.split(", ")}


@pytest.mark.parametrize("cls", CLASSES)
def test_each_parameter_is_documented(cls):
    known, refers = (
        documented(cls),
        re.search(r"parameters are those of `(\w+)`, except ``(\w+)``", inspect.getdoc(cls)),
    )
    if refers:
        theirs = documented(getattr(estimators, refers[1]))
        assert not known & theirs
        known |= theirs - {refers[2]}
    assert known == set(inspect.signature(cls).parameters)
