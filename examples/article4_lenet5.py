r"""
Article 4: convolutional networks
=================================

Convolution and pooling number by number, and LeNet-5 built from the article's own layers:
what its filters look for, and what they find.

A fully connected layer does not know which pixels are neighbours, and has a weight for each
of them. A convolution layer looks at a small window at a time, with the same few weights
everywhere. The article also gives up the sigmoid, whose derivative of at most a quarter
makes gradients smaller layer after layer, for the rectifier, ReLU:

.. math:: f(z) = \max(0, z)
"""

# sphinx_gallery_thumbnail_number = 4
import time

import matplotlib.pyplot as plt
import numpy as np

from fastdl import datasets, models, optimizers
from fastdl.compat.activators import IdentityActivator, ReluActivator, SigmoidActivator
from fastdl.compat.cnn import ConvLayer, MaxPoolingLayer
from fastdl.compat.fc import FullConnectedLayer

relu, sigmoid = ReluActivator(), SigmoidActivator()
z = np.linspace(-4, 4, 201)
figure, panels = plt.subplots(
    1,
    2,
    num="ReLU and the sigmoid, and their derivatives: 0 or 1, and at most a quarter",
    figsize=(7, 2.3),
    layout="constrained",
)
for axes, title in zip(panels, ("output", "derivative"), strict=True):
    for activator, name in ((relu, "ReLU"), (sigmoid, "sigmoid")):
        output = activator.forward(z)
        axes.plot(
            z, output if title == "output" else activator.backward(output), label=name
        )
    axes.set(title=title, xlabel="weighted input")
    axes.grid(alpha=0.3)
panels[0].legend(frameon=False)
plt.show()

# %%
# Convolution
# -----------
#
# A filter of :math:`F \times F` weights lies on the image; numbers that lie on each other
# are multiplied and added up, with a bias. Then it moves on by a stride :math:`S`. With
# :math:`P` rings of zeros round an image of width :math:`W`, what comes out is a feature
# map of width
#
# .. math:: \frac{W - F + 2P}{S} + 1
#
# Here an edge is looked for, with strides of 1 and 2. (Nothing is turned over, so
# mathematicians call it cross-correlation.)

image = np.array(
    [[0, 0, 1, 1, 1], [0, 1, 2, 2, 1], [0, 1, 2, 2, 0], [1, 2, 2, 1, 0], [1, 1, 1, 0, 0]],
    float,
)
edge = np.array([[-1, 0, 1], [-1, 0, 1], [-1, 0, 1]], float)


def convolved(stride):
    """Return the feature map of the edge in the image."""
    layer = ConvLayer(5, 5, 1, 3, 3, 1, 0, stride, relu, 0.1)
    layer.filters[0].weights[...] = edge
    layer.forward(image[None])
    return layer.output_array[0]


def draw_numbers(axes, numbers, title, marked=()):
    """Draw an array as numbers, with rectangles (row, column, height, width) framed."""
    axes.imshow(numbers, cmap="RdBu_r", vmin=-8, vmax=8)
    for (i, j), number in np.ndenumerate(numbers):
        axes.text(j, i, f"{number:g}", ha="center", va="center", color="black")
    for i, j, height, width in marked:
        axes.add_patch(
            plt.Rectangle(
                (j - 0.5, i - 0.5),
                width,
                height,
                fill=False,
                color="tab:green",
                linewidth=2.5,
            )
        )
    axes.set_title(title, fontsize=10)
    axes.set_axis_off()


figure, panels = plt.subplots(
    1,
    4,
    num="An image of 5 by 5, a filter of 3 by 3, and their feature maps of 3 by 3 and 2 by "
    "2 numbers",
    figsize=(8, 2.2),
    layout="constrained",
    width_ratios=(5, 3, 3, 2),
)
draw_numbers(panels[0], image, "image", [(0, 0, 3, 3)])
draw_numbers(panels[1], edge, "filter")
draw_numbers(panels[2], convolved(1), "map, stride 1", [(0, 0, 1, 1)])
draw_numbers(panels[3], convolved(2), "stride 2", [(0, 0, 1, 1)])
plt.show()

# %%
# Pooling, and its way back
# -------------------------
#
# Pooling keeps the largest number of each window and nothing else, so a map becomes a
# quarter of its size. It has nothing to learn. On the way back a window's gradient goes,
# whole, to where its largest number came from, and the rest gets none. (The article calls
# the gradient a *sensitivity map*.)

