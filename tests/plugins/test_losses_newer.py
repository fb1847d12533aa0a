"""focal, quantile and triplet: published formulas in loops, closed forms, and trainings that end where they should."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import chainrule as cr

CLOSE = {"rtol": 1e-10, "atol": 1e-12}
DTYPES = ["float32", "float64"]


def rng(seed=0):
    return np.random.default_rng(seed)


def passes(name, prediction, target, **fields):
    """Loss and gradient."""
    loss = cr.make("loss", name, **fields)
    return loss.forward(prediction, target), loss.backward().copy()


def fused(name, logits, target, **fields):
    loss = cr.make("loss", name, **fields)
    return loss.forward_logits(logits, target), loss.backward_logits().copy(), loss.activated()


# focal

FOCAL = [{}, {"gamma": 0.0, "alpha": None}, {"gamma": 0.5, "alpha": 0.7}, {"gamma": 5.0, "alpha": None}]


def focal_by_hand(z, t, gamma=2.0, alpha=0.25):
    """Lin et al. 2017, equation 5 and appendix A, number by number: the loss and its gradients for z and for p."""
    loss, dp, dz = 0.0, np.zeros_like(z), np.zeros_like(z)
    for i in np.ndindex(z.shape):
        for y, share in ((1, t[i]), (-1, 1 - t[i])):
            a = 1.0 if alpha is None else alpha if y == 1 else 1 - alpha
            pt = 1 / (1 + math.exp(-y * z[i]))
            loss -= share * a * (1 - pt) ** gamma * math.log(pt) / z.size
            slope = share * a * y * (1 - pt) ** gamma * (gamma * pt * math.log(pt) + pt - 1) / z.size
            dz[i] += slope
            dp[i] += slope / (pt * (1 - pt))
    return loss, dp, dz


@pytest.mark.parametrize("fields", FOCAL)
@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("shape", [(6, 1), (4, 3), (2, 3, 2)])
def test_focal_is_the_papers(shape, soft, fields):
    z = 2 * rng().normal(size=shape)
    t = rng(1).random(shape) if soft else (rng(1).random(shape) < 0.5).astype(float)
    loss, dp, dz = focal_by_hand(z, t, **fields)
    p = 1 / (1 + np.exp(-z))
    for expected, (value, gradient) in (
        (dp, passes("focal", p, t, **fields)),
        (dz, fused("focal", z, t, **fields)[:2]),
    ):
        assert value == pytest.approx(loss, rel=1e-10)
        np.testing.assert_allclose(gradient, expected, **CLOSE)
    np.testing.assert_allclose(fused("focal", z, t, **fields)[2], p, **CLOSE)


def test_focal_without_focus_is_the_cross_entropy():
    z, t = 3 * rng().normal(size=(5, 2)), rng(1).random((5, 2))
    cross = fused("binary_cross_entropy", z, t)
    for alpha, factor in ((None, 1.0), (0.5, 0.5)):
        value, dz, p = fused("focal", z, t, gamma=0.0, alpha=alpha)
        assert value == pytest.approx(factor * cross[0], rel=1e-12)
        np.testing.assert_allclose(dz, factor * cross[1], **CLOSE)
        np.testing.assert_allclose(p, cross[2], **CLOSE)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("fields", FOCAL)
def test_any_finite_logits_give_a_finite_focal_loss_and_gradient(fields, dtype):
    @settings(deadline=None, max_examples=60)
    @given(arrays(dtype, (4, 2), elements=st.floats(allow_nan=False, allow_infinity=False, width=int(dtype[-2:]))))
    def check(z):
        t = np.array([[0, 1], [1, 0], [1, 1], [0, 0]], dtype)
        p = cr.make("activation", "sigmoid").forward(z)
        for value, gradient in (passes("focal", p, t, **fields), fused("focal", z, t, **fields)[:2]):
            assert math.isfinite(value)
            assert np.isfinite(gradient).all()
            assert gradient.dtype == dtype

    check()


def test_sure_answers_keep_their_digits_where_they_come_from_logits():
    """(1 - p)^2 log(1 + e^-z) at z = 40, where a rounded p is 1."""
    value, dz, _ = fused("focal", np.array([[40.0]]), np.array([[1.0]]), alpha=None)
    assert value == pytest.approx(math.exp(-120), rel=1e-12)
    assert dz[0, 0] == pytest.approx(-3 * math.exp(-120), rel=1e-12)


# quantile


@pytest.mark.parametrize("quantile", [0.5, 0.1, [0.05, 0.5, 0.95]])
@pytest.mark.parametrize("shape", [(6, 3), (2, 4, 3)])
def test_quantile_is_the_papers(shape, quantile):
    prediction, target = rng().normal(size=shape), rng(1).normal(size=shape)
    prediction[0] = target[0]  # where it is right, nothing pulls
    loss, gradient = 0.0, np.zeros(shape)
    for i in np.ndindex(shape):
        q = quantile[i[-1]] if isinstance(quantile, list) else quantile
        u = target[i] - prediction[i]
        loss += u * (q - (u < 0)) / prediction.size
        gradient[i] = 0 if u == 0 else ((u < 0) - q) / prediction.size
    value, found = passes("quantile", prediction, target, quantile=quantile)
    assert value == pytest.approx(loss, rel=1e-12)
    np.testing.assert_allclose(found, gradient, **CLOSE)


def test_the_median_costs_half_the_absolute_error():
    prediction, target = rng().normal(size=(5, 2)), rng(1).normal(size=(5, 2))
    value, gradient = passes("quantile", prediction, target)
    expected, expected_gradient = passes("mae", prediction, target)
    assert value == pytest.approx(expected / 2, rel=1e-14)
    np.testing.assert_allclose(gradient, expected_gradient / 2, rtol=1e-14)


@settings(deadline=None, max_examples=50)
@given(st.integers(2, 40), st.integers(0, 1000), st.floats(0.02, 0.98))
def test_no_number_costs_less_than_the_quantile_of_the_targets(n, seed, q):
    target = rng(seed).normal(size=(n, 1))
    best = np.quantile(target, q, method="inverted_cdf")
    cost = [passes("quantile", np.full((n, 1), guess), target, quantile=q)[0] for guess in target.ravel()]
    assert passes("quantile", np.full((n, 1), best), target, quantile=q)[0] <= min(cost) + 1e-12


def test_networks_of_two_quantiles_hold_most_targets_between_them():
    x = np.zeros((400, 1))
    y = rng().exponential(size=(400, 1))
    ends = []
    for q in (0.1, 0.9):
        network = cr.Network(
            [{"name": "dense", "units": 1}], (1,), {"name": "quantile", "quantile": q}, dtype="float64"
        )
        schedule = {"name": "cosine"}
        cr.Trainer(network, {"name": "sgd", "lr": 0.3}, batch_size=400, schedule=schedule).fit((x, y), epochs=300)
        ends.append(float(network.predict(x)[0, 0]))
    np.testing.assert_allclose(ends, np.quantile(y, [0.1, 0.9]), atol=0.05)


# triplet

PLACES = rng(5).normal(size=(7, 3)) * np.logspace(-1, 1, 7)[:, None]
CLASSES = np.array([0, 1, 0, 2, 1, 0, 3])


def triplet_by_hand(x, t, margin, mining):
    """FaceNet's equation 3, triplet by triplet, or of each sample the hardest one; and its gradient."""
    n = len(x)
    u = np.array([row / math.sqrt(sum(v * v for v in row)) for row in x])
    D = [[sum((u[i] - u[j]) ** 2) for j in range(n)] for i in range(n)]
    triplets = [
        (i, j, k) for i in range(n) for j in range(n) for k in range(n) if i != j and t[j] == t[i] and t[k] != t[i]
    ]
    if mining == "hard":
        by_sample = [[triplet for triplet in triplets if triplet[0] == i] for i in range(n)]
        triplets = [max(of_i, key=lambda ijk: D[ijk[0]][ijk[1]] - D[ijk[0]][ijk[2]]) for of_i in by_sample if of_i]
    loss, du = 0.0, np.zeros_like(u)
    for i, j, k in triplets:
        missed = D[i][j] - D[i][k] + margin
        if missed > 0:
            loss += missed / len(triplets)
            for other, sign in ((j, 1), (k, -1)):
                du[i] += sign * 2 * (u[i] - u[other]) / len(triplets)
                du[other] -= sign * 2 * (u[i] - u[other]) / len(triplets)
    dx = [(d - v * (d @ v)) / math.sqrt(sum(row**2)) for d, v, row in zip(du, u, x)]
    return loss, np.array(dx)


