"""Networks as C files: compiled, run, and compared with what they predict."""

import os
import shutil
import subprocess

import numpy as np
import pytest
from test_layers import CASES, started

import fastdl
from fastdl import Sequential, layers
from fastdl._core.kinds import ACTIVATIONS
from fastdl.cli import main
from fastdl.export import to_c

STRICT = ("-std=c99", "-Wall", "-Wextra", "-pedantic", "-Werror")
COMPILERS = {
    "gcc": ("gcc", *STRICT, "-O2"),
    "clang": ("clang", *STRICT, "-O2"),
    "sanitizers": ("gcc", *STRICT, "-DONCE", "-O1", "-g0", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"),
    "object": ("gcc", *STRICT, "-O2", "-c"),
    "g++": ("g++", "-x", "c++", *STRICT[1:], "-DONCE", "-O1"),
}
CLOSE = {"float32": 1e-6, "float64": 1e-14}  # relative to the largest number of what is predicted
SAMPLES = 4
RECURSIVE = {name for name, case in CASES.items() if case.arity}

HEAD = """
#include <math.h>
#include <stdio.h>
#ifdef ONCE
#undef __GLIBC__ /* by which products are compiled for several processors, and take that much longer */
#endif
"""
RUN = """
static int run_{k}(FILE *in, FILE *out)
{{
    static {real} x[{inputs}], y[{outputs}];
    static {name}_workspace workspace;
    {state}
    for (int k = 0; k < {samples}; k++) {{
        if (fread(x, sizeof x, 1, in) != 1 || {name}_predict(x, y, &workspace{more}) != 0)
            return 1;
        if (fwrite(y, sizeof y, 1, out) != 1)
            return 1;
    }}
    return 0;
}}
"""
MAIN = """
int main(int argc, char **argv)
{{
    FILE *in = fopen(argv[1], "rb"), *out = fopen(argv[argc - 1], "wb");
    if (!in || !out || {calls})
        return 1;
    return fclose(in) || fclose(out);
}}
"""


def program(folder, nets, samples=SAMPLES):
    """Write networks, and a program that gives what each makes of so many samples."""
    text, calls = [HEAD], []
    for k, (net, options) in enumerate(nets):
        to_c(net, folder / f"n{k}.c", **options)
        steps = options.get("steps", 0)
        shape, y = [tuple(steps if n is None else n for n in shape) for shape in (net.input_shape, net.output_shape)]
        state = f"static n{k}_state state;\n    n{k}_reset(&state);" if net.reading.stateful else ""
        text.append(f'#include "n{k}.c"\n')
        text.append(RUN.format(
            k=k, name=f"n{k}", inputs=np.prod(shape), outputs=np.prod(y), state=state, samples=samples,
            more=", &state" if state else "", real={"float32": "float", "float64": "double"}[net.dtype],
        ))  # fmt: skip
        calls.append(f"run_{k}(in, out)")
    text.append(MAIN.format(calls="\n        || ".join(calls)))
    (folder / "main.c").write_text("".join(text))
    return folder / "main.c"


class Compilation:
    """A program that is being compiled, so that several are at a time."""

    def __init__(self, source, how):
        self.source, self.binary, (command, *flags) = source, source.with_suffix(f".{how}"), COMPILERS[how]
        self.missing = None if shutil.which(command) else f"there is no {command}"
        arguments = [command, *flags, str(source), "-o", str(self.binary), "-lm"]
        if not self.missing:
            self.process = subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True)

    def program(self):
        """Return the path of the program once it is there."""
        if self.missing:
            pytest.skip(self.missing)
        _, said = self.process.communicate()
        assert self.process.returncode == 0, said[:5000]
        return str(self.binary)

    def run(self, nets, given):
        """Return what it makes of samples of each network."""
        program = self.program()
        x, y = self.source.with_suffix(".in"), self.source.with_suffix(".out")
        values = [values.astype(net.dtype).tobytes() for (net, _), values in zip(nets, given, strict=True)]
        x.write_bytes(b"".join(values))
        subprocess.run([program, str(x), str(y)], check=True)
        numbers, made = y.read_bytes(), []
        for (net, options), values in zip(nets, given, strict=True):
            shape = len(values), *(options.get("steps") if n is None else n for n in net.output_shape)
            size = int(np.prod(shape)) * np.dtype(net.dtype).itemsize
            made.append(np.frombuffer(numbers[:size], net.dtype).reshape(shape))
            numbers = numbers[size:]
        assert not numbers
        return made


def run(folder, nets, given, how="gcc"):
    return Compilation(program(folder, nets, len(given[0])), how).run(nets, given)


