"""Arrays and what they mean in one safetensors file: no code in it, as a pickle would have."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from pathlib import Path

from chainrule.contract.arrays import Array
from chainrule.errors import DataError

FORMAT = "chainrule"
PARTIAL = ".partial"
"""The end of a file's name while it is written."""


def write(path: Path, tensors: Mapping[str, Array], metadata: Mapping[str, str]) -> None:
    """Write the arrays, with texts as metadata. The file takes its place only once it is whole, and on the disk: after
    a power failure, too, there is the one or what was there before.

    Raises:
        DataError: it cannot be written; its cause is the OSError. No part of it is left.
    """
    from safetensors.numpy import save

    try:
        put(path, save(dict(tensors), metadata={"format": FORMAT, **metadata}))
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror}") from error


def put(path: Path, content: bytes) -> None:
    """Write a file, whole and onto the disk, or not at all.

    Raises:
        OSError: it cannot be written, or there is something else in its place: a device would give way to it.
    """
    if path.exists() and not path.is_file():
        raise FileExistsError(errno.EEXIST, "it is a folder or a device", str(path))
    partial = path.parent / f"{path.name}{PARTIAL}"
    try:
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    if os.name == "posix":
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)  # the name too
        finally:
            os.close(folder)


def read(path: Path) -> tuple[dict[str, Array], dict[str, str]]:
    """The arrays and the metadata that ``write`` wrote. What the file says of their sizes is compared with its own
    before any is made.

    Raises:
        DataError: the file is not there, or is not such a file.
    """
    from safetensors import SafetensorError, safe_open

    if path.exists() and not path.is_file():
        raise DataError(f"{path} is no file, but a folder, a pipe or a device")
    try:
        with safe_open(str(path), "numpy") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
        if any(tensor.dtype.kind == "V" for tensor in tensors.values()):
            raise TypeError("a type that some other package, such as ml_dtypes, has added to NumPy's")
    except (OSError, SafetensorError, ValueError) as error:  # NumPy has no arrays of more than 64 axes
        raise DataError(f"{path} is not a network that chainrule saved: {error}") from None
    except (TypeError, AttributeError):
        raise DataError(f"{path} holds numbers of a type that NumPy does not have, such as bfloat16") from None
    if metadata.get("format") != FORMAT:
        raise DataError(f"{path} is not a network that chainrule saved, but of some other program")
    return tensors, metadata
