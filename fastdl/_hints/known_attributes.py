"""What attributes and operations that layers and networks have in other libraries are called here."""

from __future__ import annotations

_WEIGHTS = "use params, the arrays by name, or parameters, all of them in one"
_PROBABILITIES = (
    "use predict, whose logits fastdl.functional.softmax makes probabilities; or fastdl.estimators.NetClassifier"
)
_UNBUILT = "it is known once the network is built: give it an input_shape, or call build"
_WHOLE = "use save, and fastdl.load"
_AT_ONCE = "give Sequential all layers at once"
_ONE_DEVICE = "not needed: everything is on the CPU"

_FROZEN = "use trainable"
_OF_CALLS = "it is an argument of fit and train_on_batch"

OF_LAYERS = {
    **dict.fromkeys(
        ("bias", "get_weights", "kernel", "set_weights", "weight", "weights"), "use params, the arrays by name"
    ),
    "requires_grad": _FROZEN,
}
OPERATIONS_OF_LAYERS = {
    "__call__": ("is not callable", "give Sequential a list of layers, and use its predict, or forward and backward"),
}
_NO_LIST = "use layers, a tuple"
OPERATIONS_OF_NETWORKS = {
    "__call__": ("is not callable", "use predict(x); or forward(x, training=True), after which backward may follow"),
    "__getitem__": ("is not subscriptable", _NO_LIST),
    "__len__": ("has no len()", _NO_LIST),
}
OF_NETWORKS = {
    # Keras
    "add": _AT_ONCE,
    "compile": "give the loss and the optimizer to fit, train_on_batch or step",
    "count_params": "use parameter_count",
    "export": "use fastdl.export.to_onnx and others",
    "fit_generator": "give fit an iterable of batches",
    "get_layer": "use layers, by number",
    "get_weights": _WEIGHTS,
    "learning_rate": "use the optimizer's lr",
    "load_weights": _WHOLE,
    "loss": _OF_CALLS,
    "optimizer": f"{_OF_CALLS}, and of step",
    "plot_model": "use plot",
    "predict_on_batch": "use predict, or make a predictor",
    "reset_states": "use reset_state",
    "save_weights": _WHOLE,
    "set_weights": _WEIGHTS,
    "stop_training": "a callback's on_epoch_end that returns True ends the training",
    "test_on_batch": "use evaluate",
    "trainable_variables": _WEIGHTS,
    "trainable_weights": _WEIGHTS,
    "weights": _WEIGHTS,
    # PyTorch
    "append": _AT_ONCE,
    "children": "use layers, a tuple",
    "cpu": _ONE_DEVICE,
    "cuda": _ONE_DEVICE,
    "eval": "not needed: predict, and forward without training=True, apply no dropout",
    "load_state_dict": "use fastdl.export.from_state_dict(net, state_dict)",
    "modules": "use layers, a tuple",
    "named_parameters": _WEIGHTS,
    "register_forward_hook": "use activations, which gives the output of any layer",
    "requires_grad": _FROZEN,
    "requires_grad_": _FROZEN,
    "state_dict": "use fastdl.export.to_state_dict(net)",
    "to": _ONE_DEVICE,
    "train": "use fit; or forward(x, training=True), which applies dropout",
    "zero_grad": "not needed: backward replaces gradients, unless accumulate=True",
    # Python
    "clone": "use copy.deepcopy(net)",
    "copy": "use copy.deepcopy(net)",
    "load": "use fastdl.load(path)",
    # ours, before the network is built
    "dtype": _UNBUILT,
    "input_shape": _UNBUILT,
    "output_shape": _UNBUILT,
    "parameter_count": _UNBUILT,
    # scikit-learn
    "partial_fit": "use train_on_batch",
    "predict_classes": _PROBABILITIES,
    "predict_proba": _PROBABILITIES,
    "score": "use evaluate, or fastdl.estimators",
}
