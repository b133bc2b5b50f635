"""Articles 1 to 3: the perceptron, the linear unit, networks of objects and of arrays, and MNIST."""

import copy
import gzip
import itertools
import json
import random

import numpy as np
import pytest
import reference
from conftest import close

from fastdl.compat import bp, fc, mnist
from fastdl.compat.activators import SigmoidActivator, TanhActivator
from fastdl.compat.linear_unit import LinearUnit
from fastdl.compat.perceptron import Perceptron, VectorOp

TABLE = [[1, 1], [0, 0], [1, 0], [0, 1]]


def test_and():
    p = Perceptron(2, lambda x: 1 if x > 0 else 0)
    p.train(TABLE, [1, 0, 0, 0], 10, 0.1)
    assert str(p) == "weights\t:[0.1, 0.2]\nbias\t:-0.200000\n"
    assert [p.predict(x) for x in TABLE] == [1, 0, 0, 0]


def test_or():
    p = Perceptron(2, lambda x: 1 if x > 0 else 0)
    p.train(TABLE, [1, 0, 1, 1], 10, 0.1)
    assert [p.predict(x) for x in TABLE] == [1, 0, 1, 1]


def test_linear_unit():
    unit = LinearUnit(1)
    unit.train([[5], [3], [8], [1.4], [10.1]], [5500, 2300, 7600, 1800, 11400], 10, 0.01)
    w = b = 0.0
    for _ in range(10):
        for x, label in ((5, 5500), (3, 2300), (8, 7600), (1.4, 1800), (10.1, 11400)):
            step = 0.01 * (label - (w * x + b))
            w, b = w + step * x, b + step
    assert (unit.weights, unit.bias) == ([pytest.approx(w)], pytest.approx(b))
    assert unit.predict([3.4]) == pytest.approx(3907.30, abs=0.01)


def test_perceptron_refuses():
    p = Perceptron(2, abs)
    with pytest.raises(ValueError, match=r"input_vec must have shape \(2,\); received \(3,\)"):
        p.predict([1, 2, 3])
    with pytest.raises(ValueError, match="labels must be as many as input_vecs, 4; received 1"):
        p.train(TABLE, [1], 1, 0.1)
    with pytest.raises(ValueError, match="input_vecs must be an array of numbers; received a ragged sequence"):
        p.train([[1, 1], [1]], [1, 0], 1, 0.1)
    with pytest.raises(TypeError, match="labels must be an array of real numbers"):
        p.train(TABLE, None, 1, 0.1)
    with pytest.raises(TypeError, match="activator must be a function"):
        Perceptron(2, SigmoidActivator())
    assert p.weights == [0, 0]


def numpy_step(weights, x, label, rate):
    """One step of article 3's algorithm on matrices (inputs + 1, outputs); gives outputs and deltas of each layer."""
    outputs = [np.asarray(x, float)]
    for w in weights:
        outputs.append(reference.sigmoid(np.append(outputs[-1], 1) @ w))
    deltas = [outputs[-1] * (1 - outputs[-1]) * (label - outputs[-1])]
    for w, y in zip(weights[::-1], outputs[-2::-1], strict=True):
        deltas.insert(0, y * (1 - y) * (w[:-1] @ deltas[0]))
    for w, y, d in zip(weights, outputs, deltas[1:], strict=False):
        w += rate * np.outer(np.append(y, 1), d)
    return outputs, deltas


def matrices(network):
    sizes = [len(layer.nodes) - 1 for layer in network.layers]
    flat = iter([conn.weight for conn in network.connections.connections])
    return [np.array([[next(flat) for _ in range(m)] for _ in range(n + 1)]) for n, m in itertools.pairwise(sizes)]


@pytest.fixture
def samples(rng):
    return rng.random((20, 3)), rng.random((20, 2))


def test_objects_learn_as_the_article_says(samples):
    x, labels = samples
    network = bp.Network([3, 4, 2])
    weights = matrices(network)
    network.train(labels, x, 0.5, 3)
    for _ in range(3):
        for sample, label in zip(x, labels, strict=True):
            outputs, deltas = numpy_step(weights, sample, label, 0.5)
    for actual, expected in zip(matrices(network), weights, strict=True):
        close(actual, expected)
    for layer, y, d in zip(network.layers, outputs, deltas, strict=True):
        close(np.array([node.output for node in layer.nodes]), np.append(y, 1))
        close(np.array([node.delta for node in layer.nodes]), np.append(d, 0))


