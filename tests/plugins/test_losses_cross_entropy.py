"""The cross-entropies, kl_divergence and label smoothing: published formulas and closed forms."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import chainrule as cr

DTYPES = ["float32", "float64"]
CROSS_ENTROPIES = {"binary_cross_entropy": "sigmoid", "categorical_cross_entropy": "softmax"}
P = np.array([[0.7, 0.2, 0.1], [0.3, 0.3, 0.4]])
T = np.array([[0.5, 0.5, 0.0], [0.1, 0.2, 0.7]])


def passes(name, prediction, target, **fields):
    """Loss and gradient."""
    loss = cr.make("loss", name, **fields)
    return loss.forward(np.asarray(prediction), np.asarray(target)), loss.backward()


# cross-entropies


def test_binary_cross_entropy_by_its_formula():
    p, t = [[0.9, 0.2], [0.4, 0.7]], [[1.0, 0.0], [0.0, 0.3]]
    terms = [
        y * math.log(x) + (1 - y) * math.log(1 - x) for row, truth in zip(p, t) for x, y in zip(row, truth, strict=True)
    ]
    value = cr.make("loss", "binary_cross_entropy").forward(np.array(p), np.array(t))
    assert value == pytest.approx(-math.fsum(terms) / 4, rel=1e-14)


def test_categorical_cross_entropy_is_the_surprise_at_the_true_class():
    p = np.array([[0.7, 0.2, 0.1], [0.3, 0.3, 0.4]])
    expected = -(math.log(0.2) + math.log(0.4)) / 2
    for target in (np.array([1, 2]), np.array([[0.0, 1, 0], [0, 0, 1]])):
        assert cr.make("loss", "categorical_cross_entropy").forward(p, target) == pytest.approx(expected, rel=1e-15)


def test_categorical_cross_entropy_against_a_distribution():
    p, t = [0.7, 0.2, 0.1], [0.5, 0.5, 0.0]
    value = cr.make("loss", "categorical_cross_entropy").forward(np.array([p]), np.array([t]))
    assert value == pytest.approx(-(0.5 * math.log(0.7) + 0.5 * math.log(0.2)), rel=1e-15)


# kl_divergence


def test_kl_divergence_by_its_formula():
    terms = [t * math.log(t / p) for t, p in zip(T.ravel(), P.ravel(), strict=True) if t]
    assert passes("kl_divergence", P, T)[0] == pytest.approx(math.fsum(terms) / 2, rel=1e-13)


def test_kl_divergence_of_normal_distributions():
    """Closed form: log(b / a) + (a^2 + (m - n)^2) / (2 b^2) - 1/2 for N(m, a^2) against N(n, b^2)."""
    x = np.linspace(-20, 20, 20_001)
    t, p = (np.exp(-((x - mean) ** 2) / (2 * std**2)) for mean, std in ((0.5, 1.0), (-0.5, 2.0)))
    expected = math.log(2) + (1 + 1) / 8 - 0.5
    assert passes("kl_divergence", [p / p.sum()], [t / t.sum()])[0] == pytest.approx(expected, rel=1e-9)


def test_kl_divergence_differs_from_cross_entropy_by_what_no_prediction_changes():
    for target in (T, np.eye(3)[[0, 2]]):
        kl, cross = passes("kl_divergence", P, target), passes("categorical_cross_entropy", P, target)
        entropy = -math.fsum(t * math.log(t) for t in target.ravel() if t) / 2
        assert cross[0] - kl[0] == pytest.approx(entropy, rel=1e-12, abs=1e-15)
        np.testing.assert_array_equal(kl[1], cross[1])


@settings(deadline=None, max_examples=100)
@given(arrays("float64", (2, 3), elements=st.floats(-30, 30)), arrays("float64", (2, 3), elements=st.floats(-30, 30)))
def test_kl_divergence_is_never_negative_and_zero_for_what_is_equal(one, other):
    softmax = cr.make("activation", "softmax")
    p, t = softmax.forward(one).copy(), softmax.forward(other).copy()
    assert passes("kl_divergence", p, t)[0] >= -1e-14
    assert passes("kl_divergence", t, t)[0] == pytest.approx(0, abs=1e-14)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_target_of_0_costs_nothing_whatever_was_predicted(dtype):
    value, gradient = passes("kl_divergence", np.array([[1, 0]], dtype), np.array([[1, 0]], dtype))
    assert value == 0
    assert np.isfinite(gradient).all()


# label smoothing


@pytest.mark.parametrize("passes_logits", [True, False])
@pytest.mark.parametrize("name", CROSS_ENTROPIES)
def test_smoothing_is_the_loss_of_smoothed_targets(name, passes_logits):
    """Szegedy et al. 2016, section 7: q'(k) = (1 - eps) q(k) + eps / K."""
    epsilon, classes = 0.1, 3 if name == "categorical_cross_entropy" else 2
    target = np.eye(3)[[0, 2]]
    z = np.log(P)
    plain, smooth = cr.make("loss", name), cr.make("loss", name, label_smoothing=epsilon)
    softened = (1 - epsilon) * target + epsilon / classes
    forward, backward = ("forward_logits", "backward_logits") if passes_logits else ("forward", "backward")
    given = z if passes_logits else P
    assert getattr(smooth, forward)(given, target) == pytest.approx(getattr(plain, forward)(given, softened), rel=1e-13)
    np.testing.assert_allclose(getattr(smooth, backward)(), getattr(plain, backward)(), rtol=1e-13)
    np.testing.assert_array_equal(target, np.eye(3)[[0, 2]])


