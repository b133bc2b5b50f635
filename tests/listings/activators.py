import numpy as np


class IdentityActivator:
    def forward(self, weighted_input):
        return weighted_input

    def backward(self, output):
        return 0 * output + 1


class ReluActivator:
    def forward(self, weighted_input):
        return max(0, weighted_input)

    def backward(self, output):
        return 1 if output > 0 else 0


class SigmoidActivator:
    def forward(self, weighted_input):
        return 1 / (1 + np.exp(-weighted_input))

    def backward(self, output):
        return output * (1 - output)


class TanhActivator:
    def forward(self, weighted_input):
        return np.tanh(weighted_input)

    def backward(self, output):
        return 1 - output * output
