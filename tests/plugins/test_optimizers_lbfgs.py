"""lbfgs against BFGS with a whole matrix, on functions whose minimum is known, and in a training."""

import math
from itertools import pairwise

import numpy as np
import pytest
from scipy.optimize import rosen, rosen_der

import chainrule as cr

BOWL = np.array([[3.0, 1.0, 0.5], [1.0, 2.0, 0.3], [0.5, 0.3, 1.5]])


def bowl(theta):
    return theta @ BOWL @ theta / 2, BOWL @ theta


def valley(theta):
    """Rosenbrock's: bent, narrow, and with its minimum at 1."""
    return rosen(theta), rosen_der(theta)


def quartic(theta):
    return float(np.sum(theta**4) / 4 + theta @ theta / 2), theta**3 + theta


START = {bowl: [2.0, -1.0, 3.0], valley: [-1.2, 1.0, -0.5, 0.8], quartic: [2.0, -3.0, 0.1]}


def run(f, steps, lr=1.0, dtype="float64", **fields):
    """Theta and the losses that were computed, update by update."""
    lbfgs = cr.make("optimizer", "lbfgs", **fields)
    theta = np.array(START[f], dtype)
    grad, slots = np.zeros_like(theta), {name: np.zeros_like(theta) for name in lbfgs.slots}
    path, losses = [], []

    def evaluate():
        value, grad[...] = f(theta)
        losses[-1].append(float(value))
        return float(value)

    for step in range(1, steps + 1):
        losses.append([])
        grad[...] = f(theta)[1]
        lbfgs.update(theta, grad, slots, step, lr, evaluate)
        path.append(theta.copy())
    return np.array(path), losses


def bfgs(f, steps, lr, c1, c2):
    """Nocedal, Wright, algorithm 6.1 with equation 6.20 at each step, and Lewis and Overton's search."""
    theta, pairs, path = np.array(START[f]), [], []
    for _ in range(steps):
        loss, g = f(theta)
        if pairs:
            s, y = pairs[-1]
            H = np.eye(theta.size) * (s @ y) / (y @ y)
            for s, y in pairs:
                rho = 1 / (y @ s)
                left, right = np.eye(theta.size) - rho * np.outer(s, y), np.eye(theta.size) - rho * np.outer(y, s)
                H = left @ H @ right + rho * np.outer(s, s)
        else:
            H = np.eye(theta.size) / max(1, np.linalg.norm(g))
        d = -H @ g
        t, low, high = lr, 0.0, math.inf
        while True:
            value, slope = f(theta + t * d)[0], f(theta + t * d)[1] @ d
            if value > loss + c1 * t * (g @ d):
                high = t
            elif slope < c2 * (g @ d):
                low = t
            else:
                break
            t = (low + high) / 2 if high < math.inf else 2 * t
        pairs.append((t * d, f(theta + t * d)[1] - g))
        theta = theta + t * d
        path.append(theta)
    return np.array(path)


