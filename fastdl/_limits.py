"""The largest sizes and counts. tests/test_limits.py compares those that src/ has too with it."""

from __future__ import annotations

# Sizes, and so the numbers of a sample and the parameters of a network. The core counts some of them in ints; it
# multiplies others with one another and with as many samples as memory holds, and stays within 64 bits.
MOST_NUMBERS = (1 << 31) - 1
MOST_STEPS = 1 << 53  # of training: they take no memory, and a float64 counts them
MOST_THREADS = 64  # MAX_WORKERS of src/meeting.h
MOST_CHILDREN = 16  # of a tree's node, as in src/kernels/trees.pxi
MOST_TOKENS = 1 << 24  # token ids travel as float32, which holds all integers up to here
MOST_WINNERS = 1 << 24  # rows, of which that of the largest number travels likewise