def test_objects_are_views(samples):
    x, labels = samples
    network = bp.Network([3, 4, 2])
    conn = network.layers[0].nodes[1].downstream[2]
    assert conn in network.layers[1].nodes[2].upstream
    before = network.predict(x[0])
    conn.weight += 2
    after = network.predict(x[0])
    assert before != after
    conn.weight -= 2
    assert network.predict(x[0]) == pytest.approx(before)
    network.get_gradient(labels[0], x[0])
    assert conn.get_gradient() == pytest.approx(conn.downstream_node.delta * conn.upstream_node.output)
    conn.downstream_node.delta = 3
    network.calc_gradient()
    assert conn.gradient == pytest.approx(3 * conn.upstream_node.output)
    conn.gradient = 0
    conn.calc_gradient()
    weight = conn.weight
    conn.update_weight(0.5)
    assert conn.weight == pytest.approx(weight + 1.5 * conn.upstream_node.output)


def test_nodes_one_by_one_do_what_the_network_does(samples):
    x, labels = samples
    network = bp.Network([3, 4, 2])
    network.get_gradient(labels[0], x[0])
    expected = [[(node.output, node.delta) for node in layer.nodes] for layer in network.layers]
    network.layers[0].set_output(x[0])
    for layer in network.layers[1:]:
        layer.calc_output()
    for node, label in zip(network.layers[-1].nodes, labels[0], strict=False):
        node.calc_output_layer_delta(label)
    for layer in network.layers[-2::-1]:
        for node in layer.nodes:
            node.calc_hidden_layer_delta()
    actual = [[(node.output, node.delta) for node in layer.nodes] for layer in network.layers]
    for one, other in zip(actual, expected, strict=True):
        close(np.array(one), np.array(other))


def test_objects_alone(capsys):
    up, down, bias = bp.Node(0, 0), bp.Node(1, 0), bp.ConstNode(0, 1)
    conns = bp.Connections()
    for node in (up, bias):
        conn = bp.Connection(node, down)
        node.append_downstream_connection(conn)
        down.append_upstream_connection(conn)
        conns.add_connection(conn)
        assert -0.1 <= conn.weight <= 0.1
        conn.weight = 0.5
    up.set_output(2)
    down.calc_output()
    assert down.output == pytest.approx(reference.sigmoid(1.5))
    assert str(conns.connections[0]) == "(0-0) -> (1-0) = 0.500000"
    assert str(bias) == "0-1: output: 1\n\tdownstream:\n\t(0-1) -> (1-0) = 0.500000"
    assert str(up).startswith("0-0: output: 2.000000 delta: 0.000000\n\tdownstream:\n\t(0-0)")
    conns.dump()
    bp.Network([1, 1]).dump()
    assert capsys.readouterr().out.count("->") == 2 + 2 * 2


def test_weights_are_drawn_as_in_the_article():
    random.seed(5)
    expected = [random.uniform(-0.1, 0.1) for _ in range(4 * 2 + 3 * 1)]
    random.seed(5)
    network = bp.Network([3, 2, 1])
    assert [conn.weight for conn in network.connections.connections] == expected


def test_gradient_checks(samples, capsys):
    x, labels = samples
    network = bp.Network([3, 4, 2])
    network.parameters = 2 * np.random.default_rng(1).standard_normal(network.parameters.size)
    assert bp.gradient_check(network, x[0], labels[0]) < 1e-7
    assert capsys.readouterr().out.count("expected gradient: \t") == network.parameters.size
    arrays = fc.Network([3, 4, 2])
    assert arrays.gradient_check(x[0][:, None], labels[0][:, None]) < 1e-7


