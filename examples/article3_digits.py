"""Article 3: one object a neuron and a connection, and MNIST at a second an epoch."""

import time

import numpy as np

from fastdl.compat import bp, mnist

network = bp.Network([784, 300, 10])
train_data, train_labels = mnist.get_training_data_set()
test_data, test_labels = mnist.get_test_data_set()
train_data, test_data = np.array(train_data) / 255, np.array(test_data) / 255  # lists, as in the article

for epoch in range(1, 6):
    start = time.perf_counter()
    network.train(train_labels, train_data, 0.3, 1)
    seconds = time.perf_counter() - start
    print(f"epoch {epoch}: {seconds:.2f} s, error ratio {mnist.evaluate(network, test_data, test_labels):.4f}")

node = network.layers[1].nodes[7]
print(f"hidden node 7: {len(node.upstream)} connections in, {len(node.downstream)} out, output {node.output:.3f}")
conn = node.downstream[3]
before = network.predict(test_data[0])[3]
conn.weight += 1  # live: the network's own number
print(f"output 3 before and after {conn}: {before:.4f} {network.predict(test_data[0])[3]:.4f}")
