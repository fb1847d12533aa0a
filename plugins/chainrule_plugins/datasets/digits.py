"""Real handwritten digits that come with scikit-learn: no download."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from chainrule import Data, Dataset, Preparation, Scaling
from chainrule_plugins.datasets._preparation import require_fractions, split


@dataclass
class Digits(Dataset):
    r"""1,797 handwritten digits of 8x8 pixels, which come with scikit-learn: real images without a download.

    A pixel counts the dark points, 0 to 16, of a 4x4 field of the scanned image; it is divided by 16.

    Shapes:
        x: (1797, 8, 8) in all, float32 from 0 to 1
        y: (1797,) in all

    Args:
        validation_fraction: of the images that are not for testing, from 0 up to but not 1; default 0.1.
        test_fraction: of all images, from 0 up to but not 1; default a third.
        seed: of the split, 0 or more; default 0. It is not the seed of the training.

    Raises:
        FieldError: a field outside its range.

    Reference:
        Alpaydin, Kaynak 1998, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository (its test
        set).

    Example:
        >>> import chainrule as cr
        >>> cr.make("dataset", "digits").load().test.x.shape
        (599, 8, 8)
    """

    validation_fraction: float = 0.1
    test_fraction: float = 1 / 3
    seed: int = 0

    def __post_init__(self) -> None:
        require_fractions(self)

    def files_read(self) -> Sequence[str]:
        return []

    def load(self) -> Data:
        from sklearn.datasets import load_digits

        digits = load_digits()
        x = (digits.images / 16).astype(np.float32)
        train, validation, test = split(self, x, digits.target.astype(np.int64))
        names = [str(k) for k in range(10)]
        preparation = Preparation(scaling=Scaling(width=16.0, white=16.0))
        return Data(train, "multiclass", validation, test, class_names=names, preparation=preparation)
