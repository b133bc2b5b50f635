"""docs/coming-from.md: our line of each row runs, after those above it."""

import re
from pathlib import Path

import pytest

import fastdl

TEXT = (Path(__file__).parent.parent / "docs" / "coming-from.md").read_text(encoding="utf-8")
PARTS = {part.partition("\n")[0]: part for part in TEXT.split("\n## ")[1:]}


@pytest.mark.parametrize("name", PARTS)
def test_our_lines(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)  # where what they write goes
    threads = fastdl.get_num_threads()
    names = {}
    for block in re.findall(r"```python\n(.*?)```", TEXT.partition("\n## ")[0] + PARTS[name], re.DOTALL):
        exec(compile(block, name, "exec"), names)
    rows = re.findall(r"^\| (?!There|---)(.*?) \| (.*) \|$", PARTS[name], re.MULTILINE)
    assert len(rows) == PARTS[name].count("\n|") - 2 > 10
    for _, ours in rows:
        lines = re.findall(r"`([^`]+)`", ours)
        assert lines
        for line in lines:
            exec(compile(line, line, "exec"), names)
    fastdl.set_num_threads(threads)
