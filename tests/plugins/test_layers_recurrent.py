"""The recurrent layers against their equations, one sample and one step at a time.

Gradients are compared with complex steps: for $f$ written with analytic functions alone, the imaginary part of
$f(x + i h)$ is $h f'(x)$, to the last digits where h is tiny. No derivative is derived for that. What is to be taken as
given has its imaginary part dropped.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chainrule as cr

KINDS = ["simple_rnn", "lstm", "gru"]
FEATURES, UNITS = 3, 2
TINY = 1e-30  # the complex step


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def next_state(kind, x, state, weights):
    """The state after one step of one sample; the first part of it is what is shown."""
    h = state[0]

    def pre(gate, h=h):
        bias = weights.get(f"b{gate}", np.zeros(UNITS))
        return np.array(
            [
                sum(x[i] * weights[f"W{gate}"][i, j] for i in range(FEATURES))
                + sum(h[i] * weights[f"U{gate}"][i, j] for i in range(UNITS))
                + bias[j]
                for j in range(UNITS)
            ]
        )

    if kind == "simple_rnn":
        return [np.tanh(pre(""))]
    if kind == "lstm":
        c = sigmoid(pre("_f")) * state[1] + sigmoid(pre("_i")) * np.tanh(pre("_g"))
        return [sigmoid(pre("_o")) * np.tanh(c), c]
    u, r = sigmoid(pre("_u")), sigmoid(pre("_r"))
    return [u * h + (1 - u) * np.tanh(pre("_g", r * h))]


def shown(kind, x, counts, weights, truncate):
    """The state after each step of one sample."""
    state = [np.zeros(UNITS)] * (2 if kind == "lstm" else 1)
    left, seen = int(counts.sum()), []
    for t in range(len(x)):
        if counts[t]:
            if truncate and left % truncate == 0:  # a piece begins
                state = [part.real for part in state]
            state = next_state(kind, x[t], state, weights)
            left -= 1
        seen.append(state[0])
    return np.array(seen)


def directly(kind, x, mask, weights, truncate, sequences):
    """y by the equations."""
    counts = np.ones(x.shape[:2], bool) if mask is None else mask
    y = np.array([shown(kind, *sample, weights, truncate) for sample in zip(x, counts)])
    return y if sequences else y[:, -1]


def complex_gradient(function, at):
    """The derivative of the number ``function()`` with respect to the array ``at``, which it reads."""
    gradient = np.empty(at.shape)
    for index in np.ndindex(at.shape):
        kept = at[index]
        at[index] = kept + 1j * TINY
        gradient[index] = function().imag / TINY
        at[index] = kept
    return gradient


def built(kind, steps, dtype="float64", seed=0, **fields):
    network = cr.Network([cr.make("layer", kind, units=UNITS, **fields)], (steps, FEATURES), "mse", dtype=dtype)
    theta = network.parameters.theta
    theta += 0.5 * np.random.default_rng(seed).normal(size=theta.size).astype(dtype)
    weights = {p.name.rpartition(".")[2]: p.value.astype(complex) for p in network.parameters}
    return network, network.layers[0], weights


def require_both_passes(kind, x, mask, dy, **fields):
    network, layer, weights = built(kind, x.shape[1], **fields)
    truncate, sequences = fields.get("truncate"), fields.get("sequences", False)
    x_complex = x.astype(complex)

    def projection():
        return (dy * directly(kind, x_complex, mask, weights, truncate, sequences)).sum()

    y = layer.forward(x, True, mask)
    expected = directly(kind, x, mask, {name: value.real for name, value in weights.items()}, truncate, sequences)
    np.testing.assert_allclose(y, expected, rtol=0, atol=1e-12)
    np.testing.assert_allclose(layer.reference(x, True, mask), expected, rtol=0, atol=1e-12)
    dx = layer.backward(dy)
    np.testing.assert_allclose(dx, complex_gradient(projection, x_complex), rtol=0, atol=1e-12)
    for parameter in network.parameters:
        name = parameter.name.rpartition(".")[2]
        gradient = complex_gradient(projection, weights[name])
        np.testing.assert_allclose(parameter.grad, gradient, rtol=0, atol=1e-12, err_msg=name)


def drawn(steps, sequences=False, seed=0, batch=2):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(batch, steps, FEATURES)), rng.normal(
        size=(batch, steps, UNITS) if sequences else (batch, UNITS)
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sequences", [False, True])
@pytest.mark.parametrize("bias", [True, False])
def test_both_passes_are_the_equations(kind, sequences, bias):
    x, dy = drawn(4, sequences)
    require_both_passes(kind, x, None, dy, sequences=sequences, bias=bias)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=15, deadline=None)
@given(
    mask=st.lists(st.lists(st.booleans(), min_size=4, max_size=4), min_size=2, max_size=2),
    truncate=st.none() | st.integers(1, 5),
    sequences=st.booleans(),
    seed=st.integers(0, 99),
)
def test_masks_and_truncation_by_definition(kind, mask, truncate, sequences, seed):
    """A step that does not count is left out for its sample, and counts for no piece either."""
    x, dy = drawn(4, sequences, seed)
    require_both_passes(kind, x, np.array(mask), dy, truncate=truncate, sequences=sequences, seed=seed)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("truncate", [1, 2, 3, 6, 7])
@pytest.mark.parametrize("sequences", [False, True])
def test_truncation_without_a_mask(kind, truncate, sequences):
    x, dy = drawn(6, sequences, batch=1)
    require_both_passes(kind, x, None, dy, truncate=truncate, sequences=sequences)


@pytest.mark.parametrize("kind", KINDS)
def test_the_gradient_of_the_last_state_reaches_as_many_steps_as_truncate_says(kind):
    x, dy = drawn(7)
    whole, truncated = (built(kind, 7, truncate=truncate)[1] for truncate in (None, 3))
    np.testing.assert_array_equal(whole.forward(x, True), truncated.forward(x, True))
    dx, reached = whole.backward(dy), truncated.backward(dy)
    assert not reached[:, :4].any()
    np.testing.assert_allclose(reached[:, 4:], dx[:, 4:], rtol=1e-12)
    assert dx[:, :4].all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_truncated_gradient_is_told_to_be_another_one(kind):
    """To the conformance kit, whose differences know of no truncation."""
    assert cr.make("layer", kind, units=2).checks_not_applicable == {}
    told = cr.make("layer", kind, units=2, truncate=2).checks_not_applicable
    assert "gradient_of_parameters" in told
    assert set(told.values()) == {"a truncated gradient is on purpose not that of what forward computes"}


@pytest.mark.parametrize("kind", KINDS)
def test_the_last_state_is_that_of_the_last_step_that_counts(kind):
    """Whatever stands behind it."""
    x, dy = drawn(5)
    layer, shorter = built(kind, 5)[1], built(kind, 3)[1]
    mask = np.array([[True, True, True, False, False]] * 2)
    x[:, 3:] = 1e30
    np.testing.assert_allclose(layer.forward(x, True, mask), shorter.forward(x[:, :3], True), rtol=1e-12)
    dx = layer.backward(dy)
    np.testing.assert_allclose(dx[:, :3], shorter.backward(dy), rtol=1e-12)
    assert not dx[:, 3:].any()


@pytest.mark.parametrize("kind", KINDS)
def test_a_sequence_of_which_nothing_counts_leaves_the_state_at_zero(kind):
    x, dy = drawn(3)
    network, layer, _ = built(kind, 3)
    assert not layer.forward(x, True, np.zeros((2, 3), bool)).any()
    assert not layer.backward(dy).any()
    assert not network.parameters.grad.any()


@pytest.mark.parametrize("kind", KINDS)
def test_a_gradient_that_fades_is_cut_off_before_it_is_subnormal(kind):
    """On such numbers a step takes many times as long. None of them is left, and nothing else changes."""
    steps = 800
    rng = np.random.default_rng(0)
    x, dy = 0.1 * rng.normal(size=(2, steps, FEATURES)), rng.normal(size=(2, UNITS))
    found = {}
    for dtype in ("float32", "float64"):
        network, layer, _ = built(kind, steps, dtype)
        if kind == "simple_rnn":  # let it forget sooner
            network.parameters["0.simple_rnn.U"].value *= 0.7
        elif kind == "gru":
            network.parameters["0.gru.b_u"].value = -2
        layer.forward(x.astype(dtype), True)
        found[dtype] = layer.backward(dy.astype(dtype)).copy(), network.parameters.grad.copy()
    (dx, grad), (exact_dx, exact_grad) = found["float32"], found["float64"]
    assert 0 < np.abs(exact_dx[:, 0]).max() < np.finfo(np.float32).smallest_subnormal
    assert not ((dx != 0) & (np.abs(dx) < np.finfo(np.float32).tiny)).any()
    np.testing.assert_allclose(dx, exact_dx, rtol=1e-2, atol=1e-8)
    np.testing.assert_allclose(grad, exact_grad, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_gradient_check_of_two_layers_upon_each_other(kind):
    layers = [cr.make("layer", kind, units=4, sequences=True), cr.make("layer", kind, units=3), "tanh"]
    x, target = drawn(5)[0], np.random.default_rng(1).normal(size=(2, 3))
    assert max(cr.gradient_check(cr.Network(layers, (5, FEATURES), "mse"), x, target).values()) < 1e-6


@pytest.mark.parametrize("kind", KINDS)
def test_a_network_gives_its_mask_to_each_of_them(kind):
    layers = [cr.make("layer", kind, units=4, sequences=True), cr.make("layer", kind, units=3)]
    made = cr.Network(layers, (5, FEATURES), "mse", dtype="float64")
    x, target = drawn(5)[0], np.random.default_rng(1).normal(size=(2, 3))
    mask = np.array([[1, 1, 0, 1, 0], [1, 1, 1, 0, 0]])
    other = np.where(mask[:, :, None], x, 7.0)
    np.testing.assert_array_equal(made.predict(x, mask=mask), made.predict(other, mask=mask))
    assert (made.predict(x) != made.predict(other)).all()
    (loss, grad), (other_loss, other_grad) = (made.loss_and_gradient(each, target, mask=mask) for each in (x, other))
    assert loss == other_loss
    np.testing.assert_array_equal(grad, other_grad)


@pytest.mark.parametrize("kind", KINDS)
def test_each_matrix_starts_as_its_own(kind):
    """Glorot's limit is that of one gate, and every recurrent matrix a rotation."""
    network = cr.Network([cr.make("layer", kind, units=60)], (3, 40), "mse", dtype="float64")
    for parameter in network.parameters:
        name = parameter.name.rpartition(".")[2]
        assert parameter.decay == (not name.startswith("b"))
        if name.startswith("W"):
            limit = np.sqrt(6 / (40 + 60))
            assert 0.95 * limit < np.abs(parameter.value).max() <= limit
        elif name.startswith("U"):
            np.testing.assert_allclose(parameter.value @ parameter.value.T, np.eye(60), atol=1e-12)
        else:
            assert set(parameter.value) == {1.0 if name == "b_f" else 0.0}


