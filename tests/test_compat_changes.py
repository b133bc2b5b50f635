"""A program that changes objects, arrays or lists of the articles' networks gets what it wrote."""

import copy
import pickle

import numpy as np
import pytest
from article_programs import (
    MODULES,
    activator,
    agree,
    build,
    called,
    cases,
    check_change,
    modules,
    run,
    run_perceptron,
)


def momentum(fc):
    class Layer(fc.FullConnectedLayer):
        speed = 0.0

        def update(self, learning_rate):
            self.speed = 0.9 * self.speed + self.W_grad
            self.W += learning_rate * self.speed
            self.b += learning_rate * self.b_grad

    network = fc.Network([3, 4, 2])
    network.layers = [Layer(3, 4, activator(fc, "Sigmoid")), Layer(4, 2, activator(fc, "Sigmoid"))]
    return trained_arrays(network)


def trained_arrays(network, outputs=2):
    rng = np.random.default_rng(4)
    network.train(list(rng.random((20, outputs, 1))), list(rng.random((20, 3, 1))), 0.5, 2)
    return [network.predict(rng.random((3, 1))), *(array for layer in network.layers for array in (layer.W, layer.b))]


def an_appended_layer(fc):
    network = fc.Network([3, 4, 2])
    network.layers.append(fc.FullConnectedLayer(2, 5, activator(fc, "Tanh")))
    return trained_arrays(network, 5)


def an_appended_sigmoid_layer(fc):
    network = fc.Network([3, 4])
    network.layers.append(fc.FullConnectedLayer(4, 2, activator(fc, "Sigmoid")))
    return trained_arrays(network)


def a_replaced_layer(fc):
    network = fc.Network([3, 4, 2])
    network.layers[0], network.layers[1] = (
        fc.FullConnectedLayer(*s, activator(fc, "Sigmoid")) for s in ((3, 6), (6, 2))
    )
    return trained_arrays(network)


def tied_weights(fc):
    network = fc.Network([3, 4, 3])
    network.layers[1].W = network.layers[0].W.T
    return trained_arrays(network, 3)


def weights_that_the_program_holds(fc):
    network, W = fc.Network([3, 4, 2]), np.full((4, 3), 0.5)
    network.layers[0].W = W
    first = trained_arrays(network)
    W *= 0.5
    return [*first, *trained_arrays(network), W]


def an_activator_of_a_subclass(fc):
    class Steep(type(activator(fc, "Sigmoid"))):
        def backward(self, output):
            return 2 * super().backward(output)

    network = fc.Network([3, 4, 2])
    network.layers[1].activator = Steep()
    return trained_arrays(network)


def gradients_of_two_times(fc):
    layer, kept = fc.FullConnectedLayer(3, 2, activator(fc, "Sigmoid")), []
    for x in np.random.default_rng(0).random((2, 3, 1)):
        layer.forward(x)
        layer.backward(np.ones((2, 1)))
        kept += [layer.W_grad, layer.output]
        layer.update(0.5)
    return kept


def step_by_step(fc, between=lambda network, sample: None):
    """Learn from samples, all in the same memory, and look at everything after each."""
    network, rng, found = fc.Network((3, 4, 2)), np.random.default_rng(4), []
    sample = np.zeros((3, 1))
    for _ in range(4):
        sample[...] = rng.random((3, 1))
        network.train_one_sample(rng.random((2, 1)), sample, 0.5)
        between(network, sample)
        for layer in network.layers:
            found += [layer.W_grad, layer.b_grad, layer.delta, layer.output, layer.input.copy()]
        found += [np.array(array) for layer in network.layers for array in (layer.W, layer.b)]
    assert all(one.output is two.input for one, two in zip(network.layers, network.layers[1:], strict=False))
    return found


def a_sample_that_changes(fc):
    def change(network, sample):
        sample *= 2

    return step_by_step(fc, change)


def weights_that_change_before_an_error_is_looked_at(fc):
    def change(network, sample):
        network.layers[0].W *= 0.5
        network.layers[1].b[0] = 0.25

    return step_by_step(fc, change)


