"""The built-in networks for sequences: the layers that they give, what they can see, and that they learn."""

import numpy as np
import pytest

import chainrule as cr
from chainrule_plugins.models import Recurrent, Transformer

LOSS = "categorical_cross_entropy"


def network(model, input_shape, units=3, seed=0, dtype="float64"):
    return cr.Network(model.build(input_shape, units, "softmax"), input_shape, LOSS, seed=seed, dtype=dtype)


def sample(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


# recurrent


def test_all_recurrent_layers_but_the_last_give_each_step():
    made = network(Recurrent(cell="gru", units=(5, 4)), (6, 2))
    assert made.names == ["0.gru", "1.gru", "2.dense", "2.dense.softmax"]
    assert made.shapes == [(6, 5), (4,), (3,), (3,)]


def test_a_recurrent_network_may_answer_at_each_step():
    made = network(Recurrent(cell="simple_rnn", units=(5,), sequences=True), (6, 2))
    assert made.names == ["0.simple_rnn", "1.dense_per_step", "1.dense_per_step.softmax"]
    assert made.output_shape == (6, 3)
    x, y = sample(2, 6, 2), np.arange(12).reshape(2, 6) % 3
    assert max(cr.gradient_check(made, x, y).values()) < 1e-6


def test_its_dropout_and_truncation_reach_each_layer():
    layers = Recurrent(units=(5, 4), truncate=7, dropout=0.2).build((6, 2), 1, "sigmoid")
    assert [layer.get("name") for layer in layers] == ["lstm", "dropout", "lstm", "dropout", "dense"]
    assert [layers[i]["truncate"] for i in (0, 2)] == [7, 7]
    assert [layers[i]["rate"] for i in (1, 3)] == [0.2, 0.2]


def test_rows_of_an_image_are_steps_and_so_are_single_numbers():
    assert network(Recurrent(), (8, 6, 3)).shapes[0] == (8, 18)
    assert network(Recurrent(), (9,)).shapes[0] == (9, 1)
    assert network(Recurrent(), (8, 6)).names[0] == "0.lstm"


def test_tokens_get_an_embedding():
    made = network(Recurrent(tokens=7, width=4), (9,))
    assert made.names[0] == "0.embedding"
    assert made.parameters["0.embedding.W"].shape == (7, 4)
    assert made.parameters["0.embedding.W"].value.std() == pytest.approx(1, abs=0.4)
    made.predict([[0, 6, 0, 6, 0, 6, 0, 6, 0]])


@pytest.mark.parametrize("cell", ["simple_rnn", "gru", "lstm"])
def test_recurrent_networks_remember_the_first_step(cell):
    """The class is the sign of the first number; what follows is noise."""
    x = sample(600, 8, 1)
    y = (x[:, 0, 0] > 0).astype(int)
    made = network(Recurrent(cell=cell, units=(16,)), (8, 1), units=2, dtype="float32")
    trainer = cr.Trainer(made, {"name": "adam", "lr": 0.02}, batch_size=50, metrics=["accuracy"])
    trainer.fit((x, y), epochs=15)
    assert made.evaluate(x, y, ["accuracy"])["accuracy"] > 0.95


# transformer


def test_a_transformer_is_blocks_of_attention_and_thought():
    made = network(Transformer(blocks=2, heads=2, width=8), (5,))
    assert made.names == [
        "0.embedding",
        "1.positional_encoding",
        "2.residual",
        "3.residual",
        "4.residual",
        "5.residual",
        "6.layer_norm",
        "7.dense_per_step",
        "7.dense_per_step.softmax",
    ]
    assert made.parameters["0.embedding.W"].shape == (3, 8)  # as many tokens as units of the output
    assert made.parameters["3.residual.layers.1.dense_per_step.W"].shape == (8, 32)
    inner = [step.name.rpartition(".")[2] for step in made.layers[3].f.steps]
    assert inner == ["layer_norm", "dense_per_step", "gelu", "dense_per_step", "linear"]


def test_its_first_block_by_hand():
    """x + attention(norm(x)), and to that its dense layers."""
    made = network(Transformer(blocks=1, heads=1, width=4, activation="tanh"), (5,))
    made.parameters.theta[...] += 0.3 * sample(made.parameters.theta.size)
    seen = dict(made.trace(np.array([[0, 1, 2, 1, 0]])))
    p = {parameter.name.partition("residual.layers.")[2]: parameter.value for parameter in made.parameters}

    def norm(x, at):
        gamma, beta = (made.parameters[f"{at}.layers.0.layer_norm.{name}"].value for name in ("gamma", "beta"))
        return gamma * (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5) + beta

    x = seen["1.positional_encoding"][0]
    n = norm(x, "2.residual")
    q, k, v = (n @ p[f"1.self_attention.W_{name}"] for name in "qkv")
    q, v = q + p["1.self_attention.b_q"], v + p["1.self_attention.b_v"]
    weights = np.tril(np.exp(q @ k.T / 2))
    x = x + weights / weights.sum(1, keepdims=True) @ v @ p["1.self_attention.W_o"] + p["1.self_attention.b_o"]
    np.testing.assert_allclose(seen["2.residual"][0], x, rtol=1e-10)
    h = np.tanh(norm(x, "3.residual") @ p["1.dense_per_step.W"] + p["1.dense_per_step.b"])
    x = x + h @ p["2.dense_per_step.W"] + p["2.dense_per_step.b"]
    np.testing.assert_allclose(seen["3.residual"][0], x, rtol=1e-10)


def test_gradient_check_of_a_transformer():
    made = network(Transformer(blocks=1, heads=2, width=4, hidden=2), (5,))
    x, y = np.arange(10).reshape(2, 5) % 3, np.arange(1, 11).reshape(2, 5) % 3
    assert max(cr.gradient_check(made, x, y).values()) < 1e-6


@pytest.mark.parametrize("causal", [True, False])
def test_what_it_says_of_a_step_depends_on_later_ones_only_without_causal(causal):
    made = network(Transformer(heads=2, width=8, causal=causal), (6,))
    x = np.array([[0, 1, 2, 0, 1, 2]])
    other = x.copy()
    other[0, 4:] = 0
    before, after = (made.predict(given)[0, :4] for given in (x, other))
    assert np.allclose(before, after, rtol=1e-12) == causal


def test_steps_that_do_not_count_change_nothing():
    """The mask reaches the attention within the residuals, and the mean."""
    made = network(Transformer(heads=2, width=8, causal=False, sequences=False), (6,))
    assert made.names[-3:] == ["7.mean_over_steps", "8.dense", "8.dense.softmax"]
    x, mask = np.array([[0, 1, 2, 0, 1, 2]]), np.array([[1, 1, 1, 1, 0, 0]])
    other = x.copy()
    other[0, 4:] = 0
    np.testing.assert_allclose(made.predict(x, mask=mask), made.predict(other, mask=mask), rtol=1e-12)
    assert not np.allclose(made.predict(x), made.predict(other), rtol=1e-3)


def test_vectors_take_a_dense_layer_in_place_of_an_embedding():
    made = network(Transformer(heads=2, width=8), (6, 5))
    assert made.names[:2] == ["0.dense_per_step", "0.dense_per_step.linear"]
    assert network(Transformer(heads=2, width=8), (6, 5, 2)).shapes[:2] == [(6, 10), (6, 8)]


def test_its_activation_may_be_an_instance_and_its_tokens_others_than_its_units():
    relu = cr.make("activation", "leaky_relu", slope=0.3)
    made = network(Transformer(heads=2, width=8, activation=relu, tokens=11, dropout=0.1, learned_positions=True), (6,))
    assert made.parameters["0.embedding.W"].shape == (11, 8)
    assert made.parameters["1.positional_encoding.P"].shape == (6, 8)
    applied = [step.layer for at in (3, 5) for step in made.layers[at].f.steps if isinstance(step.layer, type(relu))]
    assert [layer.slope for layer in applied] == [0.3, 0.3]
    dropped = [step.layer.rate for at in (2, 3, 4, 5) for step in made.layers[at].f.steps if "dropout" in step.name]
    assert dropped == [0.1] * 4


def test_a_transformer_learns_to_copy_what_it_saw():
    """The second half of each sequence is the first one again; only what can look back can tell it."""
    rng = np.random.default_rng(0)
    half = rng.integers(0, 6, size=(400, 6))
    text = np.concatenate([half, half], axis=1)
    x, y = text[:, :-1], text[:, 1:]
    made = network(Transformer(blocks=2, heads=2, width=32), (11,), units=6, dtype="float32")
    cr.Trainer(made, {"name": "adam", "lr": 0.005}, batch_size=25).fit((x, y), epochs=12)
    right = made.predict(x).argmax(-1) == y
    assert right[:, 5:].mean() > 0.95
    assert right[:, :5].mean() < 0.5


@pytest.mark.parametrize(
    ("name", "fields", "message"),
    [
        ("recurrent", {"units": []}, "units: got [], must be sizes of at least 1, one layer at least (Recurrent)"),
        (
            "recurrent",
            {"units": [3, 0]},
            "units: got [3, 0], must be sizes of at least 1, one layer at least (Recurrent)",
        ),
        ("recurrent", {"truncate": 0}, "truncate: got 0, must be at least 1, or null (Recurrent)"),
        ("recurrent", {"dropout": 1.0}, "dropout: got 1.0, must be at least 0 and less than 1 (Recurrent)"),
        ("recurrent", {"tokens": 0}, "tokens: got 0, must be at least 1, or null (Recurrent)"),
        ("recurrent", {"width": 0}, "width: got 0, must be at least 1 (Recurrent)"),
        ("recurrent", {"cell": "rnn"}, 'cell: got "rnn"'),
        ("transformer", {"blocks": 0}, "blocks: got 0, must be at least 1 (Transformer)"),
        ("transformer", {"heads": 3}, "heads: got 3, must be a divisor of the width, 64 (Transformer)"),
        ("transformer", {"width": 0}, "width: got 0, must be at least 1 (Transformer)"),
        ("transformer", {"hidden": 0}, "hidden: got 0, must be at least 1 (Transformer)"),
        ("transformer", {"dropout": -0.1}, "dropout: got -0.1, must be at least 0 and less than 1 (Transformer)"),
        ("transformer", {"tokens": 0}, "tokens: got 0, must be at least 1, or null (Transformer)"),
    ],
)
def test_fields_out_of_range_are_refused(name, fields, message):
    with pytest.raises(cr.FieldError) as caught:
        cr.make("model", name, **fields)
    assert str(caught.value).startswith(message)
