"""Code in docs/ and in the README runs and prints what its comments say; what docs quote stands in the sources."""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from test_graph import GOOD

import fastdl
from fastdl import callbacks, initializers, layers, losses, metrics, optimizers, schedules
from fastdl._core.graph import Graph
from fastdl._core.kinds import ACTIVATIONS, KINDS, MERGES, WITH_SETTING
from fastdl.layers.definition import Definition
from fastdl.losses.choice import as_loss

DOCS = Path(__file__).parent.parent / "docs"


BLOCKS = {
    "../README.md": 2,
    "adding-a-layer.md": 5,
    "articles.md": 1,
    "c-export.md": 4,
    "data.md": 4,
    "derivatives.md": 3,
    "estimators.md": 5,
    "keras.md": 2,
    "layers.md": 6,
    "losses-and-metrics.md": 5,
    "logging.md": 5,
    "looking.md": 8,
    "many-networks.md": 6,
    "onnx.md": 3,
    "own-loops.md": 5,
    "sequences.md": 6,
    "serving.md": 1,
    "state-dicts.md": 5,
    "sweeps.md": 1,
    "tabular.md": 4,
    "training.md": 7,
    "trees.md": 4,
    "tutorial.md": 8,
}


SOURCES = (".py", ".pyx", ".pxi", ".h")
QUESTIONS = sorted(f"how-to/{path.name}" for path in (DOCS / "how-to").iterdir())
PAGES = [DOCS.parent / "README.md", *sorted(DOCS.rglob("*.md"))]


@pytest.mark.parametrize(("name", "count"), [*BLOCKS.items(), *((name, None) for name in QUESTIONS)])
def test_code(name, count, capsys, tmp_path, monkeypatch, notebook):
    if name == "looking.md":
        pytest.importorskip("matplotlib")
    if name == "c-export.md" and shutil.which("cc") is None:
        pytest.skip("there is no cc")
    monkeypatch.chdir(tmp_path)  # where what they write goes
    if name == "keras.md":  # whose files Keras wrote
        with zipfile.ZipFile(Path(__file__).with_name("keras.zip")) as archive:
            archive.extractall()
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    names = {}
    text = (DOCS / name).read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```(?:\n\n```\n(.*?)```)?", text, re.DOTALL)
    assert len(blocks) == (count or text.count("```python") or 1)
    for block, printed in blocks:
        exec(compile(block, name, "exec"), names)
        out = capsys.readouterr().out
        assert printed in out
        for said in re.findall(r"^ *print\(.*\)  # (.*)$", block, re.MULTILINE):
            assert said in out
            out = out.partition(said)[2]  # the next one comes after it


def test_every_question_is_listed():
    """In the words of its page."""
    text = (DOCS / "how-to.md").read_text(encoding="utf-8")
    titles = {name: (DOCS / name).read_text(encoding="utf-8").split("\n")[0] for name in QUESTIONS}
    assert sorted(re.findall(r"^- \[(.*)\]\((.*)\)$", text, re.MULTILINE)) == sorted(
        (title.removeprefix("# "), name) for name, title in titles.items()
    )
    assert all(re.fullmatch(r"# .*\?", title) for title in titles.values())


