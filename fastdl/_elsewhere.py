"""Names that networks of other libraries have and ours have not: an error that says what there is instead."""

from __future__ import annotations

from typing import TypeVar

_WEIGHTS = "params has the arrays by name, and parameters all of them"
_PROBABILITIES = "predict gives what the last layer gives; fastdl.estimators.NetClassifier tells classes"
_UNBUILT = "it is known once the network is built: give it an input_shape, or call build"
_WHOLE = "save writes the network, and fastdl.load reads it"

ELSEWHERE = {
    # Keras
    "add": "layers are given to Sequential, all at once",
    "compile": "fit, train_on_batch and step are given the loss and the optimizer",
    "count_params": "parameter_count",
    "export": "fastdl.export.to_onnx and others",
    "fit_generator": "fit takes an iterable of batches",
    "get_weights": _WEIGHTS,
    "load_weights": _WHOLE,
    "predict_on_batch": "predict, or a predictor",
    "save_weights": _WHOLE,
    "set_weights": _WEIGHTS,
    "test_on_batch": "evaluate",
    "weights": _WEIGHTS,
    # PyTorch
    "eval": "predict, and forward unless training=True, are without dropout",
    "load_state_dict": "fastdl.export.from_state_dict(net, state_dict)",
    "named_parameters": _WEIGHTS,
    "register_forward_hook": "activations gives what a layer gives",
    "state_dict": "fastdl.export.to_state_dict(net)",
    "train": "fit trains; forward(x, training=True) is with dropout",
    "zero_grad": "backward writes gradients anew, unless accumulate=True",
    # ours, before the network is built
    "dtype": _UNBUILT,
    "input_shape": _UNBUILT,
    "output_shape": _UNBUILT,
    "parameter_count": _UNBUILT,
    # scikit-learn
    "partial_fit": "train_on_batch",
    "predict_classes": _PROBABILITIES,
    "predict_proba": _PROBABILITIES,
    "score": "evaluate, or fastdl.estimators",
}


class _Missing:  # no docstring, which would be taken for the attribute's
    # An attribute that is not there. A `__getattr__` would make all others take twice as long.

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, obj: object, kind: type) -> None:
        name = self._name
        raise AttributeError(
            f"{kind.__name__!r} object has no attribute {name!r}: {ELSEWHERE[name]}", name=name, obj=obj
        )


Kind = TypeVar("Kind", bound=type)


def telling(kind: Kind) -> Kind:
    """Let objects of a class say so."""
    for name in ELSEWHERE:
        setattr(kind, name, _Missing(name))
    return kind
