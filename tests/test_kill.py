"""What `kill.py` does hundreds of times, five times."""

import random

from kill import kill_saves, kill_trainings


def test_saves(tmp_path):
    kill_saves(5, tmp_path, random.Random(0))


def test_trainings(tmp_path):
    assert kill_trainings(5, tmp_path, random.Random(0)) > 0
