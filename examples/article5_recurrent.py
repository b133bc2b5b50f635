"""Article 5: a recurrent layer learns to tell what came first, by back-propagation through time."""

import numpy as np

from fastdl.compat.rnn import RecurrentLayer, TanhActivator

np.random.seed(0)
tanh = TanhActivator()
layer = RecurrentLayer(1, 8, tanh, 0.1)
layer.U, layer.W = np.random.normal(0, 0.5, (8, 1)), np.random.normal(0, 0.3, (8, 8))

for step in range(2001):
    first = np.random.choice([-1.0, 1.0])
    layer.reset_state()
    for value in [first, *np.random.normal(0, 0.1, 4)]:
        layer.forward([[value]])
    answer = layer.state_list[-1][0, 0]  # state 0 shall remember the sign of the first of five inputs
    error = np.zeros((8, 1))
    error[0] = answer - 0.8 * first
    layer.backward(error * tanh.backward(layer.state_list[-1]), tanh)
    layer.update()
    if step % 500 == 0:
        lengths = " ".join(f"{np.abs(delta).max():.4f}" for delta in layer.delta_list[1:])
        print(f"step {step}: wanted {0.8 * first:+.1f}, got {answer:+.3f}; largest error term at each time {lengths}")
