"""The built-in architectures: the layers that they give, and networks made of them."""

import numpy as np
import pytest

import chainrule as cr
from chainrule_plugins.layers import Dense, Dropout
from chainrule_plugins.models import MLP, Sequential


def network(model, input_shape, units=3, activation="softmax", loss="categorical_cross_entropy"):
    return cr.Network(model.build(input_shape, units, activation), input_shape, loss)


ONE, HALF = {"name": "constant", "value": 1.0}, {"name": "constant", "value": 0.5}


# mlp


def test_mlp_has_its_hidden_layers_and_the_output_that_is_asked_for():
    made = network(MLP(hidden=(8, 4), activation="tanh"), (5,))
    assert made.names == ["0.dense", "0.dense.tanh", "1.dense", "1.dense.tanh", "2.dense", "2.dense.softmax"]
    assert [p.shape for p in made.parameters] == [(5, 8), (8,), (8, 4), (4,), (4, 3), (3,)]


def test_mlp_flattens_what_is_no_vector():
    assert network(MLP(), (28, 28)).names[0] == "0.flatten"
    assert network(MLP(), (8, 8, 3)).parameters["1.dense.W"].shape == (192, 64)
    assert network(MLP(), ()).parameters["1.dense.W"].shape == (1, 64)


def test_mlp_puts_dropout_behind_each_hidden_activation():
    made = network(MLP(hidden=(8, 4), dropout=0.2), (5,))
    assert [name.partition(".")[2] for name in made.names] == [
        "dense",
        "dense.relu",
        "dropout",
        "dense",
        "dense.relu",
        "dropout",
        "dense",
        "dense.softmax",
    ]
    assert made.layers[2].rate == 0.2


def test_mlp_without_hidden_layers_is_a_linear_model():
    assert network(MLP(hidden=()), (5,), 1, "linear", "mse").names == ["0.dense", "0.dense.linear"]


def test_mlp_starts_as_suits_relu_and_its_output_as_suits_a_sum():
    """He et al. 2015, equation 10, for the hidden weights; Glorot, Bengio 2010, equation 16, for the output's."""
    parameters = network(MLP(hidden=(500,)), (300,), units=100).parameters
    assert parameters["0.dense.W"].value.std() == pytest.approx(np.sqrt(2 / 300), rel=0.02)
    limit = np.sqrt(6 / (500 + 100))
    assert 0.99 * limit < np.abs(parameters["1.dense.W"].value).max() <= limit


def test_mlp_starts_as_it_is_told_to_biases_and_output_too():
    made = network(
        MLP(hidden=(4, 4), initializer=ONE, output_initializer=cr.make("initializer", "zeros"), bias_initializer=HALF),
        (5,),
    )
    starts = {p.name: set(p.value.ravel().tolist()) for p in made.parameters}
    assert starts == {f"{i}.dense.b": {0.5} for i in range(3)} | {
        "0.dense.W": {1.0},
        "1.dense.W": {1.0},
        "2.dense.W": {0.0},
    }
    lone = network(MLP(hidden=(), output_initializer=ONE), (5,))
    assert (lone.parameters["0.dense.W"].value == 1).all()


def test_mlp_takes_components_with_fields_and_instances():
    relu = cr.make("activation", "leaky_relu", slope=0.3)
    given = MLP(hidden=(4, 4), activation=relu, initializer={"name": "constant", "value": 0.5})
    made = network(given, (5,))
    hidden = [layer for layer in made.layers if isinstance(layer, type(relu))]
    assert [layer.slope for layer in hidden] == [0.3, 0.3]
    assert len({id(relu), *map(id, hidden)}) == 3
    assert (made.parameters["1.dense.W"].value == 0.5).all()


def test_gradient_check_of_an_mlp():
    made = network(MLP(hidden=(6, 5), activation="tanh", dropout=0.3), (2, 2))
    x = np.random.default_rng(0).normal(size=(7, 2, 2))
    assert max(cr.gradient_check(made, x, np.arange(7) % 3).values()) < 1e-6


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"hidden": [8, 0]}, "hidden: got [8, 0], must be sizes of at least 1 (MLP)"),
        ({"dropout": 1.0}, "dropout: got 1.0, must be at least 0 and less than 1 (MLP)"),
        ({"dropout": -0.5}, "dropout: got -0.5, must be at least 0 and less than 1 (MLP)"),
        ({"activation": "rellu"}, 'activation: there is no activation "rellu". Did you mean "relu"?'),
        ({"initializer": "he"}, 'initializer: there is no initializer "he".'),
        ({"output_initializer": "he"}, 'output_initializer: there is no initializer "he".'),
        ({"bias_initializer": "he"}, 'bias_initializer: there is no initializer "he".'),
    ],
)
def test_mlp_refuses_what_does_not_fit(fields, message):
    with pytest.raises(cr.ConfigError) as caught:
        network(cr.make("model", "mlp", **fields), (5,))
    assert str(caught.value).startswith(message)


# sequential

