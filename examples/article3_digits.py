r"""
Article 3: networks and back-propagation
========================================

Neurons as objects and as matrices, gradients that are checked, and which handwritten digits
are misread.

Neurons in layers, each reading all of the layer before, make a network. Its activator has
to have a derivative, so the step becomes a sigmoid, whose derivative costs nothing once the
output is known:

.. math:: \sigma(z) = \frac{1}{1 + e^{-z}}, \qquad \sigma'(z) = \sigma(z)\,(1 - \sigma(z))
"""

# sphinx_gallery_thumbnail_number = 4
import random
import time

import matplotlib.pyplot as plt
import numpy as np

from fastdl import datasets, models, optimizers
from fastdl.compat import bp, fc, mnist

z = np.linspace(-6, 6, 121)
sigmoid = fc.SigmoidActivator()
figure, axes = plt.subplots(
    num="The sigmoid rises from 0 to 1; its derivative is a bell of height a quarter",
    figsize=(5, 2.4),
    layout="constrained",
)
axes.plot(z, sigmoid.forward(z), label="sigmoid")
axes.plot(z, sigmoid.backward(sigmoid.forward(z)), label="its derivative")
axes.set(xlabel="weighted input z", yticks=[0, 0.25, 0.5, 1])
axes.grid(alpha=0.3)
axes.legend(frameon=False)
plt.show()

# %%
# A network of objects
# --------------------
#
# The article's first network is made of objects: a `Network` has layers, a layer nodes, and
# between two nodes there is a connection, which has a weight. A node adds up what its
# upstream connections bring. After a sample it has an error term, a `delta`, at an output
#
# .. math:: \delta_i = y_i\,(1 - y_i)\,(t_i - y_i)
#
# and at a hidden node what its downstream connections bring back:
#
# .. math:: \delta_i = a_i\,(1 - a_i) \sum_k w_{ki}\,\delta_k
#
# A weight then moves by :math:`\eta\,\delta_j\,x_{ji}`, its node's delta times what came
# along it. Both sums walk the same connections, once forward and once back, and that is all
# of back-propagation.

random.seed(0)
network = bp.Network([3, 4, 2])
network.train([[0.9, 0.1], [0.1, 0.9]], [[1, 0, 0], [0, 1, 0]], 0.3, 1000)
print(
    [round(number, 3) for number in network.predict([1, 0, 0])],
    network.layers[1].nodes[2].delta,
)

# %%
# Every object is live: what is drawn here is read off the nodes and connections. Nodes bear
# the article's numbers and show their outputs for the input (1, 0, 0). Lines are red where
# a weight is above zero and blue where below, and as strong as it is large.

network.predict([1, 0, 0])
figure, axes = plt.subplots(
    num="A network of three inputs, four hidden nodes and two outputs, its connections "
    "coloured by their weights",
    figsize=(6.5, 3.6),
    layout="constrained",
)
places = {}
for k, layer in enumerate(network.layers):
    nodes = layer.nodes[:-1]  # the last one is always 1: it carries the biases
    for i, node in enumerate(nodes):
        places[node] = (k, (len(nodes) - 1) / 2 - i)
most = max(abs(conn.weight) for node in places for conn in node.downstream)
for number, (node, (x, y)) in enumerate(places.items(), start=1):
    for conn in node.downstream:
        strength = conn.weight / most
        colour = plt.cm.RdBu_r(0.5 + 0.5 * strength)
        axes.plot(
            *zip((x, y), places[conn.downstream_node], strict=True),
            color=colour,
            lw=0.5 + 4 * abs(strength),
        )
    axes.scatter(
        x,
        y,
        s=900,
        color=plt.cm.Greys(0.1 + 0.5 * node.output),
        edgecolor="tab:gray",
        zorder=2,
    )
    axes.text(
        x,
        y,
        f"{number}\n{node.output:.2f}",
        ha="center",
        va="center",
        fontsize=9,
        color="black",
    )
axes.set(xlim=(-0.3, 2.3), xticks=[0, 1, 2], ylim=(-2, 2), yticks=[])
axes.set_xticks([0, 1, 2], ["inputs", "hidden", "outputs"])
axes.spines[:].set_visible(False)
axes.tick_params(length=0)
plt.show()

# %%
# Is the gradient right?
# ----------------------
#
# The article's answer is one that every network here is tested by: move one weight a little
# up and a little down, and see what the error does.
#
# .. math:: \frac{\partial E}{\partial w} \approx
#    \frac{E(w + \epsilon) - E(w - \epsilon)}{2 \epsilon}

worst = bp.gradient_check(bp.Network([2, 2, 1]), [0.9, 0.1], [0.9])
print(f"largest difference, relative to the largest gradient: {worst:.0e}")

