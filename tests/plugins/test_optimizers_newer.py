"""adan, rprop and muon, each against its algorithm, written out number by number in float64."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chainrule as cr

CLOSE = {"rtol": 1e-10, "atol": 1e-10}
STEPS = 60


def run(optimizer, theta, gradient, rates, **told):
    """Theta after each update."""
    theta = np.array(theta, float)
    slots = {name: np.zeros_like(theta) for name in optimizer.slots}
    path = []
    for step, lr in enumerate(rates, start=1):
        optimizer.update(theta, np.array(gradient(theta, step)), slots, step, lr, **told)
        path.append(theta.copy())
    return np.array(path)


def noisy(theta, step):
    """Gradients of very different sizes, some of them zero, that depend on where theta is."""
    rng = np.random.default_rng(step)
    sizes = np.logspace(-4, 4, theta.size).reshape(theta.shape)
    return (theta + rng.normal(size=theta.shape)) * sizes * (rng.random(theta.shape) < 0.8)


def rates(lr):
    return [lr * (1 + math.cos(step / 10)) / 2 for step in range(STEPS)]


# adan


def adan_by_hand(theta, lrs, one_minus, eps):
    """Xie et al. 2022, algorithm 1, in its own letters, for each number by itself; without weight decay."""
    b1, b2, b3 = one_minus
    theta, path = list(theta), []
    m, v, n, g_before = ([0.0] * len(theta) for _ in range(4))
    for k, eta in enumerate(lrs):
        g = noisy(np.array(theta), k + 1).tolist()
        for i in range(len(theta)):
            if k == 0:
                m[i], v[i], n[i] = g[i], 0.0, g[i] ** 2
            else:
                change = g[i] - g_before[i]
                m[i] = (1 - b1) * m[i] + b1 * g[i]
                v[i] = (1 - b2) * v[i] + b2 * change
                n[i] = (1 - b3) * n[i] + b3 * (g[i] + (1 - b2) * change) ** 2
            theta[i] -= eta / (math.sqrt(n[i]) + eps) * (m[i] + (1 - b2) * v[i])
        g_before = g
        path.append(list(theta))
    return path


@pytest.mark.parametrize(
    "fields", [{}, {"beta1": 0.5, "beta2": 0.8, "beta3": 0.6}, {"beta1": 0.0, "beta2": 0.0, "eps": 0.1}]
)
def test_adan_is_the_papers(fields):
    adan = cr.make("optimizer", "adan", **fields)
    one_minus = [1 - beta for beta in (adan.beta1, adan.beta2, adan.beta3)]
    expected = adan_by_hand([1.0, -2.0, 0.5, 3.0, 0.0], rates(0.01), one_minus, adan.eps)
    np.testing.assert_allclose(run(adan, [1.0, -2.0, 0.5, 3.0, 0.0], noisy, rates(0.01)), expected, **CLOSE)


def test_adan_without_momentum_of_changes_and_with_equal_gradients_moves_by_the_rate():
    path = run(cr.make("optimizer", "adan"), [0.0, 0.0], lambda theta, step: np.array([1e-3, -1e3]), [0.5] * 20)
    np.testing.assert_allclose(path[-1], [-10, 10], rtol=1e-4)


# rprop


def rprop_by_hand(theta, lrs, grow, shrink, smallest, largest):
    """Igel, Hüsken 2000, iRprop-, with steps in units of the rate."""
    theta, path = list(theta), []
    size, before = [1.0] * len(theta), [0.0] * len(theta)
    for k, lr in enumerate(lrs, start=1):
        g = noisy(np.array(theta), k).tolist()
        for i in range(len(theta)):
            if g[i] * before[i] > 0:
                size[i] = min(size[i] * grow, largest)
            elif g[i] * before[i] < 0:
                size[i] = max(size[i] * shrink, smallest)
                g[i] = 0.0
            if g[i] > 0:
                theta[i] -= lr * size[i]
            elif g[i] < 0:
                theta[i] += lr * size[i]
            before[i] = g[i]
        path.append(list(theta))
    return path


@pytest.mark.parametrize(
    "fields", [{}, {"grow": 2.0, "shrink": 0.7, "smallest": 0.25, "largest": 1.5}, {"grow": 1.0, "shrink": 0.1}]
)
def test_rprop_is_irprop_minus(fields):
    rprop = cr.make("optimizer", "rprop", **fields)
    rule = [getattr(rprop, name) for name in ("grow", "shrink", "smallest", "largest")]
    expected = rprop_by_hand([1.0, -2.0, 0.5, 3.0, 0.0], rates(0.1), *rule)
    np.testing.assert_allclose(run(rprop, [1.0, -2.0, 0.5, 3.0, 0.0], noisy, rates(0.1)), expected, **CLOSE)


def test_rprop_does_not_ask_how_steep_a_slope_is():
    rprop = cr.make("optimizer", "rprop")
    flat, steep = (run(rprop, [1.0, -1.0], lambda theta, step, c=c: c * theta, [0.01] * 50) for c in (1e-8, 1e8))
    np.testing.assert_array_equal(flat, steep)


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 1000), st.floats(0.01, 1), st.floats(1, 100))
def test_no_size_of_rprop_is_out_of_bounds(seed, smallest, largest):
    rprop = cr.make("optimizer", "rprop", smallest=smallest, largest=largest, grow=1.7)
    theta, slots = np.zeros(5), {name: np.zeros(5) for name in rprop.slots}
    for step in range(1, 40):
        grad = np.random.default_rng([seed, step]).normal(size=5) * (np.arange(5) > 0)
        rprop.update(theta, grad, slots, step, 0.1)
        assert slots["size"].min() >= smallest
        assert slots["size"].max() <= largest
    assert theta[0] == 0  # there was never a slope


def test_a_parameter_that_is_trained_later_begins_with_the_first_step():
    """Its slots hold zeros then, as it was frozen before."""
    rprop = cr.make("optimizer", "rprop")
    theta, slots = np.array([1.0]), {name: np.zeros(1) for name in rprop.slots}
    rprop.update(theta, np.array([3.0]), slots, step=100, lr=0.25)
    assert theta.tolist() == [0.75]


# muon


def orthogonalized(D, iterations):
    """By the published code's own steps, in loops."""
    a, b, c = 3.4445, -4.7750, 2.0315
    rows, columns = D.shape
    X = D / (math.sqrt(sum(x * x for x in D.ravel())) + 1e-7)
    for _ in range(iterations):
        A = [[sum(X[i, k] * X[j, k] for k in range(columns)) for j in range(rows)] for i in range(rows)]
        A = np.array(A)
        X = a * X + (b * A + c * A @ A) @ X
    return X


