"""Attention against its equations, one step at a time; its gradients by complex steps (see the recurrent layers)."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chainrule as cr

WIDTH = 4
TINY = 1e-30


def directly(x, weights, heads, causal, mask):
    """y by the equations, for one head after another."""
    batch, steps, _ = x.shape
    size = weights["W_q"].shape[1] // heads
    found = np.zeros((batch, steps, heads * size), complex)
    for n, head in np.ndindex(batch, heads):
        at = slice(head * size, (head + 1) * size)
        q = x[n] @ weights["W_q"][:, at] + weights.get("b_q", np.zeros(heads * size))[at]
        k = x[n] @ weights["W_k"][:, at]
        v = x[n] @ weights["W_v"][:, at] + weights.get("b_v", np.zeros(heads * size))[at]
        for i in range(steps):
            seen = [j for j in range(steps) if (mask is None or mask[n, j]) and not (causal and j > i)]
            fits = [np.exp(sum(q[i, u] * k[j, u] for u in range(size)) / np.sqrt(size)) for j in seen]
            for j, fit in zip(seen, fits):
                found[n, i, at] += fit / sum(fits) * v[j]
    return found @ weights["W_o"] + weights.get("b_o", 0)


def complex_gradient(function, at):
    gradient = np.empty(at.shape)
    for index in np.ndindex(at.shape):
        kept = at[index]
        at[index] = kept + 1j * TINY
        gradient[index] = function().imag / TINY
        at[index] = kept
    return gradient


def built(steps, width=WIDTH, dtype="float64", seed=0, **fields):
    network = cr.Network([cr.make("layer", "self_attention", **fields)], (steps, width), "mse", dtype=dtype)
    theta = network.parameters.theta
    theta += 0.5 * np.random.default_rng(seed).normal(size=theta.size).astype(dtype)
    return network, network.layers[0]


def weights_of(network):
    return {p.name.rpartition(".")[2]: p.value.astype(complex) for p in network.parameters}


def require_both_passes(x, mask, dy, **fields):
    network, layer = built(x.shape[1], **fields)
    weights, x_complex = weights_of(network), x.astype(complex)
    heads, causal = fields.get("heads", 1), fields.get("causal", False)
    y = layer.forward(x, True, mask)
    expected = directly(x, weights, heads, causal, mask).real
    np.testing.assert_allclose(y, expected, rtol=0, atol=1e-12)
    np.testing.assert_allclose(layer.reference(x, True, mask), expected, rtol=0, atol=1e-12)
    dx = layer.backward(dy)

    def projection():
        return (dy * directly(x_complex, weights, heads, causal, mask)).sum()

    np.testing.assert_allclose(dx, complex_gradient(projection, x_complex), rtol=0, atol=1e-12)
    for parameter in network.parameters:
        name = parameter.name.rpartition(".")[2]
        expected = complex_gradient(projection, weights[name])
        np.testing.assert_allclose(parameter.grad, expected, rtol=0, atol=1e-12, err_msg=name)


def sample(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


@settings(max_examples=25, deadline=None)
@given(
    heads=st.sampled_from([1, 2, 4]),
    units=st.none() | st.integers(1, 3),
    causal=st.booleans(),
    bias=st.booleans(),
    mask=st.none() | st.lists(st.lists(st.booleans(), min_size=3, max_size=3), min_size=2, max_size=2),
    seed=st.integers(0, 99),
)
def test_both_passes_are_the_equations(heads, units, causal, bias, mask, seed):
    """Also where no step counts, or none of those that a step may see."""
    x, dy = sample(2, 3, WIDTH, seed=seed), sample(2, 3, WIDTH, seed=seed + 100)
    mask = None if mask is None else np.array(mask)
    require_both_passes(x, mask, dy, heads=heads, units=units, causal=causal, bias=bias, seed=seed)


def test_a_causal_step_does_not_depend_on_later_ones():
    _, layer = built(5, heads=2, causal=True)
    x = sample(1, 5, WIDTH)
    before = layer.forward(x, False).copy()
    x[0, 3:] = 100
    after = layer.forward(x, False)
    np.testing.assert_allclose(after[0, :3], before[0, :3], rtol=1e-12)
    assert (after[0, 3:] != before[0, 3:]).all()


def test_without_causal_each_step_depends_on_all():
    _, layer = built(5, heads=2)
    dy = np.zeros((1, 5, WIDTH))
    dy[0, 1] = 1
    layer.forward(sample(1, 5, WIDTH), True)
    assert layer.backward(dy).all()


def test_what_does_not_count_is_not_seen():
    _, layer = built(4, heads=2)
    x, mask = sample(1, 4, WIDTH), np.array([[True, True, False, True]])
    before = layer.forward(x, False, mask).copy()
    x[0, 2] = 1e6
    after = layer.forward(x, False, mask)
    np.testing.assert_array_equal(np.delete(after, 2, axis=1), np.delete(before, 2, axis=1))


def test_inputs_far_from_zero_keep_their_digits():
    """What the keys have in common does not reach the scores."""
    network, layer = built(5, heads=2, dtype="float32")
    wide = network.copy("float64").layers[0]
    x = (1000 + sample(2, 5, WIDTH)).astype(np.float32)
    q, k = (x.astype(float) @ wide.W[i].value for i in (0, 1))
    wide.forward(x.astype(float), False)
    layer.forward(x, False)
    assert np.abs(q).max() * np.abs(k).max() * np.finfo(np.float32).eps > 0.1  # of a score, where they do
    np.testing.assert_allclose(layer.a, wide.a, atol=5e-3)


@pytest.mark.parametrize("causal", [False, True])
def test_a_step_that_sees_nothing_gives_the_output_bias(causal):
    """And no warning, and no gradient to anything but that bias."""
    network, layer = built(3, heads=2, causal=causal)
    mask = np.array([[False, False, False], [False, True, True]])
    y = layer.forward(sample(2, 3, WIDTH), True, mask)
    np.testing.assert_array_equal(y[0], np.tile(layer.b_o.value, (3, 1)))
    assert (y[1, 0] == layer.b_o.value).all() == causal  # before the first step that counts
    dy = sample(2, 3, WIDTH)
    dy[1] = 0
    assert not layer.backward(dy).any()
    assert [p.name for p in network.parameters if p.grad.any()] == ["0.self_attention.b_o"]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_large_scores_are_a_choice(dtype):
    """A key that fits far better than the others takes all: no exponential overflows."""
    network, layer = built(3, dtype=dtype, bias=False)
    for parameter in network.parameters:
        parameter.value = np.eye(WIDTH)
    x = 1e4 * np.eye(3, WIDTH, dtype=dtype)[None]
    np.testing.assert_array_equal(layer.forward(x, True), x)


def test_its_units_follow_from_the_width_or_are_said():
    shapes = {p.name: p.shape for p in built(3, 6, heads=3)[0].parameters}
    assert {shapes[f"0.self_attention.W_{name}"] for name in "qkvo"} == {(6, 6)}
    shapes = {p.name: p.shape for p in built(3, 6, heads=4, units=5)[0].parameters}
    assert {shapes[f"0.self_attention.W_{name}"] for name in "qkv"} == {(6, 20)}
    assert shapes["0.self_attention.W_o"] == (20, 6)


def test_weights_decay_and_biases_do_not():
    decaying = {p.name.rpartition(".")[2]: p.decay for p in built(3)[0].parameters}
    assert decaying == dict.fromkeys(["W_q", "W_k", "W_v", "W_o"], True) | dict.fromkeys(["b_q", "b_v", "b_o"], False)


@pytest.mark.parametrize("shape", [(4,), (), (3, 4, 2)])
def test_what_is_no_sequence_of_vectors_is_refused(shape):
    with pytest.raises(cr.ShapeError) as caught:
        cr.Network(["self_attention"], shape, "mse")
    assert str(caught.value) == (
        f"layers.0: self_attention takes sequences, of shape (steps, width), got input of shape {shape}"
    )


def test_a_width_that_heads_do_not_divide_is_refused():
    with pytest.raises(cr.ShapeError) as caught:
        built(3, 4, heads=3)
    assert str(caught.value) == (
        "layers.0: a width of 4 cannot be shared out to 3 heads: take heads that divide it, or say the units of each"
    )


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"heads": 0}, "heads: got 0, must be at least 1 (SelfAttention)"),
        ({"units": 0}, "units: got 0, must be at least 1, or null (SelfAttention)"),
    ],
)
def test_fields_out_of_range_are_refused(fields, message):
    with pytest.raises(cr.FieldError) as caught:
        cr.make("layer", "self_attention", **fields)
    assert str(caught.value) == message