def test_every_page_is_in_the_index():
    listed = re.findall(r"^([a-z-]+)$", (DOCS / "index.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(listed) == sorted(path.stem for path in DOCS.glob("*.md") if path.name != "index.md")


def test_every_extra_is_in_the_index():
    project = (DOCS.parent / "pyproject.toml").read_text(encoding="utf-8")
    extras = re.findall(
        r"^(\w+) = \[", project.split("[project.optional-dependencies]")[1].split("\n[")[0], re.MULTILINE
    )
    rows = re.findall(r"^\| (`.*?) \|", (DOCS / "index.md").read_text(encoding="utf-8"), re.MULTILINE)
    listed = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    assert sorted(listed) == sorted({*extras} - {"dev", "docs", "fuzz", "test"})


def test_every_article_is_in_the_index():
    listed = re.findall(r"^articles/(\w+)$", (DOCS / "index.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert listed == sorted(path.stem for path in (DOCS.parent / "examples").glob("*.py"))


def test_a_program_becomes_a_page(tmp_path):
    """With what it prints and its figures, described: the gallery alone, of the shortest program."""
    pytest.importorskip("sphinx_gallery")
    pytest.importorskip("furo")
    name = "article1_perceptron"
    docs = tmp_path / "docs"
    shutil.copytree(DOCS, docs, ignore=shutil.ignore_patterns("*.md", "*.png", "*.svg", "articles", "_reference"))
    (docs / "index.md").write_text(f"# Index\n\n```{{toctree}}\narticles/{name}\n```\n")
    (tmp_path / "examples").mkdir()
    for file in ("README.md", f"{name}.py"):
        text = (DOCS.parent / "examples" / file).read_text(encoding="utf-8")
        (tmp_path / "examples" / file).write_text(re.sub(r":doc:`([^<]+) <\w+>`", r"\1", text), encoding="utf-8")
    pages = tmp_path / "pages"
    environment = {**os.environ, "PYTHONPATH": str(Path(fastdl.__file__).parents[1])}
    subprocess.run([sys.executable, "-m", "sphinx", "-q", "-W", docs, pages], check=True, timeout=120, env=environment)
    page = (pages / "articles" / f"{name}.html").read_text(encoding="utf-8")
    assert "1 and 1 = 1, should be 1" in page
    assert "<math" in page
    shown = re.findall(rf'<img src="\.\./(_images/sphx_glr_{name}_00\d\.png)" srcset="([^"]+)" alt="([^"]+)"', page)
    assert len(shown) == 3
    for source, sources, described in shown:
        assert (pages / source).stat().st_size > 5000
        assert sources.count(".png") == 2
        assert len(described) > 30
    assert not re.search(r'<(?:script|link|img)[^>]* (?:src|href)="(?:https?:)?//', page), "something from elsewhere"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_lead_somewhere(path):
    for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8")):
        if not link.startswith(("http", "#")):
            assert (path.parent / link).exists(), link


def test_the_picture_of_a_network():
    text = (DOCS / "looking.md").read_text(encoding="utf-8")
    block = re.search(r"```python\n(.*?)net\.plot\(.*?```", text, re.DOTALL)[1]
    exec(compile(block, "looking.md", "exec"), names := {})
    assert (DOCS / "network.svg").read_text(encoding="utf-8") == names["net"].plot().svg


def test_what_is_quoted():
    text = (DOCS / "adding-a-layer.md").read_text(encoding="utf-8")
    quoted = re.findall(r"```cython\n# (\S+)\n(.*?)```", text, re.DOTALL)
    assert len(quoted) == text.count("```cython") == 9
    for path, lines in quoted:
        assert lines in (DOCS.parent / path).read_text(encoding="utf-8")


def test_the_map_of_the_code_has_every_place():
    """Of fastdl/ and src/ themselves all files and folders; and what it names is there."""
    plan = (DOCS / "architecture.md").read_text(encoding="utf-8").split("```")[1]
    named = set(re.findall(r"(?<!\S)\w+(?:/|\.\w+)(?=[\s:,;])", plan))
    folders = [DOCS.parent / name for name in ("fastdl", "src")]
    there = {path.name for folder in folders for path in folder.glob("*.*") if path.suffix in SOURCES}
    there |= {f"{path.parent.name}/" for folder in folders for path in folder.glob("*/*") if path.suffix in SOURCES}
    assert there - {"__init__.py"} - named == set()
    within = [path for folder in folders for path in folder.rglob("*")]
    assert named <= {f"{path.name}/" if path.is_dir() else path.name for path in [*folders, *within]}


def test_every_callback_and_optimizer_is_listed():
    text = (DOCS / "training.md").read_text(encoding="utf-8")
    listed = {
        name for names in re.findall(r"^\| (`.*?) \|", text, re.MULTILINE) for name in re.findall(r"`(\w+)", names)
    }
    made = {name for name in (*callbacks.__all__, *optimizers.__all__, *schedules.__all__) if name != "from_config"}
    assert listed == made - {"Callback", "Logger", "Run", "Optimizer"}


def test_every_operation_is_listed():
    text = (DOCS / "adding-a-layer.md").read_text(encoding="utf-8")
    listed = {}
    for kinds, settings in re.findall(r"^\| (`.*?) \|(.*?)\|", text, re.MULTILINE):
        listed.update(dict.fromkeys(re.findall(r"`(\w+)`", kinds), settings.replace(",", "").split()))
    assert listed == {kind: row.settings.split() for kind, row in KINDS.items()}


def test_the_parameters_of_every_operation_are_listed():
    """For the operations of `test_graph.GOOD`; those of recurrent and recursive ones are told in words."""
    listed = {re.search(r"`(\w+)`", row[0])[1]: re.findall("`(.*?)`", row[-1]) for row in rows("adding-a-layer.md", 5)}
    for kind, settings, shape, *_ in GOOD.values():
        if kind in ("recurrent", "recursive"):
            continue
        graph = Graph(shape)
        graph.add(kind, [graph.input] * (2 if kind in MERGES else 1), settings)
        axes = {1: "F", 2: "TF", 3: "CHW"}[len(shape)]
        names = {**dict(zip(axes, shape, strict=True)), **settings}
        if "kernel" in settings:
            names.update(zip(("KH", "KW") if len(shape) == 3 else ("_", "K"), settings["kernel"], strict=True))
        said = [one for one in listed.get(kind, []) if set(re.findall("[A-Za-z]+", one)) <= names.keys()]
        wanted = eval(f"[{said[0]}]", {}, names) if said else []
        assert list(graph.operations[0]["parameters"]) == wanted, kind


def test_all_that_a_layer_may_override_is_listed():
    may = {name for name in vars(Definition) if not name.startswith("_")}
    assert may
    for text in (layers.Layer.__doc__, (DOCS / "adding-a-layer.md").read_text(encoding="utf-8")):
        assert may <= set(re.findall(r"`(\w+)(?:\(\w+\))?`", text))


def rows(name, columns):
    """The rows of the tables of a page that have so many columns, without their headings."""
    lines = re.findall(r"^\|(.*)\|$", (DOCS / name).read_text(encoding="utf-8"), re.MULTILINE)
    cells = [[cell.strip() for cell in line.split("|")] for line in lines]
    return [row for row in cells if len(row) == columns and row[0].startswith("`")]


def test_every_layer_is_listed():
    """With the arguments of its constructor, and examples of what becomes of a shape."""
    every = {kind for kind in vars(layers).values() if isinstance(kind, type) and issubclass(kind, layers.Layer)}
    listed = {}
    for signature, _, examples in rows("layers.md", 3):
        if not (named := re.fullmatch(r"`(\w+)\((.*)\)`", signature)):
            continue
        name, arguments = named.groups()
        shapes = re.findall(r"`([^`]+)`: (\([^)]*\)) to (\([^)]*\))", examples)
        assert shapes
        assert name not in listed
        for example, before, after in shapes:
            listed[name] = layer = eval(example, dict(vars(layers)))
            layer.build(eval(before))
            assert layer.output_shape == eval(after), example
        # What a layer is saved with are its arguments.
        assert ["class", *filter(None, arguments.split(", "))] == list(layer.get_config()), name
        assert type(layer).__name__ == name
    assert {type(layer) for layer in listed.values()} == every - {layers.Layer, layers.Container}


def test_every_loss_and_metric_is_listed():
    """Under its name, with its settings as they are by default; of a metric, what is better."""
    listed = set()
    for names, made, _, better in rows("losses-and-metrics.md", 4):
        name, kind = names.split("`")[1], made.strip("`").partition("(")[0]
        thing = getattr(losses if kind in losses.__all__ else metrics, kind)()
        assert made == f"`{thing!r}`"
        assert name == thing.name
        if isinstance(thing, losses.Loss):
            assert as_loss(name) == thing
        else:
            assert better == ("high" if thing.higher_is_better else "low")
        listed.add(kind)
    public = {name: getattr(module, name) for module in (losses, metrics) for name in module.__all__}
    assert listed == {name for name, thing in public.items() if isinstance(thing, type)} - {"Loss", "Metric"}


def test_every_activation_and_initializer_is_listed():
    named = [(re.findall(r"`(\w+)`", row[0]), row) for row in rows("layers.md", 2) + rows("layers.md", 3)]
    settings = {names[0]: row[2].strip("`") for names, row in named if names and names[0] in ACTIVATIONS}
    assert settings == {name: "" for name in ACTIVATIONS} | {
        name: f"{called}={value}" for name, (called, value) in WITH_SETTING.items()
    }
    listed = [name for names, row in named for name in names if len(row) == 2]
    assert sorted(listed) == sorted(initializers.__all__)


def test_tables_of_speed_are_of_the_results(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(DOCS.parent)
    from bench import report

    shutil.copytree(DOCS.parent / "bench", tmp_path / "bench", ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    shutil.copy(DOCS.parent / "README.md", tmp_path)
    report.render(tmp_path / "bench")
    for name in ("README.md", "bench/README.md"):
        assert (tmp_path / name).read_text() == (DOCS.parent / name).read_text(), "python -m bench --render"
