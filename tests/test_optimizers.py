"""Rules of optimizers beside plain ones and PyTorch's, and layers that are trained at a rate and decay of their own.

What PyTorch 2.13 gave is in optimizers.json. With PyTorch installed, ``python tests/test_optimizers.py`` writes that
file again.
"""

import copy
import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import reference
from conftest import close

import fastdl
from fastdl import Sequential, callbacks, layers, optimizers, schedules

RECORDED = Path(__file__).with_name("optimizers.json")
STEPS = 6


def network(dtype="float64"):
    return Sequential([layers.Dense(3)], input_shape=4, dtype=dtype, seed=0)


def steps(net, optimizer, gradients):
    """Take a step with each of these gradients; give the parameters after each."""
    found = []
    for gradient in gradients:
        net.gradients = gradient
        net.step(optimizer)
        found.append(net.parameters.copy())
    return np.array(found)


RULES = {
    "Adadelta": (reference.adadelta_step, {"rho": 0.8, "epsilon": 1e-4, "weight_decay": 0.1}, 2),
    "NAdam": (reference.nadam_step, {"betas": (0.8, 0.9), "weight_decay": 0.1, "momentum_decay": 0.5}, 2),
    "Lion": (reference.lion_step, {"betas": (0.7, 0.9), "weight_decay": 0.1}, 1),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("settings", ["plain", "with settings"])
@pytest.mark.parametrize("name", RULES)
def test_the_same_as_the_reference(name, settings, dtype, rng):
    step, options, moments = RULES[name]
    options = {"lr": 0.05, **(options if settings == "with settings" else {})}
    net = network(dtype)
    p, state = net.parameters.astype(float), [np.zeros(15)] * moments
    gradients = rng.standard_normal((STEPS, 15))
    gradients[:, 5] = 0  # of a dead weight, which has no sign either
    expected = []
    for k, g in enumerate(gradients, 1):
        p, *state = step(p, g, *state, **({"step": k} if name == "NAdam" else {}), **options)
        expected.append(p)
    optimizer = getattr(optimizers, name)(**options)
    close(steps(net, optimizer, gradients), np.array(expected), dtype)
    close(net.training_state.moments, np.array(state), dtype)


@pytest.mark.parametrize("name", RULES)
def test_a_run_of_steps_is_that_of_single_ones(name, rng):
    """In the core and from without, on any number of threads, to the bit."""
    x, y = rng.standard_normal((256, 100)), rng.integers(0, 10, 256)
    ends = []
    for threads in (1, 2):
        fastdl.set_num_threads(threads)
        for alone in (False, True):
            net = Sequential([layers.Dense(300, "relu"), layers.Dense(10)], input_shape=100, seed=0)
            optimizer = getattr(optimizers, name)(1e-3, weight_decay=0.01)
            if alone:
                for start in range(0, 256, 64):
                    part = slice(start, start + 64)
                    net.train_on_batch(x[part], y[part], optimizer=optimizer)
            else:
                net.fit(x, y, batch_size=64, shuffle=False, optimizer=optimizer, verbose=0)
            ends.append(net.parameters)
    assert all((end == ends[0]).all() for end in ends)


def test_nadam_after_many_steps(rng):
    """The product of all momenta vanishes, however it is come by."""
    for betas in ((0.9, 0.999), (0.999, 0.999), (0.0, 0.9)):
        net, p, state = network(), None, None
        optimizer = optimizers.NAdam(0.01, betas=betas)
        for k, g in enumerate(rng.standard_normal((600, 15)), 1):
            net.gradients = g
            p = net.parameters.copy() if p is None else p
            p, *state = reference.nadam_step(p, g, *(state or [0, 0]), step=k, lr=0.01, betas=betas)
            net.step(optimizer)
        np.testing.assert_allclose(net.parameters, p, rtol=1e-10)


@pytest.mark.parametrize("name", RULES)
def test_moments_of_dead_weights_vanish(name):
    """They end as zeros: numbers below the smallest normal one would slow each step down."""
    options = {"Adadelta": {"rho": 0.6}}.get(name, {"betas": (0.6, 0.6)})
    optimizer = getattr(optimizers, name)(0.1, **options)
    net = Sequential([layers.Dense(5)], input_shape=17, seed=0)
    for value in (1, *[0] * 300):
        net.train_on_batch(np.full((1, 17), value), np.ones((1, 5)), loss="squared_error", optimizer=optimizer)
    assert (net.training_state.moments[:, : 17 * 5] == 0).all()
    assert (net.training_state.moments[:, 17 * 5 :] != 0).any()


def test_lion_sees_what_is_lost():
    """A gradient that is no number has no sign, but stays in the mean."""
    net = network()
    before = net.parameters.copy()
    net.gradients[...] = np.nan
    with pytest.raises(FloatingPointError):
        net.step(optimizers.Lion())
    assert (net.parameters == before).all()


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (optimizers.SGD(), optimizers.SGD(0.01, momentum=0, nesterov=False, weight_decay=0)),
        (optimizers.Adam(), optimizers.Adam(1e-3, betas=(0.9, 0.999), epsilon=1e-8, weight_decay=0)),
        (optimizers.AdamW(), optimizers.AdamW(1e-3, betas=(0.9, 0.999), epsilon=1e-8, weight_decay=1e-2)),
        (optimizers.RMSprop(), optimizers.RMSprop(1e-2, alpha=0.99, epsilon=1e-8, weight_decay=0)),
        (optimizers.AdaGrad(), optimizers.AdaGrad(1e-2, epsilon=1e-8, weight_decay=0)),
        (optimizers.Adadelta(), optimizers.Adadelta(1.0, rho=0.9, epsilon=1e-6, weight_decay=0)),
        (optimizers.NAdam(), optimizers.NAdam(2e-3, betas=(0.9, 0.999), epsilon=1e-8, momentum_decay=4e-3)),
        (optimizers.Lion(), optimizers.Lion(1e-4, betas=(0.9, 0.99), weight_decay=0)),
    ],
)
def test_defaults_are_those_of_papers_and_pytorch(given, meant):
    assert given == meant
    assert given.decay_biases


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: optimizers.Lion(betas=(0.9, 1)), ValueError, "betas must be below 1"),
        (lambda: optimizers.Lion(betas=0.9), ValueError, "betas must be two numbers; received 0.9"),
        (lambda: optimizers.Adadelta(rho=1), ValueError, "rho must be below 1; received 1"),
        (
            lambda: optimizers.Adadelta(epsilon=0),
            ValueError,
            "epsilon must be above 0, or there is never a step; received 0",
        ),
        (lambda: optimizers.NAdam(momentum_decay=-1), ValueError, "momentum_decay must be a finite number from 0.0"),
        (lambda: optimizers.SGD(0.1, decay_biases=0), TypeError, "decay_biases must be True or False; received 0"),
        (lambda: setattr(layers.Dense(3), "lr_scale", -1), ValueError, "lr_scale must be a finite number from 0.0"),
        (lambda: setattr(layers.Dense(3), "decay_scale", "no"), TypeError, "decay_scale must be a number"),
    ],
)
def test_bad_settings(make, error, message):
    with pytest.raises(error, match=message):
        make()


