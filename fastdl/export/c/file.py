"""A network as the text of a C file and its header."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import NamedTuple

from ..._core.graph import Graph
from ..._types import Array, Shape
from .attention import attention
from .elementwise import activation, batch_norm, group_norm, layer_norm, merge, periodic, rescale, robust_scale, softmax
from .memory import Held, places_of
from .moving import channels_first, channels_last, concat, copy, embedding, pad, positions, select
from .pooling import global_max, global_mean, pool, upsample
from .products import convolution, dense, transposed_convolution
from .recurrent import recurrent
from .steps import Step, steps_of
from .unit import Function, Unit, indented

_EMITTERS: dict[str, Callable[[Step, Unit], Function]] = {
    "activation": activation,
    "attention": attention,
    "batch_norm": batch_norm,
    "channels_first": channels_first,
    "channels_last": channels_last,
    "concat": concat,
    "convolution": convolution,
    "copy": copy,
    "dense": dense,
    "embedding": embedding,
    "flatten": channels_first,
    "global_max": global_max,
    "global_mean": global_mean,
    "group_norm": group_norm,
    "layer_norm": layer_norm,
    "max_pool": pool,
    "mean_pool": pool,
    "pad": pad,
    "periodic": periodic,
    "positions": positions,
    "product": merge,
    "recurrent": recurrent,
    "rescale": rescale,
    "reshape": channels_last,
    "robust_scale": robust_scale,
    "select": select,
    "softmax": softmax,
    "sum": merge,
    "transposed_convolution": transposed_convolution,
    "upsample": upsample,
}


_CLONED = {"attention", "convolution", "dense", "recurrent", "transposed_convolution"}


class Text(NamedTuple):
    """The text of both files, and the bytes that the constants, the workspace and the state take."""

    source: str
    header: str
    constants: int
    workspace: int
    state: int


class Names(NamedTuple):
    """The prefix of all names, and the name of the header file."""

    prefix: str
    header: str


class _Call(NamedTuple):
    """A step's function, and the places of its tensors."""

    step: Step
    function: Function
    name: str


def write(graph: Graph, flat: Array, names: Names, dtype: str, eight_bits: bool) -> Text:
    """Write a finished graph with these parameters.

    Raises
    ------
    ValueError
        If one of its operations cannot be written in C.
    """
    unit, calls = Unit(names.prefix, dtype, eight_bits), []
    for step in steps_of(graph, flat):
        if step.kind not in _EMITTERS:
            raise ValueError(f"layers must have a form in C; received one that is {step.kind}, which has none")
        unit.step += 1
        function = _EMITTERS[step.kind](step, unit)
        calls.append(_Call(step, function, unit.named(f"{step.kind}_{unit.step}")))
    places, scratches, workspace = _plan(calls)
    state = sum(call.function.state for call in calls)
    assert graph.output_shape is not None
    header = _header(unit, graph.input_shape, graph.output_shape, workspace, state)
    body, begins = [f"{unit.real} *memory = workspace->values;"] if workspace else ["(void)workspace;"], 0
    for number, (call, place, scratch) in enumerate(zip(calls, places, scratches, strict=True), 1):
        target = "output" if number == len(calls) else _at(place)
        sources = ["input" if k == 0 else _at(places[k - 1]) for k in call.step.reads]
        more = [_at(scratch)] * (call.function.scratch > 0)
        if call.function.state:
            more.append(f"state->values + {begins}")
            begins += call.function.state
        text = f"{call.name}({', '.join([*sources, target, *more])})"
        body += [f"if ({text})", "return -1;"] if call.function.refuses else [f"{text};"]
    source = "\n".join([
        _HEAD.format(header=names.header, **{name: unit.macro(name) for name in _MACROS}),
        *unit.tables,
        *unit.helpers.values(),
        *(_function(unit, call) for call in calls),
        f"{_signature(unit, state)}\n{{\n{indented([*body, 'return 0;'])}}}\n",
    ])  # fmt: skip
    if state:
        cleared = indented([f"for (int k = 0; k < {state}; k++)", "state->values[k] = 0;"])
        source += f"\nvoid {unit.named('reset')}({unit.named('state')} *state)\n{{\n{cleared}}}\n"
    size = unit.dtype.itemsize
    return Text(source, header, unit.bytes, workspace * size, state * size)


def _at(place: int) -> str:
    return f"memory + {place}" if place else "memory"


def _plan(calls: list[_Call]) -> tuple[list[int], list[int], int]:
    """Return the workspace's places of each call's output, except the last, and scratch, and its size."""
    last = {k: number for number, call in enumerate(calls, 1) for k in call.step.reads}
    held = [
        Held(0 if number == len(calls) else prod(call.step.shape), number, last.get(number, number))
        for number, call in enumerate(calls, 1)
    ]
    held += [Held(call.function.scratch, number, number) for number, call in enumerate(calls, 1)]
    places, size = places_of(held)
    return places[: len(calls)], places[len(calls) :], size