def test_arrays_learn_what_objects_learn(samples):
    x, labels = samples
    objects, arrays = bp.Network([3, 4, 2]), fc.Network([3, 4, 2])
    for layer, w in zip(arrays.layers, matrices(objects), strict=True):
        layer.W, layer.b = w[:-1].T, w[-1][:, None]
    objects.train(labels, x, 0.5, 2)
    arrays.train(labels[..., None], x[..., None], 0.5, 2)
    for layer, w in zip(arrays.layers, matrices(objects), strict=True):
        close(layer.W, w[:-1].T)
        close(layer.b, w[-1][:, None])
    close(arrays.predict(x[3][:, None])[:, 0], np.array(objects.predict(x[3])))
    one = x[-1][:, None], labels[-1][:, None]
    assert arrays.loss(arrays.predict(one[0]), one[1]) == pytest.approx(
        0.5 * ((np.array(objects.predict(x[-1])) - labels[-1]) ** 2).sum()
    )


def test_another_activator_learns_too(samples, capsys):
    x, labels = samples
    network = fc.Network([3, 4, 2])
    for layer in network.layers:
        layer.activator = TanhActivator()
    columns = labels[..., None], x[..., None]

    def error():
        return sum(network.loss(network.predict(sample), label) for label, sample in zip(*columns, strict=True))

    before = error()
    network.train(*columns, 0.1, 30)
    assert error() < before
    network.dump()
    assert capsys.readouterr().out.count("W: ") == 2


@pytest.mark.parametrize("network", [lambda: bp.Network([3, 4, 2]), lambda: fc.Network([3, 4, 2])])
def test_networks_refuse(network, samples):
    x, labels = samples
    network = network()

    def numbers():
        if isinstance(network, bp.Network):
            return network.parameters
        return np.concatenate([array.ravel() for layer in network.layers for array in (layer.W, layer.b)])

    before = numbers().copy()
    with pytest.raises(ValueError, match=r"(data|input_array) must have shape"):
        network.predict([[1], [2]])
    with pytest.raises(ValueError, match=r"data_set must hold vectors of 3 numbers; received shape \(20, 2\)"):
        network.train(labels, labels, 0.1, 1)
    with pytest.raises(ValueError, match="labels must be as many as data_set, 20; received 19"):
        network.train(labels[:-1], x, 0.1, 1)
    with pytest.raises(ValueError, match=r"data_set must .*ragged"):
        network.train(labels[:2], [[1, 2, 3], [1, 2]], 0.1, 1)
    with pytest.raises(ValueError, match="rate must be"):
        network.train(labels, x, np.nan, 1)
    x[-1, 1] = np.nan
    with pytest.raises(ValueError, match="data_set must be finite"):
        network.train(labels, x, 0.1, 1)
    with pytest.raises(ValueError, match="at least two layers"):
        type(network)([3])
    with pytest.raises(TypeError, match="layers must be the nodes of each layer; received 3"):
        type(network)(3)
    with pytest.raises(ValueError, match=r"(iteration|epoch) must be at least 0; received -1"):
        network.train(labels, x, 0.1, -1)
    close(numbers(), before)


def test_numbers_of_eight_bits():
    normalizer, columns = bp.Normalizer(), fc.Normalizer()
    assert normalizer.norm(6) == [0.1, 0.9, 0.9, 0.1, 0.1, 0.1, 0.1, 0.1]
    assert columns.norm(6).tolist() == [[bit] for bit in normalizer.norm(6)]
    assert [normalizer.denorm(normalizer.norm(n)) for n in range(256)] == list(range(256))
    assert [columns.denorm(columns.norm(n)) for n in range(256)] == list(range(256))
    random.seed(5)
    labels, samples = bp.train_data_set()
    random.seed(5)
    assert labels == samples == [normalizer.norm(int(random.uniform(0, 256))) for _ in range(32)]
    labels, samples = fc.train_data_set()
    assert [columns.denorm(label) for label in labels] == [columns.denorm(sample) for sample in samples]
    assert fc.transpose((labels[:2], samples[:3]))[1][2].shape == (8, 1)
    assert fc.transpose(([[1, 2], [3, 4]],))[0][1].tolist() == [[3], [4]]


def test_functions_of_article_3():
    assert bp.mean_square_error([1, 2], [3, 5]) == 6.5
    assert bp.sigmoid(0) == 0.5
    assert [bp.sigmoid(x) for x in (-1000.0, 1000.0)] == pytest.approx([0, 1])
    close(bp.sigmoid(np.array([-80.0, 0.0, 2.0])), reference.sigmoid(np.array([-80.0, 0.0, 2.0])))
    assert bp.sigmoid(np.array([-800.0]))[0] < 1e-300
    assert VectorOp.dot([1, 2], [3, 4]) == 11
    assert VectorOp.element_multiply([1, 2], [3, 4]) == [3, 8]
    assert VectorOp.element_add([1, 2], [3, 4]) == [4, 6]
    assert VectorOp.scala_multiply([1, 2], 3) == [3, 6]


