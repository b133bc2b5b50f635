"""The operators that compute."""

from __future__ import annotations

from ....layers import MaxPool1D, MaxPool2D, MeanPool1D, MeanPool2D
from .activations import clip, gelu, greater, hard_sigmoid, named, selu, softplus, where
from .arithmetic import add, concat, div, mul, neg, sub
from .attention import matmul, softmax
from .inputs import Function, part
from .pooling import reduced
from .rows import batch_norm, gather, gemm, group_norm, instance_norm, layer_norm
from .tables import cos
from .windows import convolution, pool, resize, transposed_convolution

COMPUTING: dict[str, Function] = {
    "Add": add,
    "AveragePool": pool(MeanPool2D, MeanPool1D),
    "BatchNormalization": batch_norm,
    "Clip": clip,
    "Concat": concat,
    "Conv": convolution,
    "ConvTranspose": transposed_convolution,
    "Cos": cos,
    "Div": div,
    "Elu": named("elu", alpha="alpha"),
    "Erf": part("Erf"),  # of a gelu
    "Gather": gather,
    "Gelu": gelu,
    "Gemm": gemm,
    "GlobalAveragePool": reduced("mean", to_the_end=True),
    "GlobalMaxPool": reduced("max", to_the_end=True),
    "Greater": greater,
    "GroupNormalization": group_norm,
    "HardSigmoid": hard_sigmoid,
    "HardSwish": named("hard_silu"),
    "InstanceNormalization": instance_norm,
    "LayerNormalization": layer_norm,
    "LeakyRelu": named("leaky_relu", slope="alpha"),
    "MatMul": matmul,
    "MaxPool": pool(MaxPool2D, MaxPool1D),
    "Mul": mul,
    "Neg": neg,
    "ReduceMax": reduced("max"),
    "ReduceMean": reduced("mean"),
    "ReduceSum": reduced("sum"),
    "Relu": named("relu"),
    "Resize": resize,
    "Selu": selu,
    "Sigmoid": named("sigmoid"),
    "Softmax": softmax,
    "Softplus": softplus,
    "Sqrt": part("Sqrt"),  # of a RobustScaling
    "Sub": sub,
    "Tanh": named("tanh"),
    "Where": where,
}
