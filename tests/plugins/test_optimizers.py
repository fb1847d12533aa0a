"""Each optimizer against its textbook, written out plainly in float64."""

import math

import numpy as np
import pytest

import chainrule as cr

NAMES = ["sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adadelta", "adam", "adamw", "nadam", "lion"]
ELSEWHERE = ["adan", "rprop", "muon", "lbfgs", "sam", "lookahead"]  # test_optimizers_*.py
STEPS = 200


def test_these_are_all():
    assert [e.name for e in cr.registry() if e.plugin.id == "chainrule:optimizers"] == sorted(NAMES + ELSEWHERE)


def run(optimizer, theta, gradient, rates, dtype=np.float64, blocks=1):
    """Theta after each update, over ``blocks`` blocks as the trainer cuts them."""
    theta = np.array(theta, dtype)
    slots = {name: np.zeros_like(theta) for name in optimizer.slots}
    cuts = [slice(part[0], part[-1] + 1) for part in np.array_split(np.arange(theta.size), blocks)]
    path = []
    for step, lr in enumerate(rates, start=1):
        grad = np.array(gradient(theta, step), dtype)
        for cut in cuts:
            optimizer.update(theta[cut], grad[cut], {name: slot[cut] for name, slot in slots.items()}, step, lr)
        path.append(theta.copy())
    return np.array(path)


def noisy_gradient(theta, step):
    """Gradients of very different sizes, some of them zero, that depend on where theta is."""
    rng = np.random.default_rng(step)
    return (theta + rng.normal(size=theta.size)) * np.logspace(-6, 6, theta.size) * (rng.random(theta.size) < 0.8)


def noise(theta, step):
    """Such gradients that do not depend on it."""
    return noisy_gradient(np.zeros_like(theta), step)


def textbook_sgd(theta, gradient, rates):
    for step, lr in enumerate(rates, start=1):
        theta = theta - lr * gradient(theta, step)
        yield theta


def textbook_momentum(theta, gradient, rates, beta):
    v = 0
    for step, lr in enumerate(rates, start=1):
        v = beta * v + gradient(theta, step)
        theta = theta - lr * v
        yield theta


def textbook_nesterov(theta, gradient, rates, beta):
    v = 0
    for step, lr in enumerate(rates, start=1):
        g = gradient(theta, step)
        v = beta * v + g
        theta = theta - lr * (g + beta * v)
        yield theta


def textbook_rmsprop(theta, gradient, rates, rho, eps):
    mean_square = 0
    for step, lr in enumerate(rates, start=1):
        g = gradient(theta, step)
        mean_square = rho * mean_square + (1 - rho) * g**2
        theta = theta - lr * g / (np.sqrt(mean_square) + eps)
        yield theta


def textbook_adam(theta, gradient, rates, beta1, beta2, eps):
    """Kingma, Ba 2015, algorithm 1, line by line."""
    m = v = 0
    for t, alpha in enumerate(rates, start=1):
        g = gradient(theta, t)
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        m_hat = m / (1 - beta1**t)
        v_hat = v / (1 - beta2**t)
        theta = theta - alpha * m_hat / (np.sqrt(v_hat) + eps)
        yield theta


def textbook_adagrad(theta, gradient, rates, eps):
    total = 0
    for step, lr in enumerate(rates, start=1):
        g = gradient(theta, step)
        total = total + g**2
        theta = theta - lr * g / (np.sqrt(total) + eps)
        yield theta


def textbook_adadelta(theta, gradient, rates, rho, eps):
    """Zeiler 2012, algorithm 1, line by line."""
    mean_g2 = mean_dx2 = 0
    for step, lr in enumerate(rates, start=1):
        g = gradient(theta, step)
        mean_g2 = rho * mean_g2 + (1 - rho) * g**2
        dx = -np.sqrt(mean_dx2 + eps) / np.sqrt(mean_g2 + eps) * g
        mean_dx2 = rho * mean_dx2 + (1 - rho) * dx**2
        theta = theta + lr * dx
        yield theta