CASES = {
    "SGD": {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1},
    "Adam": {"lr": 0.1, "weight_decay": 0.1},
    "AdamW": {"lr": 0.1, "weight_decay": 0.1},
    "NAdam": {"lr": 0.1, "weight_decay": 0.1},
    "RMSprop": {"lr": 0.1, "weight_decay": 0.1},
    "Adadelta": {"lr": 0.5, "weight_decay": 0.1},
    "AdaGrad": {"lr": 0.1, "epsilon": 1e-10, "weight_decay": 0.1},
}


@pytest.mark.parametrize("name", ["step", "update_step", "apply_gradients"])
def test_a_rule_that_nobody_would_call(name):
    message = f"Mine must not define {name}, which nothing calls: for a rule of your own, change net.parameters by"
    with pytest.raises(TypeError, match=message):
        type("Mine", (optimizers.Adam,), {name: lambda self, *others: None})
    assert type("Mine", (optimizers.Adam,), {"halve": lambda self: None})


@pytest.mark.parametrize("groups", ["one", "two"])
@pytest.mark.parametrize("name", CASES)
def test_the_same_as_pytorch(name, groups):
    """One group of parameters; or two, where biases do not decay, and another layer has a rate and decay of its own."""
    case = {key: np.array(values) for key, values in json.loads(RECORDED.read_text())[f"{name}, {groups}"].items()}
    net = Sequential([layers.Dense(3), layers.Dense(2)], input_shape=4, dtype="float64", seed=0)
    net.parameters = case["start"]
    if groups == "two":
        net.layers[1].lr_scale, net.layers[1].decay_scale = 0.5, 3.0
    optimizer = getattr(optimizers, name)(**CASES[name], decay_biases=groups == "one")
    np.testing.assert_allclose(steps(net, optimizer, case["gradients"]), case["parameters"], rtol=1e-12, atol=1e-15)


