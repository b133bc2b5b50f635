"""The code in docs/articles.md runs, top to bottom, and prints what its comments say."""

import re
from pathlib import Path

ARTICLES = Path(__file__).parent.parent / "docs" / "articles.md"


def test_articles(capsys):
    names = {}
    blocks = re.findall(r"```python\n(.*?)```", ARTICLES.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 9
    for block in blocks:
        exec(compile(block, str(ARTICLES), "exec"), names)
        out = capsys.readouterr().out
        for said in re.findall(r"^ *print\(.*\)  # (.*)$", block, re.MULTILINE):
            assert said in out
