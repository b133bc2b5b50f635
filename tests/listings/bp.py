import math
import random


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


class Node:
    def __init__(self, layer_index, node_index):
        self.layer_index, self.node_index = layer_index, node_index
        self.upstream, self.downstream = [], []
        self.output = self.delta = 0.0

    def set_output(self, output):
        self.output = output

    def append_downstream_connection(self, conn):
        self.downstream.append(conn)

    def append_upstream_connection(self, conn):
        self.upstream.append(conn)

    def calc_output(self):
        self.output = sigmoid(sum(conn.upstream_node.output * conn.weight for conn in self.upstream))

    def calc_hidden_layer_delta(self):
        wanted = sum(conn.downstream_node.delta * conn.weight for conn in self.downstream)
        self.delta = self.output * (1 - self.output) * wanted

    def calc_output_layer_delta(self, label):
        self.delta = self.output * (1 - self.output) * (label - self.output)


class ConstNode:
    def __init__(self, layer_index, node_index):
        self.layer_index, self.node_index = layer_index, node_index
        self.downstream = []
        self.output = 1.0

    def append_downstream_connection(self, conn):
        self.downstream.append(conn)

    def calc_hidden_layer_delta(self):
        wanted = sum(conn.downstream_node.delta * conn.weight for conn in self.downstream)
        self.delta = self.output * (1 - self.output) * wanted


class Layer:
    def __init__(self, layer_index, node_count):
        self.layer_index = layer_index
        self.nodes = [Node(layer_index, i) for i in range(node_count)]
        self.nodes.append(ConstNode(layer_index, node_count))

    def set_output(self, data):
        for node, value in zip(self.nodes, data, strict=False):
            node.set_output(value)

    def calc_output(self):
        for node in self.nodes[:-1]:
            node.calc_output()

    def dump(self):
        for node in self.nodes:
            print(node)


class Connection:
    def __init__(self, upstream_node, downstream_node):
        self.upstream_node, self.downstream_node = upstream_node, downstream_node
        self.weight, self.gradient = random.uniform(-0.1, 0.1), 0.0

    def calc_gradient(self):
        self.gradient = self.downstream_node.delta * self.upstream_node.output

    def get_gradient(self):
        return self.gradient

    def update_weight(self, rate):
        self.calc_gradient()
        self.weight += rate * self.gradient


class Connections:
    def __init__(self):
        self.connections = []

    def add_connection(self, connection):
        self.connections.append(connection)

    def dump(self):
        for conn in self.connections:
            print(conn)


class Network:
    def __init__(self, layers):
        self.connections = Connections()
        self.layers = [Layer(i, n) for i, n in enumerate(layers)]
        for above, below in zip(self.layers[:-1], self.layers[1:], strict=True):
            for conn in [Connection(up, down) for up in above.nodes for down in below.nodes[:-1]]:
                self.connections.add_connection(conn)
                conn.downstream_node.append_upstream_connection(conn)
                conn.upstream_node.append_downstream_connection(conn)

    def train(self, labels, data_set, rate, iteration):
        for _ in range(iteration):
            for label, sample in zip(labels, data_set, strict=True):
                self.train_one_sample(label, sample, rate)

    def train_one_sample(self, label, sample, rate):
        self.predict(sample)
        self.calc_delta(label)
        self.update_weight(rate)

    def calc_delta(self, label):
        for node, value in zip(self.layers[-1].nodes, label, strict=False):
            node.calc_output_layer_delta(value)
        for layer in self.layers[-2::-1]:
            for node in layer.nodes:
                node.calc_hidden_layer_delta()

    def update_weight(self, rate):
        for layer in self.layers[:-1]:
            for node in layer.nodes:
                for conn in node.downstream:
                    conn.update_weight(rate)

    def calc_gradient(self):
        for layer in self.layers[:-1]:
            for node in layer.nodes:
                for conn in node.downstream:
                    conn.calc_gradient()

    def get_gradient(self, label, sample):
        self.predict(sample)
        self.calc_delta(label)
        self.calc_gradient()

    def predict(self, sample):
        self.layers[0].set_output(sample)
        for layer in self.layers[1:]:
            layer.calc_output()
        return [node.output for node in self.layers[-1].nodes[:-1]]

    def dump(self):
        for layer in self.layers:
            layer.dump()
