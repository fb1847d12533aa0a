"""lookahead and sam: what they make of another optimizer, against loops in float64, and in a training."""

import math

import numpy as np
import pytest

import chainrule as cr

CLOSE = {"rtol": 1e-10, "atol": 1e-10}
STEEP = np.array([0.5, 1.0, 2.0, 4.0])
START = np.array([1.0, -2.0, 0.5, 3.0])
STEPS = 23


def gradient(theta, step):
    """Of a batch of its own for each step: half the squared distance to a place, by STEEP."""
    return STEEP * (theta - np.random.default_rng(step).normal(size=theta.size))


def run(optimizer, lr, blocks=1, evaluates=False):
    """Theta after each update, over ``blocks`` blocks as the trainer cuts them."""
    theta = START.copy()
    slots = {name: np.zeros_like(theta) for name in optimizer.slots}
    path = []
    for step in range(1, STEPS + 1):
        grad = gradient(theta, step)

        def evaluate(grad=grad, step=step, theta=theta):
            grad[...] = gradient(theta, step)
            return math.nan

        told = {"evaluate": evaluate} if evaluates else {}
        for cut in np.split(np.arange(4), blocks):
            cut = slice(cut[0], cut[-1] + 1)
            mine = {name: slot[cut] for name, slot in slots.items()}
            optimizer.update(theta[cut], grad if blocks == 1 else grad[cut].copy(), mine, step, lr, **told)
        path.append(theta.copy())
    return np.array(path)


def momentum_by_hand(theta, v, grad, lr):
    v = 0.9 * v + grad
    return theta - lr * v, v


@pytest.mark.parametrize("blocks", [1, 2, 4])
@pytest.mark.parametrize(("k", "alpha"), [(5, 0.5), (3, 0.8), (1, 0.25), (4, 1.0)])
def test_lookahead_is_the_papers_algorithm(k, alpha, blocks):
    """Zhang et al. 2019, algorithm 1, around momentum, which keeps its speed."""
    phi, v, expected = START, 0.0, []
    t = 0
    while t < STEPS:
        theta = phi
        for _ in range(k):
            t += 1
            theta, v = momentum_by_hand(theta, v, gradient(theta, t), 0.1)
            expected.append(theta)
        phi = phi + alpha * (theta - phi)
        expected[-1] = phi
    lookahead = cr.make("optimizer", "lookahead", optimizer="momentum", k=k, alpha=alpha)
    np.testing.assert_allclose(run(lookahead, 0.1, blocks), expected[:STEPS], **CLOSE)


@pytest.mark.parametrize("rho", [0.05, 2.0])
def test_sam_is_the_papers_algorithm(rho):
    """Foret et al. 2021, algorithm 1, around momentum."""
    w, v, expected = START, 0.0, []
    for t in range(1, STEPS + 1):
        g = gradient(w, t)
        norm = math.sqrt(sum(x * x for x in g))
        epsilon = [rho * x / norm for x in g]
        w, v = momentum_by_hand(w, v, gradient(w + epsilon, t), 0.1)
        expected.append(w)
    sam = cr.make("optimizer", "sam", optimizer="momentum", rho=rho)
    np.testing.assert_allclose(run(sam, 0.1, evaluates=True), expected, **CLOSE)


INNER = [{"name": "adam", "weight_decay": 0.1}, "nesterov", "adan"]


@pytest.mark.parametrize("inner", INNER)
@pytest.mark.parametrize("name", ["lookahead", "sam"])
def test_the_reference_gives_the_same(name, inner):
    outer = cr.make("optimizer", name, optimizer=inner)
    step = 0
    expected = outer.reference(START.copy(), lambda theta: gradient(theta, step), [0.05] * STEPS)
    for found in run(outer, 0.05, evaluates=name == "sam"):
        step += 1
        np.testing.assert_allclose(found, next(expected), **CLOSE)


def test_sam_leaves_a_gradient_of_zero_and_one_that_is_infinite_alone():
    sam = cr.make("optimizer", "sam")
    for grad, expected in ((np.zeros(2), [1.0, 2.0]), (np.array([math.inf, 0.0]), [-math.inf, 2.0])):
        theta = np.array([1.0, 2.0])
        sam.update(theta, grad, {}, 1, 0.1, lambda: pytest.fail("there is nowhere to climb"))
        assert theta.tolist() == expected


# in a training


def network(dropout=0.0):
    layers = [{"name": "dense", "units": 6, "activation": "tanh"}, {"name": "dropout", "rate": dropout}]
    return cr.Network([*layers, {"name": "dense", "units": 1}], (3,), "mse", dtype="float64", task="regression", seed=1)


def data(n=24):
    x = np.random.default_rng(0).normal(size=(n, 3))
    return x, np.sin(x.sum(axis=1, keepdims=True))


def trained(optimizer, dropout=0.0, epochs=3, **options):
    trainer = cr.Trainer(network(dropout), optimizer, batch_size=8, **options)
    trainer.fit(data(), epochs=epochs)
    return trainer.network.parameters.theta