def distance(actual, expected):
    """The largest difference, of the largest number."""
    return np.abs(actual - expected).max() / np.abs(expected).max()


def network(case, dtype="float32"):
    net = Sequential([case.make()], input_shape=case.shape, dtype=dtype, seed=1)
    started(net)
    return net


@pytest.fixture(scope="module")
def every(tmp_path_factory):
    """All of the contract's layers, in both precisions, being compiled by each compiler in one of these."""
    rng, found = np.random.default_rng(5), {}
    given = [case.batch(rng, SAMPLES).x for name, case in CASES.items() if name not in RECURSIVE]
    for dtype, compilers in (("float32", ("gcc", "clang")), ("float64", ("sanitizers", "g++"))):
        nets = [(network(case, dtype), {}) for name, case in CASES.items() if name not in RECURSIVE]
        source = program(tmp_path_factory.mktemp(dtype), nets)
        for how in compilers:
            found[how] = Compilation(source, how), nets, given
    return found


@pytest.mark.parametrize("how", ["gcc", "clang", "sanitizers", "g++"])
def test_every_layer(every, how):
    compilation, nets, given = every[how]
    names, far = [name for name in CASES if name not in RECURSIVE], {}
    for name, (net, _), x, y in zip(names, nets, given, compilation.run(nets, given), strict=True):
        expected = net.predict(x)
        assert np.abs(expected).max() > 0
        if (apart := distance(y, expected)) > CLOSE[net.dtype]:
            far[name] = apart
    assert not far


@pytest.mark.parametrize("name", RECURSIVE)
def test_recursive_networks_are_refused(tmp_path, name):
    case = CASES[name]
    net = Sequential([case.make()], input_shape=case.shape_in_network)
    with pytest.raises(ValueError, match="net must not be recursive, as a C file works on samples of one shape"):
        to_c(net, tmp_path / "net.c")
    assert not list(tmp_path.iterdir())


def test_ready_made_networks(tmp_path, rng):
    """With activations and batch normalizations that products take, steps that are left open, and large products."""
    rows = [layers.Dense(300), layers.BatchNorm(), layers.Activation("silu"), layers.Dense(2, "softmax")]
    images = [
        layers.Rescaling(1 / 255), layers.Conv2D(20, 3, padding="same"), layers.BatchNorm(), layers.Activation("gelu"),
        layers.Conv2D(20, 3, groups=20), layers.BatchNorm(), layers.ConvTranspose2D(6, 2, stride=2), layers.BatchNorm(),
        layers.Dropout(0.5), layers.MaxPool2D(5, 2), layers.Flatten(), layers.Dense(3),
    ]  # fmt: skip
    nets = [
        (fastdl.models.lenet5(seed=0), {}),
        (fastdl.models.transformer(11, 8, units=12, heads=2, layers=2, seed=0), {"steps": 7}),
        (Sequential(rows, input_shape=40, seed=0), {}),
        (Sequential(images, input_shape=(3, 9, 8), seed=0), {}),
        (Sequential([layers.Dense(503, "relu"), layers.Dense(1)], input_shape=(None, 3), seed=0), {"steps": 3}),
    ]
    # What lies in a row is not flattened: images of one channel, and of one pixel.
    nets.append((Sequential([layers.Flatten(), layers.Dense(5)], input_shape=(1, 4, 3), seed=0), {}))
    pixel = layers.Conv2D(6, 3, activation="tanh"), layers.Flatten(), layers.Dense(5)
    nets.append((Sequential([*pixel], input_shape=(2, 3, 3), seed=0), {}))
    shapes = (1, 28, 28), (7,), (40,), (3, 9, 8), (3, 3), (1, 4, 3), (2, 3, 3)
    given = [rng.random((SAMPLES, *shape)) for shape in shapes]
    given[1] = rng.integers(0, 11, (SAMPLES, 7))
    for net, _ in nets:
        started(net)
        for name, values in net.buffers.items():
            values[...] = np.abs(values) + (0.1 if name.endswith("var") else 0)
    for (net, _), x, y in zip(nets, given, run(tmp_path, nets, given), strict=True):
        assert distance(y, net.predict(x)) <= CLOSE["float32"]
    assert "batch_norm" not in "".join((tmp_path / f"n{k}.c").read_text() for k in (2, 3))