numbers = np.array([[1, 3, 0, 2], [2, 0, 4, 1], [5, 1, 1, 0], [0, 2, 3, 2]], float)
gradient = np.array([[1, -2], [3, 4]], float)
pool = MaxPoolingLayer(4, 4, 1, 2, 2, 2)
pool.forward(numbers[None])
pool.backward(numbers[None], gradient[None])
figure, panels = plt.subplots(
    1,
    4,
    num="Max pooling of 4 by 4 numbers to 2 by 2, and a gradient that goes back to the "
    "largest of each window",
    figsize=(8, 2.4),
    layout="constrained",
    width_ratios=(4, 2, 2, 4),
)
windows = [(i, j, 2, 2) for i in (0, 2) for j in (0, 2)]
draw_numbers(panels[0], numbers, "a feature map", windows)
draw_numbers(panels[1], pool.output_array[0], "pooled")
draw_numbers(panels[2], gradient, "gradient")
draw_numbers(panels[3], pool.delta_array[0], "handed back", windows)
plt.show()

# %%
# A convolution's own way back is a convolution as well: what a filter gets is the image
# convolved with the gradient, and what the image gets is the gradient, with zeros round it,
# convolved with the filter turned by 180 degrees.
#
# LeNet-5
# -------
#
# The article ends by leaving it to its readers to build LeNet-5 from these layers. Here it
# is: two convolutions, each with its pooling, and three fully connected layers, trained on
# one image at a time. Error terms of fully connected layers point down the error, as in
# article 3, and sensitivity maps up.

RATE = 0.05


class LeNet5:
    """Two convolutions, each with its pooling, and three fully connected layers."""

    def __init__(self):
        self.conv1 = ConvLayer(28, 28, 1, 5, 5, 6, 2, 1, relu, RATE)
        self.pool1 = MaxPoolingLayer(28, 28, 6, 2, 2, 2)
        self.conv2 = ConvLayer(14, 14, 6, 5, 5, 16, 0, 1, relu, RATE)
        self.pool2 = MaxPoolingLayer(10, 10, 16, 2, 2, 2)
        self.full = [
            FullConnectedLayer(400, 120, relu),
            FullConnectedLayer(120, 84, relu),
            FullConnectedLayer(84, 10, sigmoid),
        ]
        # The articles' layers start at 1e-4 and less, too little under so many layers.
        for conv in (self.conv1, self.conv2):
            for one in conv.filters:
                one.weights = np.random.normal(
                    0, np.sqrt(2 / one.weights.size), one.weights.shape
                )

    def predict(self, image):
        """Return ten numbers (10, 1) for an image (1, 28, 28)."""
        self.conv1.forward(image)
        self.pool1.forward(self.conv1.output_array)
        self.conv2.forward(self.pool1.output_array)
        self.pool2.forward(self.conv2.output_array)
        column = self.pool2.output_array.reshape(400, 1)
        for layer in self.full:
            layer.forward(column)
            column = layer.output
        return column

    def train_one_sample(self, label, image):
        """Go forward, back, and down the gradient."""
        output = self.predict(image)
        # A layer's own `delta` takes its activator to be that of the layer before too;
        # here that is always ReLU.
        delta = output * (1 - output) * (label - output)
        for layer in reversed(self.full):
            layer.backward(delta)
            delta = layer.W.T @ delta * relu.backward(layer.input)
        self.pool2.backward(self.conv2.output_array, -delta.reshape(16, 5, 5))
        self.conv2.backward(self.pool1.output_array, self.pool2.delta_array, relu)
        self.pool1.backward(self.conv1.output_array, self.conv2.delta_array)
        self.conv1.backward(image, self.pool1.delta_array, IdentityActivator())
        for layer in self.full:
            layer.update(RATE)
        self.conv1.update()
        self.conv2.update()


