"""The code in docs/ runs, top to bottom, and prints what its comments say; what it quotes stands in the sources."""

import re
from pathlib import Path

import pytest

from fastdl import layers
from fastdl._core.kinds import KINDS
from fastdl.layers.definition import Definition

DOCS = Path(__file__).parent.parent / "docs"


BLOCKS = {
    "adding-a-layer.md": 5,
    "articles.md": 10,
    "derivatives.md": 2,
    "losses-and-metrics.md": 5,
    "own-loops.md": 4,
    "sequences.md": 5,
    "trees.md": 4,
}


@pytest.mark.parametrize(("name", "count"), BLOCKS.items())
def test_code(name, count, capsys):
    names = {}
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / name).read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == count
    for block in blocks:
        exec(compile(block, name, "exec"), names)
        out = capsys.readouterr().out
        for said in re.findall(r"^ *print\(.*\)  # (.*)$", block, re.MULTILINE):
            assert said in out


def test_what_is_quoted():
    text = (DOCS / "adding-a-layer.md").read_text(encoding="utf-8")
    quoted = re.findall(r"```cython\n# (\S+)\n(.*?)```", text, re.DOTALL)
    assert len(quoted) == text.count("```cython") == 9
    for path, lines in quoted:
        assert lines in (DOCS.parent / path).read_text(encoding="utf-8")


def test_every_operation_is_listed():
    text = (DOCS / "adding-a-layer.md").read_text(encoding="utf-8")
    listed = {}
    for kinds, settings in re.findall(r"^\| (`.*?) \|(.*?)\|", text, re.MULTILINE):
        listed.update(dict.fromkeys(re.findall(r"`(\w+)`", kinds), settings.replace(",", "").split()))
    assert listed == {kind: row.settings.split() for kind, row in KINDS.items()}


def test_all_that_a_layer_may_override_is_listed():
    may = {name for name in vars(Definition) if not name.startswith("_")}
    assert may
    for text in (layers.Layer.__doc__, (DOCS / "adding-a-layer.md").read_text(encoding="utf-8")):
        assert may <= set(re.findall(r"`(\w+)(?:\(\w+\))?`", text))
