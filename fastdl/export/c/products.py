"""Products of matrices: dense layers, convolutions and their transposes.

Sums are arrays with a number for each output, which compilers vectorise. Several terms are added up before they are
added to the sums, and two pixels share each weight that is read.
"""

from __future__ import annotations

from ..._types import Shape
from .activations import activated
from .steps import Step
from .unit import Function, Matrix, Unit, loop, total

_TERMS = 8  # that are added up before they are added to a sum
_WRITTEN_OUT = 64  # windows of at most this many terms are written out, without loops
_LANES = 4  # sums are padded to a multiple of this
_LEAST_TILE, _MOST_TILE = 64, 256  # sums at a time, if there are more


def image_of(shape: Shape) -> tuple[int, int, int]:
    """Return the height, width and channels of a sample as an image; sequences and vectors are images too."""
    if len(shape) == 3:
        return shape[1], shape[2], shape[0]
    return 1, shape[0] if len(shape) == 2 else 1, shape[-1]


def sums_of(outputs: int) -> tuple[int, int]:
    """Return the number of sums for this number of outputs, and how many to compute at a time."""
    width = outputs if outputs < _LANES - 1 else -(-outputs // _LANES) * _LANES
    if width <= _MOST_TILE:
        return width, width
    tile = min(range(_LEAST_TILE, _MOST_TILE + 1, _LANES), key=lambda tile: (-(-outputs // tile) * tile, -tile))
    return -(-outputs // tile) * tile, tile


def terms(unit: Unit, places: list[list[str]], width: int, tile: int | str, sums: list[str], row: int = 0) -> list[str]:
    """Add terms to sums.

    Parameters
    ----------
    unit : Unit
    places : list of list of str
        The numbers to multiply, for each pixel.
    width : int
        The width of the rows of weights, from ``w`` on.
    tile : int or str
        The number of sums of a pixel.
    sums : list of str
        The names of the sums.
    row : int
        The row of the first term's weights.
    """
    count = len(places[0])
    lines = []
    for letter, numbers in zip("ab", places, strict=False):
        lines.append(f"const {unit.real} {', '.join(f'{letter}{k} = {number}' for k, number in enumerate(numbers))};")
    weights = [f"w{k} = w[{f'{(row + k) * width} + ' if row + k else ''}o]" for k in range(count)]
    lines += [f"{unit.macro('lanes')} {loop('o', tile)} {{", f"const {unit.real} {', '.join(weights)};"]
    for letter, name in zip("ab", sums, strict=False):
        lines.append(f"{name}[o] += {total([f'{letter}{k} * w{k}' for k in range(count)])};")
    return [*lines, "}"]


def many_terms(unit: Unit, count: int, pixels: list[int], width: int, tile: int | str, sums: list[str]) -> list[str]:
    """Add terms of consecutive numbers, from ``in`` on, for pixels at this distance; ``w`` advances."""
    lines, (whole, rest) = [], divmod(count, _TERMS)
    for times, size in ((whole, _TERMS), (1, rest)):
        if times and size:
            head = f"{loop('k', times)} {{" if times > 1 else "{"
            places = [[f"in[{pixel + k}]" for k in range(size)] for pixel in pixels]
            lines += [head, *terms(unit, places, width, tile, sums), f"in += {size};", f"w += {size * width};", "}"]
    return lines


def ended(unit: Unit, sums: str, index: str, bias: str, matrix: Matrix, activation: tuple[str, float]) -> str:
    """Return the final value of a sum: with weights of 8 bits it is scaled, and the bias is added."""
    value = sums if matrix.scale is None else f"{sums} * {matrix.scale}[{index}] + {bias}[{index}]"
    return activated(unit, value, activation)


def started(unit: Unit, index: str, bias: str, matrix: Matrix) -> str:
    """Return the initial value of a sum."""
    return f"{bias}[{index}]" if matrix.scale is None else "0"


def dense(step: Step, unit: Unit) -> Function:
    """Write a dense layer, as a convolution of single pixels."""
    return _windows(step, unit, image_of(step.shapes[0]), image_of(step.shape), (1, 1), (1, 1))


def convolution(step: Step, unit: Unit) -> Function:
    """Write a convolution."""
    settings = step.settings
    (h, w, c), (oh, ow, f) = image_of(step.shapes[0]), image_of(step.shape)
    if settings["groups"] > 1:
        return _in_groups(step, unit)
    if settings["kernel"] == settings["stride"] == (1, 1):
        h, w, oh, ow = 1, h * w, 1, oh * ow
    return _windows(step, unit, (h, w, c), (oh, ow, f), settings["stride"], settings["dilation"])


def _windows(
    step: Step, unit: Unit, source: tuple[int, int, int], target: tuple[int, int, int], stride: tuple[int, int],
    dilation: tuple[int, int],
) -> Function:  # fmt: skip
    """Write the product of each window, two side by side if their number is even."""
    (_, w, c), (oh, ow, f) = source, target
    weight = step.parameters["weight"]
    width, tile = sums_of(f)
    matrix, bias = unit.matrix("weight", weight, width), unit.row("bias", step.parameters["bias"], width)
    pair = 2 if ow % 2 == 0 else 1
    sums, pixels = [f"sum{k}" if pair > 1 else "sum" for k in range(pair)], [k * stride[1] * c for k in range(pair)]
    place = "o" if tile == width else "first + o"
    lines = [f"{loop('i', oh)} {{"] if oh > 1 else []
    if ow > pair:
        lines.append(f"for (int j = 0; j < {ow}; j += {pair}) {{")
    if tile < width:
        lines.append(f"for (int first = 0; first < {width}; first += {tile}) {{")
    at = _sum([("i", stride[0] * w * c, oh > 1), ("j", stride[1] * c, ow > pair)])
    lines += [
        f"const {matrix.kind} *w = {matrix.name}{' + first' if tile < width else ''};",
        f"{unit.macro('aligned')} {unit.real} {', '.join(f'{name}[{tile}]' for name in sums)};",
        loop("o", tile),
        f"{' = '.join(f'{name}[o]' for name in sums)} = {started(unit, place, bias, matrix)};",
        *_taps(unit, weight.shape[:3], (w, c), dilation, at, pixels, (width, tile), sums),
    ]
    for k, name in enumerate(sums):
        lines.append(f"for (int o = 0; o < {tile} && first + o < {f}; o++)" if tile < width else loop("o", f))
        to = _sum([("i", ow * f, oh > 1), ("j", f, ow > pair), ("", k * f, k > 0), (place, 1, True)])
        lines.append(f"y[{to}] = {ended(unit, f'{name}[o]', place, bias, matrix, step.activation)};")
    return Function([*lines, *["}"] * ((oh > 1) + (ow > pair) + (tile < width))])


def _taps(
    unit: Unit, kernel: tuple[int, ...], row: tuple[int, int], dilation: tuple[int, int], at: str, pixels: list[int],
    widths: tuple[int, int], sums: list[str],
) -> list[str]:  # fmt: skip
    """Add the terms of a window: few are written out; many are added run by run, each contiguous like its weights."""
    (kh, kw, c), (w, _), (down, right) = kernel, row, dilation
    if kh * kw * c <= _WRITTEN_OUT:
        offsets = [(r * down * w + k * right) * c + n for r in range(kh) for k in range(kw) for n in range(c)]
        lines = [f"const {unit.real} *in = {_from(at)};"]
        for first in range(0, len(offsets), _TERMS):
            part = offsets[first : first + _TERMS]
            places = [[f"in[{pixel + offset}]" for offset in part] for pixel in pixels]
            lines += ["{", *terms(unit, places, *widths, sums, first), "}"]
        return lines
    run, loops = (kw * c, [("r", kh, down * w * c)]) if right == 1 else (
        c, [("r", kh, down * w * c), ("t", kw, right * c)]
    )  # fmt: skip
    loops = [one for one in loops if one[1] > 1]
    place = _sum([(at, 1, at != "0"), *((index, step, True) for index, _, step in loops)])
    return [
        *(f"{loop(index, count)} {{" for index, count, _ in loops),
        f"const {unit.real} *in = {_from(place)};",
        *many_terms(unit, run, pixels, *widths, sums),
        *["}"] * len(loops),
    ]


def _from(place: str) -> str:
    return "x" if place == "0" else f"x + {place}"


def _sum(parts: list[tuple[str, int, bool]]) -> str:
    """Write a sum of products of names and numbers, without zeros."""
    counted = [(name, times) for name, times, counts in parts if counts]
    texts = [f"{times} * {name}" if name and times > 1 else name or str(times) for name, times in counted]
    return " + ".join(texts) or "0"


def _in_groups(step: Step, unit: Unit) -> Function:
    """Write a convolution in groups, in which each group of filters reads its own channels."""
    (_, w, c), (oh, ow, f) = image_of(step.shapes[0]), image_of(step.shape)
    settings, weight = step.settings, step.parameters["weight"]
    kh, kw, channels, _ = weight.shape
    groups, (down, right), (sh, sw) = settings["groups"], settings["dilation"], settings["stride"]
    matrix, bias = unit.matrix("weight", weight, f), unit.row("bias", step.parameters["bias"], f)
    if groups == f == c:
        product = [f"{unit.macro('lanes')} {loop('o', f)}", "out[o] += in[o] * w[o];"]
    else:
        own = f // groups
        product = [
            f"{loop('g', groups)} {{",
            f"{loop('n', channels)} {{",
            loop("o", own),
            f"out[g * {own} + o] += in[g * {channels} + n] * w[n * {f} + g * {own} + o];",
            "}",
            "}",
        ]
    return Function([
        f"{loop('i', oh)} {{",
        f"{loop('j', ow)} {{",
        f"{unit.real} *out = y + (i * {ow} + j) * {f};",
        loop("o", f),
        f"out[o] = {started(unit, 'o', bias, matrix)};",
        f"{loop('r', kh)} {{",
        f"{loop('k', kw)} {{",
        f"const {unit.real} *in = x + ((i * {sh} + r * {down}) * {w} + j * {sw} + k * {right}) * {c};",
        f"const {matrix.kind} *w = {matrix.name} + (r * {kw} + k) * {channels * f};",
        *product,
        "}",
        "}",
        *_ending(unit, f, bias, matrix, step.activation),
        "}",
        "}",
    ])  # fmt: skip


def _ending(unit: Unit, count: int, bias: str, matrix: Matrix, activation: tuple[str, float]) -> list[str]:
    """Write the final operations on sums that are stored in place of the outputs, if any."""
    value = ended(unit, "out[o]", "o", bias, matrix, activation)
    return [] if value == "out[o]" else [loop("o", count), f"out[o] = {value};"]


def transposed_convolution(step: Step, unit: Unit) -> Function:
    """Write a transposed convolution: each output pixel gathers from the input pixels that contribute to it."""
    (h, w, c), (oh, ow, f) = image_of(step.shapes[0]), image_of(step.shape)
    kh, kw, _, _ = step.parameters["weight"].shape
    (sh, sw), (top, left) = step.settings["stride"], step.settings["padding"]
    width, _ = sums_of(f)
    matrix = unit.matrix("weight", step.parameters["weight"], width)
    bias = unit.row("bias", step.parameters["bias"], width)
    return Function([
        f"{loop('i', oh)} {{",
        f"{loop('j', ow)} {{",
        f"{unit.real} *out = y + (i * {ow} + j) * {f};",
        loop("o", f),
        f"out[o] = {started(unit, 'o', bias, matrix)};",
        f"{loop('r', kh)} {{",
        f"const int down = i + {top} - r;",
        f"if (down < 0 || down % {sh} != 0 || down / {sh} >= {h})",
        "continue;",
        f"{loop('t', kw)} {{",
        f"const int right = j + {left} - t;",
        f"if (right < 0 || right % {sw} != 0 || right / {sw} >= {w})",
        "continue;",
        f"const {unit.real} *in = x + (down / {sh} * {w} + right / {sw}) * {c};",
        f"const {matrix.kind} *w = {matrix.name} + (r * {kw} + t) * {c * width};",
        *many_terms(unit, c, [0], width, f, ["out"]),
        "}",
        "}",
        *_ending(unit, f, bias, matrix, step.activation),
        "}",
        "}",
    ])  # fmt: skip