_MACROS = ("restrict", "clones", "aligned", "lanes")
_HEAD = """\
/* Written by fastdl: see {header}. C99, valid C++ too. */
#include "{header}"

#include <math.h>

#if defined(__GNUC__) || defined(_MSC_VER)
#define {restrict} __restrict
#elif !defined(__cplusplus)
#define {restrict} restrict
#else
#define {restrict}
#endif

/* Products are compiled for AVX-512 and AVX2 besides, and the program takes what its processor has as it starts: where
   compiler and glibc can do so, and the whole file is not compiled for AVX2 or more. */
#if !defined(__GLIBC__) || !defined(__x86_64__) || defined(__AVX2__)
#define {clones}
#elif defined(__clang__) && __clang_major__ >= 14
#define {clones} __attribute__((target_clones("avx512f", "fma", "default")))
#elif !defined(__clang__) && defined(__GNUC__) && __GNUC__ >= 12
#define {clones} __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define {clones}
#endif

/* Sums lie where vectors do: GCC, up to 14, may otherwise clear them by stores that take them to, and they do not. */
#ifdef __GNUC__
#define {aligned} __attribute__((aligned(64)))
#else
#define {aligned}
#endif

/* Clang would unroll loops over outputs before it thinks of vectors. */
#if defined(__clang__)
#define {lanes} _Pragma("clang loop unroll(disable)")
#else
#define {lanes}
#endif
"""


def _function(unit: Unit, call: _Call) -> str:
    step, restrict = call.step, unit.macro("restrict")
    names = [f"x{k}" for k in range(len(step.reads))] if len(step.reads) > 1 else ["x"]
    arguments = [f"const {unit.real} *{restrict} {name}" for name in names]
    arguments += [f"{unit.real} *{restrict} y"]
    arguments += [f"{unit.real} *{restrict} scratch"] * (call.function.scratch > 0)
    arguments += [f"{unit.real} *{restrict} state"] * (call.function.state > 0)
    kind = "int" if call.function.refuses else "void"
    clones = f"{unit.macro('clones')}\n" if step.kind in _CLONED else ""
    said = f"/* {step.kind}{_settings(step)}: {' and '.join(map(str, step.shapes))} to {step.shape} */"
    return f"{said}\n{clones}static {kind} {call.name}({', '.join(arguments)})\n{{\n{indented(call.function.lines)}}}\n"


_SHOWN = {
    "kernel": None, "stride": (1, 1), "dilation": (1, 1), "groups": 1, "cell": None, "directions": 1, "heads": None,
}  # fmt: skip


def _settings(step: Step) -> str:
    """Return a step's settings that its shapes do not show, if they are not the defaults."""
    texts = [
        f"{name} {step.settings[name]}" for name, usual in _SHOWN.items() if step.settings.get(name, usual) != usual
    ]
    if step.kind != "softmax" and step.activation[0] != "identity":
        texts.append(step.activation[0])
    return "".join(f", {text}" for text in texts)


def _signature(unit: Unit, state: int) -> str:
    more = f", {unit.named('state')} *state" if state else ""
    return (
        f"int {unit.named('predict')}(const {unit.real} *input, {unit.real} *output, "
        f"{unit.named('workspace')} *workspace{more})"
    )


def _header(unit: Unit, read: Shape, given: Shape, workspace: int, state: int) -> str:
    name, upper = unit.name, unit.name.upper()
    kept = ""
    if state:
        kept = f"""
/* What it keeps from call to call: one for each sequence. */
typedef struct {{
    {unit.real} values[{state}];
}} {name}_state;

/* Begin a sequence. */
void {name}_reset({name}_state *state);
"""
    return f"""\
/* A network, written by fastdl: {read} to {given}, {unit.real}.

   It keeps nothing and allocates nothing: what it works with are the tables of its file and a workspace that the caller
   gives, of which each thread needs one. What is in it before does not matter. */
#ifndef {upper}_H
#define {upper}_H

#ifdef __cplusplus
extern "C" {{
#endif

enum {{
    {upper}_INPUTS = {prod(read)},
    {upper}_OUTPUTS = {prod(given)}
}};

typedef struct {{
    {unit.real} values[{max(1, workspace)}];
}} {name}_workspace;
{kept}
/* Give what the network predicts of one sample. Images are channels first, (C, H, W), as in Python; token ids are
   numbers of the same type as others. None of the arguments may overlap. Gives 0, or -1 where a token id is not one. */
{_signature(unit, state)};

#ifdef __cplusplus
}}
#endif

#endif
"""