@pytest.mark.parametrize(
    "inner",
    [
        {"name": "adam", "lr": 0.02, "weight_decay": 0.1},
        {"name": "muon", "adamw_for": ["0.*"]},
        {"name": "sam", "rho": 0.5},
        {"name": "lookahead", "optimizer": "adam", "k": 2},
        "lbfgs",
    ],
)
def test_lookahead_that_keeps_all_of_the_way_is_the_optimizer_alone(inner):
    """With its rate, decay and slots, and what it asks for beside: names, or to compute the gradient anew."""
    outer = {"name": "lookahead", "optimizer": inner, "k": 2, "alpha": 1.0}
    np.testing.assert_allclose(trained(outer, dropout=0.3), trained(inner, dropout=0.3), rtol=1e-12, atol=1e-14)


def test_sam_takes_the_gradient_of_the_batch_where_it_has_climbed_to():
    x, y = data(8)
    expected = network()
    theta = expected.parameters.theta
    expected.loss_and_gradient(x, y)
    start, g = theta.copy(), expected.parameters.grad.copy()
    theta += 0.5 * g / math.sqrt(g @ g)
    expected.loss_and_gradient(x, y)
    moved = start - 0.1 * expected.parameters.grad
    given = cr.Trainer(network(), {"name": "sam", "rho": 0.5}, batch_size=8, shuffle=False)
    given.fit((x, y), epochs=1)
    np.testing.assert_allclose(given.network.parameters.theta, moved, rtol=1e-10)


def test_sam_that_hardly_climbs_is_the_optimizer_alone():
    """Dropout drops the same units for both gradients."""
    near, alone = trained({"name": "sam", "rho": 1e-9}, dropout=0.5), trained("sgd", dropout=0.5)
    np.testing.assert_allclose(near, alone, rtol=1e-6)
    assert not np.allclose(trained({"name": "sam", "rho": 0.5}, dropout=0.5), alone, rtol=1e-3)


@pytest.mark.parametrize("name", ["lookahead", "sam"])
def test_rate_and_decay_are_those_of_the_optimizer_within(name):
    outer = cr.make("optimizer", name, optimizer={"name": "adamw", "lr": 0.25, "weight_decay": 0.5})
    assert (outer.lr, outer.weight_decay) == (0.25, 0.5)
    assert cr.make("optimizer", name, optimizer="rprop").weight_decay == 0
    trainer = cr.Trainer(network(), outer, schedule={"name": "step", "every": 1, "ratio": 0.5})
    assert trainer.learning_rate == 0.25


def test_slots_are_those_of_the_optimizer_within_and_its_own():
    inner = {"name": "lookahead", "optimizer": "adam"}
    assert cr.make("optimizer", "lookahead", optimizer=inner).slots == (
        "inner.inner.M",
        "inner.inner.V",
        "inner.slow",
        "slow",
    )
    assert cr.make("optimizer", "sam", optimizer="momentum").slots == ("inner.v",)


def test_what_stands_for_it_makes_it_again():
    given = {"name": "lookahead", "optimizer": {"name": "sam", "optimizer": {"name": "adam", "lr": 0.5}, "rho": 0.1}}
    made = cr.make("optimizer", given)
    assert made.lr == 0.5
    assert cr.make("optimizer", cr.spec_of(made)) == made
    around = cr.make("optimizer", "sam", optimizer=cr.make("optimizer", "adam", lr=0.5))
    assert cr.spec_of(around)["optimizer"]["lr"] == 0.5


def test_one_optimizer_within_two_is_two():
    inner = cr.make("optimizer", "adam")
    one, other = (cr.make("optimizer", "lookahead", optimizer=inner) for _ in range(2))
    assert one.inner == other.inner == inner
    assert len({id(optimizer) for optimizer in (one.inner, other.inner, inner)}) == 3


@pytest.mark.parametrize(
    ("name", "fields", "message"),
    [
        ("lookahead", {"k": 0}, "k: got 0, must be at least 1 (Lookahead)"),
        ("lookahead", {"alpha": 0.0}, "alpha: got 0.0, must be above 0 and at most 1 (Lookahead)"),
        ("sam", {"rho": 0.0}, "rho: got 0.0, must be above 0 and finite (SAM)"),
        (
            "sam",
            {"optimizer": "muon"},
            "optimizer: got 'muon', must be one that takes each number of theta by itself, such as sgd or adam (SAM)",
        ),
        (
            "sam",
            {"optimizer": "lbfgs"},
            "optimizer: got 'lbfgs', must be one that takes each number of theta by itself, such as sgd or adam (SAM)",
        ),
        (
            "sam",
            {"optimizer": {"name": "adam", "lr": -1.0}},
            "optimizer.lr: got -1.0, must be above 0 and finite (Adam)",
        ),
    ],
)
def test_what_is_refused(name, fields, message):
    with pytest.raises(cr.ConfigError) as caught:
        cr.make("optimizer", name, **fields)
    assert str(caught.value) == message


def test_an_optimizer_that_there_is_not():
    with pytest.raises(cr.UnknownName, match=r'^optimizer: there is no optimizer "adamm". Did you mean "adam"'):
        cr.make("optimizer", "lookahead", optimizer="adamm")
