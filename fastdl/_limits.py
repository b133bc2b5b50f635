"""The largest sizes and counts; tests/test_limits.py compares them with those of src/."""

from __future__ import annotations

# Sizes, and so the numbers of a sample and the parameters of a network. The core counts some of them in ints; it
# multiplies others with one another and with as many samples as memory holds, and stays within 64 bits.
MOST_NUMBERS = (1 << 31) - 1
MOST_STEPS = 1 << 53  # of training: a float64 counts them exactly
MOST_THREADS = 64  # MAX_WORKERS of src/meeting.h
MOST_CHILDREN = 16  # of a tree's node, as in src/kernels/trees.pxi
MOST_TOKENS = 1 << 24  # token ids are passed as float32, which is exact up to here
MOST_WINNERS = 1 << 24  # rows: the index of the largest number is passed as float32 too
MOST_NESTED = 64  # layers made of layers, in one another: Python's limit of calls, some of which others have taken
