"""Article 7: a recursive network reads one phrase in two ways, and learns to tell them apart."""

import numpy as np

from fastdl.compat.activators import TanhActivator
from fastdl.compat.recursive import RecursiveLayer, TreeNode

np.random.seed(0)
tanh = TanhActivator()
layer = RecursiveLayer(6, 2, tanh, 0.1)
layer.W = np.random.normal(0, 0.4, layer.W.shape)
words = {word: np.random.normal(0, 0.5, (6, 1)) for word in ("two", "schools'", "students")}


def join(left, right):
    """Give the parent of two nodes."""
    layer.forward(left, right)
    return layer.root


def read(together):
    """Give the phrase's vector: (two schools') students, or two (schools' students)."""
    two, schools, students = (TreeNode(vector) for vector in words.values())
    return join(join(two, schools), students) if together else join(two, join(schools, students))


for step in range(301):
    wanted = step % 2
    root = read(wanted)
    error = np.zeros((6, 1))
    error[0] = root.data[0] - (0.8 if wanted else -0.8)
    layer.backward(error * tanh.backward(root.data))
    layer.update()
    if step % 100 == 0:
        one, other = read(True).data[0, 0], read(False).data[0, 0]
        print(f"step {step}: (two schools') students {one:+.3f}, two (schools' students) {other:+.3f}")