def textbook_nadam(theta, gradient, rates, mu, nu, eps):
    m = n = 0
    for t, lr in enumerate(rates, start=1):
        g = gradient(theta, t)
        m = mu * m + (1 - mu) * g
        n = nu * n + (1 - nu) * g**2
        m_hat = mu * m / (1 - mu ** (t + 1)) + (1 - mu) * g / (1 - mu**t)
        n_hat = n / (1 - nu**t)
        theta = theta - lr * m_hat / (np.sqrt(n_hat) + eps)
        yield theta


def textbook_lion(theta, gradient, rates, beta1, beta2):
    """Chen et al. 2023, algorithm 2, without decay."""
    m = 0
    for step, lr in enumerate(rates, start=1):
        g = gradient(theta, step)
        c = beta1 * m + (1 - beta1) * g
        theta = theta - lr * np.sign(c)
        m = beta2 * m + (1 - beta2) * g
        yield theta


OTHERS = [
    ("adagrad", {"eps": 1e-8}, textbook_adagrad),
    ("adagrad", {"eps": 10.0}, textbook_adagrad),
    ("adadelta", {"rho": 0.95, "eps": 1e-6}, textbook_adadelta),
    ("adadelta", {"rho": 0.0, "eps": 0.1}, textbook_adadelta),
    ("nadam", {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8}, textbook_nadam),
    ("nadam", {"beta1": 0.0, "beta2": 0.5, "eps": 1.0}, textbook_nadam),
    ("lion", {"beta1": 0.9, "beta2": 0.99}, textbook_lion),
    ("lion", {"beta1": 0.5, "beta2": 0.2}, textbook_lion),
]


@pytest.mark.parametrize(
    ("name", "fields", "textbook"),
    [
        ("sgd", {}, textbook_sgd),
        ("momentum", {"momentum": 0.9}, textbook_momentum),
        ("momentum", {"momentum": 0.0}, textbook_momentum),
        ("nesterov", {"momentum": 0.8}, textbook_nesterov),
        ("rmsprop", {"rho": 0.9, "eps": 1e-8}, textbook_rmsprop),
        ("rmsprop", {"rho": 0.0, "eps": 0.5}, textbook_rmsprop),
        ("adam", {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8}, textbook_adam),
        ("adam", {"beta1": 0.0, "beta2": 0.0, "eps": 1e-3}, textbook_adam),
        ("adam", {"beta1": 0.95, "beta2": 0.5, "eps": 1e2}, textbook_adam),
    ],
)
def test_update_is_the_textbook_rule(name, fields, textbook):
    """To 1e-12, over many steps, with a rate that changes."""
    start = np.linspace(-1, 1, 13)
    rates = list(1e-7 / np.sqrt(np.arange(1, STEPS + 1)))
    ours = run(cr.make("optimizer", name, **fields), start, noisy_gradient, rates)
    beta = [fields["momentum"]] if "momentum" in fields else list(fields.values())
    theirs = np.array(list(textbook(start, noisy_gradient, rates, *beta)))
    # Moves are compared, not positions: these differ from the start by too little to show an error.
    np.testing.assert_allclose(np.diff(ours, axis=0), np.diff(theirs, axis=0), rtol=1e-9, atol=1e-16)
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)


@pytest.mark.parametrize("lr", [1e-3, 0.1])
@pytest.mark.parametrize(
    ("name", "fields", "textbook"),
    [
        ("adam", {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8}, textbook_adam),
        *OTHERS,
    ],
)
def test_moves_are_the_textbooks_to_twelve_digits(name, fields, textbook, lr):
    """From zero, so that they keep all their digits, with a rate that changes and gradients that do not depend on
    theta."""
    rates = (lr / np.sqrt(np.arange(1, STEPS + 1))).tolist()
    ours = run(cr.make("optimizer", name, **fields), np.zeros(13), noise, rates)
    theirs = np.array(list(textbook(np.zeros(13), noise, rates, *fields.values())))
    largest = np.abs(theirs).max(axis=0)
    assert (np.abs(ours - theirs) / largest).max() < 1e-12


def test_first_step_of_adam_is_the_learning_rate_whatever_the_gradient():
    """Kingma, Ba 2015, section 2.1: the effective step is bounded by alpha."""
    path = run(cr.make("optimizer", "adam"), [0.0, 0.0, 0.0], lambda theta, step: [1e-3, -1.0, 1e6], [0.25])
    np.testing.assert_allclose(path[0], [-0.25, 0.25, -0.25], rtol=1e-4)