def test_other_names_of_arguments(samples):
    x, labels = samples
    networks = [bp.Network([3, 4, 2]) for _ in range(2)]
    networks[1].parameters = networks[0].parameters
    networks[0].train(labels, x, 0.5, 2)
    networks[1].train(labels, x, 0.5, epoch=2)
    assert networks[0].parameters.tolist() == networks[1].parameters.tolist()
    for arguments in ((), (2, 2)):
        with pytest.raises(TypeError, match="iteration or epoch must be given, one of them"):
            networks[0].train(labels, x, 0.5, *arguments)
    with pytest.raises(ValueError, match="read-only"):
        networks[0].parameters[0] = 1
    p = Perceptron(2, activator_fun=lambda x: 7)
    assert p.predict([1, 1]) == 7
    with pytest.raises(TypeError, match="received both"):
        Perceptron(2, abs, abs)


def test_a_network_learns_to_pass_bits_on():
    random.seed(0)
    network = bp.Network([8, 3, 8])
    labels, samples = bp.train_data_set()

    def error():
        return sum(
            bp.mean_square_error(network.predict(sample), label) for sample, label in zip(samples, labels, strict=True)
        )

    before = error()
    network.train(labels, samples, 0.3, 50)
    assert error() < 0.75 * before


# MNIST


