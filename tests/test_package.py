"""What the package says of itself to installers, type checkers and people."""

import importlib
import re
from pathlib import Path

import pytest

import fastdl
from fastdl._extras import DISTRIBUTION, missing

ROOT = Path(__file__).parent.parent


def test_the_name_to_install_is_said_alike():
    """`fastdl` on PyPI is another project."""
    assert f'\nname = "{DISTRIBUTION}"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert DISTRIBUTION in (ROOT / "README.md").read_text(encoding="utf-8")
    documents = [path for folder in ("docs", "examples", "bench", "fastdl") for path in (ROOT / folder).rglob("*")]
    for path in [*documents, *ROOT.glob("*")]:
        if path.suffix in (".md", ".py", ".toml"):
            text = path.read_text(encoding="utf-8")
            assert not re.search(r"pip install \S*\bfastdl\b(?!-)|\bfastdl\[", text), path


def test_a_missing_package_is_named_with_what_brings_it():
    assert (
        str(missing("reading images", "Pillow", "cli"))
        == f'reading images needs Pillow: pip install "{DISTRIBUTION}[cli]"'
    )


def test_every_public_name_is_listed_and_there():
    assert set(fastdl.__all__) <= set(dir(fastdl))
    for name in fastdl.__all__:
        assert getattr(fastdl, name) is not None
    assert fastdl.datasets is importlib.import_module("fastdl.datasets")
    with pytest.raises(AttributeError, match="module 'fastdl' has no attribute 'nonsense'"):
        fastdl.nonsense  # noqa: B018
