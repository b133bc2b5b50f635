"""Article 3, with an object for each neuron and each connection.

The objects are the article's, and a program may change, replace and link them. As long as it does not, `Network` does
not use them, and runs at the speed of the core.
"""

from .._parts import Parts
from . import connections, data, network, nodes
from .connections import Connection, Connections
from .data import Normalizer, gradient_check, mean_square_error, train_data_set
from .network import Network
from .nodes import ConstNode, Layer, Node, sigmoid

__all__ = [
    "Connection",
    "Connections",
    "ConstNode",
    "Layer",
    "Network",
    "Node",
    "Normalizer",
    "gradient_check",
    "mean_square_error",
    "sigmoid",
    "train_data_set",
]

Parts.join(__name__, connections, data, network, nodes)