def test_the_forget_gate_starts_as_it_is_told_to_and_the_others_with_the_bias_initializer():
    half = {"name": "constant", "value": 0.5}
    layer = cr.make("layer", "lstm", units=2, forget_bias=-3.0, bias_initializer=half)
    network = cr.Network([layer], (3, 2), "mse")
    starts = {p.name.rpartition(".")[2]: set(p.value.tolist()) for p in network.parameters if ".b_" in p.name}
    assert starts == {"b_i": {0.5}, "b_f": {-3.0}, "b_o": {0.5}, "b_g": {0.5}}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(4,), (), (4, 3, 2)])
def test_what_is_no_sequence_of_vectors_is_refused(kind, shape):
    with pytest.raises(cr.ShapeError) as caught:
        cr.Network([cr.make("layer", kind, units=2)], shape, "mse")
    assert str(caught.value) == (
        f"layers.0: a recurrent layer takes sequences, of shape (steps, features), got input of shape {shape}"
    )


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"units": 0}, "units: got 0, must be at least 1 ({})"),
        ({"units": 2, "truncate": 0}, "truncate: got 0, must be at least 1, or null ({})"),
    ],
)
@pytest.mark.parametrize(("kind", "name"), [("simple_rnn", "SimpleRNN"), ("lstm", "LSTM"), ("gru", "GRU")])
def test_fields_out_of_range_are_refused(kind, name, fields, message):
    with pytest.raises(cr.FieldError) as caught:
        cr.make("layer", kind, **fields)
    assert str(caught.value) == message.format(name)


def test_a_forget_bias_is_finite():
    with pytest.raises(cr.FieldError) as caught:
        cr.make("layer", "lstm", units=2, forget_bias=float("inf"))
    assert str(caught.value) == "forget_bias: got inf, must be a finite number (LSTM)"