def weights_that_the_program_looks_at(fc):
    rows = []

    def change(network, sample):
        for row in rows:
            row *= 0.5
        rows[:] = [network.layers[0].W[1], network.layers[1].b[1:]]

    return step_by_step(fc, change)


def weights_assigned_before_an_error_is_looked_at(fc):
    def change(network, sample):
        network.layers[0].W = np.full((4, 3), 0.5)
        network.layers[1].b = network.layers[1].b + 1

    return step_by_step(fc, change)


def a_prediction_with_assigned_weights_before_an_error_is_looked_at(fc):
    def change(network, sample):
        network.layers[0].W = np.full((4, 3), 0.5)
        network.predict(np.full((3, 1), 0.25))

    return step_by_step(fc, change)


def weights_in_single_precision(fc):
    def change(network, sample):
        network.layers[0].W = np.ones((4, 3), np.float32)

    return step_by_step(fc, change)


def weights_that_are_gone_back_to(fc):
    """The first of two attempts is kept, in whole or in part, while the network learns with other weights."""
    network, rng, found = fc.Network([3, 4, 2]), np.random.default_rng(4), []
    label, sample = rng.random((2, 1)), rng.random((3, 1))
    for name, layer in (("W", network.layers[0]), ("b", network.layers[1]), ("W", network.layers[1])):
        for use in (network.predict, lambda sample: network.train_one_sample(label, sample, 0.5)):
            use(sample)
            former = getattr(layer, name)
            row = former[1]
            setattr(layer, name, former + rng.random(former.shape))
            use(sample)
            found += [former.copy(), row.copy()]
            setattr(layer, name, former)
            use(sample)
            found += [former.copy(), row.copy(), network.predict(sample)]
    network.train([label] * 20, [sample] * 20, 0.5, 1)
    return [*found, network.layers[0].W, network.layers[1].W]


def predictions_between(fc):
    kept = []

    def change(network, sample):
        kept.append(network.predict(sample + 1))
        network.layers[1].backward(np.ones((2, 1)))

    return step_by_step(fc, change) + kept


def a_layer_more_each_time(fc):
    def change(network, sample):
        network.layers.append(fc.FullConnectedLayer(2, 2, activator(fc, "Sigmoid")))

    network, rng, found = fc.Network([3, 2]), np.random.default_rng(4), []
    for _ in range(3):
        for _ in range(2):
            network.train_one_sample(rng.random((2, 1)), rng.random((3, 1)), 0.5)
        change(network, None)
        found += [network.predict(rng.random((3, 1))), network.layers[0].W.copy(), network.layers[0].delta]
    return found


def a_layer_of_two_networks(fc):
    networks, rng, found = [fc.Network([3, 4, 2]), fc.Network([3, 4, 2])], np.random.default_rng(4), []
    networks[0].train_one_sample(rng.random((2, 1)), rng.random((3, 1)), 0.5)
    networks[1].layers[0] = networks[0].layers[0]
    for k in (0, 1, 1, 0, 0):
        networks[k].train_one_sample(rng.random((2, 1)), rng.random((3, 1)), 0.5)
        found += [layer.W.copy() for network in networks for layer in network.layers]
        found += [networks[k].predict(rng.random((3, 1))), networks[k].layers[0].delta]
    return found


def the_same_layer_twice(fc):
    network = fc.Network([3, 3])
    network.layers *= 2
    return trained_arrays(network, 3)


def an_activator_replaced_between(fc):
    def change(network, sample):
        network.layers[1].activator = activator(fc, "Tanh")

    return step_by_step(fc, change)


def a_shallow_copy_of_a_layer(fc):
    network, rng = fc.Network([3, 4, 2]), np.random.default_rng(4)
    network.train_one_sample(rng.random((2, 1)), rng.random((3, 1)), 0.5)
    other = copy.copy(network.layers[0])
    network.train_one_sample(rng.random((2, 1)), rng.random((3, 1)), 0.5)
    other.forward(rng.random((3, 1)))
    return [other.output, other.W, other.W_grad, network.layers[0].W, network.layers[0].delta]