@pytest.mark.parametrize("fields", [{}, {"nesterov": False}, {"momentum": 0.0, "iterations": 1}])
@pytest.mark.parametrize("shape", [(4, 3), (3, 4), (2, 2), (5, 1), (2, 3, 2, 3)])
def test_muon_is_the_published_code(shape, fields):
    muon = cr.make("optimizer", "muon", **fields)
    start = np.random.default_rng(0).normal(size=shape)
    theta, B, expected = start, np.zeros(shape), []
    for step, lr in enumerate(rates(0.05), start=1):
        G = noisy(theta, step)
        B = muon.momentum * B + G
        D = G + muon.momentum * B if muon.nesterov else B
        fan_in, fan_out = math.prod(shape[:-1]), shape[-1]
        X = orthogonalized(D.reshape(fan_in, fan_out), muon.iterations)
        theta = theta - lr * math.sqrt(max(1, fan_out / fan_in)) * X.reshape(shape)
        expected.append(theta)
    np.testing.assert_allclose(run(muon, start, noisy, rates(0.05)), expected, **CLOSE)


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 1000))
def test_muon_moves_a_matrix_about_as_far_in_each_direction(rows, columns, seed):
    """As far as the gradient has directions: singular values that are not tiny end near 1, between 0.68 and 1.2."""
    rng = np.random.default_rng(seed)
    U, _, V = np.linalg.svd(rng.normal(size=(rows, columns)), full_matrices=False)
    G = (U * 10.0 ** rng.uniform(-0.5, 0.5, min(rows, columns))) @ V * 1000
    W = np.zeros((rows, columns))
    slots = {name: np.zeros((rows, columns)) for name in ("M", "V")}
    cr.make("optimizer", "muon").update(W, G, slots, 1, 1.0)
    moved = np.linalg.svd(W, compute_uv=False) / math.sqrt(max(1, columns / rows))
    assert moved.min() > 0.6
    assert moved.max() < 1.25


