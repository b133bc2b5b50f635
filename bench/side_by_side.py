"""``python -m bench.side_by_side``: many networks at once, in ratios, which a busy machine disturbs less than times.

Times the networks of `bench.many` side by side, one after another on one thread, and the peers', in turns, and prints
how many times as fast the first is as each: the median, and the range, of the ratios within a turn.
"""

from __future__ import annotations

import argparse
from statistics import median
from time import sleep

from .contestant import Contestant
from .many import CASES
from .work import WORK


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.side_by_side", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=CASES, default=[*CASES])
    parser.add_argument("--repeats", type=int, default=9)
    options = parser.parse_args()
    ours, *peers = (Contestant(name, 2) for name in ("fastdl", "torch", "jax"))
    for name in options.only:
        rows = [(ours, name, 2), (ours, f"{name}_in_turn", 1), *((peer, name, 2) for peer in peers if peer.version)]
        for contestant, row, threads in rows:
            WORK[row].verify(contestant.ask("check", row, threads)["check"], contestant.name)
        times = []
        for _ in range(options.repeats):
            seconds = []
            for contestant, row, threads in rows:
                if contestant is ours:  # which has one task at a time
                    contestant.ask("check", row, threads)
                sleep(0.15)
                seconds.append(contestant.ask("time", row, threads))
            times.append(seconds)
        print(f"{CASES[name].title}: {1e3 * median(t[0] for t in times):.3g} ms a step of all")
        for k, (contestant, row, _) in enumerate(rows[1:], 1):
            ratios = [t[k] / t[0] for t in times]
            what = f"{median(ratios):.3g} ({min(ratios):.3g} to {max(ratios):.3g})"
            print(f"  {contestant.name} {row}: {1e3 * median(t[k] for t in times):.3g} ms, {what} times as long")
    for contestant in (ours, *peers):
        contestant.close()


if __name__ == "__main__":
    main()