@pytest.mark.parametrize("fields", [{}, {"c1": 0.01, "c2": 0.3}])
@pytest.mark.parametrize("lr", [1.0, 0.3])
@pytest.mark.parametrize("f", [bowl, valley, quartic])
def test_while_its_memory_lasts_it_is_bfgs(f, lr, fields):
    c1, c2 = fields.get("c1", 1e-4), fields.get("c2", 0.9)
    found, _ = run(f, 9, lr, memory=20, **fields)
    np.testing.assert_allclose(found, bfgs(f, 9, lr, c1, c2), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("memory", [1, 2, 3])
@pytest.mark.parametrize("f", [bowl, valley])
def test_what_it_remembers_are_the_last_pairs_alone(f, memory):
    """A run whose older slots are wiped by hand goes the same way."""
    found, _ = run(f, 12, memory=memory)
    lbfgs = cr.make("optimizer", "lbfgs", memory=12)
    theta, grad = np.array(START[f]), np.zeros(len(START[f]))
    slots = {name: np.zeros_like(theta) for name in lbfgs.slots}

    def evaluate():
        value, grad[...] = f(theta)
        return float(value)

    for step in range(1, 13):
        for old in range(max(0, step - 1 - memory)):
            slots[f"s{old}"][...] = slots[f"y{old}"][...] = 0
        lbfgs.update(theta, grad, slots, step, 1.0, evaluate)
        np.testing.assert_allclose(theta, found[step - 1], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("f", "minimum", "steps"), [(bowl, 0.0, 12), (valley, 1.0, 50), (quartic, 0.0, 15)])
def test_it_finds_the_minimum(f, minimum, steps):
    path, losses = run(f, steps)
    np.testing.assert_allclose(path[-1], minimum, atol=1e-7)
    at = [f(theta)[0] for theta in path]
    assert all(after <= before * (1 + 1e-12) + 1e-30 for before, after in pairwise(at))
    assert np.mean([len(tried) for tried in losses]) < 3


def test_in_float32_it_comes_as_close_as_that_can_tell():
    path, losses = run(valley, 60, dtype="float32")
    assert path.dtype == "float32"
    np.testing.assert_allclose(path[-1], 1, atol=1e-3)
    assert max(len(tried) for tried in losses) < 22


def test_a_step_computes_no_more_than_it_may():
    """A slope that never ends: the length is doubled as often as is allowed."""
    theta, grad, tried = np.zeros(2), np.ones(2), []
    lbfgs = cr.make("optimizer", "lbfgs", evaluations=4)
    slots = {name: np.zeros(2) for name in lbfgs.slots}
    lbfgs.update(theta, grad, slots, 1, 1.0, lambda: tried.append(1) or float(theta.sum()))
    assert len(tried) == 1 + 4 + 1
    np.testing.assert_allclose(theta, -8 / math.sqrt(2))


@pytest.mark.parametrize("worse", [math.inf, math.nan, 1e6])
def test_where_no_step_goes_down_theta_stays_and_pairs_are_forgotten(worse):
    theta, grad = np.array([1.0, 2.0]), np.array([1.0, 1.0])
    lbfgs = cr.make("optimizer", "lbfgs", memory=2)
    slots = {name: np.ones(2) for name in lbfgs.slots}
    lbfgs.update(theta, grad, slots, 3, 1.0, lambda: 0.0 if theta.tolist() == [1.0, 2.0] else worse)
    assert theta.tolist() == [1.0, 2.0]
    assert not any(slot.any() for slot in slots.values())


def test_a_pair_that_bends_the_wrong_way_is_left_out():
    """As between batches that do not agree; and so is one of NaN."""
    theta, grad = np.array([4.0, 0.0]), np.zeros(2)

    def evaluate():
        grad[...] = theta
        return float(theta @ theta) / 2

    for wrong in (-1.0, math.nan):
        theta[...] = [4.0, 0.0]
        lbfgs = cr.make("optimizer", "lbfgs", memory=2)
        slots = {"s0": np.ones(2), "y0": np.full(2, wrong), "s1": np.zeros(2), "y1": np.zeros(2)}
        lbfgs.update(theta, grad, slots, 2, 1.0, evaluate)
        assert theta.tolist() == [3.0, 0.0]  # by the gradient, of length 1


@pytest.mark.parametrize(("lr", "slope"), [(0.0, 1.0), (1.0, 0.0), (1.0, math.nan)])
def test_nothing_moves_without_a_rate_or_a_slope(lr, slope):
    theta, grad = np.array([1.0]), np.array([slope])
    lbfgs = cr.make("optimizer", "lbfgs", memory=1)
    slots = {name: np.ones(1) for name in lbfgs.slots}
    lbfgs.update(theta, grad, slots, 5, lr, lambda: 1.0)
    assert theta.tolist() == [1.0]
    assert slots["s0"].tolist() == slots["y0"].tolist() == [0.0]


@pytest.mark.parametrize("regularizer", [None, {"name": "l2", "strength": 0.1}])
def test_a_training_ends_where_the_normal_equations_do(regularizer):
    """Of a linear network: the loss that it is told has the penalty in it, as the gradient has."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 5)) * [1, 10, 0.1, 3, 1], rng.normal(size=(40, 1))
    network = cr.Network([{"name": "dense", "units": 1}], (5,), "mse", dtype="float64", task="regression")
    cr.Trainer(network, "lbfgs", batch_size=40, regularizer=regularizer).fit((x, y), epochs=60)
    ones = np.hstack([x, np.ones((40, 1))])
    penalty = np.diag([0.1 if regularizer else 0.0] * 5 + [0.0])
    solution = np.linalg.solve(2 / 40 * ones.T @ ones + penalty, 2 / 40 * ones.T @ y)
    np.testing.assert_allclose(network.parameters["0.dense.W"].value, solution[:5], rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(network.parameters["0.dense.b"].value, solution[5], rtol=1e-5, atol=1e-7)


def test_a_training_cut_in_two_is_the_training_in_one():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(30, 3)), rng.normal(size=(30, 1))
    ends = []
    for epochs in ((6,), (2, 4)):
        layers = [{"name": "dense", "units": 5, "activation": "tanh"}, {"name": "dense", "units": 1}]
        network = cr.Network(layers, (3,), "mse", dtype="float64", task="regression")
        trainer = cr.Trainer(network, {"name": "lbfgs", "memory": 3}, batch_size=15)
        for more in epochs:
            trainer.fit((x, y), epochs=more, total_epochs=6)
        ends.append(network.parameters.theta.copy())
    np.testing.assert_array_equal(*ends)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("lr", 0.0, "lr: got 0.0, must be above 0 and finite (LBFGS)"),
        ("memory", 0, "memory: got 0, must be at least 1 (LBFGS)"),
        ("evaluations", 0, "evaluations: got 0, must be at least 1 (LBFGS)"),
        ("c2", 1.0, "c2: got 1.0, must be above 0 and less than 1 (LBFGS)"),
        ("c1", 0.9, "c1: got 0.9, must be above 0 and less than c2, which is 0.9 (LBFGS)"),
    ],
)
def test_a_value_out_of_range_is_refused(field, value, message):
    with pytest.raises(cr.FieldError) as caught:
        cr.make("optimizer", "lbfgs", **{field: value})
    assert str(caught.value) == message