def test_smoothing_mixes_in_the_cross_entropy_of_an_even_guess():
    """Szegedy et al. 2016, section 7: H(q', p) = (1 - eps) H(q, p) + eps H(u, p)."""
    labels, epsilon = np.array([0, 2]), 0.3
    hard = passes("categorical_cross_entropy", P, labels)[0]
    even = passes("categorical_cross_entropy", P, np.full((2, 3), 1 / 3))[0]
    value = passes("categorical_cross_entropy", P, labels, label_smoothing=epsilon)[0]
    assert value == pytest.approx((1 - epsilon) * hard + epsilon * even, rel=1e-13)


def test_smoothing_is_the_same_for_classes_and_one_hot():
    labels = np.array([0, 2])
    for given_as in (labels, np.eye(3)[labels]):
        value, gradient = passes("categorical_cross_entropy", P, given_as, label_smoothing=0.2)
        np.testing.assert_allclose(
            value, passes("categorical_cross_entropy", P, labels, label_smoothing=0.2)[0], rtol=1e-14
        )
        assert gradient.shape == (2, 3)


@pytest.mark.parametrize("name", CROSS_ENTROPIES)
@pytest.mark.parametrize("form", ["labels", "one-hot"])
def test_smoothed_and_fused_equals_smoothed_and_unfused(name, form):
    """To 1e-12, where no log is clipped; up to 8 in size, as beyond that a sigmoid's 1 - p has lost digits."""
    labels = np.array([2, 0, 1, 1, 2])
    target = labels if form == "labels" and name == "categorical_cross_entropy" else np.eye(3)[labels]

    @settings(deadline=None, max_examples=50)
    @given(arrays("float64", (5, 3), elements=st.floats(-8, 8)))
    def check(z):
        activation = cr.make("activation", CROSS_ENTROPIES[name])
        fused, plain = (cr.make("loss", name, label_smoothing=0.1) for _ in range(2))
        one, other = fused.forward_logits(z, target), plain.forward(activation.forward(z), target)
        np.testing.assert_allclose(one, other, rtol=1e-12)
        dz = activation.backward(plain.backward())
        np.testing.assert_allclose(fused.backward_logits(), dz, rtol=1e-12, atol=1e-12)

    check()


