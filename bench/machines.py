"""``mpiexec -n 2 python -m bench.machines``: the parts of a step shared by several processes, and a model of it.

Each process uses one thread. There is a table of messages, one of measured steps, and one of modelled steps for more
machines; `docs/many-machines.md` explains the terms.
"""

from __future__ import annotations

import argparse
from math import ceil, log2
from time import perf_counter

import numpy as np
from mpi4py import MPI

import fastdl
from fastdl import layers, models, optimizers

WORLD = MPI.COMM_WORLD
SIZES = (1, 256, 2_560, 25_600, 256_000, 2_560_000)  # numbers of a message
COUNTS = (1, 2, 4, 8, 16, 32, 64)  # machines


def mlp() -> fastdl.Sequential:
    """The third article's network."""
    return fastdl.Sequential([layers.Dense(300, activation="sigmoid"), layers.Dense(10)], input_shape=784, seed=0)


NETWORKS = {"LeNet-5": (lambda: models.lenet5(seed=0), 256), "MLP 784-300-10": (mlp, 1024)}  # and their batches


def message_seconds(numbers: int, repeats: int = 30) -> float:
    """Return the least seconds of an Allreduce of so many floats."""
    sent, received = np.ones(numbers, np.float32), np.empty(numbers, np.float32)
    calls, best = max(1, min(200, 2_000_000 // numbers)), np.inf
    for _ in range(repeats):
        WORLD.Barrier()
        start = perf_counter()
        for _ in range(calls):
            WORLD.Allreduce(sent, received)
        best = min(best, (perf_counter() - start) / calls)
    return best


def step_seconds(name: str, batch: int, communicator: MPI.Comm | None, steps: int = 20, repeats: int = 5) -> float:
    """Return the seconds of a step of training on so many samples, in the best of some epochs."""
    net, rng = NETWORKS[name][0](), np.random.default_rng(0)
    x = rng.random((steps * batch, *net.input_shape)).astype(np.float32)
    history = net.fit(
        x, rng.integers(0, 10, len(x)), epochs=repeats, batch_size=batch, shuffle=False,
        optimizer=optimizers.SGD(0.01, momentum=0.9), verbose=0, communicator=communicator,
    )  # fmt: skip
    return min(history.history["seconds"]) / steps


def modelled(work: float, numbers: int, count: int, latency: float, bandwidth: float) -> float:
    """Model the seconds of a step of which one machine's share takes ``work``, with the cheaper of two all-reduces.

    With recursive doubling each machine sends the whole message several times; with recursive halving, about twice.
    """
    rounds, size = ceil(log2(count)), 4 * numbers
    doubling = rounds * (latency + size / bandwidth)
    halving = 2 * rounds * latency + 2 * (count - 1) / count * size / bandwidth
    return work + min(doubling, halving)


def main() -> None:
    """Measure, and print from the first process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--latency", type=float, help="of a network, in microseconds; as measured by default")
    parser.add_argument("--bandwidth", type=float, help="of a network, in GB/s; as measured by default")
    options = parser.parse_args()
    fastdl.set_num_threads(1)
    told = print if WORLD.Get_rank() == 0 else lambda *_: None
    told("| floats | Allreduce, us | GB/s |\n| --- | --- | --- |")
    found = {numbers: message_seconds(numbers) for numbers in SIZES}
    for numbers, seconds in found.items():
        told(f"| {numbers:,} | {1e6 * seconds:.3g} | {4e-9 * numbers / seconds:.3g} |")
    latency = found[1] if options.latency is None else 1e-6 * options.latency
    largest = SIZES[-1]
    bandwidth = 4 * largest / found[largest] if options.bandwidth is None else 1e9 * options.bandwidth
    told(f"\nlatency {1e6 * latency:.3g} us, {1e-9 * bandwidth:.3g} GB/s\n")
    told("| network | batch | machines | share alone, us | model, us | times one | measured, us |")
    told("| --- | --- | --- | --- | --- | --- | --- |")
    for name, (make, batch) in NETWORKS.items():
        size, one = make().parameters.size, 0.0
        for count in COUNTS:
            work = step_seconds(name, batch // count, None)
            one = work if count == 1 else one
            model = modelled(work, size, count, latency, bandwidth)
            same = count == WORLD.Get_size() and count > 1
            measured = f"{1e6 * step_seconds(name, batch, WORLD):.3g}" if same else ""
            figures = [f"{number:.3g}" for number in (1e6 * work, 1e6 * model, one / model)]
            told("| " + " | ".join([name, str(batch), str(count), *figures, measured]) + " |")


if __name__ == "__main__":
    main()
