"""What becomes of a graph's operations before it runs: some join others, some go."""

import subprocess
import sys

import pytest
from test_graph import IMAGE, PLAIN

from fastdl._core import fusion
from fastdl._core.graph import Graph, merged


def kinds(output):
    operations = output.graph.finish(output).operations
    return [(operation["kind"], operation.get("activation"), operation["reads"]) for operation in operations]


def relu(x):
    return x.then("activation", activation="relu", setting=0.0)


def test_activations_join_the_product_before_them():
    x = Graph(IMAGE).input.then("convolution", filters=2, kernel=(2, 2), stride=(1, 1), **PLAIN)
    pooled = relu(x).then("max_pool", kernel=(2, 2), stride=(2, 2))
    assert kinds(pooled.then("flatten").then("dense", units=3)) == [
        ("convolution", "identity", (0,)), ("max_pool", "relu", (1,)), ("flatten", None, (2,)), ("dense", None, (3,)),
    ]  # fmt: skip
    x = Graph((3,)).input.then("dense", units=2).then("activation", activation="gelu", setting=0.0)
    assert kinds(x) == [("dense", None, (0,)), ("activation", "gelu", (1,))]  # which needs the product's own numbers


def test_what_somebody_else_reads_is_left_as_it_is():
    x = Graph((3,)).input.then("dense", units=2)
    assert kinds(merged([relu(x), x], "sum")) == [
        ("dense", None, (0,)), ("fan_out", None, (1,)), ("activation", "relu", (1,)), ("sum", None, (3, 2)),
    ]  # fmt: skip


def test_activations_join_what_is_normalized_or_added_up():
    x = Graph((3,)).input
    normalized = relu(x.then("batch_norm", epsilon=1e-5, momentum=0.1))
    added = merged([normalized, x.then("dense", units=3)], "sum").then("activation", activation="tanh", setting=0.0)
    assert [(kind, activation) for kind, activation, _ in kinds(added)] == [
        ("fan_out", None), ("batch_norm", "relu"), ("dense", None), ("sum", "tanh"),
    ]  # fmt: skip


def test_an_activation_told_from_its_input_is_left_as_it_is(monkeypatch):
    monkeypatch.setattr(fusion, "FROM_OUTPUT", ("relu",))
    x = Graph((3,)).input.then("dense", units=2).then("activation", activation="tanh", setting=0.0)
    assert kinds(x) == [("dense", None, (0,)), ("activation", "tanh", (1,))]


def test_the_core_and_python_agree_on_what_an_output_tells():
    program = (
        "import fastdl._core.kinds as kinds\n"
        "kinds.FROM_OUTPUT += ('gelu',)\n"
        "try:\n    import fastdl\n    fastdl._core.load('float32')\n"
        "except ImportError as error:\n    print(error)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "FROM_OUTPUT of kinds.py must be identity, relu, sigmoid, tanh, softmax, leaky_relu" in done.stdout


def test_who_reads_a_row_that_is_not_flattened_reads_what_it_was():
    x = Graph((3,)).input.then("dense", units=2)
    assert kinds(merged([relu(x.then("flatten").then("flatten")), x], "sum")) == [
        ("dense", None, (0,)), ("fan_out", None, (1,)), ("activation", "relu", (1,)), ("sum", None, (3, 2)),
    ]  # fmt: skip
    x = Graph((3,)).input.then("dense", units=2)
    flat = x.then("flatten")
    assert kinds(merged([relu(flat), flat], "product"))[-1] == ("product", None, (3, 2))
    x = Graph((3,)).input.then("dense", units=2)
    assert kinds(relu(x.then("flatten"))) == [("dense", "relu", (0,))]  # which nobody else reads


def test_a_rectified_image_is_not_rectified_after_a_pool_where_it_is_read_as_a_row():
    x = relu(Graph((2, 3, 3)).input.then("convolution", filters=1, kernel=(2, 2), stride=(1, 1), **PLAIN))
    row = x.then("flatten").then("dense", units=1)
    pooled = x.then("max_pool", kernel=(2, 2), stride=(1, 1)).then("flatten").then("dense", units=1)
    assert [(kind, activation) for kind, activation, _ in kinds(merged([row, pooled], "sum"))[:3]] == [
        ("convolution", "relu"), ("fan_out", None), ("dense", None),
    ]  # fmt: skip


@pytest.mark.parametrize("shape", [(12,), (1, 3, 4), (12, 1, 1), (1, 12)])
def test_a_row_is_not_flattened(shape):
    x = Graph(shape).input.then("flatten").then("flatten").then("dense", units=2)
    assert [kind for kind, *_ in kinds(x)][-1] == "dense"
    assert [kind for kind, *_ in kinds(Graph(shape).input.then("flatten").then("dense", units=2))] == ["dense"]


def test_a_tensor_that_is_read_three_times():
    x = Graph((3,)).input
    y = merged([x, x.then("dropout", rate=0.5), x], "product")
    assert kinds(y) == [
        ("fan_out", None, (0,)), ("fan_out", None, (0,)), ("dropout", None, (0,)), ("product", None, (1, 3, 2)),
    ]  # fmt: skip
