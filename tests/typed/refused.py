"""What a user may get wrong, and type checkers find: each line is an error to both of them, and nothing is run."""

import numpy as np

import fastdl
from fastdl import Sequential, callbacks, datasets, export, functional, layers, losses, metrics, optimizers, schedules

x, y = np.zeros((4, 3)), np.zeros(4, int)
net = Sequential([layers.Dense(2)], input_shape=3)


def refused() -> None:
    """Do everything wrong."""
    fastdl.fit_mny([net])  # type: ignore[attr-defined]  # pyright: ignore
    fastdl.fit_many(net, x, y)  # type: ignore[arg-type]  # pyright: ignore
    fastdl.load(3)  # type: ignore[arg-type]  # pyright: ignore
    fastdl.set_num_threads("4")  # type: ignore[arg-type]  # pyright: ignore
    Sequential(layers.Dense(2))  # type: ignore[arg-type]  # pyright: ignore
    Sequential([layers.Dense])  # type: ignore[list-item]  # pyright: ignore
    Sequential([layers.Dense(2)], input_shape="3")  # type: ignore[arg-type]  # pyright: ignore
    Sequential([layers.Dense(2)], shape=3)  # type: ignore[call-arg]  # pyright: ignore
    layers.Dense("2")  # type: ignore[arg-type]  # pyright: ignore
    print(layers.Dense(2).unit)  # type: ignore[attr-defined]  # pyright: ignore
    layers.Conv2D(4)  # type: ignore[call-arg]  # pyright: ignore
    print(layers.LSTM(4).build(3).filters)  # type: ignore[attr-defined]  # pyright: ignore
    net.fit(x, y, epochs="3")  # type: ignore[arg-type]  # pyright: ignore
    net.fit(x, y, optimiser=optimizers.SGD())  # type: ignore[call-arg]  # pyright: ignore
    net.fit(x, y, optimizer="adam")  # type: ignore[arg-type]  # pyright: ignore
    net.fit(x, y, optimizer=optimizers.SGD)  # type: ignore[arg-type]  # pyright: ignore
    net.fit(x, y, loss=print)  # type: ignore[arg-type]  # pyright: ignore
    net.fit(x, y, callbacks=[callbacks.PrintEpochs])  # type: ignore[list-item]  # pyright: ignore
    net.fit(x, y, metrics="f1", validation_data=3)  # type: ignore[arg-type]  # pyright: ignore
    net.fit(net)  # type: ignore[arg-type]  # pyright: ignore
    net.fit(x, y, lengths=net)  # type: ignore[arg-type]  # pyright: ignore
    net.fit(x, y, trees="(1 a)")  # type: ignore[arg-type]  # pyright: ignore
    net.evaluate(x, y)["loss"].lower()  # type: ignore[attr-defined]  # pyright: ignore
    net.predict(None)  # type: ignore[arg-type]  # pyright: ignore
    print(net.predict(x).shap)  # type: ignore[attr-defined]  # pyright: ignore
    net.activations(x, 0.5)  # type: ignore[arg-type]  # pyright: ignore
    net.save(3)  # type: ignore[arg-type]  # pyright: ignore
    net.lr_scale = "small"  # type: ignore[assignment]  # pyright: ignore
    net.params["0.weight"] = None  # type: ignore[assignment]  # pyright: ignore
    optimizers.SGD("0.1")  # type: ignore[arg-type]  # pyright: ignore
    optimizers.Adam(betas=0.9)  # type: ignore[arg-type]  # pyright: ignore
    schedules.cosine(0.1)  # type: ignore[call-arg]  # pyright: ignore
    losses.Huber(delta="2")  # type: ignore[arg-type]  # pyright: ignore
    metrics.TopK([5])  # type: ignore[arg-type]  # pyright: ignore
    callbacks.EarlyStopping(patience="3")  # type: ignore[arg-type]  # pyright: ignore
    functional.relu(None)  # type: ignore[arg-type]  # pyright: ignore
    functional.dense(x, net)  # type: ignore[arg-type]  # pyright: ignore
    datasets.Trees.parse(["(1 a)"])  # type: ignore[arg-type]  # pyright: ignore
    export.to_c(net, 3)  # type: ignore[arg-type]  # pyright: ignore
    export.to_onnx(x, "net.onnx")  # type: ignore[arg-type]  # pyright: ignore
