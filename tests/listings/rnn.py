# ruff: noqa: NPY002
import numpy as np

from listings.cnn import element_wise_op


class RecurrentLayer:
    def __init__(self, input_width, state_width, activator, learning_rate):
        self.input_width, self.state_width = input_width, state_width
        self.activator, self.learning_rate = activator, learning_rate
        self.U = np.random.uniform(-1e-4, 1e-4, (state_width, input_width))
        self.W = np.random.uniform(-1e-4, 1e-4, (state_width, state_width))
        self.reset_state()

    def reset_state(self):
        self.times, self.x_list, self.state_list = 0, [], [np.zeros((self.state_width, 1))]

    def forward(self, input_array):
        self.times += 1
        state = self.U @ input_array + self.W @ self.state_list[-1]
        element_wise_op(state, self.activator.forward)
        self.x_list.append(input_array)
        self.state_list.append(state)

    def backward(self, sensitivity_array, activator):
        self.calc_delta(sensitivity_array, activator)
        self.calc_gradient()

    def calc_delta(self, sensitivity_array, activator):
        self.delta_list = [np.zeros((self.state_width, 1)) for _ in range(self.times)]
        self.delta_list.append(sensitivity_array)
        for k in range(self.times - 1, 0, -1):
            self.calc_delta_k(k, activator)

    def calc_delta_k(self, k, activator):
        derivative = self.state_list[k].copy()
        element_wise_op(derivative, activator.backward)
        self.delta_list[k] = (self.delta_list[k + 1].T @ self.W @ np.diag(derivative[:, 0])).T

    def calc_gradient(self):
        self.gradient_list = [np.zeros((self.state_width, self.state_width)) for _ in range(self.times + 1)]
        self.gradient_U = np.zeros(self.U.shape)
        for t in range(self.times, 0, -1):
            self.calc_gradient_t(t)
            self.gradient_U += self.delta_list[t] @ self.x_list[t - 1].T
        self.gradient = sum(self.gradient_list)

    def calc_gradient_t(self, t):
        self.gradient_list[t] = self.delta_list[t] @ self.state_list[t - 1].T

    def update(self):
        self.W -= self.learning_rate * self.gradient
        self.U -= self.learning_rate * self.gradient_U
