"""Connections between nodes."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .twin import Twin


class Connection:
    """The weight between two nodes, at first a small random number.

    Parameters
    ----------
    upstream_node, downstream_node : Node

    Attributes
    ----------
    weight, gradient : float
        The gradient points towards a smaller error.
    """

    __slots__ = ("__dict__", "__weakref__", "downstream_node", "gradient", "upstream_node", "weight")

    def __init__(self, upstream_node: Any, downstream_node: Any) -> None:
        self.upstream_node, self.downstream_node = upstream_node, downstream_node
        self.weight, self.gradient = random.uniform(-0.1, 0.1), 0.0

    def calc_gradient(self) -> None:
        """Compute ``gradient``: the error term downstream times the output upstream."""
        self.gradient = self.downstream_node.delta * self.upstream_node.output

    def get_gradient(self) -> float:
        """Return ``gradient``."""
        return self.gradient

    def update_weight(self, rate: float) -> None:
        """Take a step along the gradient (article 3, equation 5)."""
        self.calc_gradient()
        self.weight += rate * self.gradient

    def __str__(self) -> str:
        up, down = self.upstream_node, self.downstream_node
        return f"({up.layer_index}-{up.node_index}) -> ({down.layer_index}-{down.node_index}) = {self.weight:f}"


def connected(kind: type[Connection], up: Any, down: Any, weight: float, gradient: float) -> Connection:
    """Make a connection without drawing a weight."""
    conn = kind.__new__(kind)
    conn.upstream_node, conn.downstream_node, conn.weight, conn.gradient = up, down, weight, gradient
    return conn


class Connections:
    """All connections of a network, in ``connections``."""

    def __init__(self) -> None:
        self._connections: list[Any] | None = []
        self._twin: Twin | None = None

    @property
    def connections(self) -> list[Any]:
        """The connections, in the order in which they were added."""
        if self._connections is None:
            self._connections = self._twin.connections()  # type: ignore[union-attr]
        return self._connections

    @connections.setter
    def connections(self, connections: list[Any]) -> None:
        self._connections = connections

    def add_connection(self, connection: Any) -> None:
        """Add a connection."""
        self.connections.append(connection)

    def dump(self) -> None:
        """Print the connections."""
        for conn in self.connections:
            print(conn)


def entrust_connections(connections: Connections, twin: Twin) -> None:
    """Let a twin make the connections on first use."""
    connections._connections, connections._twin = None, twin