# %%
# A network of arrays
# -------------------
#
# A layer's weights as a matrix, its biases, outputs and deltas as columns, and the objects
# are gone:
#
# .. math:: a = \sigma(W x + b), \qquad
#    \delta^{(l)} = a^{(l)} \circ (1 - a^{(l)}) \circ W^T \delta^{(l+1)}, \qquad
#    \Delta W = \eta\,\delta\,x^T
#
# `fc.Network` is the article's. Given the weights of the objects, it learns the same from
# the same samples:

arrays = fc.Network([3, 4, 2])
for layer, above in zip(arrays.layers, network.layers, strict=False):
    for (j, i), _ in np.ndenumerate(layer.W):
        layer.W[j, i] = above.nodes[i].downstream[j].weight
    layer.b[:, 0] = [conn.weight for conn in above.nodes[-1].downstream]
samples, labels = np.split(np.random.default_rng(0).random((200, 5)), [3], axis=1)
network.train(labels, samples, 0.3, 10)
arrays.train(labels[..., None], samples[..., None], 0.3, 10)
difference = np.array(network.predict([1, 0, 0])) - arrays.predict([[1], [0], [0]])[:, 0]
print(f"largest difference of outputs: {abs(difference).max():.0e}")

# %%
# Handwritten digits
# ------------------
#
# MNIST has 60,000 digits to learn from and 10,000 to be asked. An image is 784 numbers, a
# label ten: 0.9 for the digit and 0.1 for the others. For the hidden layer of a network of
# :math:`n` inputs and :math:`l` outputs the article has three rules of thumb,
#
# .. math:: \sqrt{n + l} + a, \quad \log_2 n, \quad \sqrt{n\,l}
#
# with an :math:`a` from 1 to 10, and then takes 300. An epoch takes its objects more than
# 9,000 seconds. Here they are objects too, if you look at one; as long as nobody does, the
# core trains their arrays.

(x_train, y_train), (x_test, y_test) = datasets.mnist("float64")
x_train, x_test = x_train.reshape(-1, 784), x_test.reshape(-1, 784)
vectors = (
    np.where(np.arange(10) == y_train[:, None], 0.9, 0.1),
    np.where(np.arange(10) == y_test[:, None], 0.9, 0.1),
)

EPOCHS = 3
network = bp.Network([784, 300, 10])
errors = []
for epoch in range(1, EPOCHS + 1):
    start = time.perf_counter()
    network.train(vectors[0], x_train, 0.3, 1)
    seconds = time.perf_counter() - start
    errors.append(mnist.evaluate(network, x_test, vectors[1]))
    print(f"epoch {epoch}: {seconds:.2f} s, error ratio {errors[-1]:.4f}")
read = np.array([mnist.get_result(network.predict(sample)) for sample in x_test])

node = network.layers[1].nodes[7]
print(
    f"hidden node 7: {len(node.upstream)} connections in, {len(node.downstream)} out, "
    f"output {node.output:.3f}"
)

# %%
# With today's layers
# -------------------
#
# `models.mlp` is the article's network. What has changed since is the activator, ReLU
# (:doc:`the fourth article <article4_lenet5>`), a loss made for classes, and a step for 64
# samples rather than for each.

net = models.mlp((784, 300, 10), activation="relu", output=None, seed=0)
history = net.fit(
    x_train.astype("float32"),
    y_train,
    epochs=EPOCHS,
    batch_size=64,
    optimizer=optimizers.SGD(0.05, momentum=0.9),
    validation_data=(x_test.astype("float32"), y_test),
    verbose=0,
).history
print(
    f"{np.mean(history['seconds']):.2f} s an epoch, "
    f"error ratio {1 - history['val_accuracy'][-1]:.4f}"
)

epochs = range(1, EPOCHS + 1)
figure, axes = plt.subplots(
    num="Share of test digits misread by epoch: both networks fall from about four to "
    "below three per cent",
    figsize=(6, 3),
    layout="constrained",
)
axes.plot(
    epochs, 100 * np.array(errors), "o-", label="the article's, sigmoid and squared error"
)
axes.plot(
    epochs,
    100 * (1 - np.array(history["val_accuracy"])),
    "s-",
    label="ReLU and cross-entropy",
)
axes.set(xlabel="epoch", ylabel="misread, %", ylim=(0, 5), xticks=epochs)
axes.grid(alpha=0.3)
axes.legend(frameon=False)
plt.show()

# %%
# Which ones? Of the article's network the first two dozen, with what they are and what they
# were taken for:

wrong = np.flatnonzero(read != y_test)[:24]
figure, panels = plt.subplots(
    3,
    8,
    num="Two dozen test digits that the network misreads, most of them drawn badly",
    figsize=(8, 3.8),
    layout="constrained",
)
for axes, i in zip(panels.flat, wrong, strict=True):
    axes.imshow(x_test[i].reshape(28, 28), cmap="gray")
    axes.set_title(f"{y_test[i]}, read {read[i]}", fontsize=9)
    axes.set_axis_off()
plt.show()
