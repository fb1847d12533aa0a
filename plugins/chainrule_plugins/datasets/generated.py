"""Points in the plane, computed from a formula: they need no file, and a picture shows what a network made of them."""

import math
from dataclasses import dataclass

import numpy as np

from chainrule import Array, Data, Dataset, Split, stream
from chainrule_plugins.datasets._preparation import require_fractions, split

AXES = ("x1", "x2")


@dataclass
class Xor(Dataset):
    r"""Whether exactly one of two inputs is on: the smallest problem that no single layer can solve.

    $y = x_1 \oplus x_2$

    The four points are the whole problem: there are no others to hold back. So they are training, validation and test
    data alike, and the accuracy says whether the network has solved it, not how well it generalizes.

    Shapes:
        x: (4, 2)
        y: (4,)

    Reference:
        Rumelhart, Hinton, Williams 1986, Learning internal representations by error propagation (Parallel Distributed
        Processing 1, chapter 8), "The XOR problem".

    Example:
        >>> import chainrule as cr
        >>> data = cr.make("dataset", "xor").load()
        >>> data.train.x.tolist()
        [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
        >>> data.train.y.tolist()
        [0, 1, 1, 0]
    """

    checks_not_applicable = {"splits_disjoint": "the four points are the whole problem: there are no others"}

    def load(self) -> Data:
        x = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
        points = Split(x, (x[:, 0] != x[:, 1]).astype(np.int64))
        return Data(points, "binary", validation=points, test=points, class_names=("0", "1"), feature_names=AXES)


@dataclass
class Spirals(Dataset):
    r"""Arms of a spiral, one a class, wound into each other: no straight line separates them.

    Class $k$ of $K$ is an arm. Along it the radius $r$ grows evenly from 0.1, as at 0 all arms would meet, to 1. The
    angle grows with it, and is blurred:

    $t = 2 \pi k / K + 4 r + noise \cdot \epsilon, \quad \epsilon \sim N(0, 1)$
    $x = (r \sin t, r \cos t)$

    Classes have equally many points (to within one).

    Shapes:
        x: (samples, 2) in all
        y: (samples,) in all

    Args:
        samples: how many points, of all classes and parts together: at least 10 for each class; default 1500.
        classes: the number of arms, at least 2; default 3.
        noise: the standard deviation of the angle, in radians, 0 or more; default 0.2.
        validation_fraction: of the samples that are not for testing, from 0 up to but not 1; default 0.2.
        test_fraction: of all samples, from 0 up to but not 1; default 0.2.
        seed: of the noise and of the split, 0 or more; default 0. It is not the seed of the training.

    Raises:
        FieldError: a field outside its range.

    Reference:
        Karpathy, CS231n: Convolutional Neural Networks for Visual Recognition, course notes, "Putting it together:
        Minimal Neural Network Case Study", section "Generating some data"; there the arms are 4 radians apart and
        start at 0.

    Example:
        >>> import chainrule as cr
        >>> cr.make("dataset", "spirals", samples=300).load().train.x.shape
        (192, 2)
    """

    samples: int = 1500
    classes: int = 3
    noise: float = 0.2
    validation_fraction: float = 0.2
    test_fraction: float = 0.2
    seed: int = 0

    def __post_init__(self) -> None:
        self.require("classes", self.classes >= 2, "at least 2")
        self.require("samples", self.samples >= 10 * self.classes, "at least 10 for each class")
        self.require("noise", 0 <= self.noise < math.inf, "a finite number, at least 0")
        require_fractions(self)

    def load(self) -> Data:
        along, y = along_curves(self.samples, self.classes)
        r = 0.1 + 0.9 * along
        epsilon = stream(self.seed, "noise").standard_normal(self.samples)
        t = 2 * np.pi * y / self.classes + 4 * r + self.noise * epsilon
        x = np.stack([r * np.sin(t), r * np.cos(t)], axis=1)
        train, validation, test = split(self, x, y)
        names = [str(k) for k in range(self.classes)]
        return Data(train, "multiclass", validation, test, class_names=names, feature_names=AXES)