def every_other_sample(fc):
    class Network(fc.Network):
        count = 0

        def train_one_sample(self, label, sample, rate):
            self.count += 1
            if self.count % 2:
                super().train_one_sample(label, sample, rate / self.count)

    return trained_arrays(Network([3, 4, 2]))


def trained_objects(network, between=lambda: None):
    rng = np.random.default_rng(4)
    labels, samples = rng.random((20, 2)).tolist(), rng.random((20, 3)).tolist()
    network.train(labels, samples, 0.5, 1)
    between()
    network.train(labels, samples, 0.5, 1)
    result = network.predict(samples[0])
    result += [conn.weight for layer in network.layers[:-1] for node in layer.nodes for conn in node.downstream]
    return result + [node.delta for layer in network.layers for node in layer.nodes[:-1]]


def a_removed_connection(bp):
    network = bp.Network([3, 4, 2])
    conn = network.layers[0].nodes[1].downstream[2]
    conn.upstream_node.downstream.remove(conn)
    conn.downstream_node.upstream.remove(conn)
    return trained_objects(network)


def a_connection_removed_later(bp):
    network = bp.Network([3, 4, 2])

    def remove():
        conn = network.connections.connections[3]
        conn.upstream_node.downstream.remove(conn)
        conn.downstream_node.upstream.remove(conn)

    return trained_objects(network, remove)


def a_connection_past_a_layer(bp):
    network = bp.Network([3, 4, 2])
    up, down = network.layers[0].nodes[0], network.layers[2].nodes[1]
    conn = bp.Connection(up, down)
    up.append_downstream_connection(conn)
    down.append_upstream_connection(conn)
    return trained_objects(network)


def a_connection_led_elsewhere(bp):
    network = bp.Network([3, 4, 2])
    conn = network.layers[0].nodes[1].downstream[2]
    conn.upstream_node = network.layers[0].nodes[0]
    return trained_objects(network)


def a_frozen_connection(bp):
    network = bp.Network([3, 4, 2])
    network.layers[0].nodes[1].downstream[2].update_weight = lambda rate: None
    return trained_objects(network)


def connections_with_momentum(bp):
    class Connection(bp.Connection):
        speed = 0.0

        def update_weight(self, rate):
            self.calc_gradient()
            self.speed = 0.5 * self.speed + self.gradient
            self.weight += rate * self.speed

    network = bp.Network([3, 4, 2])
    for layer in network.layers[:-1]:
        for node in layer.nodes:
            for i, old in enumerate(node.downstream):
                new = Connection(node, old.downstream_node)
                node.downstream[i] = new
                new.downstream_node.upstream[new.downstream_node.upstream.index(old)] = new
    return trained_objects(network)


def an_appended_layer_of_objects(bp):
    network = bp.Network([3, 4])
    last = bp.Layer(2, 2)
    for up in network.layers[-1].nodes:
        for down in last.nodes[:-1]:
            conn = bp.Connection(up, down)
            up.append_downstream_connection(conn)
            down.append_upstream_connection(conn)
    network.layers.append(last)
    return trained_objects(network)


def a_larger_bias(bp):
    network = bp.Network([3, 4, 2])
    network.layers[0].nodes[-1].output = 2.0
    return trained_objects(network)


def a_relu_node(bp):
    class Relu(bp.Node):
        def calc_output(self):
            self.output = max(0.0, sum(conn.upstream_node.output * conn.weight for conn in self.upstream))

    network = bp.Network([3, 4, 2])
    old = network.layers[1].nodes[0]
    new = network.layers[1].nodes[0] = Relu(1, 0)
    new.upstream, new.downstream = old.upstream, old.downstream
    for conn in new.upstream:
        conn.downstream_node = new
    for conn in new.downstream:
        conn.upstream_node = new
    return trained_objects(network)


