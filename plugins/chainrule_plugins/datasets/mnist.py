"""MNIST and Fashion-MNIST. Another dataset of the same form is another table and a subclass of ``IdxDataset``."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np

from chainrule import Array, Data, DataError, Dataset, Preparation, Scaled, Scaling, Split, split_indices
from chainrule_plugins.datasets._idx import IdxFile, IdxSource


@dataclass
class IdxDataset(Dataset):
    """What datasets of this form share: how the images, which stay bytes until they are read, are split."""

    validation_size: int = 5000
    train_size: int | None = None
    hold_out: Literal["random", "last"] = "random"
    seed: int = 0
    target: Literal["class", "image"] = "class"

    source: ClassVar[IdxSource]
    class_names: ClassVar[Sequence[str]]

    check_examples = (
        {"validation_size": 500, "train_size": 2000},
        {"validation_size": 500, "train_size": 2000, "target": "image"},
    )

    @property
    def checks_not_applicable(self) -> Mapping[str, str]:
        if self.source.at_hand:
            return {}
        return {"loads": f"its files are not in {self.source.folder}, and a check downloads nothing"}

    def __post_init__(self) -> None:
        self.require("validation_size", self.validation_size >= 0, "at least 0")
        self.require("train_size", self.train_size is None or self.train_size >= 1, "at least 1, or null for all")
        self.require("seed", self.seed >= 0, "at least 0")

    def files_read(self) -> Sequence[Path]:
        return self.source.paths

    def load(self) -> Data:
        (x, y), (test_x, test_y), hashes = self.source.read()
        n, validation_size = len(x), self.validation_size
        train_size = n - validation_size if self.train_size is None else self.train_size
        if train_size < 1 or validation_size + train_size > n:
            raise DataError(
                f"{self.source.name} has {n:,} images for training and validation: validation_size={validation_size} "
                f"leaves {max(n - validation_size, 0):,}, and train_size is {self.train_size or 'not given'}"
            )
        # Training images are taken in the order of one permutation: fewer of them are some of the same.
        if self.hold_out == "random":
            validation, train, _ = split_indices(n, [validation_size / n, train_size / n], self.seed)
        else:
            before = n - validation_size
            train, validation = split_indices(before, [train_size / before], self.seed)[0], np.arange(before, n)
        scaling = Scaling(white=1.0)

        def part(images: Array, labels: Array, rows: Array | None = None) -> Split:
            pixels = Scaled(images, scaling, rows)
            if self.target == "image":
                return Split(pixels, Scaled(images.reshape(len(images), -1), scaling, rows))
            return Split(pixels, (labels if rows is None else labels[rows]).astype(np.int64))

        return Data(
            train=part(x, y, train),
            task="multiclass" if self.target == "class" else "regression",
            validation=part(x, y, validation) if validation_size else None,
            test=part(test_x, test_y),
            class_names=self.class_names if self.target == "class" else (),
            source_digest=self._digest(hashes, train_size),
            preparation=Preparation(scaling=scaling),
        )

    def _digest(self, hashes: str, train_size: int) -> str:
        more = " last" * (self.hold_out == "last") + " image" * (self.target == "image")
        return hashlib.sha256(f"{hashes} {self.validation_size} {train_size} {self.seed}{more}".encode()).hexdigest()


@dataclass
class Mnist(IdxDataset):
    r"""70,000 handwritten digits of 28x28 pixels: the classic benchmark, verified by its hashes, downloaded if need be.

    The files are read from ``$CHAINRULE_DATA/mnist/`` if that variable is set, else from the user's cache, to which
    they are downloaded (11 MB). ``CHAINRULE_MIRROR`` names another mirror. Files that lie there decompressed are
    mapped: processes share them in memory. Validation images are taken off the 60,000 training images; the 10,000 test
    images are as published. Pixels are divided by 255.

    Shapes:
        x: (60000, 28, 28) for training and validation, (10000, 28, 28) for testing; float32 from 0 to 1, which bytes
            become as they are read
        y: (60000,) and (10000,); of images (60000, 784) and (10000, 784)

    Args:
        validation_size: how many of the 60,000 are for validation, 0 or more; default 5000.
        train_size: how many of the others are trained on, at least 1; default all.
        hold_out: which ones are for validation: random (the default), or last, those at the end of the training file;
            with validation_size=10000 that is the split into 50,000 and 10,000 of Nielsen 2015 and many others.
        seed: of the split, 0 or more; default 0. It is not the seed of the training.
        target: what is to be predicted: class (the default), or image, the pixels themselves: a regression, for
            networks that are to give back what they were shown.

    Raises:
        DataError: a file is missing and cannot be downloaded, or is truncated or altered; and what to do.

    Reference:
        LeCun, Bottou, Bengio, Haffner 1998, Gradient-based learning applied to document recognition, section III.A.

    Example:
        >>> import chainrule as cr
        >>> cr.make("dataset", "mnist", train_size=1000)
        Mnist(validation_size=5000, train_size=1000, hold_out='random', seed=0, target='class')
    """

    class_names: ClassVar[Sequence[str]] = tuple("0123456789")
    source: ClassVar[IdxSource] = IdxSource(
        "mnist",
        ("https://ossci-datasets.s3.amazonaws.com/mnist/", "https://storage.googleapis.com/cvdf-datasets/mnist/"),
        train_images=IdxFile(
            "train-images-idx3-ubyte", 3, sha256="ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"
        ),
        train_labels=IdxFile(
            "train-labels-idx1-ubyte", 1, sha256="65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"
        ),
        test_images=IdxFile(
            "t10k-images-idx3-ubyte", 3, sha256="0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"
        ),
        test_labels=IdxFile(
            "t10k-labels-idx1-ubyte", 1, sha256="ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"
        ),
    )


@dataclass
class FashionMnist(IdxDataset):
    r"""70,000 pictures of clothes of 28x28 pixels: as MNIST in form, harder to tell apart.

    The files are read from ``$CHAINRULE_DATA/fashion_mnist/`` if that variable is set, else from the user's cache, to
    which they are downloaded (31 MB). ``CHAINRULE_MIRROR`` names another mirror. What is published to verify them by is
    a hash of the compressed files: of files that lie there decompressed only the structure is checked. Pixels are
    divided by 255.

    Shapes:
        x: (60000, 28, 28) for training and validation, (10000, 28, 28) for testing; float32 from 0 to 1, which bytes
            become as they are read
        y: (60000,) and (10000,); of images (60000, 784) and (10000, 784)

    Args:
        validation_size: how many of the 60,000 are for validation, 0 or more; default 5000.
        train_size: how many of the others are trained on, at least 1; default all.
        hold_out: which ones are for validation: random (the default), or last, those at the end of the training file;
            with validation_size=10000 that is the split into 50,000 and 10,000 of Nielsen 2015 and many others.
        seed: of the split, 0 or more; default 0. It is not the seed of the training.
        target: what is to be predicted: class (the default), or image, the pixels themselves: a regression, for
            networks that are to give back what they were shown.

    Raises:
        DataError: a file is missing and cannot be downloaded, or is truncated or altered; and what to do.

    Reference:
        Xiao, Rasul, Vollgraf 2017, Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning Algorithms,
        arXiv:1708.07747.

    Example:
        >>> import chainrule as cr
        >>> cr.make("dataset", "fashion_mnist").class_names[:2]
        ('T-shirt/top', 'Trouser')
    """

    class_names: ClassVar[Sequence[str]] = (
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
    )  # fmt: skip
    source: ClassVar[IdxSource] = IdxSource(
        "fashion_mnist",
        (
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
            "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
        ),
        train_images=IdxFile("train-images-idx3-ubyte", 3, gz_md5="8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
        train_labels=IdxFile("train-labels-idx1-ubyte", 1, gz_md5="25c81989df183df01b3e8a0aad5dffbe"),
        test_images=IdxFile("t10k-images-idx3-ubyte", 3, gz_md5="bef4ecab320f06d8554ea6380940ec79"),
        test_labels=IdxFile("t10k-labels-idx1-ubyte", 1, gz_md5="bb300cfdad3c16e7a12a480ee83cd310"),
    )