def test_activations_of_large_numbers(tmp_path):
    nets = [
        (Sequential([layers.Activation(name)], input_shape=8, dtype=dtype), {})
        for name in ACTIVATIONS
        for dtype in ("float32", "float64")
    ]
    x = np.tile([0, 20, -20, 80, -80, -500, 3e30, -3e38], (SAMPLES, 1))
    for (net, _), y in zip(nets, run(tmp_path, nets, [x] * len(nets)), strict=True):
        np.testing.assert_allclose(y, net.predict(x), rtol=1e-5, atol=1e-30, err_msg=repr(net.layers[0]))


def test_states_go_on(tmp_path, rng):
    """A stateful network, step by step, is the same over all steps."""
    cells = layers.LSTM(5, return_sequences=True, stateful=True), layers.GRU(4, return_sequences=True, stateful=True)
    nets = []
    for cell in (*cells, layers.GRU(4, return_sequences=True, stateful=True, reset_after=False)):
        net = Sequential([cell, layers.RNN(3, return_sequences=True, stateful=True)], input_shape=(None, 2), seed=0)
        started(net)
        nets.append((net, {"steps": 1}))
    x = rng.standard_normal((1, 9, 2))
    steps = x.transpose(1, 0, 2)  # a call each
    for (net, _), y in zip(nets, run(tmp_path, nets, [steps] * len(nets), "sanitizers"), strict=True):
        assert distance(y.transpose(1, 0, 2), net.predict(x)) <= CLOSE["float32"]


def test_tokens_that_are_none_are_refused(tmp_path):
    net = Sequential([layers.Embedding(6, 3), layers.Flatten()], input_shape=2, seed=0)
    to_c(net, tmp_path / "net.c", name="words")
    source = tmp_path / "main.c"
    source.write_text("""
#include "net.c"
int main(void)
{
    const float wrong[5] = {-1, 6, 1e10f, 2.5f, NAN};
    float y[WORDS_OUTPUTS];
    words_workspace workspace;
    for (int k = 0; k < 5; k++) {
        const float x[WORDS_INPUTS] = {0, wrong[k]};
        if (words_predict(x, y, &workspace) != -1)
            return 1;
    }
    const float x[WORDS_INPUTS] = {0, 5};
    return words_predict(x, y, &workspace);
}
""")
    subprocess.run([Compilation(source, "sanitizers").program()], check=True)


def eight_bit_networks():
    """With each kind of weights."""
    return {
        "lenet5": fastdl.models.lenet5(seed=0),
        "words": Sequential([layers.Embedding(6, 3), layers.GRU(5, reset_after=False)], input_shape=7, seed=0),
        "steps": Sequential([layers.Bidirectional(layers.LSTM(5))], input_shape=(7, 3), seed=0),
        "images": Sequential(
            [layers.Conv2D(4, 3, groups=2), layers.ConvTranspose2D(6, 2), layers.BatchNorm()],
            input_shape=(2, 5, 5),
            seed=0,
        ),
    }


def test_weights_of_eight_bits(tmp_path, rng):
    """What the file computes is what the network does with each weight rounded, which is near the network's own."""
    nets = [(net, {"weights": "int8"}) for net in eight_bit_networks().values()]
    given = []
    for net, _ in nets:
        started(net)
        shape = SAMPLES, *net.input_shape
        given.append(rng.integers(0, 6, shape) if len(net.input_shape) == 1 else rng.random(shape))
    nets[0][0].params["0.weight"][0] = 0  # an output without weights
    for (net, _), x, y in zip(nets, given, run(tmp_path, nets, given, "sanitizers"), strict=True):
        expected = net.predict(x)
        weights = {}
        for name, values in net.params.items():
            if "weight" in name and values.ndim > 1:
                weights[name] = rounded(values, transposed=name == "1.weight" and values.shape == (4, 6, 2, 2))
        assert 1e-4 < distance(y, expected) < 0.1
        for name, values in weights.items():
            net.params[name][...] = values
        assert distance(y, net.predict(x)) <= CLOSE["float32"]


@pytest.mark.parametrize("how", ["gcc", "clang"])
def test_eight_bits_over_steps_of_any_size(tmp_path, rng, how):
    """Sums that are cleared by vectors, and added to number by number."""
    nets = [
        (Sequential([layers.Dense(units)], input_shape=(steps, features), seed=0), {"weights": "int8"})
        for features, units, steps in (
            (2, 19, 5), (2, 17, 3), (9, 10, 3), (4, 10, 3), (1, 11, 5), (7, 19, 5), (3, 12, 4), (1, 18, 3),
        )
    ]  # fmt: skip
    given = [rng.random((SAMPLES, *net.input_shape)) for net, _ in nets]
    for (net, _), x, y in zip(nets, given, run(tmp_path, nets, given, how), strict=True):
        net.params["0.weight"] = rounded(net.params["0.weight"], transposed=False)
        assert distance(y, net.predict(x)) <= CLOSE["float32"]


