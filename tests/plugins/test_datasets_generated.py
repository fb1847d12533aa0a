"""xor, spirals, moons, circles and digits."""

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import chainrule as cr
from chainrule_plugins.datasets import Circles, Digits, Moons, Spirals, Xor

GENERATED = [Spirals, Moons, Circles]


def everything(data: cr.Data) -> tuple[np.ndarray, np.ndarray]:
    """All samples of all parts."""
    parts = data.splits.values()
    return np.concatenate([part.x for part in parts]), np.concatenate([part.y for part in parts])


def test_all_built_in_datasets_are_registered():
    built_in = {entry.name for entry in cr.registry() if entry.kind == "dataset" and entry.distribution == "chainrule"}
    assert built_in == {
        "xor", "spirals", "moons", "circles", "adding", "copy", "digits", "mnist", "fashion_mnist", "text", "csv",
        "npz",
    }  # fmt: skip


def test_xor_is_its_four_points_in_every_part():
    data = Xor().load()
    for part in data.splits.values():
        assert {(*map(float, x), int(y)) for x, y in zip(*part)} == {(0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 0)}
    assert list(data.splits) == ["train", "validation", "test"]
    assert (data.task, tuple(data.class_names), tuple(data.feature_names)) == ("binary", ("0", "1"), ("x1", "x2"))


def test_a_noiseless_spiral_lies_on_its_formula():
    """Radius and angle of each point, read back from its coordinates, fit the arm of its class."""
    x, y = everything(Spirals(samples=500, classes=5, noise=0.0).load())
    r, t = np.hypot(*x.T), np.arctan2(x[:, 0], x[:, 1])
    assert r.min() > 0.1
    assert r.max() == pytest.approx(1)
    for k in range(5):
        off = (t - 4 * r - 2 * np.pi * k / 5)[y == k]
        np.testing.assert_allclose(np.cos(off), 1, atol=1e-12)


def test_noiseless_moons_are_two_half_circles():
    x, y = everything(Moons(noise=0.0).load())
    np.testing.assert_allclose(np.hypot(*x[y == 0].T), 1)
    np.testing.assert_allclose(np.hypot(*(x[y == 1] - [1, 0.5]).T), 1)
    assert (x[y == 0, 1] >= -1e-12).all()
    assert (x[y == 1, 1] <= 0.5 + 1e-12).all()


def test_noiseless_circles_have_their_radii():
    x, y = everything(Circles(factor=0.3, noise=0.0).load())
    np.testing.assert_allclose(np.hypot(*x.T), np.where(y == 0, 1.0, 0.3))
    np.testing.assert_allclose(x.mean(axis=0), 0, atol=1e-12)  # evenly all around


@pytest.mark.parametrize("dataset", [Moons, Circles])
def test_noise_has_the_deviation_that_the_field_says(dataset):
    """One seed gives the same points in the same order with and without noise: their difference is the noise."""
    quiet = everything(dataset(samples=4000, noise=0.0).load())[0]
    noise = everything(dataset(samples=4000, noise=0.25).load())[0] - quiet
    assert noise.std(axis=0) == pytest.approx([0.25, 0.25], rel=0.05)
    assert noise.mean(axis=0) == pytest.approx([0, 0], abs=0.02)


@given(samples=st.integers(30, 200), classes=st.integers(2, 3))
def test_spirals_are_balanced(samples, classes):
    counts = np.bincount(everything(Spirals(samples=samples, classes=classes).load())[1])
    assert len(counts) == classes
    assert counts.sum() == samples
    assert np.ptp(counts) <= 1


@pytest.mark.parametrize("dataset", [*GENERATED, Digits])
def test_the_seed_alone_decides(dataset):
    assert dataset(seed=1).load().digest == dataset(seed=1).load().digest
    assert dataset(seed=1).load().digest != dataset(seed=2).load().digest


