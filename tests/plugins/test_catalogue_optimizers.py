"""adagrad, adadelta, nadam, adamw and lion against their papers' rules, written out plainly in float64."""

import math

import numpy as np
import pytest

import chainrule as cr

NAMES = ["adagrad", "adadelta", "nadam", "adamw", "lion"]
STEPS = 200


def run(optimizer, gradients, rates, dtype=np.float64, start=0.0, blocks=1):
    """Theta after each update."""
    theta = np.full(len(gradients[0]), start, dtype)
    slots = {name: np.zeros_like(theta) for name in optimizer.slots}
    cuts = [slice(part[0], part[-1] + 1) for part in np.array_split(np.arange(theta.size), blocks)]
    path = []
    for step, (g, lr) in enumerate(zip(gradients, rates), start=1):
        grad = np.array(g, dtype)
        for cut in cuts:
            optimizer.update(theta[cut], grad[cut], {name: slot[cut] for name, slot in slots.items()}, step, lr)
        path.append(theta.copy())
    return np.array(path)


def noisy(seed=0, numbers=13):
    """Gradients of very different sizes, some of them zero."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(STEPS, numbers)) * np.logspace(-4, 4, numbers) * (rng.random((STEPS, numbers)) < 0.8)


def textbook_adagrad(gradients, rates, eps):
    theta = total = 0
    for g, lr in zip(gradients, rates):
        total = total + g**2
        theta = theta - lr * g / (np.sqrt(total) + eps)
        yield theta


def textbook_adadelta(gradients, rates, rho, eps):
    """Zeiler 2012, algorithm 1, line by line."""
    x = mean_g2 = mean_dx2 = 0
    for g, lr in zip(gradients, rates):
        mean_g2 = rho * mean_g2 + (1 - rho) * g**2
        dx = -np.sqrt(mean_dx2 + eps) / np.sqrt(mean_g2 + eps) * g
        mean_dx2 = rho * mean_dx2 + (1 - rho) * dx**2
        x = x + lr * dx
        yield x


def textbook_nadam(gradients, rates, mu, nu, eps):
    theta = m = n = 0
    for t, (g, lr) in enumerate(zip(gradients, rates), start=1):
        m = mu * m + (1 - mu) * g
        n = nu * n + (1 - nu) * g**2
        m_hat = mu * m / (1 - mu ** (t + 1)) + (1 - mu) * g / (1 - mu**t)
        n_hat = n / (1 - nu**t)
        theta = theta - lr * m_hat / (np.sqrt(n_hat) + eps)
        yield theta


def textbook_lion(gradients, rates, beta1, beta2):
    """Chen et al. 2023, algorithm 2, without decay."""
    theta = m = 0
    for g, lr in zip(gradients, rates):
        c = beta1 * m + (1 - beta1) * g
        theta = theta - lr * np.sign(c)
        m = beta2 * m + (1 - beta2) * g
        yield theta


@pytest.mark.parametrize(
    ("name", "fields", "textbook"),
    [
        ("adagrad", {"eps": 1e-8}, textbook_adagrad),
        ("adagrad", {"eps": 10.0}, textbook_adagrad),
        ("adadelta", {"rho": 0.95, "eps": 1e-6}, textbook_adadelta),
        ("adadelta", {"rho": 0.0, "eps": 0.1}, textbook_adadelta),
        ("nadam", {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8}, textbook_nadam),
        ("nadam", {"beta1": 0.0, "beta2": 0.5, "eps": 1.0}, textbook_nadam),
        ("lion", {"beta1": 0.9, "beta2": 0.99}, textbook_lion),
        ("lion", {"beta1": 0.5, "beta2": 0.2}, textbook_lion),
    ],
)
def test_update_is_the_papers_rule(name, fields, textbook):
    """To 1e-12 of the way gone, over many steps, with a rate that changes."""
    rates = [0.1 / np.sqrt(step) for step in range(1, STEPS + 1)]
    rates = [float(rate) for rate in rates]
    ours = run(cr.make("optimizer", name, **fields), noisy(), rates)
    theirs = np.array(list(textbook(noisy(), rates, *fields.values())))
    assert (np.abs(ours - theirs) / np.abs(theirs).max(axis=0)).max() < 1e-12


def test_nadam_is_adam_where_nothing_is_remembered():
    rates = [0.01] * STEPS
    nadam, adam = (cr.make("optimizer", name, beta1=0.0) for name in ("nadam", "adam"))
    np.testing.assert_allclose(run(nadam, noisy(), rates), run(adam, noisy(), rates), rtol=1e-12)


def test_adagrad_with_equal_gradients_falls_as_the_root_of_the_steps():
    """Duchi et al. 2011: the rate of step t is lr / sqrt(t) where all gradients are alike."""
    path = run(cr.make("optimizer", "adagrad", eps=1e-300), [[7.0]] * 50, [0.1] * 50)
    expected = -0.1 * np.cumsum(1 / np.sqrt(np.arange(1, 51)))
    np.testing.assert_allclose(path[:, 0], expected, rtol=1e-12)


def test_adadelta_does_not_ask_in_which_unit_the_gradient_is():
    """Zeiler 2012, section 3.2: steps have the unit of theta; a loss a million times larger moves theta the same."""
    small = run(cr.make("optimizer", "adadelta", eps=1e-30), noisy(), [1.0] * STEPS)
    large = run(cr.make("optimizer", "adadelta", eps=1e-30), noisy() * 2.0**20, [1.0] * STEPS)
    np.testing.assert_allclose(small, large, rtol=1e-6)


def test_lion_moves_each_parameter_by_the_rate_and_no_other_length():
    path = run(cr.make("optimizer", "lion"), noisy(), [0.125] * STEPS)  # sums of 1/8 are exact
    assert set(np.abs(np.diff(path, axis=0)).ravel()) <= {0.0, 0.125}


def test_adamw_is_adam_with_decay():
    fields = {"beta1": 0.8, "beta2": 0.9, "eps": 1e-4}
    adamw, adam = (cr.make("optimizer", name, **fields) for name in ("adamw", "adam"))
    np.testing.assert_array_equal(run(adamw, noisy(), [0.01] * STEPS), run(adam, noisy(), [0.01] * STEPS))
    assert adamw.weight_decay == 0.01
    assert adam.weight_decay == 0


@pytest.mark.parametrize("name", ["adamw", "lion"])
def test_decay_of_a_training_is_the_papers(name):
    """Loshchilov, Hutter 2019, algorithm 2, and Chen et al. 2023, algorithm 2: the decayed share is of theta as it was,
    beside the step; weights decay and biases do not."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(4, 3)), rng.normal(size=(4, 2))
    decay, lr, steps = 0.3, 0.05, 20
    network = cr.Network([{"name": "dense", "units": 2}], (3,), "mse", dtype="float64")
    W, b = network.parameters["0.dense.W"].value.copy(), network.parameters["0.dense.b"].value.copy()
    cr.Trainer(network, {"name": name, "lr": lr, "weight_decay": decay}, batch_size=4).fit((x, y), epochs=steps)

    state = {"W": (0.0, 0.0), "b": (0.0, 0.0)}

    def step(key, g, t):
        m, v = state[key]
        if name == "lion":
            state[key] = 0.99 * m + 0.01 * g, 0.0
            return np.sign(0.9 * m + 0.1 * g)
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        state[key] = m, v
        return m / (1 - 0.9**t) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)

    for t in range(1, steps + 1):
        error = (x @ W + b - y) * 2 / y.size
        move_W, move_b = step("W", x.T @ error, t), step("b", error.sum(axis=0), t)
        W, b = W - lr * (move_W + decay * W), b - lr * move_b
    np.testing.assert_allclose(network.parameters["0.dense.W"].value, W, rtol=1e-10)
    np.testing.assert_allclose(network.parameters["0.dense.b"].value, b, rtol=1e-10)


