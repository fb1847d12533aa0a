"""Losses by row and by step: what forward is the mean of, and what a reference written another way gives."""

import math

import numpy as np
import pytest

import chainrule as cr

CLOSE = {"rtol": 1e-10, "atol": 1e-10}
STEPS = (5, 4)  # a batch of five, of four steps
ELEMENTWISE = ["mse", "mae", "huber", "binary_cross_entropy", "hinge"]
OF_CLASSES = ["categorical_cross_entropy", "kl_divergence"]
FUSED = {"binary_cross_entropy": "sigmoid", "categorical_cross_entropy": "softmax", "kl_divergence": "softmax"}


def rng(seed=0):
    return np.random.default_rng(seed)


def probabilities(shape, seed=0):
    raw = rng(seed).uniform(0.1, 1, shape)
    return raw / raw.sum(axis=-1, keepdims=True)


def built_in():
    """Each built-in loss with each of its examples of fields."""
    entries = [entry for entry in cr.registry() if entry.kind == "loss" and entry.distribution == "chainrule"]
    return [(entry.name, dict(fields)) for entry in entries for fields in entry.cls.check_examples or ({},)]


def pairs(name, shape):
    """Predictions of that shape with every form of target that the loss takes."""
    if name in OF_CLASSES:
        p = probabilities(shape)
        labels = rng(1).integers(0, shape[-1], shape[:-1])
        forms = [np.eye(shape[-1])[labels], probabilities(shape, seed=2)]
        return [(p, t) for t in ([labels, *forms] if name == "categorical_cross_entropy" else forms)]
    if name in ("binary_cross_entropy", "hinge"):
        answers = (rng(1).random(shape) < 0.5).astype(float)
        return [(rng().uniform(0.05, 0.95, shape) if name != "hinge" else 2 * rng().normal(size=shape), answers)]
    return [(rng().normal(size=shape), rng(1).normal(size=shape))]


CASES = [
    (name, fields, shape, form)
    for name, fields in built_in()
    if name in [*ELEMENTWISE, *OF_CLASSES, "half_squared_error"]
    for shape in ((6, 3), (*STEPS, 3))
    for form in range(len(pairs(name, shape)))
]


@pytest.mark.parametrize(("name", "fields", "shape", "form"), CASES)
def test_the_reference_gives_the_same(name, fields, shape, form):
    prediction, target = pairs(name, shape)[form]
    loss = cr.make("loss", name, **fields)
    assert loss.forward(prediction, target) == pytest.approx(loss.reference(prediction, target), rel=1e-10)


@pytest.mark.parametrize(("name", "fields", "shape", "form"), CASES)
def test_rows_are_what_forward_is_the_mean_of(name, fields, shape, form):
    """And each of them is the loss of a batch of that row alone."""
    prediction, target = pairs(name, shape)[form]
    loss, alone = cr.make("loss", name, **fields), cr.make("loss", name, **fields)
    value = loss.forward(prediction, target)
    loss.backward()
    rows = loss.rows()
    assert rows.shape == (shape if name in ELEMENTWISE else shape[:-1])
    assert rows.mean() == pytest.approx(value, rel=1e-12)
    for i in range(len(rows)):
        single = alone.forward(prediction[i : i + 1], target[i : i + 1])
        assert rows[i].mean() == pytest.approx(single, rel=1e-12)


@pytest.mark.parametrize(("name", "fields", "shape", "form"), [case for case in CASES if case[0] in FUSED])
def test_rows_are_those_of_the_last_forward_fused_or_not(name, fields, shape, form):
    _, target = pairs(name, shape)[form]
    z = 2 * rng(3).normal(size=shape)
    loss, plain = cr.make("loss", name, **fields), cr.make("loss", name, **fields)
    loss.forward(probabilities(shape, seed=4), target)
    value = loss.forward_logits(z, target)
    assert loss.rows().mean() == pytest.approx(value, rel=1e-12)
    plain.forward(cr.make("activation", FUSED[name]).forward(z), target)
    np.testing.assert_allclose(loss.rows(), plain.rows(), **CLOSE)


# each step of a sequence


def by_hand(p, t, smoothing=0.0):
    """The loss of per-step distributions and its gradients with respect to p and to the logits, in Python alone."""
    batch, steps, classes = p.shape
    loss, dp, dz = 0.0, np.zeros_like(p), np.zeros_like(p)
    for n in range(batch):
        for s in range(steps):
            for k in range(classes):
                share = (1 - smoothing) * t[n, s, k] + smoothing / classes
                loss -= share * math.log(p[n, s, k]) / (batch * steps)
                dp[n, s, k] = -share / p[n, s, k] / (batch * steps)
                dz[n, s, k] = (p[n, s, k] - share) / (batch * steps)
    return loss, dp, dz


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("form", ["classes", "one-hot"])
def test_categorical_cross_entropy_of_each_step(form, smoothing):
    z = 2 * rng().normal(size=(*STEPS, 3))
    labels = rng(1).integers(0, 3, STEPS)
    target = labels if form == "classes" else np.eye(3)[labels]
    p = np.exp(z) / np.exp(z).sum(axis=-1, keepdims=True)
    expected, dp, dz = by_hand(p, np.eye(3)[labels], smoothing)
    loss = cr.make("loss", "categorical_cross_entropy", label_smoothing=smoothing)
    assert loss.forward(p, target) == pytest.approx(expected, rel=1e-10)
    np.testing.assert_allclose(loss.backward(), dp, **CLOSE)
    assert loss.forward_logits(z, target) == pytest.approx(expected, rel=1e-10)
    np.testing.assert_allclose(loss.backward_logits(), dz, **CLOSE)
    np.testing.assert_allclose(loss.activated(), p, **CLOSE)


def test_kl_divergence_of_each_step():
    z, t = 2 * rng().normal(size=(*STEPS, 3)), probabilities((*STEPS, 3), seed=1)
    p = np.exp(z) / np.exp(z).sum(axis=-1, keepdims=True)
    loss = cr.make("loss", "kl_divergence")
    cross, dp, dz = by_hand(p, t)
    entropy = -sum(x * math.log(x) for x in t.ravel()) / math.prod(STEPS)
    assert loss.forward(p, t) == pytest.approx(cross - entropy, rel=1e-10)
    np.testing.assert_allclose(loss.backward(), dp, **CLOSE)
    assert loss.forward_logits(z, t) == pytest.approx(cross - entropy, rel=1e-10)
    np.testing.assert_allclose(loss.backward_logits(), dz, **CLOSE)
    np.testing.assert_allclose(loss.activated(), p, **CLOSE)


def test_steps_in_two_axes_are_steps_too():
    """Of pixels, say: a class for each."""
    z, labels = rng().normal(size=(2, 3, 4, 5)), rng(1).integers(0, 5, (2, 3, 4))
    loss, flat = (cr.make("loss", "categorical_cross_entropy") for _ in range(2))
    value = flat.forward_logits(z.reshape(24, 5), labels.ravel())
    assert loss.forward_logits(z, labels) == pytest.approx(value, rel=1e-14)
    np.testing.assert_array_equal(loss.backward_logits().reshape(24, 5), flat.backward_logits())
    assert loss.rows().shape == (2, 3, 4)
