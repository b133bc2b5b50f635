"""The kinds of layers that a `Network` may have, to which each file adds its own.

A kind is a function of the network, the layer (a dict) and x. It returns y, and a function from dy to dx and the
gradients of the layer's parameters.
"""

KINDS = {}


def kind(name):
    """Register a function as a kind."""

    def add(function):
        KINDS[name] = function
        return function

    return add
