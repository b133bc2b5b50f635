"""Users' scripts, which type checkers take (`.ci/run`): they run, and every public name is used by one of them."""

import ast
import importlib
import inspect
import pkgutil
import re
import runpy
from pathlib import Path
from types import ModuleType

import pytest

import fastdl
from fastdl import derivatives, estimators, layers, trees
from fastdl.inspection.picture import Picture
from fastdl.text.vocabulary import Vocabulary

SCRIPTS = sorted(Path(__file__).with_name("typed").glob("*.py"))

# Classes that users work with, of which every method is used too.
WORKED_WITH = (
    fastdl.Sequential, fastdl.History, Picture, derivatives.Differentiable, derivatives.Taylor, trees.Trees, Vocabulary,
    estimators.NetClassifier, estimators.NetRegressor, estimators.NetTransformer, estimators.NetEnsemble,
    estimators.TableEncoder,
)  # fmt: skip
CALLED_BY_OURS = {
    "append", "weights_for", "targets_for", "chosen_loss", "has_own_scale", "begin", "wanted", "classes_", "checked",
}  # fmt: skip


def public_modules():
    """Yield the package's modules that name what is public, whose own names have no underscore."""
    yield fastdl
    for found in pkgutil.walk_packages(fastdl.__path__, "fastdl."):
        if not re.search(r"\._|\.cli", found.name):
            module = importlib.import_module(found.name)
            if hasattr(module, "__all__"):
                yield module


def imported(node):
    """Return what an import of a script binds."""
    if isinstance(node, ast.Import):
        return {alias.asname or alias.name: importlib.import_module(alias.name) for alias in node.names}
    exec(ast.unparse(node), bound := {})
    return bound


def used(path):
    """Return what a script names: what is imported, what it asks modules for, and all names of attributes."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names, attributes = {}, set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names.update(imported(node))
    things = list(names.values())

    def value(node):
        if isinstance(node, ast.Name):
            return names.get(node.id)
        module = value(node.value) if isinstance(node, ast.Attribute) else None
        return getattr(module, node.attr, None) if isinstance(module, ModuleType) else None

    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            attributes.add(node.attr)
            things.append(value(node))
    return {id(thing) for thing in things if thing is not None}, attributes


USED = [used(path) for path in SCRIPTS if path.stem != "refused"]


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_script(path, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)  # where what they write goes
    runpy.run_path(str(path))


def test_every_public_name_is_used():
    things = set().union(*(things for things, _ in USED))
    names = {
        f"{module.__name__}.{name}"
        for module in public_modules()
        for name in module.__all__
        if id(getattr(module, name)) not in things
    }
    assert not names, "a script of tests/typed has to use them"


@pytest.mark.parametrize("kind", WORKED_WITH)
def test_every_method_is_used(kind):
    attributes = set().union(*(attributes for _, attributes in USED))
    own = {
        name for name, value in vars(kind).items() if re.match(r"(?!_|set_\w+_request)", name) and inspect.getdoc(value)
    }
    assert own - CALLED_BY_OURS - set(dir(layers.Container)) - attributes == set()


def test_what_is_refused_is_so_to_both_checkers():
    text = SCRIPTS[[path.stem for path in SCRIPTS].index("refused")].read_text(encoding="utf-8")
    body = text.partition("def refused")[2].strip().splitlines()[2:]
    assert len(body) > 30
    for line in body:
        assert re.search(r"  # type: ignore\[[a-z-]+\]  # pyright: ignore", line), line
