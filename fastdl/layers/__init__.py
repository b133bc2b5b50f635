"""Layers, alone or in a `fastdl.Sequential`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._core.graph import Tensor, merged
from .._hints.names import hinting_getattr
from .activation import Activation
from .attention import SelfAttention
from .augmentation import RandomErasing, RandomFlip, RandomRotation, RandomShift
from .base import Layer
from .bidirectional import Bidirectional
from .configuration import from_config
from .container import Container
from .convolution import Conv1D, Conv2D
from .dense import Dense
from .dropout import Dropout, GaussianNoise
from .embedding import Embedding, PositionalEmbedding
from .normalization import BatchNorm, GroupNorm, LayerNorm
from .parallel import Parallel
from .periodic import PeriodicEmbedding
from .pooling import GlobalMaxPool, GlobalMeanPool, MaxPool1D, MaxPool2D, MeanPool1D, MeanPool2D
from .recurrent import GRU, LSTM, RNN
from .recursive import Recursive
from .rescaling import Rescaling
from .residual import Residual
from .robust import RobustScaling
from .select import Select
from .shape import Flatten, Reshape
from .transposed import ConvTranspose2D
from .upsampling import UpSample2D

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "Activation",
    "BatchNorm",
    "Bidirectional",
    "Container",
    "Conv1D",
    "Conv2D",
    "ConvTranspose2D",
    "Dense",
    "Dropout",
    "Embedding",
    "Flatten",
    "GaussianNoise",
    "GlobalMaxPool",
    "GlobalMeanPool",
    "GroupNorm",
    "Layer",
    "LayerNorm",
    "MaxPool1D",
    "MaxPool2D",
    "MeanPool1D",
    "MeanPool2D",
    "Parallel",
    "PeriodicEmbedding",
    "PositionalEmbedding",
    "RandomErasing",
    "RandomFlip",
    "RandomRotation",
    "RandomShift",
    "Recursive",
    "Rescaling",
    "Reshape",
    "Residual",
    "RobustScaling",
    "Select",
    "SelfAttention",
    "Tensor",
    "UpSample2D",
    "from_config",
    "merged",
]

if not TYPE_CHECKING:
    __getattr__ = hinting_getattr(__name__, __all__)
