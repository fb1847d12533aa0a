"""Datasets of four IDX files: looked for, downloaded where missing, and verified.

Where the files are looked for: in ``$CHAINRULE_DATA/<dataset>/`` if that variable is set; else in the user's cache, to
which missing ones are downloaded. ``CHAINRULE_MIRROR=<url>`` names a mirror of one's own, such as a company's, to be
used in place of the public ones: ``<url>/<dataset>/<file>.gz``.

What is particular to a dataset is a table, ``IdxSource``.
"""

import hashlib
import math
import os
import struct
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from mmap import mmap
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from chainrule import Array, DataError, Split
from chainrule_plugins.datasets._files import mapped, stored, unpacked


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
        """Where it lies in ``folder``, compressed or not. What can be verified either way is best read decompressed,
        which takes no time, and no memory that other processes have not as well."""
        candidates = [folder / self.name, folder / f"{self.name}.gz"]
        if self.sha256 is None:
            candidates.reverse()
        return next((path for path in candidates if path.is_file()), None)

    def read(self, path: Path) -> tuple[Array, str]:
        """Its array, and the SHA-256 of its content. Of a file that is not compressed the array is the file's own
        pages, which are read as they are needed.

        Raises:
            DataError: what is wrong with it.
        """
        packed = stored(path) if path.suffix == ".gz" else None
        content = mapped(path) if packed is None else unpacked(path, packed)
        array = parse_idx(content, self.axes, str(path))
        sha256 = hashlib.sha256(content).hexdigest()
        if self.sha256 not in (None, sha256):
            raise DataError(f"{path} is altered: the SHA-256 of its content is {sha256}, not {self.sha256}")
        if self.gz_md5 and packed is not None:
            md5 = hashlib.md5(packed, usedforsecurity=False).hexdigest()
            if md5 != self.gz_md5:
                raise DataError(f"{path} is altered: its MD5 is {md5}, not {self.gz_md5}")
        return array, sha256


def parse_idx(content: bytes | bytearray | mmap, axes: int, name: str) -> Array:
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
        remedy = self._fill()
        paths = self.paths
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
    def paths(self) -> list[Path]:
        """Where the four files are, or would be looked for."""
        return [file.find(self.folder) or self.folder / file.name for file in self.files]

    @property
    def at_hand(self) -> bool:
        """Whether all four files are there, so that none need be downloaded."""
        return not self._missing(self.folder)

    def _fill(self) -> str:
        """See that all four files are in the folder, by a download if need be; what to do about a damaged one."""
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
            return "Replace it with the published file, or unset CHAINRULE_DATA to have it downloaded."
        own = os.environ.get("CHAINRULE_MIRROR")
        self.download(folder, [f"{own.rstrip('/')}/{self.name}/"] if own else self.mirrors)
        return "Delete it, and the next run downloads it again."

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
