"""Article 3, one object a neuron and a connection.

The objects are the article's, and may be changed, replaced and linked as one likes. As long as nobody does, `Network`
does not go through them, and runs at the speed of the core.
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