@pytest.mark.parametrize("dataset", [*GENERATED, Digits])
def test_parts_have_their_fractions_and_share_no_sample(dataset):
    data = dataset(test_fraction=0.3, validation_fraction=0.5).load()
    n = sum(len(part.x) for part in data.splits.values())
    assert len(data.test.x) == round(0.3 * n)
    assert len(data.validation.x) == round(0.5 * 0.7 * n)
    rows = {name: {x.tobytes() for x in part.x} for name, part in data.splits.items()}
    assert sum(len(part) for part in rows.values()) == len(set.union(*rows.values())) == n


@pytest.mark.parametrize("dataset", GENERATED)
def test_test_samples_do_not_depend_on_the_validation_fraction(dataset):
    first, second = (dataset(validation_fraction=fraction).load().test for fraction in (0.0, 0.5))
    assert np.array_equal(first.x, second.x)


@pytest.mark.parametrize("dataset", GENERATED)
def test_a_fraction_of_zero_leaves_the_part_out(dataset):
    assert list(dataset(validation_fraction=0.0, test_fraction=0.0).load().splits) == ["train"]


@pytest.mark.parametrize("seed", [0, 1])
def test_a_small_network_can_tell_spirals_apart(seed):
    """At the default noise, scikit-learn's network reaches 99 % on the test data."""
    from sklearn.neural_network import MLPClassifier

    data = Spirals(seed=seed).load()
    network = MLPClassifier((32, 32), learning_rate_init=0.01, max_iter=300, random_state=seed).fit(*data.train)
    assert network.score(*data.test) >= 0.99


def test_digits_are_the_1797_images_scaled_to_1():
    from sklearn.datasets import load_digits

    data = Digits().load()
    x, y = everything(data)
    assert x.shape == (1797, 8, 8)
    assert x.dtype == np.float32
    assert (x.min(), x.max()) == (0, 1)
    assert len(data.test.x) == 599  # a third
    bundled = load_digits()
    pairs = sorted((hashlib.md5(image.tobytes()).hexdigest(), label) for image, label in zip(x * 16, y))
    expected = bundled.images.astype(np.float32)
    assert pairs == sorted((hashlib.md5(i.tobytes()).hexdigest(), t) for i, t in zip(expected, bundled.target))
    assert set(data.train.y) == set(range(10))
    assert data.task == "multiclass"
    assert list(data.class_names) == list("0123456789")


@pytest.mark.parametrize(
    ("dataset", "fields", "message"),
    [
        (Spirals, {"samples": 29}, "samples: got 29, must be at least 10 for each class (Spirals)"),
        (Spirals, {"classes": 1}, "classes: got 1, must be at least 2 (Spirals)"),
        (Spirals, {"noise": -0.1}, "noise: got -0.1, must be a finite number, at least 0 (Spirals)"),
        (Spirals, {"noise": float("nan")}, "noise: got nan, must be a finite number, at least 0 (Spirals)"),
        (Moons, {"samples": 19}, "samples: got 19, must be at least 20 (Moons)"),
        (Moons, {"noise": float("inf")}, "noise: got inf, must be a finite number, at least 0 (Moons)"),
        (Circles, {"samples": 0}, "samples: got 0, must be at least 20 (Circles)"),
        (Circles, {"noise": -1.0}, "noise: got -1.0, must be a finite number, at least 0 (Circles)"),
        (Circles, {"factor": 1.0}, "factor: got 1.0, must be more than 0 and less than 1 (Circles)"),
        (Digits, {"test_fraction": 1.0}, "test_fraction: got 1.0, must be at least 0 and less than 1 (Digits)"),
        (
            Digits,
            {"validation_fraction": -0.1},
            "validation_fraction: got -0.1, must be at least 0 and less than 1 (Digits)",
        ),
        (Digits, {"seed": -1}, "seed: got -1, must be at least 0 (Digits)"),
    ],
)
def test_a_value_out_of_range_is_refused(dataset, fields, message):
    with pytest.raises(cr.FieldError) as refused:
        dataset(**fields)
    assert str(refused.value) == message


def test_too_few_samples_for_a_part_are_refused():
    with pytest.raises(cr.DataError) as refused:
        Moons(samples=20, test_fraction=0.01).load()
    assert str(refused.value) == (
        "20 samples are too few: with test_fraction=0.01 and validation_fraction=0.2 there are none for the test data"
    )
