"""Article 6: how little a recurrent layer's last state asks of inputs long past, and how much an LSTM's does."""

import numpy as np

from fastdl.layers import LSTM, RNN

STEPS, UNITS, SEQUENCES = 100, 64, 32
LAYERS = {
    "RNN": RNN(UNITS, return_sequences=True, recurrent_initializer="uniform"),
    "RNN, orthogonal": RNN(UNITS, return_sequences=True),
    "LSTM, forget bias 1": LSTM(UNITS, return_sequences=True),
    "LSTM, forget bias 3": LSTM(UNITS, return_sequences=True, forget_bias=3.0),
}
DISTANCES = (0, 1, 3, 10, 30, 99)


def norms(layer: RNN | LSTM) -> np.ndarray:
    """Give the norm of the last state's gradient with respect to the input so many steps before it."""
    rng = np.random.default_rng(0)
    layer.build((STEPS, 8), dtype="float64", seed=0)
    layer.forward(rng.standard_normal((SEQUENCES, STEPS, 8)))
    dy = np.zeros((SEQUENCES, STEPS, UNITS))
    dy[:, -1] = rng.standard_normal((SEQUENCES, UNITS))
    return np.linalg.norm(layer.backward(dy), axis=2).mean(axis=0)[::-1]


curves = {name: norms(layer) for name, layer in LAYERS.items()}
print(f"{'steps back':20}" + "".join(f"{distance:>10}" for distance in DISTANCES))
for name, curve in curves.items():
    print(f"{name:20}" + "".join(f"{curve[distance]:10.1e}" for distance in DISTANCES))

try:
    from matplotlib.figure import Figure
except ImportError:
    print('for the picture: pip install "fastdl-cpu[plot]"')
else:
    figure = Figure(figsize=(6.5, 3.4), layout="constrained")
    axes = figure.subplots()
    for name, curve in curves.items():
        axes.semilogy(curve, label=name)
    axes.set(xlabel="steps back in time", ylabel="gradient's norm", ylim=(1e-16, 10))
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    figure.savefig("vanishing_gradient.png", dpi=110)