CONSTANT = [0.01] * 50
CHANGING = [*np.linspace(0.001, 0.02, 20), *[0.002] * 20, 0.0, *[0.02] * 9]  # warm-up, a tenfold cut, a stop, a jump


def papers_nesterov(curvature, theta, mu, rates):
    """Sutskever et al. 2013, equations 3 and 4, as they stand; the points ahead, theta + mu v."""
    v = np.zeros_like(theta)
    for rate in rates:
        v = mu * v - rate * curvature * (theta + mu * v)
        theta = theta + v
        yield theta + mu * v


def papers_momentum(curvature, theta, mu, rates):
    """Sutskever et al. 2013, equations 1 and 2, as they stand."""
    v = np.zeros_like(theta)
    for rate in rates:
        v = mu * v - rate * curvature * theta
        theta = theta + v
        yield theta


def heavy_ball(curvature, x, beta, rates):
    """Polyak 1964: x' = x - alpha f'(x) + beta (x - x_before), which has no speed in it."""
    before = x
    for alpha in rates:
        before, x = x, x - alpha * curvature * x + beta * (x - before)
        yield x


@pytest.mark.parametrize(
    ("name", "paper"), [("nesterov", papers_nesterov), ("momentum", papers_momentum), ("momentum", heavy_ball)]
)
@pytest.mark.parametrize(
    ("inside", "rates", "same"),
    [(False, CONSTANT, True), (True, CONSTANT, True), (True, CHANGING, True), (False, CHANGING, False)],
)
def test_the_path_of_momentum_is_the_papers_with_the_rate_in_the_velocity(name, paper, inside, rates, same):
    curvature, start, beta = np.array([1.0, 10.0, 30.0]), np.array([1.0, -2.0, 3.0]), 0.9
    optimizer = cr.make("optimizer", name, momentum=beta, lr_in_velocity=inside)
    ours = run(optimizer, start, lambda theta, step: curvature * theta, rates)
    theirs = np.array(list(paper(curvature, start, beta, rates)))
    if same:
        np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-14)
    else:
        assert np.abs(ours - theirs).max() > 0.1


@pytest.mark.parametrize("inside", [False, True])
def test_a_rate_cut_to_a_tenth_brakes_at_once_or_lets_the_ball_roll_on(inside):
    """A gradient of 1 until the cut, and 0 from there on: what is left is the speed, 10 x 0.1 at full speed."""
    rates = [0.1] * 200 + [0.01]
    optimizer = cr.make("optimizer", "momentum", momentum=0.9, lr_in_velocity=inside)
    path = run(optimizer, [0.0], lambda theta, step: [float(step <= 200)], rates)
    assert path[-2, 0] - path[-1, 0] == pytest.approx(0.9 if inside else 0.09, rel=1e-6)


def test_nadam_is_adam_where_nothing_is_remembered():
    rates = [0.01] * STEPS
    nadam, adam = (cr.make("optimizer", name, beta1=0.0) for name in ("nadam", "adam"))
    np.testing.assert_allclose(
        run(nadam, np.zeros(13), noise, rates), run(adam, np.zeros(13), noise, rates), rtol=1e-12
    )


def test_adagrad_with_equal_gradients_falls_as_the_root_of_the_steps():
    """Duchi et al. 2011: the rate of step t is lr / sqrt(t) where all gradients are alike."""
    path = run(cr.make("optimizer", "adagrad", eps=1e-300), [0.0], lambda theta, step: [7.0], [0.1] * 50)
    expected = -0.1 * np.cumsum(1 / np.sqrt(np.arange(1, 51)))
    np.testing.assert_allclose(path[:, 0], expected, rtol=1e-12)


def test_adadelta_does_not_ask_in_which_unit_the_gradient_is():
    """Zeiler 2012, section 3.2: steps have the unit of theta; a loss a million times larger moves theta the same."""
    small, large = (
        run(cr.make("optimizer", "adadelta", eps=1e-30), np.zeros(13), gradient, [1.0] * STEPS)
        for gradient in (noise, lambda theta, step: noise(theta, step) * 2.0**20)
    )
    np.testing.assert_allclose(small, large, rtol=1e-6)


