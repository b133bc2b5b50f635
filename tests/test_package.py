"""What the package says of itself to installers, type checkers and people."""

import importlib
import re
import subprocess
import sys
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


def test_importing_loads_numpy_and_what_training_needs_alone():
    code = "import sys, numpy; before = {*sys.modules}; import fastdl; print(*sorted({*sys.modules} - before))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = told.stdout.split()
    assert "fastdl.sequential" in loaded
    others = {name.split(".")[0] for name in loaded} - {"fastdl", "cython_runtime", *sys.stdlib_module_names}
    assert not [name for name in others if not name.startswith("_")]  # but Cython's, and installers' hooks
    waiting = [
        "callbacks.checkpoint", "callbacks.line_loggers", "datasets", "derivatives.propagation", "derivatives.taylor",
        "estimators", "export", "functional", "gradients", "inspection", "many", "metrics.classes", "models", "plots",
        "saving", "schedules", "serve", "sweeps", "trees",
    ]  # fmt: skip
    assert not {f"fastdl.{name}" for name in waiting} & {*loaded}
    assert not {"csv", "hashlib", "json", "pathlib", "zipfile"} & {*loaded}
    assert all(hasattr(fastdl, name) for name in fastdl.__all__)


def test_modules_that_docs_name_are_there_without_an_import_of_their_own():
    """As in ``import fastdl; fastdl.images.read_image``; a module of which only parts are named is not one of these."""
    reference = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    modules = re.findall(r"^   fastdl\.(\w+)$", reference, re.MULTILINE)
    assert len(modules) > 10
    assert {*modules} <= {*fastdl.__all__}


def test_versions_of_python_are_said_alike():
    """By the classifiers, by what builds the wheels, and by what tests every push."""
    configuration = pytest.importorskip("tomllib").loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    project = configuration["project"]
    said = [version for name in project["classifiers"] for version in re.findall(r"Python :: (3\.\d+)$", name)]
    built = [
        re.fullmatch(r"cp3(\d+)(t?)-\*", selector).expand(r"3.\1\2")
        for selector in configuration["tool"]["cibuildwheel"]["build"]
    ]
    assert project["requires-python"] == f">={said[0]}"
    assert [version for version in built if version.endswith("t")] == ["3.14t"]
    assert [version for version in built if not version.endswith("t")] == said
    assert workflow_list("tests", "python") == built


def test_systems_are_said_alike():
    assert workflow_list("tests", "os") == workflow_list("wheels", "os")


def workflow_list(workflow, name):
    """Return the members of a list that a workflow's matrix has, in one line."""
    text = (ROOT / ".github" / "workflows" / f"{workflow}.yml").read_text(encoding="utf-8")
    (members,) = re.findall(rf"^ +{name}: \[(.*)\]$", text, re.MULTILINE)
    return [member.strip('"') for member in members.split(", ")]


def test_wheels_are_tested_with_tests_that_are_there():
    for name in (ROOT / "tests" / "representative.txt").read_text(encoding="utf-8").splitlines():
        assert (ROOT / name).is_file()


def test_the_version_is_in_one_place():
    """Which the build reads, and the tag of a release is compared with."""
    places = {
        path.relative_to(ROOT).as_posix()
        for path in [*ROOT.glob("*.*"), *(ROOT / "fastdl").rglob("*.py"), ROOT / "docs" / "conf.py"]
        if path.suffix in (".py", ".toml", ".in")
        and re.search(rf"""["']{re.escape(fastdl.__version__)}["']""", path.read_text(encoding="utf-8"))
    }
    assert places == {"fastdl/_version.py"}


def test_a_missing_package_is_named_with_what_brings_it():
    assert (
        str(missing("reading images", "Pillow", "cli"))
        == f'reading images needs Pillow: pip install "{DISTRIBUTION}[cli]"'
    )


@pytest.mark.parametrize("package", [fastdl, fastdl.callbacks, fastdl.metrics])
def test_every_public_name_is_listed_and_there(package):
    code = f"import {package.__name__} as p; print(*dir(p)); [getattr(p, name) for name in p.__all__]; print(*dir(p))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    before, after = map(str.split, told.stdout.splitlines())
    assert set(package.__all__) <= {*before} <= {*after}
    for name in package.__all__:
        assert getattr(package, name) is not None
    with pytest.raises(AttributeError, match=f"module '{package.__name__}' has no attribute 'nonsense'"):
        package.nonsense  # noqa: B018


def test_modules_that_wait_are_what_is_imported():
    assert fastdl.datasets is importlib.import_module("fastdl.datasets")
    assert fastdl.load is importlib.import_module("fastdl.saving").load
    assert fastdl.metrics.AUC is importlib.import_module("fastdl.metrics.classes").AUC
