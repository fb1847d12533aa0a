"""MNIST and Fashion-MNIST: four IDX files each, looked for, downloaded where missing, and verified.

Where the files are looked for: in ``$CHAINRULE_DATA/<dataset>/`` if that variable is set; else in the user's cache, to
which missing ones are downloaded. ``CHAINRULE_MIRROR=<url>`` names a mirror of one's own, such as a company's, to be
used in place of the public ones: ``<url>/<dataset>/<file>.gz``.

What is particular to a dataset is a table, ``IdxSource``; the code takes it as an argument. Another dataset of the same
form is another table and a subclass of ``IdxDataset``.
"""

import gzip
import hashlib
import math
import os
import struct
import tempfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

import numpy as np

from chainrule import Array, Data, DataError, Dataset, Split, split_indices


@dataclass(frozen=True)
class IdxFile:
    """One file of a dataset, and what is published to verify it by.

    Args:
        name: without ``.gz``.
        axes: of its array: 3 for images, 1 for labels.
        sha256: of the content, decompressed.
        gz_md5: of the compressed file; a file that lies there decompressed cannot be verified by it.
    """

    name: str
    axes: int
    sha256: str | None = None
    gz_md5: str | None = None

    def find(self, folder: Path) -> Path | None:
        """Where it lies in ``folder``, compressed or not."""
        candidates = (folder / f"{self.name}.gz", folder / self.name)
        return next((path for path in candidates if path.is_file()), None)

    def read(self, path: Path) -> tuple[Array, str]:
        """Its array, and the SHA-256 of its content.

        Raises:
            DataError: what is wrong with it.
        """
        try:
            stored = path.read_bytes()
            content = gzip.decompress(stored) if path.suffix == ".gz" else stored
        except EOFError:
            raise DataError(f"{path} is truncated: its compressed data ends too early") from None
        except (gzip.BadGzipFile, zlib.error) as error:
            raise DataError(f"{path} is not a sound gzip file: {error}") from None
        except OSError as error:
            raise DataError(f"{path} cannot be read: {error.strerror}") from None
        array = parse_idx(content, self.axes, str(path))
        sha256 = hashlib.sha256(content).hexdigest()
        if self.sha256 not in (None, sha256):
            raise DataError(f"{path} is altered: the SHA-256 of its content is {sha256}, not {self.sha256}")
        if self.gz_md5 and path.suffix == ".gz":
            md5 = hashlib.md5(stored, usedforsecurity=False).hexdigest()
            if md5 != self.gz_md5:
                raise DataError(f"{path} is altered: its MD5 is {md5}, not {self.gz_md5}")
        return array, sha256


def parse_idx(content: bytes, axes: int, name: str) -> Array:
    """The array of unsigned bytes in an IDX file.

    It starts with big-endian numbers of 4 bytes: the magic number (0x08 for unsigned bytes, then the number of axes)
    and the length of each axis. The values follow.

    Raises:
        DataError: the content is not that.
    """
    header = struct.Struct(f">{1 + axes}I")
    if len(content) < header.size:
        raise DataError(f"{name} is truncated: it has {len(content)} bytes, fewer than its header of {header.size}")
    magic, *shape = header.unpack_from(content)
    if magic != 0x0800 + axes:
        raise DataError(f"{name} is not such a file: its magic number is 0x{magic:08x}, not 0x{0x0800 + axes:08x}")
    expected, found = math.prod(shape), len(content) - header.size
    if found != expected:
        state = "truncated" if found < expected else "too long"
        raise DataError(f"{name} is {state}: its header announces {expected:,} bytes of data, it has {found:,}")
    return np.frombuffer(content, np.uint8, offset=header.size).reshape(shape)