@pytest.mark.parametrize("name", NAMES)
def test_blocks_give_what_the_whole_vector_gives(name):
    whole, cut = (run(cr.make("optimizer", name), noisy(), [1e-3] * STEPS, blocks=blocks) for blocks in (1, 3))
    np.testing.assert_array_equal(whole, cut)


@pytest.mark.parametrize("name", NAMES)
def test_float32_is_computed_in_float32_and_nothing_else_is_kept(name):
    optimizer = cr.make("optimizer", name)
    kept = set(vars(optimizer))
    theta, grad = np.ones(5, np.float32), np.full(5, 0.5, np.float32)
    slots = {slot: np.zeros(5, np.float32) for slot in optimizer.slots}
    for step in range(1, 5):
        optimizer.update(theta, grad.copy(), slots, step, 0.01)
    assert set(vars(optimizer)) - kept <= {"_work"}
    work = vars(optimizer).get("_work", {})
    assert all(array.dtype == np.float32 for array in [theta, *slots.values(), *work.values()])
    exact = run(cr.make("optimizer", name), [[0.5] * 5] * 4, [0.01] * 4, start=1.0)[-1]
    np.testing.assert_allclose(theta, exact, rtol=1e-6)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_gradients_of_any_size_give_finite_steps(name, dtype):
    """No warning, which would be an error here, and nothing infinite."""
    path = run(cr.make("optimizer", name), [[0.0, 1e-30, -1e-10, 1e4, -1e4]] * 50, [0.01] * 50, dtype)
    assert np.isfinite(path).all()
    assert (path[:, 0] == 0).all()
    assert path[-1, 3] < 0 < path[-1, 4]


@pytest.mark.parametrize(("name", "lr"), [("adagrad", 0.5), ("adadelta", 1.0), ("nadam", 0.05), ("lion", 0.02)])
def test_a_convex_quadratic_is_minimised(name, lr):
    """f(theta) = 1/2 sum of curvature * (theta - center)^2; a falling rate, so that each comes to rest."""
    curvature, center = np.array([0.5, 2.0, 10.0]), np.array([1.0, -2.0, 0.5])
    optimizer, theta = cr.make("optimizer", name), np.zeros(3)
    slots = {slot: np.zeros(3) for slot in optimizer.slots}
    for step, rate in enumerate((lr * np.linspace(1, 0.001, 4000)).tolist(), start=1):
        optimizer.update(theta, curvature * (theta - center), slots, step, rate)
    np.testing.assert_allclose(theta, center, atol=1e-3)


@pytest.mark.parametrize(
    ("name", "field", "value", "expected"),
    [
        *[(name, "lr", value, "above 0 and finite") for name in NAMES for value in (0.0, -0.1, math.nan, math.inf)],
        *[(name, "weight_decay", value, "at least 0 and finite") for name in NAMES for value in (-0.1, math.inf)],
        *[(name, "eps", value, "above 0 and finite") for name in NAMES[:4] for value in (0.0, math.inf)],
        *[(name, beta, 1.0, "at least 0 and less than 1") for name in NAMES[2:] for beta in ("beta1", "beta2")],
        ("adadelta", "rho", -0.1, "at least 0 and less than 1"),
    ],
)
def test_a_value_out_of_range_is_refused(name, field, value, expected):
    with pytest.raises(cr.FieldError) as caught:
        cr.make("optimizer", name, **{field: value})
    assert str(caught.value).startswith(f"{field}: got {value!r}, must be {expected} (")
