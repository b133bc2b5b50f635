"""The articles' classes beside the articles' own Python, in turns: both are compared with the reference, then timed."""

from time import perf_counter

import pytest

from bench import work
from bench.contestants import articles
from bench.contestants import fastdl as ours

ROUNDS = 5


def seconds(task):
    start = perf_counter()
    task.run()
    return (perf_counter() - start) / task.share


@pytest.mark.parametrize("name", [name for name, item in work.WORK.items() if item.target.peers == ("articles",)])
def test_beside_the_articles(name, benchmark):
    item = work.WORK[name]
    tasks = [module.WORKS[name](1) for module in (ours, articles)]
    for task, who in zip(tasks, ("fastdl", "articles"), strict=True):
        item.verify(task.check, who)
    taken = [[seconds(task) for task in tasks] for _ in range(2 if name == "article_network" else ROUNDS)]
    mine, theirs = map(min, zip(*taken, strict=True))
    benchmark.pedantic(tasks[0].run, rounds=1)
    benchmark.extra_info["unit"] = item.unit
    benchmark.extra_info["value"] = item.in_unit(mine)
    benchmark.extra_info["Python's"] = item.in_unit(theirs)
    benchmark.extra_info["times"] = theirs / mine
    benchmark.extra_info["to reach"] = item.target.ratio
    print(f"{item.title}: {theirs / mine:,.3g} times")
