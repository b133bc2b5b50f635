class VectorOp:
    @staticmethod
    def dot(x, y):
        total = 0.0
        for product in VectorOp.element_multiply(x, y):
            total += product
        return total

    @staticmethod
    def element_multiply(x, y):
        return [a * b for a, b in zip(x, y, strict=True)]

    @staticmethod
    def element_add(x, y):
        return [a + b for a, b in zip(x, y, strict=True)]

    @staticmethod
    def scala_multiply(v, s):
        return [a * s for a in v]


class Perceptron:
    def __init__(self, input_num, activator):
        self.activator, self.weights, self.bias = activator, [0.0] * input_num, 0.0

    def predict(self, input_vec):
        return self.activator(VectorOp.dot(input_vec, self.weights) + self.bias)

    def train(self, input_vecs, labels, iteration, rate):
        for _ in range(iteration):
            self._one_iteration(input_vecs, labels, rate)

    def _one_iteration(self, input_vecs, labels, rate):
        for input_vec, label in zip(input_vecs, labels, strict=True):
            self._update_weights(input_vec, self.predict(input_vec), label, rate)

    def _update_weights(self, input_vec, output, label, rate):
        step = rate * (label - output)
        self.weights = VectorOp.element_add(self.weights, VectorOp.scala_multiply(input_vec, step))
        self.bias += step