def test_loaders(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    images = bytes([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 28, 0, 0, 0, 28]) + bytes(i % 256 for i in range(2 * 784))
    labels = bytes([0, 0, 8, 1, 0, 0, 0, 2, 7, 1])
    (tmp_path / "images").write_bytes(images)
    (tmp_path / "labels.gz").write_bytes(gzip.compress(labels))
    loader = mnist.ImageLoader("images", 2)
    data = loader.load()
    assert (len(data), len(data[0]), type(data[0][0])) == (2, 784, int)
    assert data[1] == loader.get_one_sample(loader.get_picture(loader.get_file_content(), 1))
    assert loader.to_int(b"\x07") == loader.to_int(7) == 7
    vectors = mnist.LabelLoader("labels.gz", 2).load()
    assert vectors == [[0.9 if i == n else 0.1 for i in range(10)] for n in (7, 1)]
    with pytest.raises(ValueError, match="count must be at most 2, what images holds; received 3"):
        mnist.ImageLoader("images", 3).load()
    with pytest.raises(ValueError, match="path must be a file of bytes with 3 axes"):
        mnist.ImageLoader("labels.gz", 1).load()
    with pytest.raises(FileNotFoundError):
        mnist.ImageLoader("nothing", 1).load()


def test_the_package_has_the_articles_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    samples, labels = mnist.get_test_data_set()
    assert np.shape(samples) == (10000, 784)
    assert np.shape(labels) == (10000, 10)
    assert sum(p * p for p in samples[0]) == np.square(np.array(samples[0], dtype=int)).sum() > 2**20
    assert samples
    assert samples[0]
    assert mnist.get_result(labels[0]) == 7
    loader = mnist.ImageLoader("t10k-images-idx3-ubyte", 1)  # gzipped in the package
    assert loader.get_one_sample(loader.get_picture(loader.get_file_content(), 0)) == samples[0]


def small_sets(monkeypatch, count=200):
    samples, labels = mnist.get_test_data_set()
    monkeypatch.setattr(mnist, "get_training_data_set", lambda: (samples[:count], labels[:count]))
    monkeypatch.setattr(mnist, "get_test_data_set", lambda: (samples[:count], labels[:count]))


def test_training_stops_when_the_error_rises(tmp_path, monkeypatch, capsys):
    small_sets(monkeypatch)
    errors = iter([0.3, 0.2, 0.25])
    monkeypatch.setattr(mnist, "evaluate", lambda *_: next(errors))
    checkpoint = tmp_path / "run.npz"
    mnist.train_and_evaluate(checkpoint)
    out = capsys.readouterr().out
    assert out.count("finished") == 30
    assert "after epoch 30, error ratio is 0.25" in out
    assert list(tmp_path.iterdir()) == []


def test_training_resumes(tmp_path, monkeypatch, capsys):
    small_sets(monkeypatch)
    checkpoint = tmp_path / "run.npz"

    class Interrupted(Exception):
        pass

    errors = [0.3, 0.2]

    def evaluate(network, *_):
        if not errors:
            raise Interrupted
        return errors.pop(0)

    monkeypatch.setattr(mnist, "evaluate", evaluate)
    random.seed(0)
    with pytest.raises(Interrupted):
        mnist.train_and_evaluate(checkpoint)
    with np.load(checkpoint) as saved:
        kept = saved["parameters"]
        assert json.loads(saved["config"].tobytes()) == {"epoch": 20, "error_ratio": 0.2}
    errors += [0.5]
    network = mnist.train_and_evaluate(checkpoint)
    out = capsys.readouterr().out
    assert "resumed after epoch 20, error ratio 0.2" in out
    assert "epoch 30 finished" in out
    again = bp.Network([784, 300, 10])
    again.parameters = kept
    samples, labels = mnist.get_training_data_set()
    again.train(labels, np.array(samples, np.float32) / 255, 0.3, 10)
    close(network.parameters, again.parameters)


def test_a_damaged_checkpoint_is_an_error(tmp_path, monkeypatch):
    small_sets(monkeypatch)
    checkpoint = tmp_path / "run.npz"
    for damage in (b"", b"nonsense", b"PK\x03\x04 and no more"):
        checkpoint.write_bytes(damage)
        with pytest.raises(ValueError, match="checkpoint must be a file of this training; received"):
            mnist.train_and_evaluate(checkpoint)
    config = np.frombuffer(b'{"epoch": 10, "error_ratio": 0.5}', np.uint8)
    np.savez(checkpoint, config=config, parameters=np.ones(3))
    with pytest.raises(ValueError, match=r"this training; received .*parameters must be .* 'shape': \(238510,\)"):
        mnist.train_and_evaluate(checkpoint)


def test_a_checkpoint_that_cannot_be_written_is_told_before_all_else(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        mnist.train_and_evaluate(tmp_path / "nowhere" / "run.npz")


def test_show(capsys):
    sample = [0] * 784
    sample[28 * 3 + 5] = 200
    mnist.show(sample)
    lines = capsys.readouterr().out.split("\n")
    assert lines[3] == " " * 5 + "*" + " " * 22
    assert (len(lines), {len(line) for line in lines[:28]}) == (30, {28})


def test_a_loader_of_ones_own():
    class Scaled(mnist.ImageLoader):
        def get_one_sample(self, picture):
            return [pixel / 255 for pixel in super().get_one_sample(picture)]

    name = "t10k-images-idx3-ubyte"
    plain = mnist.ImageLoader(name, 2).load()
    assert Scaled(name, 2).load() == [[pixel / 255 for pixel in sample] for sample in plain]


def test_evaluate():
    class Constant:
        def predict(self, sample):
            return sample

    labels = np.eye(10)
    assert mnist.evaluate(Constant(), labels, labels) == 0
    assert mnist.evaluate(Constant(), np.roll(labels, 1, axis=1)[:4], labels[:4]) == 1


@pytest.mark.parametrize("trained", [False, True])
def test_a_network_of_objects_that_have_all_been_looked_at_is_copied(trained):
    network = bp.Network([64, 30, 10])
    everything = network.connections.connections
    sample = [0.01 * i for i in range(64)]
    if trained:
        network.train([[0.1] * 10], [sample], 0.3, 1)
    copied = copy.deepcopy(network)
    others = copied.connections.connections
    assert [conn.weight for conn in others] == [conn.weight for conn in everything]
    assert not {id(conn) for conn in others} & {id(conn) for conn in everything}
    first = copied.layers[0].nodes[0]
    assert others[0] is first.downstream[0]
    assert others[0].upstream_node is first
    assert list(copied.predict(sample)) == list(network.predict(sample))
    others[-1].weight = 9.0
    copied.layers[1].nodes[0].note = "changed"
    assert everything[-1].weight < 9
    assert list(copied.predict(sample)) != list(network.predict(sample))
    assert not hasattr(network.layers[1].nodes[0], "note")