def test_lion_moves_each_parameter_by_the_rate_and_no_other_length():
    path = run(cr.make("optimizer", "lion"), np.zeros(13), noise, [0.125] * STEPS)  # sums of 1/8 are exact
    assert set(np.abs(np.diff(path, axis=0)).ravel()) <= {0.0, 0.125}


def test_adamw_is_adam_with_decay():
    fields = {"beta1": 0.8, "beta2": 0.9, "eps": 1e-4}
    adamw, adam = (cr.make("optimizer", name, **fields) for name in ("adamw", "adam"))
    ours, theirs = (run(optimizer, np.zeros(13), noise, [0.01] * STEPS) for optimizer in (adamw, adam))
    np.testing.assert_array_equal(ours, theirs)
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
    rates = [1e-3] * 20
    whole = run(cr.make("optimizer", name), np.linspace(-1, 1, 11), noisy_gradient, rates)
    blocks = run(cr.make("optimizer", name), np.linspace(-1, 1, 11), noisy_gradient, rates, blocks=3)
    np.testing.assert_array_equal(whole, blocks)


@pytest.mark.parametrize("name", NAMES)
def test_float32_is_computed_in_float32_and_nothing_else_is_kept(name):
    """To the last bit as if every constant were float32, and close to float64."""
    optimizer = cr.make("optimizer", name)
    kept = set(vars(optimizer))
    theta, grad = np.ones(5, np.float32), np.full(5, 0.5, np.float32)
    slots = {slot: np.zeros(5, np.float32) for slot in optimizer.slots}
    for step in range(1, 5):
        optimizer.update(theta, grad.copy(), slots, step, 0.01)
    assert set(vars(optimizer)) - kept <= {"_work", "_rule"}
    work = vars(optimizer).get("_work", {})
    assert all(array.dtype == np.float32 for array in [theta, *slots.values(), *work.values()])
    exact = run(cr.make("optimizer", name), np.ones(5), lambda theta, step: np.full(5, 0.5), [0.01] * 4)[-1]
    np.testing.assert_allclose(theta, exact, rtol=1e-6)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [1e18, 1e30])
def test_float32_moves_as_float64_however_large_and_many_the_gradients(name, size):
    """Adam's sum of squares passed float32's end after 400 gradients of 1e18, and no weight moved again."""
    optimizer = cr.make("optimizer", name)
    gradient = lambda theta, step: [size if step <= 600 else 1.0, -1.0]  # noqa: E731
    narrow, wide = (run(optimizer, np.zeros(2), gradient, [0.01] * 650, dtype) for dtype in ("float32", "float64"))
    np.testing.assert_allclose(narrow[[0, 1, 598, 649]], wide[[0, 1, 598, 649]], rtol=1e-3)


@pytest.mark.parametrize(
    ("name", "fields", "lr", "steps"),
    [
        ("rmsprop", {}, 0.01, 600),
        ("adadelta", {}, 1.0, 1300),
        *[(name, {"beta2": 0.9}, 0.01, 600) for name in ("adam", "adamw", "nadam")],
    ],
)
@pytest.mark.parametrize("size", [1e20, 1e30, np.inf])
def test_one_huge_gradient_is_forgotten_in_time(name, fields, lr, steps, size):
    """Even an infinite one, of a backward pass that overflowed: then the loss is what tells of it."""
    gradient = lambda theta, step: [size if step == 1 else 1.0]  # noqa: E731
    path = run(cr.make("optimizer", name, **fields), [0.0], gradient, [lr] * (steps + 200), "float32")
    assert np.isfinite(path).all()
    assert path[-101, 0] - path[-1, 0] > 0.1


