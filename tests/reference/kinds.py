"""The kinds of layers that a `Network` may have: each file adds those of its idea.

One is a function of the network, the layer, a dict, and x. It gives y, and a function from dy to dx and the gradients
of the layer's parameters.
"""

KINDS = {}


def kind(name):
    """Add a function to the kinds."""

    def add(function):
        KINDS[name] = function
        return function

    return add