def record():
    import torch

    torch.manual_seed(0)
    torch.set_default_dtype(torch.float64)
    cases = {}
    for name, options in CASES.items():
        kind = getattr(torch.optim, {"AdaGrad": "Adagrad"}.get(name, name))
        for groups in ("one", "two"):
            whole = torch.nn.ParameterList([torch.randn(n) for n in (12, 3, 6, 2)])
            given = [{"params": [p]} for p in whole]
            if groups == "two":
                given[1]["weight_decay"] = given[3]["weight_decay"] = 0.0
                for group in given[2:]:
                    group["lr"] = 0.5 * options["lr"]
                given[2]["weight_decay"] = 3 * options["weight_decay"]
            optimizer = kind(given, **options)
            start, found, gradients = torch.cat([p.detach().clone() for p in whole]), [], []
            for _ in range(STEPS):
                gradients.append(torch.randn(23))
                for p, g in zip(whole, gradients[-1].split([12, 3, 6, 2]), strict=True):
                    p.grad = g.clone()
                optimizer.step()
                found.append(torch.cat([p.detach().clone() for p in whole]))
            case = {"start": start, "gradients": torch.stack(gradients), "parameters": torch.stack(found)}
            cases[f"{name}, {groups}"] = {key: values.tolist() for key, values in case.items()}
    cases["means"] = record_means(torch)
    RECORDED.write_text(json.dumps(cases) + "\n")


@pytest.mark.parametrize("mean", [callbacks.EMA(0.7), callbacks.SWA(1)])
def test_the_same_means_as_pytorch(mean):
    """After each step of descent; of epochs of a step each."""
    case = {key: np.array(values) for key, values in json.loads(RECORDED.read_text())["means"].items()}
    net = network()
    net.parameters = case["start"]
    net.gradients[...] = 0
    net.step(optimizers.SGD(0.1))  # a training has begun
    mean.on_fit_begin(net, STEPS, 1)
    for gradient, *means in zip(case["gradients"], case["EMA"], case["SWA"], strict=True):
        mean.on_epoch_begin(net, 1)
        net.gradients = gradient
        net.step()
        mean.on_epoch_trained(net, 1)
        np.testing.assert_allclose(net.parameters, means[isinstance(mean, callbacks.SWA)], rtol=1e-13)


def record_means(torch):
    """Of a module's parameters after each step of descent."""
    from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

    module = torch.nn.ParameterList([torch.randn(15)])
    optimizer = torch.optim.SGD(module.parameters(), 0.1)
    means = {"EMA": AveragedModel(module, multi_avg_fn=get_ema_multi_avg_fn(0.7)), "SWA": AveragedModel(module)}
    case = {"start": module[0].tolist(), "gradients": [], "EMA": [], "SWA": []}
    for _ in range(STEPS):
        module[0].grad = torch.randn(15)
        case["gradients"].append(module[0].grad.tolist())
        optimizer.step()
        for name, mean in means.items():
            mean.update_parameters(module)
            case[name].append(mean.module[0].tolist())
    return case


def of_all_kinds():
    """Return a network with matrices, biases, norms, kernels and a table, nested."""
    return Sequential(
        [
            layers.Embedding(7, 4),
            layers.Bidirectional(layers.GRU(3, return_sequences=True)),
            layers.Residual([layers.LayerNorm(), layers.Dense(6, "tanh")]),
            layers.BatchNorm(),
            layers.Flatten(),
            layers.Parallel([[layers.Dense(4)], [layers.Dense(4, "tanh")]], merge="sum"),
            layers.Dense(2),
        ],
        input_shape=5,
        dtype="float64",
        seed=0,
    )


def text(rng):
    return rng.integers(0, 7, (24, 5)), rng.integers(0, 2, 24)