np.random.seed(0)
(x_train, y_train), (x_test, y_test) = datasets.mnist()
labels = np.where(np.arange(10) == y_train[:, None], 0.9, 0.1)[..., None]
TRAIN, TEST, EVERY = 5000, 500, 1000
net = LeNet5()
before = np.array([one.weights[0] for one in net.conv1.filters])
right, start = [], time.perf_counter()
for i in range(TRAIN):
    net.train_one_sample(labels[i], x_train[i])
    if (i + 1) % EVERY == 0:
        found = [np.argmax(net.predict(x)) for x in x_test[:TEST]]
        right.append(np.mean(found == y_test[:TEST]))
        print(
            f"{i + 1} samples, {time.perf_counter() - start:.1f} s: "
            f"{right[-1]:.1%} of {TEST} test digits right"
        )

# %%
# What it sees
# ------------
#
# A test digit on its way through the network: six maps of the first convolution, halved by
# pooling, then sixteen, of which each reads all six.


def side_by_side(maps):
    """Lay maps (count, height, width) out in one row, each from 0 to 1, with gaps."""
    scaled = maps / np.maximum(maps.max(axis=(1, 2), keepdims=True), 1e-9)
    return np.hstack(np.pad(scaled, ((0, 0), (0, 0), (0, 2)), constant_values=np.nan))[
        :, :-2
    ]


net.predict(x_test[0])
stages = {
    "first convolution": net.conv1.output_array,
    "pooled": net.pool1.output_array,
    "second convolution": net.conv2.output_array,
    "pooled again": net.pool2.output_array,
}
figure, panels = plt.subplots(
    5,
    1,
    num="A seven, and the feature maps that the layers make of it",
    figsize=(8, 5.2),
    layout="constrained",
    height_ratios=(2, 2, 2, 1, 1),
)
panels[0].imshow(x_test[0, 0], cmap="gray")
panels[0].set_title("image", fontsize=10)
for axes, (name, maps) in zip(panels[1:], stages.items(), strict=True):
    axes.imshow(side_by_side(maps), cmap="gray")
    axes.set_title(f"{name}: {len(maps)} × {maps.shape[1]} × {maps.shape[2]}", fontsize=10)
for axes in panels:
    axes.set_axis_off()
plt.show()

# %%
# The filters of the first layer, as they were drawn at random and as they are now. Red is
# above zero, blue below. Five thousand images have made strokes and edges of some, and left
# others nearly as they were.

after = np.array([one.weights[0] for one in net.conv1.filters])
most = abs(after).max()
figure, panels = plt.subplots(
    2,
    6,
    num="Six filters of 5 by 5 weights, before training and after",
    figsize=(7, 2.7),
    layout="constrained",
)
for row, filters, name in zip(panels, (before, after), ("before", "after"), strict=True):
    for axes, weights in zip(row, filters, strict=True):
        axes.imshow(weights, cmap="RdBu_r", vmin=-most, vmax=most)
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
    row[0].set_ylabel(name)
plt.show()

# %%
# With today's layers
# -------------------
#
# `models.lenet5` is the same network as one compiled plan, and takes its images by batches.
# After the same images it is about as far, in a fraction of the time. It need not stop
# there: an epoch is all 60,000.

modern = models.lenet5(seed=0)
options = {"batch_size": 8, "optimizer": optimizers.SGD(0.1), "verbose": 0}
curve, start = [], time.perf_counter()
for first in range(0, TRAIN, EVERY):
    part = slice(first, first + EVERY)
    modern.fit(x_train[part], y_train[part], **options)
    curve.append(modern.evaluate(x_test[:TEST], y_test[:TEST])["accuracy"])
print(
    f"{TRAIN} samples, {time.perf_counter() - start:.2f} s: "
    f"{curve[-1]:.1%} of {TEST} test digits right"
)

figure, axes = plt.subplots(
    num="Accuracy by samples seen: both LeNet-5s are above nine tenths after five thousand",
    figsize=(6, 2.8),
    layout="constrained",
)
seen = range(EVERY, TRAIN + 1, EVERY)
axes.plot(seen, right, "o-", label="the article's layers, an image a step")
axes.plot(seen, curve, "s-", label="models.lenet5, 8 images a step")
axes.set(xlabel="images seen", ylabel="accuracy", ylim=(0.3, 1))
axes.grid(alpha=0.3)
axes.legend(frameon=False)
plt.show()

# %%

start = time.perf_counter()
modern.fit(x_train, y_train, **options)
seconds = time.perf_counter() - start
print(
    f"an epoch, {seconds:.1f} s: "
    f"{modern.evaluate(x_test, y_test)['accuracy']:.1%} of all 10,000 right"
)