@pytest.mark.parametrize("mining", ["all", "hard"])
@pytest.mark.parametrize("margin", [0.05, 0.2, 1.0, 4.0])
def test_triplet_is_the_papers(margin, mining):
    loss, dx = triplet_by_hand(PLACES, CLASSES, margin, mining)
    value, gradient = passes("triplet", PLACES, CLASSES, margin=margin, mining=mining)
    assert value == pytest.approx(loss, rel=1e-10)
    np.testing.assert_allclose(gradient, dx, **CLOSE)


@pytest.mark.parametrize("mining", ["all", "hard"])
def test_triplet_of_any_batch(mining):
    @settings(deadline=None, max_examples=60)
    @given(st.integers(1, 12), st.integers(2, 5), st.integers(1, 4), st.integers(0, 1000))
    def check(n, dimensions, classes, seed):
        x, t = rng(seed).normal(size=(n, dimensions)), rng(seed + 1).integers(0, classes, n)
        value, gradient = passes("triplet", x, t, mining=mining)
        loss, dx = triplet_by_hand(x, t, 0.2, mining)
        assert value == pytest.approx(loss, rel=1e-10, abs=1e-12)
        np.testing.assert_allclose(gradient, dx, rtol=1e-9, atol=1e-12)

    check()


def test_triplet_does_not_ask_how_far_out_a_place_is():
    value, gradient = passes("triplet", PLACES, CLASSES)
    far, far_gradient = passes("triplet", 1e3 * PLACES, CLASSES)
    assert far == pytest.approx(value, rel=1e-12)
    np.testing.assert_allclose(1e3 * far_gradient, gradient, rtol=1e-10)
    np.testing.assert_allclose((gradient * PLACES).sum(axis=1), 0, atol=1e-14)


