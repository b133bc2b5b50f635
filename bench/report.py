"""Turns the results and the other measurements into README.md."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from statistics import mean, median, stdev
from typing import Any

from . import overview, prose, work
from .row import EPOCH, Target

_SMALL = "MLP 20-64-64-1"
CALLS = {
    "predict_overhead": "one call of `predict`, network of one unit",
    "predictor_overhead": "one call of its `predictor(1)`",
    "small_predict": f"`predict` of one sample, {_SMALL}",
    "small_predictor": "the same through its `predictor(1)`",
    "small_step": f"a step inside `fit`, {_SMALL}, Adam, batch 32",
    "small_on_batch": "the same by `train_on_batch`",
    "small_build": f"making {_SMALL}",
}  # of fastdl, on one thread


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _met(answer: bool | None) -> str:
    return {True: "yes", False: "**no**", None: "not measured"}[answer]


def _ratios(row: dict[str, Any], peers: Iterable[str]) -> list[float]:
    """Return how many times as long the fastest of these peers takes, turn by turn; empty without any."""
    times = [row["all"][n] for n in peers if n in row["all"]]
    return [min(theirs) / ours for ours, *theirs in zip(row["all"]["fastdl"], *times, strict=True)] if times else []


def _target(target: Target) -> str:
    parts = []
    if target.ratio:
        whom = target.peers[0] if len(target.peers) == 1 else f"the best of {', '.join(target.peers)}"
        parts.append(f"{target.ratio:g} times {whom}")
    if target.peak:
        parts.append(f"{target.peak:.0%} of peak")
    return ", ".join(parts)


def _target_met(target: Target, row: dict[str, Any], share: float) -> str:
    if not target.ratio and not target.peak:
        return ""
    if share < target.peak:
        return _met(False)
    if not target.ratio:
        return _met(True)
    # Without one of the peers it is not known which is the fastest.
    known = all(n in row["all"] for n in target.peers)
    return _met(median(_ratios(row, target.peers)) >= target.ratio if known else None)


def _speed_table(results: dict[str, Any]) -> str:
    names = ["fastdl", *(n for n, v in results["versions"].items() if v and n not in ("fastdl", "articles"))]
    head = ["work", "unit", "threads", *names, "GFLOP/s", "of peak", "best peer / fastdl", "to reach", "met"]
    lines = [f"| {' | '.join(head)} |", "| --- " * len(head) + "|"]
    for name, row in results["rows"].items():
        item, seconds = work.WORK[name], row["seconds"]
        if "articles" in seconds:
            continue
        cells = [_number(item.in_unit(seconds[n])) if n in seconds else "" for n in names]
        cells[0] = f"**{cells[0]}**"
        flop = row["flop"] if "flop" in row else item.operations()
        speed = flop / seconds["fastdl"] / 1e9
        share = speed / row["peak"]
        ratios = _ratios(row, names[1:])
        line = [item.title, item.unit, str(row["threads"]), *cells]
        line += [f"{speed:.0f}", f"{share:.0%}"] if flop else ["", ""]
        line.append(f"{median(ratios):.3g} ({min(ratios):.3g} to {max(ratios):.3g})" if ratios else "")
        line += [_target(item.target), _target_met(item.target, row, share)]
        lines.append(f"| {' | '.join(line)} |")
    return "\n".join(lines) + "\n"


def _article_table(results: dict[str, Any]) -> str:
    text = (
        "\nThe articles' classes, `fastdl.compat`, beside straightforward Python of the articles' kind, in float64:\n\n"
        "| work | unit | fastdl | Python | times | to reach | met |\n| --- | --- | --- | --- | --- | --- | --- |\n"
    )
    for name, row in results["rows"].items():
        item, seconds = work.WORK[name], row["seconds"]
        if "articles" in seconds:
            ours, theirs = (_number(item.in_unit(seconds[n])) for n in ("fastdl", "articles"))
            times = _number(median(_ratios(row, ["articles"])))
            line = [item.title, item.unit, f"**{ours}**", theirs, times, f"{item.target.ratio:g}"]
            text += f"| {' | '.join([*line, _target_met(item.target, row, 0)])} |\n"
    return text


def _other_figures(results: dict[str, Any]) -> str:
    rows = results["rows"]
    two, one = (rows[n]["seconds"]["fastdl"] for n in ("lenet_64", "lenet_64_one_thread"))
    objects = rows["article_network"]["seconds"]["articles"]
    times = objects / rows["mlp_1"]["seconds"]["fastdl"]
    peaks = rows["lenet_64_one_thread"]["peak"], rows["lenet_64"]["peak"]
    memory, size, moment = (results[n] for n in ("peak_memory", "installed_size", "import_time"))
    lines = [
        ("what", "measured", "to reach", "met"),
        ("---",) * 4,
        ("peak of fused multiply-adds, one and two threads", f"{peaks[0]:.0f} and {peaks[1]:.0f} GFLOP/s", "", ""),
        (
            "one object per neuron (article 3), MLP batch 1, 60,000 samples, extrapolated",
            f"{objects:,.0f} s, {times:,.0f} times fastdl's", "5,000 times", _met(times >= 5000),
        ),
        ("second thread, LeNet-5 batch 64", f"{one / two:.2f} times one thread", "1.8", _met(one / two >= 1.8)),
        *((CALLS[name], f"{seconds * 1e6:.1f} us", "", "") for name, seconds in results["calls"].items()),
        ("peak memory of `fastdl train lenet5`", f"{memory:.0f} MB", "under 400 MB", _met(memory < 400)),
        ("installed size without MNIST", f"{size:.1f} MB", "under 10 MB", _met(size < 10)),
        ("`import fastdl` over `import numpy`", f"{moment:.0f} ms", "under 30 ms", _met(moment < 30)),
    ]  # fmt: skip
    return "\n" + "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _accuracy(path: Path) -> str:
    if not path.exists():
        return ""
    found = json.loads(path.read_text())
    text = (
        "\n## Accuracy\n\n"
        + found["text"]
        + "\n\n| recipe | epochs | median | all seeds |\n| --- | --- | --- | --- |\n"
    )
    for run in found["runs"]:
        seeds = ", ".join(f"{a:.2%}" for a in run["accuracy"])
        text += f"| {run['recipe']} | {run['epochs']} | **{median(run['accuracy']):.2%}** | {seeds} |\n"
    return text


def _language(path: Path) -> str:
    if not path.exists():
        return ""
    found = json.loads(path.read_text())
    text = "\n## Language model\n\n" + found["text"] + "\n\n"
    epochs = len(next(iter(found["runs"].values())))
    shown = [e for e in (1, 2, 3, 5, 10) if e <= epochs]
    text += f"| cell | {' | '.join(f'epoch {e}' for e in shown)} |\n| --- {'| --- ' * len(shown)}|\n"
    for cell, run in found["runs"].items():
        cells = [f"{run[e - 1]['val_loss']:.3f} after {run[e - 1]['seconds']:.0f} s" for e in shown]
        text += f"| {cell.upper() if len(cell) < 5 else cell} | {' | '.join(cells)} |\n"
    return text + "\n![Held-out loss over seconds of training](language.png)\n"


# Socher et al. 2013, table 1: fine-grained and positive against negative, all nodes and roots.
_PUBLISHED = {"matrix": ("RNN", 0.790, 0.432, 0.861, 0.824), "tensor": ("RNTN", 0.807, 0.457, 0.876, 0.854)}


def _spread(values: list[float]) -> str:
    return f"**{median(values):.1%}** ({min(values):.1%} to {max(values):.1%})"


def _treebank(path: Path) -> str:
    if not path.exists():
        return ""
    found = json.loads(path.read_text())
    text = (
        "\n## Trees\n\n"
        "Test accuracy on the Stanford Sentiment Treebank by `fastdl train sentiment`, from random vectors: median\n"
        f"and range of five seeds, measured on {found['when']}. Positive against negative\n"
        "is what the five labels' probabilities add up to, neutral nodes left out. Published: Socher et al. 2013.\n\n"
        "| composition | five labels, all nodes | roots | positive or negative, all nodes | roots | seconds |\n"
        "| --- | --- | --- | --- | --- | --- |\n"
    )
    for composition, run in found["sentiment"].items():
        cells = [_spread(run[name]) for name in ("all", "roots", "binary_all", "binary_roots")]
        text += f"| {composition} | {' | '.join(cells)} | {median(run['seconds']):.0f} |\n"
        if composition in _PUBLISHED:
            name, *values = _PUBLISHED[composition]
            text += f"| {name}, published | {' | '.join(f'{v:.1%}' for v in values)} | |\n"
    text += (
        "\nBracket F1 of `fastdl train parser` on held-out sentences, without labels, words and whole sentences:\n\n"
        "| trees | greedy | beam of 16 | right-branching | balanced | seconds |\n"
        "| --- | --- | --- | --- | --- | --- |\n"
    )
    titles = {"treebank": "the treebank's sentences", "expressions": "Python's expressions"}
    for name, run in found["parser"].items():
        base = " | ".join(f"{run[b][0]:.1%}" for b in ("right-branching", "balanced"))
        cells = f"{_spread(run['greedy'])} | {_spread(run['beam'])} | {base}"
        text += f"| {titles[name]} | {cells} | {median(run['seconds']):.0f} |\n"
    return text


_TABLES = """Measured by `python -m bench.tabular` on {date} at commit {commit}: {cpu}, {cores} cores; {versions}.
Accuracy, or the coefficient of determination (R²), on a fixed quarter of what scikit-learn ships, or on a quarter of
what it makes anew for each seed, the mean of the seeds, and the median time of training. fastdl, scikit-learn's MLP and
skorch have the same dense layers, of 64 units twice; fastdl trains as `NetClassifier` does of itself, skorch in the
same epochs and batches at the same rates, and scikit-learn as long as it wants to. They come behind a `StandardScaler`
and a `OneHotEncoder`, which are part of the time. The network for tables is that of `recipes.tabular`; how it and dense
layers are trained was chosen on held-out parts of the other three quarters, and on tables made of other seeds.
"""


def _tabular(path: Path) -> str:
    if not path.exists():
        return ""
    found = json.loads(path.read_text())
    rows, where = found["rows"], found["machine"]
    names = list(next(iter(rows.values()))["quality"])
    versions = ", ".join(f"{name} {number}" for name, number in found["versions"].items())
    text = "\n## Tables\n\n" + _TABLES.format(**where, versions=versions)
    text += f"\n| table | samples | features | {' | '.join(names)} |\n| --- | --- | --- {'| --- ' * len(names)}|\n"
    for table, row in rows.items():
        best = max(mean(values) for values in row["quality"].values())
        cells = []
        for name in names:
            value, seconds = mean(row["quality"][name]), median(row["seconds"][name])
            shown = f"{value:.3f}" if row["regression"] else f"{value:.1%}"
            cells.append(f"{f'**{shown}**' if value == best else shown}, {1e3 * seconds:.0f} ms")
        title = table.replace("_", " ") + (" (R²)" if row["regression"] else "")
        text += f"| {title} | {row['samples']:,} | {row['features']} | {' | '.join(cells)} |\n"
    return text + _tabular_summary(rows, names)


def _tabular_summary(rows: dict[str, Any], names: list[str]) -> str:
    """Say how often fastdl's quality is as good as others', and how many times as fast it is."""
    text = ""
    for ours in ("fastdl", "fastdl, tabular"):
        parts = []
        for other in [name for name in names if not name.startswith("fastdl")]:
            gains = [_gain(row["quality"][ours], row["quality"][other]) for row in rows.values()]
            as_good, nearly = (sum(gain >= -most * error for gain, error in gains) for most in (0, 1))
            times = [median(row["seconds"][other]) / median(row["seconds"][ours]) for row in rows.values()]
            parts.append(
                f"{other} on {as_good} of {len(rows)} tables, on {nearly} but for a standard error of the difference, "
                f"{median(times):.1f} times as fast "
                f"({min(times):.1f} to {max(times):.1f})"
            )
        text += f"\n{ours} is as good as or better than " + "; ".join(parts) + ".\n"
    return text


def _gain(ours: list[float], others: list[float]) -> tuple[float, float]:
    """Return how much better ours are, seed by seed, and the standard error of that."""
    gains = [one - other for one, other in zip(ours, others, strict=True)]
    return mean(gains), stdev(gains) / len(gains) ** 0.5


def _elementwise(results: dict[str, Any]) -> str:
    values = ", ".join(f"{name} {rate:.1f}" for name, rate in results["elementwise"].items())
    return f"\nNumbers a nanosecond on one thread, float32, in the nearest cache: {values}.\n"


def _few(rows: dict[str, Any]) -> str:
    """Say which epochs were measured in part."""
    parts = []
    for name, row in rows.items():
        item = work.WORK[name]
        if item.unit == EPOCH and "articles" not in row["seconds"]:
            of = [f"{n} {60_000 * s:,.0f}" for n, s in row["share"].items() if s < 0.99]
            parts += [f"{item.title}: {', '.join(of)}"] if of else []
    return "; ".join(parts)


def _trees(results: dict[str, Any]) -> str:
    """Describe the work on trees, if it was measured."""
    row = results["rows"].get("trees_by_node")
    return prose.TREES.format(source=results["trees"], few=row["share"].get("torch", 1.0)) if row else ""


def _measured(results: dict[str, Any]) -> str:
    """Return the tables of one processor."""
    where = results["machine"]
    versions = ", ".join(f"{n} {v or 'not installed'}" for n, v in results["versions"].items())
    head = (
        f"\n## {where['instruction set']}{', to which all are held' if where.get('held') else ''}, {where['cpu']}\n\n"
        f"Measured on {where['date']} at commit {where['commit']}: {where['cores']} cores, {where['system']}, "
        f"Python {where['python']}; {versions}.\n\n"
    )
    tables = (_speed_table(results), _article_table(results), _other_figures(results), _elementwise(results))
    return head + "".join(tables)


def render(folder: Path) -> None:
    """Write README.md beside the results, of which there is a file for each processor, and the project's table."""
    runs = [json.loads(path.read_text()) for path in sorted(folder.glob("results-*.json"))]
    latest = max(runs, key=lambda results: (results["machine"]["date"], len(results["rows"])))
    text = prose.HEAD.rstrip() + "\n" + "".join(map(_measured, runs))
    text += _accuracy(folder / "accuracy.json") + _language(folder / "language.json")
    text += _treebank(folder / "treebank.json") + _tabular(folder / "tabular.json")
    text += prose.METHOD.format(
        trees=_trees(latest),
        repeats=latest["repeats"],
        rest=latest["rest"] * 1e3,
        few=_few(latest["rows"]),
        objects=60_000 * latest["rows"]["article_network"]["share"]["articles"],
    )
    (folder / "README.md").write_text(text)
    overview.write(folder.parent / "README.md", runs)
