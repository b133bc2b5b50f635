"""Limits that both Python and the core must know are the same in both."""

import re
from pathlib import Path

import pytest

from fastdl import _limits

SOURCE = Path(__file__).parent.parent / "src"


@pytest.mark.parametrize(
    ("limit", "file", "line"),
    [
        (_limits.MOST_THREADS, "meeting.h", r"#define MAX_WORKERS (\d+)"),
        (_limits.MOST_CHILDREN, "kernels/trees.pxi", r"MOST_CHILDREN = (\d+)"),
    ],
)
def test_python_knows_the_limits_of_the_core(limit, file, line):
    text = (SOURCE / file).read_text(encoding="utf-8")
    assert [int(number) for number in re.findall(line, text)] == [limit]