@pytest.mark.parametrize("mining", ["all", "hard"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", [0.0, 1e-30, 1.0, 1e30])
def test_places_of_any_size_give_a_finite_triplet_loss(size, dtype, mining):
    x = (size * PLACES).astype(dtype)
    value, gradient = passes("triplet", x, CLASSES, mining=mining)
    assert math.isfinite(value)
    assert np.isfinite(gradient).all()
    assert gradient.dtype == dtype


@pytest.mark.parametrize("mining", ["all", "hard"])
@pytest.mark.parametrize(
    ("x", "t"),
    [
        (np.eye(3)[CLASSES % 3], CLASSES % 3),
        (PLACES, np.zeros(7, int)),
        (PLACES, np.arange(7)),
        (PLACES[:1], CLASSES[:1]),
    ],
    ids=["classes are apart", "one class", "each its own class", "one sample"],
)
def test_where_there_is_nothing_to_learn(x, t, mining):
    value, gradient = passes("triplet", x, t, margin=1.9, mining=mining)
    assert (value, gradient.any()) == (0, False)


def digits():
    x, t = rng(1).normal(size=(90, 6)), np.arange(90) % 3
    x[:, 0] += 3 * (t == 1)
    x[:, 1] += 3 * (t == 2)
    return x, t


def test_a_network_learns_places_by_which_classes_are_told_apart():
    """The nearest of the others is of the same class, for most; and no metric is picked that would count classes."""
    x, t = digits()
    layers = [{"name": "dense", "units": 16, "activation": "tanh"}, {"name": "dense", "units": 2}]
    loss = {"name": "triplet", "dimensions": 2, "margin": 0.5}
    network = cr.Network(layers, (6,), loss, dtype="float64", task="multiclass")
    trainer = cr.Trainer(network, {"name": "adam", "lr": 0.01}, batch_size=30)
    history = trainer.fit((x, t), epochs=60, validation=(x, t))
    assert set(history) & {"validation/accuracy", "train/accuracy"} == set()
    places = network.predict(x)
    places /= np.linalg.norm(places, axis=1, keepdims=True)
    distance = np.square(places[:, None] - places).sum(axis=2) + 9 * np.eye(90)
    assert (t[distance.argmin(axis=1)] == t).mean() > 0.9


def test_triplet_cannot_weigh_samples():
    x, t = digits()
    network = cr.Network([{"name": "dense", "units": 2}], (6,), {"name": "triplet", "dimensions": 2}, task="multiclass")
    with pytest.raises(cr.ConfigError) as caught:
        network.evaluate(x, t, weight=np.ones(90))
    assert str(caught.value) == (
        "triplet compares the samples of a batch with one another, and cannot weigh them one by one: leave weights and "
        "masks out, or take categorical_cross_entropy"
    )


# what is refused, and how a network ends


@pytest.mark.parametrize(
    ("name", "fields", "message"),
    [
        ("focal", {"gamma": -1.0}, "gamma: got -1.0, must be at least 0 and finite (Focal)"),
        ("focal", {"alpha": 1.0}, "alpha: got 1.0, must be above 0 and less than 1, or null (Focal)"),
        ("quantile", {"quantile": 0.0}, "quantile: got 0.0, must be above 0 and less than 1 (Quantile)"),
        ("quantile", {"quantile": [0.5, 1.0]}, "quantile: got [0.5, 1.0], must be above 0 and less than 1 (Quantile)"),
        ("quantile", {"quantile": []}, "quantile: got [], must be above 0 and less than 1 (Quantile)"),
        ("triplet", {"margin": 0.0}, "margin: got 0.0, must be above 0 and at most 4 (Triplet)"),
        ("triplet", {"dimensions": 0}, "dimensions: got 0, must be at least 1 (Triplet)"),
    ],
)
def test_a_value_out_of_range_is_refused(name, fields, message):
    with pytest.raises(cr.FieldError) as caught:
        cr.make("loss", name, **fields)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("name", "fields", "task", "message"),
    [
        (
            "focal",
            {},
            "regression",
            "focal is for binary and multiclass tasks, and the data is regression: take mse or huber",
        ),
        (
            "quantile",
            {},
            "binary",
            "quantile is for regression tasks, and the data is binary: take binary_cross_entropy",
        ),
        (
            "quantile",
            {},
            "multiclass",
            "quantile is for regression tasks, and the data is multiclass: take categorical_cross_entropy",
        ),
        (
            "quantile",
            {"quantile": [0.1, 0.9]},
            "regression",
            "quantile has 2 of them, and the data 3 target columns",
        ),
        ("triplet", {}, "binary", "triplet is for multiclass tasks, and the data is binary: it tells classes apart"),
    ],
)
def test_a_task_that_is_refused(name, fields, task, message):
    with pytest.raises(cr.ConfigError) as caught:
        cr.make("loss", name, **fields).output(task, 3)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("name", "fields", "task", "expected"),
    [
        ("focal", {}, "binary", (1, "sigmoid")),
        ("focal", {}, "multiclass", (3, "sigmoid")),
        ("quantile", {}, "regression", (3, "linear")),
        ("quantile", {"quantile": [0.1, 0.5, 0.9]}, "regression", (3, "linear")),
        ("triplet", {"dimensions": 5}, "multiclass", (5, "linear")),
    ],
)
def test_how_a_network_ends(name, fields, task, expected):
    assert cr.make("loss", name, **fields).output(task, 3) == expected
