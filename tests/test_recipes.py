"""Ready-made networks and how they are trained: what one asks for is what one gets."""

import numpy as np
import pytest

from fastdl import layers, models, recipes
from fastdl.recipes.trees import BY_COMPOSITION

# Each recipe for so many samples, epochs and batches, and how many steps that is.
STEPS = {
    "lenet5": (lambda epochs: recipes.lenet5(65, epochs=epochs, batch_size=16), 5),
    "mlp": (lambda epochs: recipes.mlp(65, epochs=epochs, batch_size=16), 5),
    "tabular": (lambda epochs: recipes.tabular(65, 3, 2, epochs=epochs, batch_size=16), 5),
    "sentiment": (lambda epochs: recipes.tree_classifier(65, 9, 5, units=4, epochs=epochs, batch_size=16), 5),
    "parser": (lambda epochs: recipes.tree_parser(65, 9, units=4, epochs=epochs, batch_size=16), 5),
    "transformer": (lambda epochs: recipes.transformer(65, 9, 4, units=4, layers=1, epochs=epochs, batch_size=16), 5),
    # Windows of 16 streams: what does not make a whole batch of them is not there.
    "language model": (lambda epochs: recipes.language_model(5 * 16 + 7, 9, units=4, epochs=epochs, batch_size=16), 5),
}


@pytest.mark.parametrize("recipe", STEPS.values(), ids=STEPS.keys())
@pytest.mark.parametrize("epochs", [1, 12])
def test_rates_fall_to_nothing_with_the_last_step(recipe, epochs):
    make, batches = recipe
    rates = make(epochs).arguments["optimizer"].rates(0, epochs * batches + 1)
    top = int(rates.argmax())
    assert top <= len(rates) / 4
    assert (np.diff(rates[top:]) <= 0).all()
    assert rates[-1] == 0 < rates[-2]


def rates(net):
    return [layer.rate for layer in net.layers if isinstance(layer, layers.Dropout)]


def test_arguments_of_recipes():
    for composition, usual in BY_COMPOSITION.items():
        net = recipes.tree_classifier(65, 9, 5, composition=composition).net
        assert rates(net) == [usual.word_dropout, usual.node_dropout]
        assert net.layers[2].units == usual.units
    recipe = recipes.tree_parser(65, 9, penalty=0.3, beam=4, weight_decay=0.25, composition="tensor", units=4)
    assert (recipe.arguments["penalty"], recipe.arguments["beam"]) == (0.3, 4)
    assert recipe.arguments["optimizer"].weight_decay == 0.25
    assert recipe.net.layers[1].composition == "tensor"
    assert recipes.language_model(16, 9, units=4, batch_size=16, clip_norm=0.5).arguments["optimizer"].clip_norm == 0.5
    assert recipes.language_model(16, 9, units=4, batch_size=16, clip_norm=0).arguments["optimizer"].clip_norm is None
    with pytest.raises(TypeError, match="hidden must be a list of sizes; received 30"):
        recipes.mlp(65, hidden=30)


def test_a_transformer_tells_places_from_the_start():
    net = models.transformer(50, 64, units=32, layers=1, seed=0)
    tokens, places = net.params["0.weight"], net.params["1.weight"]
    # As large as what tells tokens, and the nearer the more alike, whichever place it is; the same for all seeds.
    assert 0.5 < places.std() / tokens.std() < 2
    alike = [(places[k:] * places[: 64 - k]).sum(axis=1) for k in range(4)]
    assert all(np.ptp(products) < 1e-5 for products in alike)
    assert (np.diff([products[0] for products in alike]) < 0).all()
    assert (models.transformer(50, 64, units=32, layers=1, seed=1).params["1.weight"] == places).all()
    odd = models.transformer(5, 3, units=3, heads=1, layers=1, seed=0)
    np.testing.assert_allclose(odd.params["1.weight"][2, :2], [0.2 * np.sin(2), 0.2 * np.cos(2)], rtol=1e-6)
    optimizer = recipes.transformer(65, 9, 4, units=4, layers=1).arguments["optimizer"]
    assert (optimizer.betas, optimizer.weight_decay, optimizer.clip_norm) == ((0.9, 0.99), 0.1, 1)


def test_arguments_of_models():
    net = models.lenet5(shift=3, pooling="mean", activation="tanh", seed=0)
    assert net.layers[0].pixels == (3, 3)
    assert [type(layer) for layer in net.layers].count(layers.MeanPool2D) == 2
    net = models.tree_classifier(9, 5, word_dropout=0.25, node_dropout=0.5, units=4)
    assert [type(layer) for layer in net.layers] == [
        layers.Embedding, layers.Dropout, layers.Recursive, layers.Dropout, layers.Dense,
    ]  # fmt: skip
    assert rates(net) == [0.25, 0.5]
    net = models.language_model(9, cell="gru", units=4, layers=2, dropout=0.25, dim=3)
    assert [type(layer) for layer in net.layers[1:-1]] == [layers.GRU, layers.Dropout] * 2
    assert (net.layers[0].dim, net.layers[1].units, rates(net)) == (3, 4, [0.25, 0.25])
