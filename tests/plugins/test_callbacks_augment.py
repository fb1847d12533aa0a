"""augment, against a loop over images and pixels."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import chainrule as cr
from chainrule_plugins.callbacks import Augment


def moved(image: np.ndarray, down: int, right: int, mirrored: bool) -> np.ndarray:
    """Pixel by pixel."""
    height, width = image.shape[:2]
    shown = np.zeros_like(image)
    for row in range(height):
        for column in range(width):
            to = width - 1 - column if mirrored else column
            if 0 <= row - down < height and 0 <= column - right < width:
                shown[row, to] = image[row - down, column - right]
    return shown


@given(shift=st.integers(0, 3), flip=st.booleans(), channels=st.sampled_from([(), (1,), (3,)]), seed=st.integers(0, 99))
def test_each_image_is_one_of_those_that_a_loop_moves(shift, flip, channels, seed):
    if not shift and not flip:
        shift = 1
    x = np.random.default_rng(seed).random((4, 5, 4, *channels), np.float32)
    y = np.arange(4)
    given_x = x.copy()
    shown, targets = Augment(shift=shift, flip=flip).on_batch(None, x, y, np.random.default_rng(seed))
    assert targets is y
    assert (shown.dtype, shown.shape) == (x.dtype, x.shape)
    np.testing.assert_array_equal(x, given_x)
    for image, seen in zip(x, shown):
        places = range(-shift, shift + 1)
        possible = [
            moved(image, down, right, mirrored)
            for down in places
            for right in places
            for mirrored in ([False, True] if flip else [False])
        ]
        assert any(np.array_equal(seen, one) for one in possible)


def test_every_way_is_as_likely():
    """Of 9,000 images, each of the 9 places and both sides, to within four standard deviations."""
    x = np.tile(np.arange(1.0, 21.0).reshape(1, 5, 4), (9000, 1, 1))
    shown, _ = Augment(shift=1, flip=True).on_batch(None, x, np.zeros(9000), np.random.default_rng(0))
    found, counts = np.unique(shown, axis=0, return_counts=True)
    assert len(found) == 18
    assert np.abs(counts - 500).max() < 4 * np.sqrt(9000 / 18)


class Watch(cr.Callback):
    """Keeps what is learned from."""

    def __init__(self):
        self.seen = []

    def on_batch_end(self, trainer):
        self.seen.append(trainer.batch[0].copy())


IMAGES, LABELS = np.random.default_rng(0).random((12, 6, 6)), np.arange(12) % 3


def trained(*callbacks, epochs=2):
    layers = ["flatten", {"name": "dense", "units": 3, "activation": "softmax"}]
    network = cr.Network(layers, (6, 6), "categorical_cross_entropy", dtype="float64")
    trainer, watch = cr.Trainer(network, "sgd", batch_size=5), Watch()
    history = trainer.fit((IMAGES, LABELS), epochs, validation=(IMAGES, LABELS), callbacks=[*callbacks, watch])
    return watch.seen, history, network


def test_the_network_learns_from_moved_images_which_differ_from_epoch_to_epoch():
    plain, augmented = trained()[0], trained("augment")[0]
    assert [x.shape for x in augmented] == [x.shape for x in plain]
    differs = [not np.array_equal(seen, x) for seen, x in zip(augmented, plain)]
    assert all(differs)
    again = trained("augment")[0]
    assert all(np.array_equal(first, second) for first, second in zip(augmented, again))
    assert not np.array_equal(np.sort(augmented[0].sum(axis=(1, 2))), np.sort(augmented[3].sum(axis=(1, 2))))


def test_validation_images_are_left_as_they_are():
    """What the network gives for them at the end is what was measured."""
    _, history, network = trained("augment", epochs=1)
    assert history["validation/loss"][-1] == pytest.approx(network.evaluate(IMAGES, LABELS)["loss"])


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((4,), "augment takes images, of shape (height, width) or (height, width, channels), got inputs of shape (4,)"),
        ((9, 2, 3), "images of shape (9, 2, 3) would be moved out of sight by 2 pixels: take a smaller shift"),
    ],
)
def test_what_is_no_image_or_too_small_is_refused(shape, message):
    network = cr.Network(["flatten", {"name": "dense", "units": 1}], shape, "mse")
    with pytest.raises(cr.ConfigError, match=re.escape(message)):
        cr.Trainer(network, "sgd").fit((np.zeros((3, *shape)), np.zeros(3)), 1, callbacks=[Augment()])


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"shift": 0}, "shift: got 0, must be at least 1, as flip is false (Augment)"),
        ({"shift": -1, "flip": True}, "shift: got -1, must be at least 0 (Augment)"),
    ],
)
def test_a_value_out_of_range_is_refused(fields, message):
    with pytest.raises(cr.FieldError) as refused:
        Augment(**fields)
    assert str(refused.value) == message