@pytest.mark.parametrize("shape", [(5,), (), (4, 3)])
def test_what_muon_leaves_to_adamw(shape):
    """Biases, single numbers, and what is named."""
    fields = {"adamw_rate": 0.1, "adamw_beta1": 0.8, "adamw_beta2": 0.7, "adamw_eps": 1e-3}
    muon = cr.make("optimizer", "muon", adamw_for=["2.*", "*embedding*"], **fields)
    adam = cr.make("optimizer", "adam", beta1=0.8, beta2=0.7, eps=1e-3)
    start = np.random.default_rng(0).normal(size=shape)
    expected = run(adam, start, noisy, [0.1 * lr for lr in rates(0.05)])
    for name in ("2.dense.W", "0.embedding.W"):
        np.testing.assert_allclose(run(muon, start, noisy, rates(0.05), name=name), expected, **CLOSE)
    others = run(muon, start, noisy, rates(0.05), name="0.dense.W")
    assert np.allclose(others, expected) == (len(shape) < 2)


def test_muon_knows_the_names_of_a_networks_parameters():
    """The first layer by adamw, whose steps are as long for each number; the second as a matrix."""
    x = np.random.default_rng(0).normal(size=(8, 3))
    layers = [{"name": "dense", "units": 3, "activation": "tanh"}, {"name": "dense", "units": 3}]
    network = cr.Network(layers, (3,), "mse", dtype="float64", task="regression")
    before = {p.name: p.value.copy() for p in network.parameters}
    muon = {"name": "muon", "lr": 0.1, "adamw_for": ["0.*"], "adamw_rate": 0.5}
    cr.Trainer(network, muon, batch_size=8).fit((x, np.ones((8, 3))), epochs=1)
    moved = {p.name: p.value - before[p.name] for p in network.parameters}
    np.testing.assert_allclose(np.abs(moved["0.dense.W"]), 0.05, rtol=1e-5)
    assert np.linalg.svd(moved["1.dense.W"], compute_uv=False).max() < 0.13


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_muon_computes_in_the_dtype_that_it_is_given(dtype):
    W, slots = np.ones((3, 2), dtype), {name: np.zeros((3, 2), dtype) for name in ("M", "V")}
    cr.make("optimizer", "muon").update(W, np.eye(3, 2, dtype=dtype), slots, 1, 0.02)
    assert W.dtype == slots["M"].dtype == dtype
    assert not slots["V"].any()


@pytest.mark.parametrize(
    ("name", "field", "value", "expected"),
    [
        *[("adan", field, 1.0, "at least 0 and less than 1") for field in ("beta1", "beta2", "beta3")],
        ("adan", "eps", 0.0, "above 0 and finite"),
        ("adan", "lr", 0.0, "above 0 and finite"),
        ("adan", "weight_decay", -0.1, "at least 0 and finite"),
        ("rprop", "lr", math.inf, "above 0 and finite"),
        ("rprop", "grow", 0.5, "at least 1 and finite"),
        ("rprop", "shrink", 1.0, "above 0 and less than 1"),
        ("rprop", "smallest", 2.0, "above 0 and at most 1"),
        ("rprop", "largest", 0.5, "at least 1 and finite"),
        ("rprop", "weight_decay", -0.1, "at least 0 and finite"),
        ("muon", "lr", 0.0, "above 0 and finite"),
        ("muon", "momentum", 1.0, "at least 0 and less than 1"),
        ("muon", "iterations", 0, "at least 1"),
        ("muon", "weight_decay", -0.1, "at least 0 and finite"),
        ("muon", "adamw_rate", 0.0, "above 0 and finite"),
        ("muon", "adamw_beta1", 1.0, "at least 0 and less than 1"),
        ("muon", "adamw_beta2", -0.1, "at least 0 and less than 1"),
        ("muon", "adamw_eps", 0.0, "above 0 and finite"),
    ],
)
def test_a_value_out_of_range_is_refused(name, field, value, expected):
    with pytest.raises(cr.FieldError) as caught:
        cr.make("optimizer", name, **{field: value})
    cls = type(cr.make("optimizer", name)).__name__
    assert str(caught.value) == f"{field}: got {value!r}, must be {expected} ({cls})"
