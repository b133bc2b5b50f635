"""Article 4: convolution and pooling layers on one image (C, H, W)."""

from .._parts import Parts
from ..activators import IdentityActivator, ReluActivator
from . import convolution, functions, pooling
from .convolution import ConvLayer, Filter
from .functions import conv, element_wise_op, get_max_index, get_patch, padding
from .pooling import MaxPoolingLayer, MeanPoolingLayer

__all__ = [
    "ConvLayer",
    "Filter",
    "IdentityActivator",
    "MaxPoolingLayer",
    "MeanPoolingLayer",
    "ReluActivator",
    "conv",
    "element_wise_op",
    "get_max_index",
    "get_patch",
    "padding",
]

Parts.join(__name__, convolution, functions, pooling)