def rounded(weight, transposed):
    """With 255 values for each output, or row of an embedding, which is the first axis, but of transposed weights."""
    weight = weight.swapaxes(0, 1) if transposed else weight
    scale = np.abs(weight.reshape(len(weight), -1)).max(axis=1).reshape(-1, *[1] * (weight.ndim - 1)) / 127
    values = np.rint(weight / np.where(scale > 0, scale, 1)) * scale
    return values.swapaxes(0, 1) if transposed else values


def test_what_is_lost_and_how_large_it_is(tmp_path, rng):
    x, y = rng.standard_normal((200, 5)), rng.integers(0, 3, 200)
    net = Sequential([layers.Dense(16, "tanh"), layers.Dense(3)], input_shape=5, seed=0)
    net.fit(x, y, epochs=3, verbose=0)
    before = net.parameters.copy()
    made = to_c(net, tmp_path / "net.c", weights="int8", data=(x, y))
    assert (net.parameters == before).all()
    assert made.before == net.evaluate(x, y)
    assert made.after.keys() == made.before.keys()
    assert 0 < abs(made.after["loss"] - made.before["loss"]) < 0.1
    assert (made.source, made.header) == (str(tmp_path / "net.c"), str(tmp_path / "net.h"))
    # A scale and a bias for each output of four bytes, and three outputs filled up to four.
    assert made.constants == 5 * 16 + 16 * 4 + 2 * 4 * (16 + 4)
    assert made.workspace == 16 * 4
    assert made.multiply_adds == 5 * 16 + 16 * 3
    assert made.state == 0
    assert f"{made.constants} bytes of constants, 64 bytes of workspace, 128 multiply-adds" in str(made)
    assert f"loss {made.before['loss']:.4g} to {made.after['loss']:.4g}" in str(made)


def test_a_workspace_is_shared(tmp_path):
    """Of a chain, no more than two neighbours are there at a time."""
    net = Sequential([layers.Dense(units) for units in (100, 10, 90, 20, 1)], input_shape=3, dtype="float64")
    assert to_c(net, tmp_path / "net.c").workspace == 8 * 110


def test_bad_arguments(tmp_path):
    net = Sequential([layers.Dense(2)], input_shape=3)
    long = Sequential([layers.Dense(2)], input_shape=(None, 3))
    path = tmp_path / "net.c"
    for arguments, error, said in (
        ((object(), path), TypeError, "net must be Sequential; received object"),
        ((layers.Dense(2), path), TypeError, "net must be Sequential; received Dense"),
        ((net, tmp_path / "net.h"), ValueError, "path must end in .c; received .*net.h"),
        ((net, 3), TypeError, "path must be a path; received 3"),
        (
            (net, tmp_path / "my-net.c"),
            ValueError,
            "name must be a name in C, .*; received 'my-net', which is the file's",
        ),
        ((long, path), ValueError, r"steps must be given for samples of shape \(None, 3\)"),
    ):
        with pytest.raises(error, match=said):
            to_c(*arguments)
    for given, options, error, said in (
        (net, {"steps": 3}, ValueError, r"steps must not be given for samples of shape \(3,\); received 3"),
        (long, {"steps": 0}, ValueError, "steps must be at least 1; received 0"),
        (net, {"weights": "int4"}, ValueError, "weights must be one of float, int8; received 'int4'"),
        (net, {"name": "2d"}, ValueError, "name must be a name in C, .*; received '2d'$"),
        (net, {"data": (1, 2)}, ValueError, 'data must be given for weights="int8" alone'),
    ):
        with pytest.raises(error, match=said):
            to_c(given, path, **options)
    for name in ('a"b.c', "a\\b.c", "a\nb.c"):
        with pytest.raises(ValueError, match="path must be that of a file which C can include; received "):
            to_c(net, tmp_path / name, name="net")
    net.params["0.weight"][0, 0] = np.inf
    with pytest.raises(ValueError, match="parameters must be finite; received some that are not"):
        to_c(net, path)
    assert not list(tmp_path.iterdir())
    to_c(long, path, steps=2, name="net_2d")
    assert sorted(tmp_path.iterdir()) == [path, tmp_path / "net.h"]


