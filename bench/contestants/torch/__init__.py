"""PyTorch: data in memory, images channels last, which is faster here; torch.compile is not, at these sizes."""

import torch

from . import digits, language, layers, many, networks, trees

VERSION = torch.__version__
WORKS = digits.WORKS | layers.WORKS | language.WORKS | trees.WORKS | networks.WORKS | many.WORKS
