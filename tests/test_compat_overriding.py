"""A program that changes something of the articles' classes gets what it wrote.

Every method of every class is replaced, in the class, by a subclass and in an object, and the same program then runs on
`tests/listings`, which goes through all steps: the method is called as often, and the numbers are the same."""

from types import FunctionType, MethodType

import numpy as np
import pytest
from article_programs import MODULES, agree, modules, outcome, parts_of

PRIVATE = {"__init__", "_one_iteration", "_update_weights"}  # of those that begin with "_", the listings' own
NUMBERS = (
    "output", "delta", "weight", "gradient", "weights", "bias", "weights_grad", "bias_grad", "W", "U", "b", "W_grad",
    "b_grad", "gradient_U", "output_array", "delta_array", "Wfh", "Wox", "bi", "Wch_grad", "bo_grad", "Wfx_grad",
)  # fmt: skip


def more(value):
    """Return numbers that are an eighth larger."""
    if isinstance(value, list | tuple):
        return type(value)(map(more, value))
    return value * 1.125 if isinstance(value, float | np.ndarray) else value


def numbers(obj):
    found = {name: getattr(obj, name, None) for name in NUMBERS}
    return {name: value for name, value in found.items() if isinstance(value, float | np.ndarray)}


def changed(original, calls):
    """Return a step that does as the original, counts its calls, and makes all that it gives and sets larger."""

    def step(*args, **kwargs):
        calls.append(None)
        before = {name: np.array(value) for name, value in numbers(args[0]).items()}
        result = original(*args, **kwargs)
        for name, value in numbers(args[0]).items():
            if name not in before or not np.array_equal(before[name], value):
                setattr(args[0], name, more(value))
        return more(result)

    return step


def methods():
    return list(_methods())


def _methods():
    for name in MODULES:
        module, ours = modules(name)
        for cls in vars(module).values():
            if isinstance(cls, type) and cls.__module__ == module.__name__:
                for method, value in vars(cls).items():
                    if isinstance(value, FunctionType | staticmethod) and (method in PRIVATE or method[0] != "_"):
                        assert hasattr(getattr(ours, cls.__name__), method)
                        yield name, cls.__name__, method


def functions():
    return list(_functions())


def _functions():
    for name in MODULES:
        module, _ = modules(name)
        for function in vars(module).values():
            if isinstance(function, FunctionType) and function.__module__ == module.__name__:
                yield name, function.__name__


@pytest.mark.parametrize("name", MODULES)
def test_unchanged(name, tmp_path):
    listing, ours = modules(name)
    agree(outcome(name, ours, tmp_path), outcome(name, listing, tmp_path))


@pytest.mark.parametrize(("name", "cls", "method"), methods())
def test_a_method_replaced_in_its_class(name, cls, method, tmp_path, monkeypatch):
    compare(name, cls, method, tmp_path, monkeypatch, in_class)


@pytest.mark.parametrize(("name", "cls", "method"), methods())
def test_a_method_overridden_by_a_subclass(name, cls, method, tmp_path, monkeypatch):
    compare(name, cls, method, tmp_path, monkeypatch, in_subclass)


@pytest.mark.parametrize(("name", "cls", "method"), [m for m in methods() if m[2] != "__init__" and m[1] != "VectorOp"])
def test_a_method_replaced_in_an_object(name, cls, method, tmp_path, monkeypatch):
    compare(name, cls, method, tmp_path, monkeypatch, in_object)


def compare(name, cls, method, path, monkeypatch, change):
    results, counts = [], []
    for module in modules(name):
        calls = []
        results.append(outcome(name, module, path, *change(name, module, cls, method, monkeypatch, calls)))
        counts.append(len(calls))
        monkeypatch.undo()
    agree(*results)
    assert counts[0] == counts[1]


def replacement(cls, method, calls):
    step = changed(getattr(cls, method), calls)
    return staticmethod(step) if any(isinstance(vars(c).get(method), staticmethod) for c in cls.__mro__) else step


def in_class(name, module, cls, method, monkeypatch, calls):
    cls = getattr(module, cls)
    return (lambda: monkeypatch.setattr(cls, method, replacement(cls, method, calls)),)


def in_subclass(name, module, cls, method, monkeypatch, calls):
    cls = getattr(module, cls)
    sub = type(cls.__name__, (cls,), {method: replacement(cls, method, calls)})
    return (lambda: monkeypatch.setattr(module, cls.__name__, sub),)


def in_object(name, module, cls, method, monkeypatch, calls):
    def change(parts):
        found = parts | parts_of(name, parts)
        if cls in found:
            step = replacement(type(found[cls]), method, calls)
            setattr(found[cls], method, step if isinstance(step, staticmethod) else MethodType(step, found[cls]))

    return lambda: None, change


@pytest.mark.parametrize(("name", "function"), functions())
def test_a_function_replaced_in_its_module(name, function, tmp_path, monkeypatch):
    results, counts = [], []
    for module in modules(name):
        calls = []
        monkeypatch.setattr(module, function, changed(getattr(module, function), calls))
        results.append(outcome(name, module, tmp_path))
        counts.append(len(calls))
        monkeypatch.undo()
    agree(*results)
    assert counts[0] == counts[1] > 0


def test_a_function_taken_away_is_missed_until_it_is_back(monkeypatch):
    from fastdl.compat import bp

    network = bp.Network([3, 4, 2])
    before = network.predict([1, 0, 1])
    monkeypatch.delattr(bp, "sigmoid")
    with pytest.raises(NameError, match="sigmoid"):
        network.predict([1, 0, 1])
    monkeypatch.undo()
    agree([network.predict([1, 0, 1])], [before])
