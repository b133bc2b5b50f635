"""Kernels and models of fastdl under pytest-benchmark: each result is checked, then timed."""

import pytest

import fastdl
from bench import digits, work
from bench.contestants import fastdl as ours


@pytest.mark.parametrize("name", [name for name in work.WORK if name in ours.WORKS])
def test_speed(name, benchmark):
    item = work.WORK[name]
    threads = min(item.threads, fastdl.get_num_threads())
    task = ours.WORKS[name](threads)
    item.verify(task.check, "fastdl")
    benchmark.pedantic(task.run, rounds=3, warmup_rounds=1)
    if task.outputs:
        digits.verify_learned(task.outputs(), "fastdl")
    seconds = benchmark.stats.stats.median / task.share
    benchmark.extra_info["unit"] = item.unit
    benchmark.extra_info["value"] = item.in_unit(seconds)
    benchmark.extra_info["GFLOP/s"] = speed = item.operations() / seconds / 1e9
    benchmark.extra_info["of peak"] = speed / ours.peak(threads)