def after(net, data, optimizer, **options):
    net.fit(*data, batch_size=8, epochs=2, optimizer=optimizer, shuffle=False, verbose=0, **options)
    return net


@pytest.mark.parametrize("make", [optimizers.SGD, optimizers.AdamW, optimizers.Lion])
def test_biases_and_norms_may_be_spared_decay(make):
    """Without a gradient decay alone changes parameters."""
    net = of_all_kinds()
    for values in net.params.values():
        values[...] = 1
    net.gradients[...] = 0
    net.step(make(0.1, weight_decay=0.1, decay_biases=False))
    spared = {name for name, values in net.params.items() if (values == 1).all()}
    decayed = {name for name, values in net.params.items() if np.allclose(values, 0.99)}
    matrices = {name for name, values in net.params.items() if values.ndim > 1 and "2.0." not in name}
    assert decayed == matrices
    assert spared == net.params.keys() - matrices
    assert {"1.bias_ih_reverse", "2.0.weight", "2.0.bias", "2.1.bias", "3.weight", "6.bias"} <= spared


def test_an_images_norm_is_spared_too():
    net = Sequential(
        [layers.Conv2D(2, 2), layers.LayerNorm(), layers.BatchNorm(), layers.Flatten(), layers.Dense(2)],
        input_shape=(1, 4, 4),
        seed=0,
    )
    for values in net.params.values():
        values[...] = 1
    net.gradients[...] = 0
    net.step(optimizers.SGD(0.1, weight_decay=0.1, decay_biases=False))
    assert {name for name, values in net.params.items() if (values != 1).any()} == {"0.weight", "4.weight"}


def test_the_phases_of_waves_are_biases():
    net = Sequential([layers.PeriodicEmbedding(3), layers.Dense(2)], input_shape=2, seed=0)
    before = {name: values.copy() for name, values in net.params.items()}
    net.gradients[...] = 0
    net.step(optimizers.SGD(0.1, weight_decay=0.1, decay_biases=False))
    decayed = {name for name, values in net.params.items() if (values != before[name]).any()}
    assert decayed == {"0.weight", "1.weight"}


PICKS = {
    "1.": lambda net: net.layers[1],
    "2.": lambda net: net.layers[2],
    "2.1.": lambda net: net.layers[2].layers[1],
    "5.1.0.": lambda net: net.layers[5].branches[1][0],
    "6.": lambda net: net.layers[6],
    "": lambda net: net,
}


@pytest.mark.parametrize("prefix", PICKS)
@pytest.mark.parametrize("make", [optimizers.SGD, optimizers.Adam])
def test_a_layers_own_rate_and_decay(make, prefix, rng):
    """A step goes so much as far there, and as far as ever elsewhere."""
    x, y = text(rng)

    def stepped(decay, scaled=False):
        net = of_all_kinds()
        if scaled:
            layer = PICKS[prefix](net)
            layer.lr_scale, layer.decay_scale = 0.25, 3.0
        net.train_on_batch(x, y, optimizer=make(0.01, weight_decay=decay))
        return net.params

    start, usual, other, own = of_all_kinds().params, stepped(0.01), stepped(0.03), stepped(0.01, scaled=True)
    inside = {name for name in own if name.startswith(prefix)}
    assert inside
    for name, values in own.items():
        if name in inside:
            np.testing.assert_allclose(values - start[name], 0.25 * (other[name] - start[name]), rtol=0, atol=1e-13)
        else:
            assert (values == usual[name]).all()