@pytest.mark.parametrize("name", CROSS_ENTROPIES)
def test_the_gradient_of_a_smoothed_loss_is_right(name):
    activation, units = CROSS_ENTROPIES[name], 3 if name == "categorical_cross_entropy" else 1
    task = "multiclass" if units == 3 else "binary"
    for fuses in (True, False):
        loss = cr.make("loss", name, label_smoothing=0.2)
        if not fuses:
            loss = type("Unfused", (type(loss),), {"fuses_with": None})(label_smoothing=0.2)
        layers = [{"name": "dense", "units": 4, "activation": "tanh"}, {"name": "dense", "units": units}, activation]
        network = cr.Network(layers, (2,), loss, dtype="float64", task=task)
        assert network.fused == fuses
        x = np.random.default_rng(0).normal(size=(6, 2))
        assert max(cr.gradient_check(network, x, np.arange(6) % max(units, 2)).values()) < 1e-6


def test_the_best_prediction_is_the_smoothed_target_and_no_surer():
    """Where training comes to rest, the logit of the true class is ahead by log((1 - eps) (K / eps) + 1)."""
    epsilon, classes = 0.1, 3
    loss, z = cr.make("loss", "categorical_cross_entropy", label_smoothing=epsilon), np.zeros((1, classes))
    for _ in range(2000):
        loss.forward_logits(z, np.array([1]))
        z -= 2 * loss.backward_logits()
    assert z[0, 1] - z[0, 0] == pytest.approx(math.log((1 - epsilon) * classes / epsilon + 1), rel=1e-9)


@pytest.mark.parametrize("dtype", DTYPES)
def test_smoothing_makes_sure_and_right_a_little_wrong(dtype):
    """At logits of 1e4 the smoothed classes cost (eps / K) times the distance to each of them."""
    z = np.array([[1e4, 0, -1e4]], dtype)
    loss = cr.make("loss", "categorical_cross_entropy", label_smoothing=0.3)
    assert loss.forward_logits(z, np.array([0])) == pytest.approx(0.1 * (1e4 + 2e4), rel=1e-6)
    np.testing.assert_allclose(loss.backward_logits(), [[0.2, -0.1, -0.1]], rtol=1e-6)
    loss = cr.make("loss", "binary_cross_entropy", label_smoothing=0.2)
    assert loss.forward_logits(z[:, :1], np.ones((1, 1), dtype)) == pytest.approx(0.1 * 1e4, rel=1e-6)
    assert loss.backward_logits().dtype == dtype


@pytest.mark.parametrize(
    ("name", "cls"),
    [("binary_cross_entropy", "BinaryCrossEntropy"), ("categorical_cross_entropy", "CategoricalCrossEntropy")],
)
@pytest.mark.parametrize("smoothing", [-0.1, 1.0, math.nan])
def test_smoothings_that_are_refused(name, cls, smoothing):
    with pytest.raises(cr.FieldError) as caught:
        cr.make("loss", name, label_smoothing=smoothing)
    assert str(caught.value) == f"label_smoothing: got {smoothing}, must be at least 0 and less than 1 ({cls})"


def test_a_smoothed_loss_trains_and_is_saved_with_its_smoothing(tmp_path):
    loss = {"name": "categorical_cross_entropy", "label_smoothing": 0.1}
    network = cr.Network([{"name": "dense", "units": 3, "activation": "softmax"}], (2,), loss)
    x, y = np.random.default_rng(0).normal(size=(12, 2)), np.arange(12) % 3
    losses = cr.Trainer(network, "sgd").fit((x, y), epochs=20)["train/loss"]
    assert all(later < sooner for sooner, later in pairwise(losses))
    network.save(tmp_path / "model.safetensors")
    assert cr.load_network(tmp_path / "model.safetensors").loss.label_smoothing == 0.1