HIDDEN = ["flatten", {"name": "dense", "units": 8, "activation": "relu"}, {"name": "dropout", "rate": 0.2}]


def test_sequential_adds_the_output_layer():
    made = network(Sequential(HIDDEN), (2, 3))
    assert made.names == ["0.flatten", "1.dense", "1.dense.relu", "2.dropout", "3.dense", "3.dense.softmax"]
    assert made.output_shape == (3,)


def test_sequential_takes_names_mappings_layers_and_activations():
    made = network(Sequential([Dense(8), "tanh", Dropout(0.1), {"name": "dense", "units": 4}]), (5,))
    steps = ["0.dense", "0.dense.linear", "1.tanh", "2.dropout", "3.dense", "3.dense.linear", "4.dense"]
    assert made.names == [*steps, "4.dense.softmax"]


def test_sequential_takes_activations_as_instances():
    relu = cr.make("activation", "leaky_relu", slope=0.3)
    model = cr.make("model", "sequential", layers=["flatten", relu, Dense(4)])
    made = network(model, (5,))
    assert made.names[:2] == ["0.flatten", "1.leaky_relu"]
    assert made.layers[1] is not relu
    assert made.layers[1] == relu
    twin = network(cr.make("model", cr.spec_of(model)), (5,))
    x = np.random.default_rng(0).normal(size=(3, 5))
    np.testing.assert_array_equal(twin.predict(x), made.predict(x))


@pytest.mark.parametrize(
    "output",
    [
        {"name": "dense", "units": 3, "activation": "softmax", "bias": False},
        {"name": "dense", "units": 3, "activation": {"name": "softmax"}, "bias": False},
        Dense(3, activation="softmax", bias=False),
    ],
)
def test_sequential_adds_none_where_the_list_ends_in_it(output):
    made = network(Sequential(["flatten", output]), (2, 3))
    assert made.names == ["0.flatten", "1.dense", "1.dense.softmax"]
    assert len(made.parameters) == 1


@pytest.mark.parametrize("as_layer", [False, True])
def test_sequential_adds_no_heads_where_the_list_ends_in_some(as_layer):
    heads = {"name": "heads", "heads": {"a": [{"name": "dense", "units": 2}], "b": ["tanh"]}}
    layers = ["flatten", cr.make("layer", heads) if as_layer else heads]
    assert Sequential(layers).build((5,), {"a": 2, "b": 5}, {"a": "linear", "b": "tanh"}) == layers


def test_a_linear_output_need_not_name_its_activation():
    assert network(Sequential([{"name": "dense", "units": 1}]), (5,), 1, "linear", "mse").output_shape == (1,)
    assert len(Sequential([{"name": "dense", "units": 1}]).build((5,), 1, "linear")) == 1


DENSE_RELU = {"name": "dense", "units": 3, "activation": "relu"}


@pytest.mark.parametrize("last", [DENSE_RELU, Dense(4), "relu", cr.make("activation", "softmax"), "flatten"])
def test_any_other_last_layer_is_hidden(last):
    layers = Sequential([last]).build((5,), 3, "softmax")
    assert layers == [last, {"name": "dense", "units": 3, "activation": "softmax"}]


def test_sequential_as_it_comes_is_a_linear_model_of_any_input():
    assert network(Sequential(), (28, 28)).names == ["0.flatten", "1.dense", "1.dense.softmax"]


def test_a_model_can_be_built_again():
    """Its layers are the network's own each time."""
    model = Sequential(HIDDEN)
    first, second = network(model, (2, 3)), network(model, (4,))
    assert not {id(layer) for layer in first.layers} & {id(layer) for layer in second.layers}


def test_models_survive_being_written_as_config():
    model = Sequential([*HIDDEN, Dense(4, activation="tanh")])
    spec = cr.spec_of(model)
    assert spec["layers"][3]["activation"] == "tanh"
    x = np.ones((1, 2, 3))
    twin = network(cr.make("model", spec), (2, 3))
    np.testing.assert_array_equal(network(model, (2, 3)).predict(x), twin.predict(x))


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        (["dense"], "layers.0.units: layer dense needs a value for this field (int)"),
        ([{"name": "dense", "units": 0}], "layers.0.units: got 0, must be at least 1 (Dense)"),
        ([{"name": "dense", "unit": 3}], 'layers.0.unit: layer dense has no field "unit". Did you mean "units"?'),
        (["flatten", "dens"], 'layers.1: there is no layer "dens". Did you mean "dense"?'),
        (
            ["dropout", {"name": "dense", "units": 4}],
            "layers.1: dense takes vectors, of shape (features,), got input of",
        ),
        ([], "layers.0: dense takes vectors, of shape (features,), got input of shape (2, 3): put a flatten before it"),
    ],
)
def test_a_wrong_list_is_refused_with_the_layers_position(layers, message):
    with pytest.raises(cr.ConfigError) as caught:
        network(Sequential(layers), (2, 3))
    assert str(caught.value).startswith(message)