def test_command(tmp_path, capsys):
    net = Sequential([layers.GRU(4, return_sequences=True, stateful=True)], input_shape=(None, 3), seed=0)
    net.save(tmp_path / "net.npz")
    path = str(tmp_path / "net.c")
    assert main(["export", str(tmp_path / "net.npz"), "--to", path, "--steps", "1", "--weights", "int8"]) == 0
    assert (
        f"{path}, {path[:-2]}.h: 276 bytes of constants, 96 bytes of workspace, 16 bytes of state"
        in capsys.readouterr().out
    )
    assert "signed char" in (tmp_path / "net.c").read_text()
    assert main(["export", str(tmp_path / "net.npz"), "--to", path]) == 2
    assert "fastdl: --steps must be given" in capsys.readouterr().err


def test_command_names_what_a_file_cannot(tmp_path, capsys):
    Sequential([layers.Dense(2)], input_shape=3, seed=0).save(tmp_path / "net.npz")
    command = ["export", str(tmp_path / "net.npz"), "--to", str(tmp_path / "größe.c")]
    assert main(command) == 2
    assert "fastdl: --name must be a name in C" in capsys.readouterr().err
    assert main([*command, "--name", "size"]) == 0
    assert "int size_predict(" in (tmp_path / "größe.h").read_text(encoding="utf-8")
    assert '#include "größe.h"' in (tmp_path / "größe.c").read_text(encoding="utf-8")
    assert main([*command, "--name", "2d"]) == 2
    assert "received '2d'" in capsys.readouterr().err


def test_a_header_takes_no_other_s_place(tmp_path, capsys):
    """Neither that of the network it is written for, nor of a folder; there is no source without its header."""
    net = Sequential([layers.Dense(2)], input_shape=3, seed=0)
    net.save(tmp_path / "net.h")
    assert main(["export", str(tmp_path / "net.h"), "--to", str(tmp_path / "net.c")]) == 2
    assert "fastdl: --to must be another file than those that are read" in capsys.readouterr().err
    assert fastdl.load(tmp_path / "net.h").output_shape == (2,)
    (tmp_path / "folder.h").mkdir()
    with pytest.raises(ValueError, match=r"path must be that of a file; received .*folder\.h"):
        to_c(net, tmp_path / "folder.c")
    assert sorted(os.listdir(tmp_path)) == ["folder.h", "net.h"]


def test_command_tells_what_eight_bits_lose(tmp_path, capsys):
    x, y = np.zeros((20, 28, 28), np.uint8), 3 + np.arange(20) % 2
    x[y == 4] = 255
    for part in ("train", "t10k"):
        header = np.array([0x803, 20, 28, 28], ">i4").tobytes()
        (tmp_path / f"{part}-images-idx3-ubyte").write_bytes(header + x.tobytes())
        (tmp_path / f"{part}-labels-idx1-ubyte").write_bytes(np.array([0x801, 20], ">i4").tobytes() + bytes(y.tolist()))
    net = Sequential([layers.Flatten(), layers.Dense(2)], input_shape=(1, 28, 28), seed=0)
    net.notes = {"labels": [4, 3]}
    net.fit(x[:, None] / 255, 4 - y, epochs=20, verbose=0)
    net.save(tmp_path / "net.npz")
    command = ["export", str(tmp_path / "net.npz"), "--to", str(tmp_path / "net.c")]
    assert main([*command, "--weights", "int8", "--data", str(tmp_path)]) == 0
    assert ", accuracy 1 to 1\n" in capsys.readouterr().out
    chain = [layers.Rescaling(1 / 255), layers.Rescaling(1.0, -0.5), layers.Flatten(), layers.Dense(2)]
    of_bytes = Sequential(chain, input_shape=(1, 28, 28), seed=0)
    of_bytes.notes = net.notes
    of_bytes.fit(x[:, None], 4 - y, epochs=20, verbose=0)
    of_bytes.save(tmp_path / "net.npz")
    assert main([*command, "--weights", "int8", "--data", str(tmp_path)]) == 0
    assert ", accuracy 1 to 1\n" in capsys.readouterr().out
    net.notes = {"labels": [4, 5]}
    net.save(tmp_path / "net.npz")
    for options, told in [
        (["--weights", "int8", "--data", str(tmp_path)], "--data must hold images of the network's labels; received 3"),
        (["--data"], "--data is for --weights int8"),
        (["--lengths"], "--lengths is not for c"),
        (["--format", "onnx", "--weights", "int8"], "--weights is not for onnx"),
        (["--format", "onnx", "--name", "net"], "--name is not for onnx"),
    ]:
        assert main([*command, *options]) == 2
        assert told in capsys.readouterr().err


def test_a_million_weights_compile(tmp_path):
    net = Sequential([layers.Dense(1000), layers.Dense(1)], input_shape=1000, seed=0)
    to_c(net, tmp_path / "net.c")
    Compilation(tmp_path / "net.c", "object").program()