def test_scales_multiply(rng):
    """Those of a layer and of what it is a part of."""
    data = text(rng)
    one, other = of_all_kinds(), of_all_kinds()
    one.layers[2].lr_scale, one.layers[2].layers[1].lr_scale, one.lr_scale = 0.5, 0.25, 2.0
    one.layers[2].decay_scale, one.layers[2].layers[1].decay_scale = 3.0, 4.0
    for k, layer in enumerate(other.layers):
        layer.lr_scale = 1.0 if k == 2 else 2.0
    other.layers[2].layers[1].lr_scale, other.layers[2].layers[1].decay_scale = 0.25, 12.0
    other.layers[2].layers[0].decay_scale = 3.0
    optimizer = optimizers.AdamW(0.01, weight_decay=0.1)
    assert (after(one, data, optimizer).parameters == after(other, data, optimizer).parameters).all()
    assert (one.parameters != after(of_all_kinds(), data, optimizer).parameters).any()


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net)), "file"])
def test_scales_are_saved_and_copied(copied, rng, tmp_path):
    data, optimizer = text(rng), optimizers.AdamW(0.01, weight_decay=0.1, decay_biases=False)
    net = of_all_kinds()
    net.layers[1].layer.lr_scale = 0.5  # both ways
    net.layers[2].layers[1].decay_scale = 7.0
    net.lr_scale = 3.0
    after(net, data, optimizer)
    if copied == "file":
        net.save(tmp_path / "net.npz", training=True)
        again = fastdl.load(tmp_path / "net.npz")
    else:
        again = copied(net)
    assert again.get_config() == net.get_config()
    assert again.training_state.optimizer == optimizer
    for either in (net, again):
        either.fit(*data, epochs=2, batch_size=8, verbose=0)
    assert (net.parameters == again.parameters).all()
    assert (net.parameters != after(of_all_kinds(), data, optimizer, initial_epoch=1).parameters).any()


def test_a_scale_holds_from_the_next_epoch_on(rng):
    data, ends = text(rng), []

    class Slows(callbacks.Callback):
        def on_epoch_begin(self, net, epoch):
            net.layers[6].lr_scale = 0.5 ** (epoch - 1)

    for watchers in ([Slows()], []):
        net = of_all_kinds()
        for epoch in range(3):
            if not watchers:
                net.layers[6].lr_scale = 0.5**epoch
            net.fit(
                *data, epochs=epoch + 1, initial_epoch=epoch, batch_size=8, verbose=0, callbacks=watchers,
                optimizer=optimizers.SGD(0.1),
            )  # fmt: skip
        ends.append(net.parameters)
    assert (ends[0] == ends[1]).all()
    whole = of_all_kinds()
    whole.fit(*data, epochs=3, batch_size=8, verbose=0, callbacks=[Slows()], optimizer=optimizers.SGD(0.1))
    assert (whole.parameters == ends[0]).all()


@pytest.mark.parametrize("size", [1, 7, 64])
@pytest.mark.parametrize("optimizer", [optimizers.SGD(0.1), optimizers.AdamW(0.01, decay_biases=False)])
def test_groups_on_threads_and_in_loops_of_ones_own(optimizer, size, rng):
    x, y = rng.standard_normal((128, 50)), rng.integers(0, 10, 128)
    ends = []
    for threads in (1, 2):
        for way in ("fit", "batch", "step"):
            fastdl.set_num_threads(threads)
            net = Sequential(
                [layers.Dense(301, "relu"), layers.Dense(300, "tanh"), layers.Dense(10)],
                input_shape=50,
                seed=0,
            )
            net.layers[1].lr_scale = 0.3
            if way == "fit":
                net.fit(x, y, batch_size=size, shuffle=False, optimizer=optimizer, verbose=0)
            for start in range(0, 0 if way == "fit" else len(x), size):
                part = x[start : start + size], y[start : start + size]
                if way == "batch":
                    net.train_on_batch(*part, optimizer=optimizer)
                else:
                    logits = net.forward(part[0], training=True)
                    net.backward(fastdl.losses.cross_entropy_backward(logits, part[1]))
                    net.step(optimizer)
            ends.append(net.parameters)
    assert all((end == ends[0]).all() for end in ends)


def test_decay_of_biases_is_a_setting_like_others(rng):
    """What has another one starts anew, and an equal one goes on."""
    for first, second, goes_on in ((True, True, True), (True, False, False)):
        net, fresh = network(), network()
        one, other = (optimizers.Adam(0.1, decay_biases=flag) for flag in (first, second))
        steps(net, one, rng.standard_normal((1, 15)))
        fresh.parameters = net.parameters
        gradient = rng.standard_normal((1, 15))
        assert (steps(net, other, gradient) != steps(fresh, other, gradient)).any() == goes_on


def test_a_schedule_and_a_scale():
    net = network()
    net.layers[0].lr_scale = 0.5
    before = net.parameters.copy()
    steps(net, optimizers.SGD(schedules.step(0.1, 1, 0.5)), np.ones((2, 15)))
    close(net.parameters, before - 0.5 * (0.1 + 0.05))


if __name__ == "__main__":
    record()
