"""Export of a network as one C99 file and its header, without dependencies."""

from __future__ import annotations

import os
import re
from typing import NamedTuple

import numpy as np

from ..._core.graph import Graph
from ..._files import as_path, check_writable, replacing
from ..._types import ArrayLike
from ..._validation.values import as_choice, as_int, check_is
from ...inspection.work import Costs
from ...sequential import Sequential
from .file import Names, write
from .rounding import with_rounded_weights


class CFile(NamedTuple):
    """The file that `to_c` wrote.

    Attributes
    ----------
    source, header : str
        The paths of the two files.
    constants, workspace, state : int
        The bytes of the constants, of the workspace that the caller provides, and of the state that a stateful network
        keeps from call to call.
    multiply_adds : int
        The multiply-adds of a call.
    before, after : dict of str to float, or None
        The result of `evaluate` on the data, with the network's own weights and with the file's.
    """

    source: str
    header: str
    constants: int
    workspace: int
    state: int
    multiply_adds: int
    before: dict[str, float] | None = None
    after: dict[str, float] | None = None

    def __str__(self) -> str:
        state = f", {self.state:,} bytes of state" if self.state else ""
        text = (
            f"{self.source}, {self.header}: {self.constants:,} bytes of constants, "
            f"{self.workspace:,} bytes of workspace{state}, {self.multiply_adds:,} multiply-adds"
        )
        if self.before is not None and self.after is not None:
            figures = (f"{name} {value:.4g} to {self.after[name]:.4g}" for name, value in self.before.items())
            text += f"; weights of 8 bits: {', '.join(figures)}"
        return text


def to_c(
    net: Sequential,
    path: str | os.PathLike[str],
    *,
    name: str | None = None,
    steps: int | None = None,
    weights: str = "float",
    data: tuple[ArrayLike, ArrayLike] | None = None,
) -> CFile:
    """Write a network as a C99 file that needs only a compiler and math.h; a call predicts one sample.

    Parameters
    ----------
    net : Sequential
    path : path
        The file, which must end in ``.c``; its header, in ``.h``, is written beside it.
    name : str, optional
        The prefix of all names in it; by default the file's name.
    steps : int, optional
        The number of steps of a sequence, if the network leaves it open. With 1, a stateful network continues from call
        to call.
    weights : {"float", "int8"}
        Whether weights are stored as they are, or in 8 bits with a scale for each output, or row of an embedding;
        activations are floats in both cases.
    data : (x, y), optional
        Data to `evaluate`, with the network's own weights and with those of 8 bits.

    Returns
    -------
    CFile
        The paths of the files, the memory that they need, and the results on the data.

    Raises
    ------
    ValueError
        If the network is recursive or has numbers that are not finite, or an argument is wrong.

    Examples
    --------
    >>> written = fastdl.export.to_c(net, "digits.c")

    >>> #include "digits.h"
    >>> digits_workspace workspace;
    >>> digits_predict(image, logits, &workspace);
    """
    check_is(net, "net", Sequential)
    eight_bits = as_choice(weights, "weights", ("float", "int8")) == "int8"
    if data is not None and not eight_bits:
        raise ValueError('data must be given for weights="int8" alone; with others nothing is lost')
    path = as_path(path)
    stem, header = _names(path)
    hint = ", which is the file's" if name is None else ""
    name = stem if name is None else name
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name):
        raise ValueError(f"name must be a name in C, of letters, digits and underscores; received {name!r}{hint}")
    shape = _shape(net, steps)
    with net.turn.lock:
        exported = with_rounded_weights(net, shape) if eight_bits else net
        flat = exported.flat[0]
        if not np.isfinite(flat).all():
            raise ValueError("parameters must be finite; received some that are not")
        text = write(exported.graph_for(shape), flat, Names(name, f"{stem}.h"), net.dtype, eight_bits)
    check_writable(header)  # before the source is written: neither is of use without the other
    for place, content in ((path, text.source), (header, text.header)):
        with replacing(place) as file:
            file.write(content.encode())
    before, after = (one.evaluate(*data) for one in (net, exported)) if data is not None else (None, None)
    sizes = text.constants, text.workspace, text.state, _multiply_adds(net, shape)
    return CFile(path, header, *sizes, before, after)


def _names(path: str) -> tuple[str, str]:
    """Return the name of a file without its ending, and the path of the header."""
    if not path.endswith(".c"):
        raise ValueError(f"path must end in .c; received {path}")
    stem = os.path.basename(path)[:-2]
    if '"' in stem or "\\" in stem or not stem.isprintable():
        raise ValueError(f"path must be that of a file which C can include; received {path!r}")
    return stem, f"{path[:-2]}.h"


def _shape(net: Sequential, steps: int | None) -> tuple[int, ...]:
    """Return the full shape of a sample."""
    if net.arity is not None:
        raise ValueError("net must not be recursive, as a C file works on samples of one shape")
    first, *rest = net.input_shape
    if first is None and steps is None:
        raise ValueError(f"steps must be given for samples of shape {net.input_shape}, whose steps are not known")
    if first is None:
        first = as_int(steps, "steps")
    elif steps is not None:
        raise ValueError(f"steps must not be given for samples of shape {net.input_shape}; received {steps}")
    return first, *rest


def _multiply_adds(net: Sequential, shape: tuple[int, ...]) -> int:
    graph = Graph(shape)
    net.lower(graph.input)
    costs = Costs(graph, None)
    return int(sum(costs.multiply_adds(number).once for number in range(len(graph.operations))))
