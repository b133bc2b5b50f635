"""``python -m bench.accuracy``: train the recipes over ten seeds and write accuracy.json.

With ``--validation`` the last 5,000 training images are held out and measured instead: for choosing a recipe. The
test set is for the report alone.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from statistics import median

from fastdl import datasets, recipes

TEXT = """Test accuracy on MNIST after training by `fastdl.recipes`, which `fastdl train` follows: ten seeds, all 60,000
training images. The recipe was chosen on 5,000 held-out training images (`python -m bench.accuracy --validation`)."""
RUNS = (("lenet5", 10), ("lenet5", 2), ("mlp", 10))


def accuracies(name: str, epochs: int, seeds: int, validation: bool, **arguments: float) -> list[float]:
    """Return the last epoch's accuracy of each seed."""
    (x, y), test = datasets.mnist()
    if validation:
        (x, y), test = (x[:-5000], y[:-5000]), (x[-5000:], y[-5000:])
    found = []
    for seed in range(seeds):
        recipe = getattr(recipes, name)(len(x), epochs=epochs, seed=seed, **arguments)
        recipe.net.fit(x, y, verbose=0, **recipe.arguments)
        found.append(recipe.net.evaluate(*test)["accuracy"])
    return found


def main() -> None:
    """Train and write, or train and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.accuracy", description=__doc__)
    parser.add_argument("--validation", action="store_true")
    parser.add_argument("--seeds", type=int, default=10)
    options = parser.parse_args()
    runs = []
    for name, epochs in RUNS:
        found = accuracies(name, epochs, options.seeds, options.validation)
        runs.append({"recipe": name, "epochs": epochs, "accuracy": found})
        print(f"{name}, {epochs} epochs: median {median(found):.2%}", *(f"{a:.2%}" for a in found), flush=True)
    if not options.validation:
        results = {"text": TEXT, "runs": runs}
        Path(__file__).with_name("accuracy.json").write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