@dataclass(frozen=True)
class IdxSource:
    """The four files of a dataset, and where they are to be had.

    Args:
        name: of its folder, in the cache and elsewhere.
        mirrors: URLs, each ending in a slash, of folders that hold the files as ``<name>.gz``; tried in turn.
    """

    name: str
    mirrors: Sequence[str]
    train_images: IdxFile
    train_labels: IdxFile
    test_images: IdxFile
    test_labels: IdxFile

    @property
    def files(self) -> tuple[IdxFile, ...]:
        return self.train_images, self.train_labels, self.test_images, self.test_labels

    def read(self) -> tuple[Split, Split, str]:
        """Training and test data as the files have them, in unsigned bytes, and a text that identifies both.

        Raises:
            DataError: a file is missing and cannot be downloaded, or is not what it should be; and what to do.
        """
        folder, remedy = self._filled_folder()
        paths = [file.find(folder) or folder / file.name for file in self.files]
        try:
            (x, y, test_x, test_y), hashes = zip(*(f.read(path) for f, path in zip(self.files, paths)), strict=True)
            for images, labels, path in ((x, y, paths[1]), (test_x, test_y, paths[3])):
                if len(images) != len(labels):
                    raise DataError(f"{path} has {len(labels):,} labels for {len(images):,} images")
        except DataError as error:
            raise DataError(f"{error}.\n{remedy}") from None
        return Split(x, y), Split(test_x, test_y), " ".join(hashes)

    @property
    def folder(self) -> Path:
        """Where the files are looked for."""
        given = os.environ.get("CHAINRULE_DATA")
        if given:
            return Path(given).expanduser() / self.name
        import platformdirs

        return Path(platformdirs.user_cache_dir("chainrule")) / self.name

    @property
    def at_hand(self) -> bool:
        """Whether all four files are there, so that none need be downloaded."""
        return not self._missing(self.folder)

    def _filled_folder(self) -> tuple[Path, str]:
        """The folder that has all four files, after a download if need be; and what to do about a damaged one."""
        folder = self.folder
        if os.environ.get("CHAINRULE_DATA"):
            missing = self._missing(folder)
            if missing:
                name = missing[0].name
                raise DataError(
                    f"{self.name}: there is no {name}.gz (nor {name}) in {folder}, where CHAINRULE_DATA points.\n"
                    "Put the four files there, or unset CHAINRULE_DATA to have them downloaded; "
                    "or use experiment=digits, which needs no download."
                )
            return folder, "Replace it with the published file, or unset CHAINRULE_DATA to have it downloaded."
        own = os.environ.get("CHAINRULE_MIRROR")
        self.download(folder, [f"{own.rstrip('/')}/{self.name}/"] if own else self.mirrors)
        return folder, "Delete it, and the next run downloads it again."

    def download(self, folder: Path, mirrors: Sequence[str]) -> None:
        """Download what is missing in ``folder``. Where a mirror fails, the next one is asked for the rest.

        Raises:
            DataError: the folder cannot be written, or files are still missing in the end; where to put them by hand.
        """
        failures = []
        for mirror in mirrors:
            try:
                for file in self._missing(folder):
                    fetch(f"{mirror}{file.name}.gz", file, folder)
            except (OSError, DataError) as error:
                if getattr(error, "errno", None) is not None:  # of a file; those of the HTTP library have no number
                    raise DataError(
                        f"{self.name}: {folder} cannot be written: {_reason(error)}.\n"
                        f"Put the four files into a folder {self.name} elsewhere and set CHAINRULE_DATA to the folder "
                        "above; or use experiment=digits, which needs no download."
                    ) from None
                failures.append(f"{urlsplit(mirror).netloc or mirror}: {_reason(error)}")
        missing = self._missing(folder)
        if missing:
            raise DataError(
                f"{self.name}: {missing[0].name}.gz cannot be downloaded to {folder} ({'; '.join(failures)}).\n"
                f"Put the four files there, or into a folder {self.name} and set CHAINRULE_DATA to the folder above; "
                "or use experiment=digits, which needs no download."
            )

    def _missing(self, folder: Path) -> list[IdxFile]:
        return [file for file in self.files if file.find(folder) is None]


def fetch(url: str, file: IdxFile, folder: Path) -> None:
    """Download one file and verify it. Only then does it get its name, in one step: so there is never half a file of
    that name, whatever interrupts this and whoever else is at it at the same time.

    Raises:
        OSError: no connection, a status that is not success, a full disk. DataError: it is not what it should be.
    """
    from pooch import HTTPDownloader

    folder.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix="partial-", suffix=".gz", dir=folder)
    os.close(handle)
    part, bar = Path(name), Bar(f"{file.name}.gz")
    try:
        HTTPDownloader(progressbar=bar, chunk_size=1 << 16, timeout=10)(url, name, None)
        file.read(part)
        part.replace(folder / f"{file.name}.gz")
    finally:
        bar.close()
        part.unlink(missing_ok=True)


