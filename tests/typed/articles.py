"""The articles' programs on the names that `fastdl.compat` keeps."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import assert_type

from fastdl.compat import activators, bp, cnn, fc, gru, linear_unit, lstm, mnist, perceptron, recursive, rnn

# 1 and 2.
p = perceptron.Perceptron(2, lambda x: 1 if x > 0 else 0)
p.train([[1, 1], [0, 0], [1, 0], [0, 1]], [1, 0, 0, 0], 10, 0.1)
assert_type(p.predict([1, 1]), float)
assert_type(p.weights, list[float])
assert_type(perceptron.VectorOp.dot([1, 2], [3, 4]), float)
unit = linear_unit.LinearUnit(1)
unit.train([[5], [3]], [5500, 2300], 10, 0.01)
assert_type(unit.predict([3.4]), float)

# 3.
network = bp.Network([8, 3, 8])
data = bp.train_data_set()
network.train(data[0], data[1], 0.3, 2)
assert_type(network.predict(data[1][0]), list[float])
assert_type(bp.gradient_check(network, data[1][0], data[0][0]), float)
assert_type(bp.mean_square_error([1.0], [2.0]), float)
assert_type(bp.Normalizer().denorm(bp.Normalizer().norm(7)), int)
assert_type(bp.sigmoid(0.5), Any)
first, last = bp.Layer(0, 2), bp.Node(1, 0)
connections = bp.Connections()
connections.add_connection(bp.Connection(first.nodes[0], last))
constant = bp.ConstNode(0, 2)
constant.append_downstream_connection(bp.Connection(constant, last))
vectors = fc.Network([8, 3, 8])
labels, samples = fc.train_data_set()
vectors.train(labels, samples, 0.3, 2)
assert_type(vectors.predict(samples[0]), NDArray[Any])
assert_type(vectors.gradient_check(samples[0], labels[0]), float)
assert_type(fc.transpose(data), list[list[NDArray[Any]]])
assert_type(fc.Normalizer().norm(3), NDArray[Any])
full = fc.FullConnectedLayer(3, 2, fc.SigmoidActivator())
full.forward(np.ones((3, 1)))
assert_type(full.output, NDArray[Any])
loader: mnist.Loader = mnist.LabelLoader("t10k-labels-idx1-ubyte", 3)
assert_type(loader.get_file_content(), bytes)
assert_type(mnist.LabelLoader("t10k-labels-idx1-ubyte", 3).load(), list[list[float]])
pictures = mnist.ImageLoader("t10k-images-idx3-ubyte", 3).load()
assert_type(pictures, list[list[int]])
mnist.show(pictures[0])
assert_type(mnist.get_result([0.1, 0.9]), int)
assert_type(mnist.evaluate(vectors, samples, labels), float)
assert_type(mnist.now(), str)


def digits() -> mnist.Network:
    """Take some minutes."""
    for data_set, wanted in (mnist.get_training_data_set(), mnist.get_test_data_set()):
        assert_type(data_set, list[list[int]])
        assert_type(wanted, list[list[float]])
    return mnist.train_and_evaluate("digits.npz")


# 4.
image = np.ones((3, 5, 5))
conv = cnn.ConvLayer(5, 5, 3, 3, 3, 2, 1, 2, cnn.ReluActivator(), 0.001)
conv.forward(image)
assert_type(conv.output_array, NDArray[Any])
conv.backward(image, np.ones((2, 3, 3)), cnn.IdentityActivator())
conv.update()
conv.filters[0].get_weights()
assert_type(cnn.Filter(2, 2, 1).get_weights(), NDArray[Any])
assert_type(cnn.Filter(2, 2, 1).get_bias(), float)
for pool in (cnn.MaxPoolingLayer(5, 5, 3, 2, 2, 2), cnn.MeanPoolingLayer(5, 5, 3, 2, 2, 2)):
    pool.forward(image)
    assert_type(pool.output_array, NDArray[Any])
assert_type(cnn.padding(image, 1), NDArray[Any])
assert_type(cnn.get_patch(image[0], 0, 0, 2, 2, 1), NDArray[Any])
assert_type(cnn.get_max_index(image[0]), tuple[int, int])
output = np.zeros((4, 4))
cnn.conv(image, np.ones((3, 2, 2)), output, 1, 0.0)
cnn.element_wise_op(output, activators.ReluActivator().forward)

# 5, 6 and 7.
tanh = activators.TanhActivator()
recurrent = rnn.RecurrentLayer(3, 2, tanh, 0.1)
recurrent.forward(np.ones((3, 1)))
recurrent.backward(np.ones((2, 1)), tanh)
assert_type(recurrent.state_list, list[NDArray[Any]])
rnn.element_wise_op(output, activators.SigmoidActivator().forward)
for gated in (lstm.LstmLayer(3, 2, 0.1), gru.GruLayer(3, 2, 0.1)):
    gated.forward(np.ones((3, 1)))
    gated.backward(np.ones((3, 1)), np.ones((2, 1)), activators.IdentityActivator())
    gated.update()
trees = recursive.RecursiveLayer(2, 2, activators.IdentityActivator(), 0.1)
trees.forward(recursive.TreeNode(np.ones((2, 1))), recursive.TreeNode(np.ones((2, 1))))
trees.backward(np.ones((2, 1)))
assert_type(trees.root, Any)