@dataclass
class Moons(Dataset):
    r"""Two half circles that reach into each other: a curved border separates them.

    Along its half circle the angle $t$ of a class grows evenly up to $\pi$:

    $x = (\cos t, \sin t) + noise \cdot \epsilon$ for class 0
    $x = (1 - \cos t, 1/2 - \sin t) + noise \cdot \epsilon$ for class 1, $\epsilon \sim N(0, I)$

    Shapes:
        x: (samples, 2) in all
        y: (samples,) in all

    Args:
        samples: how many points, of both classes and all parts together: at least 20; default 1000.
        noise: the standard deviation of each coordinate, 0 or more; default 0.1.
        validation_fraction: of the samples that are not for testing, from 0 up to but not 1; default 0.2.
        test_fraction: of all samples, from 0 up to but not 1; default 0.2.
        seed: of the noise and of the split, 0 or more; default 0. It is not the seed of the training.

    Raises:
        FieldError: a field outside its range.

    Reference:
        The shape is that of scikit-learn's make_moons.

    Example:
        >>> import chainrule as cr
        >>> cr.make("dataset", "moons", samples=100).load().test.x.shape
        (20, 2)
    """

    samples: int = 1000
    noise: float = 0.1
    validation_fraction: float = 0.2
    test_fraction: float = 0.2
    seed: int = 0

    def __post_init__(self) -> None:
        self.require("samples", self.samples >= 20, "at least 20")
        self.require("noise", 0 <= self.noise < math.inf, "a finite number, at least 0")
        require_fractions(self)

    def load(self) -> Data:
        along, y = along_curves(self.samples, 2)
        t = np.pi * along
        upper = np.stack([np.cos(t), np.sin(t)], axis=1)
        lower = np.stack([1 - np.cos(t), 0.5 - np.sin(t)], axis=1)
        epsilon = stream(self.seed, "noise").standard_normal((self.samples, 2))
        x = np.where(y[:, None] == 0, upper, lower) + self.noise * epsilon
        train, validation, test = split(self, x, y)
        return Data(train, "binary", validation, test, class_names=("upper", "lower"), feature_names=AXES)


@dataclass
class Circles(Dataset):
    r"""A circle inside a circle: the border is a closed curve.

    Along its circle the angle $t$ of a class grows evenly up to $2 \pi$:

    $x = (\cos t, \sin t) + noise \cdot \epsilon$ for class 0
    $x = factor \cdot (\cos t, \sin t) + noise \cdot \epsilon$ for class 1, $\epsilon \sim N(0, I)$

    Shapes:
        x: (samples, 2) in all
        y: (samples,) in all

    Args:
        samples: how many points, of both classes and all parts together: at least 20; default 1000.
        factor: the radius of the inner circle, more than 0 and less than 1; default 0.5.
        noise: the standard deviation of each coordinate, 0 or more; default 0.1.
        validation_fraction: of the samples that are not for testing, from 0 up to but not 1; default 0.2.
        test_fraction: of all samples, from 0 up to but not 1; default 0.2.
        seed: of the noise and of the split, 0 or more; default 0. It is not the seed of the training.

    Raises:
        FieldError: a field outside its range.

    Reference:
        The shape is that of scikit-learn's make_circles.

    Example:
        >>> import chainrule as cr
        >>> cr.make("dataset", "circles", samples=100).load().class_names
        ('outer', 'inner')
    """

    samples: int = 1000
    factor: float = 0.5
    noise: float = 0.1
    validation_fraction: float = 0.2
    test_fraction: float = 0.2
    seed: int = 0

    def __post_init__(self) -> None:
        self.require("samples", self.samples >= 20, "at least 20")
        self.require("factor", 0 < self.factor < 1, "more than 0 and less than 1")
        self.require("noise", 0 <= self.noise < math.inf, "a finite number, at least 0")
        require_fractions(self)

    def load(self) -> Data:
        along, y = along_curves(self.samples, 2)
        t = 2 * np.pi * along
        radius = np.where(y == 0, 1.0, self.factor)
        epsilon = stream(self.seed, "noise").standard_normal((self.samples, 2))
        x = np.stack([radius * np.cos(t), radius * np.sin(t)], axis=1) + self.noise * epsilon
        train, validation, test = split(self, x, y)
        return Data(train, "binary", validation, test, class_names=("outer", "inner"), feature_names=AXES)


def along_curves(samples: int, classes: int) -> tuple[Array, Array]:
    """Deal samples out in turn to one curve per class: how far along its curve each lies, and its class.

    >>> along_curves(6, 2)
    (array([0.33333333, 0.33333333, 0.66666667, 0.66666667, 1.        ,
           1.        ]), array([0, 1, 0, 1, 0, 1]))
    """
    index = np.arange(samples)
    longest = math.ceil(samples / classes)
    return (index // classes + 1) / longest, index % classes