class Bar:
    """A progress bar as pooch drives one. It appears once the total is set: not before a server has answered."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._bar: Any = None

    @property
    def total(self) -> int:
        return int(self._bar.total)

    @total.setter
    def total(self, total: int) -> None:
        from tqdm import tqdm

        self._bar = tqdm(total=total, desc=self._name, unit="B", unit_scale=True)

    def update(self, amount: int) -> None:
        self._bar.update(amount)

    def reset(self) -> None:
        self._bar.reset()

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()


def _reason(error: Exception) -> str:
    """A few words about a download that failed; the messages of the HTTP library run over several lines."""
    if isinstance(error, DataError):
        return "what it sends is not the published file"
    if isinstance(error, ValueError):
        return "not an http(s) address, as CHAINRULE_MIRROR must be"
    response = getattr(error, "response", None)
    if response is not None:
        return f"status {response.status_code}"
    return getattr(error, "strerror", None) or type(error).__name__


@dataclass
class IdxDataset(Dataset):
    """What datasets of this form share: how the images are split and scaled."""

    validation_size: int = 5000
    train_size: int | None = None
    seed: int = 0

    source: ClassVar[IdxSource]
    class_names: ClassVar[Sequence[str]]

    check_examples = ({"validation_size": 500, "train_size": 2000},)

    @property
    def checks_not_applicable(self) -> Mapping[str, str]:
        if self.source.at_hand:
            return {}
        return {"loads": f"its files are not in {self.source.folder}, and a check downloads nothing"}

    def __post_init__(self) -> None:
        self.require("validation_size", self.validation_size >= 0, "at least 0")
        self.require("train_size", self.train_size is None or self.train_size >= 1, "at least 1, or null for all")
        self.require("seed", self.seed >= 0, "at least 0")

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
        validation, train, _ = split_indices(n, [validation_size / n, train_size / n], self.seed)
        return Data(
            train=_scaled(x[train], y[train]),
            task="multiclass",
            validation=_scaled(x[validation], y[validation]) if validation_size else None,
            test=_scaled(test_x, test_y),
            class_names=self.class_names,
            source_digest=hashlib.sha256(f"{hashes} {validation_size} {train_size} {self.seed}".encode()).hexdigest(),
        )


def _scaled(images: Array, labels: Array) -> Split:
    """Pixels from 0 to 1, and labels as integers with a sign."""
    x = images.astype(np.float32)
    x /= 255
    return Split(x, labels.astype(np.int64))


@dataclass
class Mnist(IdxDataset):
    r"""70,000 handwritten digits of 28x28 pixels: the classic benchmark, verified by its hashes, downloaded if need be.

    The files are read from ``$CHAINRULE_DATA/mnist/`` if that variable is set, else from the user's cache, to which
    they are downloaded (11 MB). ``CHAINRULE_MIRROR`` names another mirror. Validation images are taken off the 60,000
    training images; the 10,000 test images are as published. Pixels are divided by 255.

    Shapes:
        x: (60000, 28, 28) for training and validation, (10000, 28, 28) for testing; float32 from 0 to 1
        y: (60000,) and (10000,)

    Args:
        validation_size: how many of the 60,000 are for validation, 0 or more; default 5000.
        train_size: how many of the others are trained on, at least 1; default all.
        seed: of the split, 0 or more; default 0. It is not the seed of the training.

    Raises:
        DataError: a file is missing and cannot be downloaded, or is truncated or altered; and what to do.

    Reference:
        LeCun, Bottou, Bengio, Haffner 1998, Gradient-based learning applied to document recognition, section III.A.

    Example:
        >>> import chainrule as cr
        >>> cr.make("dataset", "mnist", train_size=1000)
        Mnist(validation_size=5000, train_size=1000, seed=0)
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
        x: (60000, 28, 28) for training and validation, (10000, 28, 28) for testing; float32 from 0 to 1
        y: (60000,) and (10000,)

    Args:
        validation_size: how many of the 60,000 are for validation, 0 or more; default 5000.
        train_size: how many of the others are trained on, at least 1; default all.
        seed: of the split, 0 or more; default 0. It is not the seed of the training.

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