def weights_assigned_between(bp):
    network = bp.Network([3, 4, 2])

    def change():
        network.layers[0].nodes[1].downstream[2].weight = 0.5
        network.layers[1].nodes[0].upstream[1].weight += 1
        network.layers[1].nodes[1].note = "kept"

    result = trained_objects(network, change)
    network.layers[1].nodes[2].delta = 3.0
    network.calc_gradient()
    assert network.layers[1].nodes[1].note == "kept"
    return [*result, *(conn.gradient for conn in network.connections.connections)]


def a_network_that_builds_itself(bp):
    class Network(bp.Network):
        def __init__(self):
            self.layers, self.connections = [bp.Layer(0, 3), bp.Layer(1, 2)], bp.Connections()
            for up in self.layers[0].nodes:
                for down in self.layers[1].nodes[:-1]:
                    conn = bp.Connection(up, down)
                    self.connections.add_connection(conn)
                    up.append_downstream_connection(conn)
                    down.append_upstream_connection(conn)

    return trained_objects(Network())


def a_perceptron_with_decay(perceptron):
    class Decay(perceptron.Perceptron):
        def _update_weights(self, input_vec, output, label, rate):
            super()._update_weights(input_vec, output, label, rate)
            self.weights = [0.9 * w for w in self.weights]

    p = Decay(2, lambda x: x)
    return run_perceptron(perceptron, {"": p})


CHANGES = {
    "fc": [
        momentum, an_appended_layer, an_appended_sigmoid_layer, a_replaced_layer, tied_weights,
        weights_that_the_program_holds, an_activator_of_a_subclass, gradients_of_two_times, every_other_sample,
        step_by_step, a_sample_that_changes, weights_that_change_before_an_error_is_looked_at,
        weights_that_the_program_looks_at, weights_assigned_before_an_error_is_looked_at,
        a_prediction_with_assigned_weights_before_an_error_is_looked_at, weights_in_single_precision,
        weights_that_are_gone_back_to, predictions_between, a_layer_more_each_time, a_layer_of_two_networks,
        the_same_layer_twice, an_activator_replaced_between, a_shallow_copy_of_a_layer,
    ],
    "bp": [
        a_removed_connection, a_connection_removed_later, a_connection_past_a_layer, a_connection_led_elsewhere,
        a_frozen_connection, connections_with_momentum, an_appended_layer_of_objects, a_larger_bias, a_relu_node,
        weights_assigned_between, a_network_that_builds_itself,
    ],
    "perceptron": [a_perceptron_with_decay],
}  # fmt: skip


@pytest.mark.parametrize(("name", "program"), cases(CHANGES), ids=called)
def test_a_program_that_changes_something(name, program):
    check_change(name, program)


@pytest.mark.parametrize("how", [copy.deepcopy, lambda network: pickle.loads(pickle.dumps(network))])
def test_a_copy_has_the_gradients_that_nobody_has_looked_at(how):
    from fastdl.compat import bp

    network = bp.Network([40, 30, 2])
    network.get_gradient([0.1, 0.9], [0.5] * 40)
    found = [[conn.gradient for conn in net.layers[1].nodes[3].downstream] for net in (how(network), network)]
    assert found[0] == found[1]
    assert all(found[0])


@pytest.mark.parametrize("name", [name for name in MODULES if name not in ("mnist", "perceptron", "linear_unit")])
@pytest.mark.parametrize("how", [copy.deepcopy, lambda parts: pickle.loads(pickle.dumps(parts))])
def test_a_copy_is_another_object(name, how, tmp_path):
    _, module = modules(name)
    np.random.seed(3)  # noqa: NPY002
    parts = build(name, module, tmp_path)
    first = run(name, module, parts)
    other, third = how(parts), how(parts)
    one, two = run(name, module, other), run(name, module, parts)
    agree(one, two)
    agree(run(name, module, third), two)
    assert not np.allclose(np.concatenate([np.ravel(v) for v in first]), np.concatenate([np.ravel(v) for v in one]))
