"""Article 1: a perceptron learns AND and OR, and cannot learn XOR."""

from fastdl.compat.perceptron import Perceptron

INPUTS = [[1, 1], [0, 0], [1, 0], [0, 1]]

for name, labels in (("and", [1, 0, 0, 0]), ("or", [1, 0, 1, 1]), ("xor", [0, 0, 1, 1])):
    perceptron = Perceptron(2, lambda x: 1 if x > 0 else 0)
    perceptron.train(INPUTS, labels, 10, 0.1)
    print(perceptron, end="")
    for inputs, label in zip(INPUTS, labels, strict=True):
        print(f"{inputs[0]} {name} {inputs[1]} = {perceptron.predict(inputs)}, should be {label}")
