from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chainrule import Array, Callback, ConfigError, Training


@dataclass
class Augment(Callback):
    r"""Shows training images a little changed each time, so that a network cannot learn them by heart.

    Each image is moved by a whole number of pixels down and to the right, both drawn evenly from $-shift, ..., shift$;
    what moves in from beyond the border is 0. With flip, one of two is mirrored, left to right: not for digits or
    letters. Validation and test images are left as they are.

    Args:
        shift: the farthest that an image is moved either way, 0 or more and less than its height and width; default 2.
        flip: whether images are mirrored; default false.

    Raises:
        FieldError: shift is out of range, or there is nothing to do.
        ConfigError: the inputs are no images, of shape (height, width) or (height, width, channels), or too small.

    Reference:
        Shorten, Khoshgoftaar (2019), "A survey on Image Data Augmentation for Deep Learning", Journal of Big Data 6,
        "Flipping" and "Translation".

    Example:
        >>> import numpy as np, chainrule as cr
        >>> augment = cr.make("callback", "augment", shift=1)
        >>> image = np.arange(1.0, 10.0).reshape(1, 3, 3)
        >>> augment.on_batch(None, image, np.zeros(1), np.random.default_rng(4))[0][0]  # moved down and right
        array([[0., 0., 0.],
               [0., 1., 2.],
               [0., 4., 5.]])
    """

    shift: int = 2
    flip: bool = False

    check_examples = ({}, {"shift": 0, "flip": True})
    check_input_shapes = ((5, 4),)

    def __post_init__(self) -> None:
        least = 0 if self.flip else 1
        self.require("shift", self.shift >= least, f"at least {least}" + ("" if self.flip else ", as flip is false"))

    def on_train_start(self, trainer: Training) -> None:
        shape = trainer.network.input_shape
        if not isinstance(shape, tuple) or len(shape) not in (2, 3):
            raise ConfigError(
                f"augment takes images, of shape (height, width) or (height, width, channels), got inputs of shape "
                f"{shape}: leave it out"
            )
        if self.shift >= min(shape[:2]):
            raise ConfigError(
                f"images of shape {shape} would be moved out of sight by {self.shift} pixels: take a smaller shift"
            )

    def on_batch(self, trainer: Training, x: Array, y: Array, rng: np.random.Generator) -> tuple[Array, Array]:
        n, height, width = x.shape[:3]
        down, right = rng.integers(-self.shift, self.shift + 1, (2, n))
        room = [(0, 0), (self.shift, self.shift), (self.shift, self.shift), *[(0, 0)] * (x.ndim - 3)]
        padded = np.pad(x, room)
        rows = np.arange(height) + (self.shift - down)[:, None]
        columns = np.arange(width) + (self.shift - right)[:, None]
        if self.flip:
            mirrored = rng.random(n) < 0.5
            columns[mirrored] = columns[mirrored, ::-1]
        return padded[np.arange(n)[:, None, None], rows[:, :, None], columns[:, None, :]], y
