"""The code in docs/ runs, top to bottom, and prints what its comments say."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parent.parent / "docs"


@pytest.mark.parametrize(
    ("name", "count"), [("articles.md", 10), ("own-loops.md", 3), ("sequences.md", 4), ("trees.md", 4)]
)
def test_code(name, count, capsys):
    names = {}
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / name).read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == count
    for block in blocks:
        exec(compile(block, name, "exec"), names)
        out = capsys.readouterr().out
        for said in re.findall(r"^ *print\(.*\)  # (.*)$", block, re.MULTILINE):
            assert said in out