@pytest.mark.parametrize("name", ["adagrad", "adam", "nadam", "rmsprop", "adadelta"])
def test_float64_has_an_end_too(name):
    path = run(cr.make("optimizer", name), [0.0], lambda theta, step: [1e200], [0.01] * 10)
    assert (np.diff(path[:, 0]) < 0).all()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_gradients_of_any_size_give_finite_steps(name, dtype):
    """No warning, which would be an error here, and nothing infinite."""
    sizes = [0.0, 1e-30, -1e-10, 1e4, -1e4]
    path = run(cr.make("optimizer", name), np.zeros(5), lambda theta, step: sizes, [0.01] * 50, dtype)
    assert np.isfinite(path).all()
    assert (path[:, 0] == 0).all()
    assert path[-1, 3] < 0 < path[-1, 4]


@pytest.mark.parametrize(
    ("name", "lr", "steps"),
    [
        *[("sgd", 0.1, 1000), ("momentum", 0.02, 1000), ("nesterov", 0.02, 1000), ("rmsprop", 0.01, 1000)],
        *[("adam", 0.05, 1000), ("adamw", 0.05, 1000), ("nadam", 0.05, 1000)],
        *[("adagrad", 0.5, 4000), ("adadelta", 1.0, 4000), ("lion", 0.02, 4000)],
    ],
)
def test_a_convex_quadratic_is_minimised(name, lr, steps):
    """f(theta) = 1/2 sum of curvature * (theta - center)^2; a falling rate, so that each comes to rest."""
    curvature, center = np.array([0.5, 2.0, 10.0]), np.array([1.0, -2.0, 0.5])
    rates = (lr * np.linspace(1, 0.001, steps)).tolist()
    path = run(cr.make("optimizer", name), np.zeros(3), lambda t, step: curvature * (t - center), rates)
    np.testing.assert_allclose(path[-1], center, atol=1e-3)


@pytest.mark.parametrize("name", NAMES)
def test_updates_allocate_nothing_after_the_first(name):
    """The arrays kept to compute in are the same ones each time, also for the smaller last block."""
    optimizer = cr.make("optimizer", name)
    run(optimizer, np.zeros(10), noisy_gradient, [0.01], blocks=3)
    kept = {key: id(array) for key, array in vars(optimizer).get("_work", {}).items()}
    run(optimizer, np.zeros(10), noisy_gradient, [0.01] * 3, blocks=3)
    assert {key: id(array) for key, array in vars(optimizer).get("_work", {}).items()} == kept


SHARE = "at least 0 and less than 1"


@pytest.mark.parametrize(
    ("name", "field", "value", "expected"),
    [
        *[(name, "lr", value, "above 0 and finite") for name in NAMES for value in (0.0, -0.1, math.nan, math.inf)],
        *[(name, "weight_decay", value, "at least 0 and finite") for name in NAMES for value in (-0.1, math.inf)],
        *[(name, "momentum", value, SHARE) for name in ("momentum", "nesterov") for value in (-0.1, 1.0)],
        *[(name, "rho", value, SHARE) for name in ("rmsprop", "adadelta") for value in (-0.1, 1.0)],
        *[(name, beta, value, SHARE) for name in NAMES[6:] for beta in ("beta1", "beta2") for value in (-0.5, 1.0)],
        *[(name, "eps", value, "above 0 and finite") for name in NAMES[3:9] for value in (0.0, -1e-8, math.inf)],
    ],
)
def test_a_value_out_of_range_is_refused(name, field, value, expected):
    with pytest.raises(cr.FieldError) as caught:
        cr.make("optimizer", name, **{field: value})
    assert str(caught.value).startswith(f"{field}: got {value!r}, must be {expected} (")


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw"])
def test_after_the_update_the_gradient_may_be_used_up(name):
    """These three compute in its place: what a callback finds in on_batch_end is not the gradient any more."""
    seen = {}

    class Look(cr.Callback):
        def on_gradient(self, trainer):
            seen["gradient"] = trainer.network.parameters.grad.copy()

        def on_batch_end(self, trainer):
            seen["left"] = trainer.network.parameters.grad.copy()

    network = cr.Network([{"name": "dense", "units": 2}], (3,), "mse", dtype="float64")
    x, y = np.random.default_rng(0).normal(size=(2, 4, 3))
    cr.Trainer(network, name, batch_size=4).fit((x, y[:, :2]), 1, callbacks=[Look()])
    assert (seen["left"] != seen["gradient"]).all()
