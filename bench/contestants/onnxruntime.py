"""ONNX Runtime: LeNet-5 as one graph, which it optimises."""

from functools import partial

import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from bench import digits
from bench.contestants import Task

VERSION = onnxruntime.__version__


def _graph():
    start = digits.lenet_start()
    constants, nodes, x = [], [], "x"

    def node(kind, inputs, **attributes):
        nonlocal x
        nodes.append(helper.make_node(kind, [x, *inputs], [f"t{len(nodes)}"], **attributes))
        x = f"t{len(nodes) - 1}"

    for i, (weight, bias) in enumerate(start):
        names = [f"w{i}", f"b{i}"]
        constants += [numpy_helper.from_array(a, n) for a, n in zip((weight, bias), names, strict=True)]
        if weight.ndim == 4:
            node("Conv", names, pads=[2 * (i == 0)] * 4)
            node("Relu", [])
            node("MaxPool", [], kernel_shape=[2, 2], strides=[2, 2])
        else:
            if i == 2:
                node("Flatten", [])
            node("Gemm", names, transB=1)
            if i < 4:
                node("Relu", [])
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", *shape])
        for name, shape in (("x", [1, 28, 28]), (x, [10]))
    ]
    graph = helper.make_graph(nodes, "lenet5", ends[:1], ends[1:], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return model.SerializeToString()


def _predict(samples, bound=False):
    def prepare(threads):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        session = onnxruntime.InferenceSession(_graph(), options, providers=["CPUExecutionProvider"])
        feed = {"x": digits.mnist()[0][:samples].copy()}
        check, calls = session.run(None, feed)[0], max(10, 20_000 // samples)
        once = partial(session.run, None, feed)
        if bound:
            binding = session.io_binding()
            binding.bind_cpu_input("x", feed["x"])
            binding.bind_output(session.get_outputs()[0].name)
            once = partial(session.run_with_iobinding, binding)
            once()
            check = binding.copy_outputs_to_cpu()[0]

        def run():
            for _ in range(calls):
                once()

        return Task(check, run, calls)

    return prepare


WORKS = {
    **{f"predict_{samples}": _predict(samples) for samples in (1, 64, 1000)},
    "predictor_1": _predict(1, bound=True),
}
