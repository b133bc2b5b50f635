"""What the package's modules may know of one another: no circles of imports, and no other module's underscore names."""

import ast
import re
from functools import cached_property
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "fastdl"

PUBLIC_ALL_THE_SAME = {"_asdict", "_fields", "_make", "_replace"}  # of named tuples


class Module:
    """A module's source, and what it imports of its own distribution."""

    def __init__(self, path, root):
        *around, last = path.relative_to(root).with_suffix("").parts
        self.name = ".".join(around if last == "__init__" else [*around, last])
        self.package = ".".join(around)
        self.nodes = list(executed(ast.parse(path.read_text(encoding="utf-8"))))

    def imports(self, modules):
        """Yield pairs: a module, and the name that is taken from it, None for the module itself."""
        for node in self.nodes:
            if isinstance(node, ast.Import):
                yield from ((alias.name, None) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                above = self.package.split(".")[: self.package.count(".") + 2 - node.level] if node.level else []
                origin = ".".join(filter(None, [*above, node.module]))
                for alias in node.names:
                    inner = f"{origin}.{alias.name}"
                    yield (inner, None) if inner in modules else (origin, alias.name)

    def runs(self, modules):
        """Return the modules whose import this one's brings about: also the packages around them that it is not in."""
        found = set()
        for name, _ in self.imports(modules):
            around = {name[: dot.start()] for dot in re.finditer(r"\.", name)}
            found |= {name} | {one for one in around if not f"{self.name}.".startswith(f"{one}.")}
        return found & modules.keys() - {self.name}

    @cached_property
    def defined(self):
        """Return the names that it makes, on itself, in its classes and on ``self`` and ``cls``."""
        names = set()
        for node in self.nodes:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                names.add(node.name)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                names.add(node.id)
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and of_its_own(node):
                names.add(node.attr)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                names.add(node.value)  # slots
        return names

    def foreign_underscores(self, modules, known):
        """Return the underscore names of other modules that it uses."""
        own = self.defined
        theirs = set().union(*(modules[name].defined for name in known))
        found = {name for _, name in self.imports(modules) if name is not None and is_private(name)}
        for node in self.nodes:
            if isinstance(node, ast.Attribute) and is_private(node.attr):
                inherited = node.attr not in own
                if inherited or (not of_its_own(node) and node.attr in theirs):
                    found.add(node.attr)
        return found


def executed(node):
    """Go through all that may run: what is for type checkers alone may not."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            continue
        yield child
        yield from executed(child)


def of_its_own(node):
    return isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")


def is_private(name):
    return re.fullmatch(r"_[^_]\w*", name) is not None and name not in PUBLIC_ALL_THE_SAME


def modules_of(package):
    return {module.name: module for module in (Module(path, package.parent) for path in package.rglob("*.py"))}


def reach(graph, name):
    """Return all that a module's import brings about in the end."""
    found, new = set(), {name}
    while new:
        new = set().union(*(graph[one] for one in new)) - found
        found |= new
    return found


def circles(modules):
    """Return the sets of modules each of which, directly or not, imports all of its set."""
    graph = {name: module.runs(modules) for name, module in modules.items()}
    reached = {name: reach(graph, name) for name in graph}
    together = {frozenset(b for b in reached[a] if a in reached[b]) for a in modules if a in reached[a]}
    return sorted(map(set, together), key=min)


def underscores(modules):
    graph = {name: module.runs(modules) for name, module in modules.items()}
    found = {name: module.foreign_underscores(modules, reach(graph, name) - {name}) for name, module in modules.items()}
    return {name: names for name, names in sorted(found.items()) if names}


@pytest.mark.parametrize("folder", ["fastdl", "bench"])
def test_no_circle_of_imports(folder):
    assert circles(modules_of(ROOT / folder)) == []


def test_no_underscore_name_of_another_module():
    assert underscores(modules_of(PACKAGE)) == {}


def made(folder, **files):
    """Write a package, and give its modules."""
    (folder / "made").mkdir()
    for name, text in {"__init__": "", **files}.items():
        path = folder / "made" / f"{name.replace('__in__', '/')}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return modules_of(folder / "made")


def test_a_circle_through_a_function_and_a_package_is_found(tmp_path):
    modules = made(
        tmp_path,
        __init__="from . import one",
        one="def late():\n    from .inner.two import something",
        inner__in____init__="from .. import three",
        inner__in__two="import os",
        three="from .one import late\nfrom .inner import two",
    )
    assert circles(modules) == [{"made.one", "made.three", "made.inner"}]


def test_imports_for_type_checkers_make_no_circle(tmp_path):
    late = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .two import Two"
    assert circles(made(tmp_path, one=late, two="from .one import One")) == []


def test_underscore_names_of_other_modules_are_found(tmp_path):
    modules = made(
        tmp_path,
        one="_limit = 1\nclass One:\n    def __init__(self):\n        self._own = self._less = _limit",
        two="from . import one\nfrom .one import One, _limit\n"
        "class Two(One):\n    def __init__(self, other):\n        self._less = other._own + self._own\n"
        "        other._less = self.__dict__['x']._replace(y=one.One._less)\n        other._yet = 1",
        three="class Three:\n    _slot = 1\n    def like(self, other):\n        return self._slot == other._slot",
    )
    assert underscores(modules) == {"made.two": {"_limit", "_own", "_less", "_yet"}}
