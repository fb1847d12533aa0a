"""Files of the user's own: found and read whole, in no more memory than there is."""

import gzip
import io
import mmap
import os
import stat
import zlib
from pathlib import Path

from chainrule import DataError

SHOWN = 80  # characters of what a file holds in a message


def found(given: str) -> Path:
    """The path of a file that is there; ``~`` is the home directory.

    Raises:
        DataError: it is not there, is no file to be read from its beginning to its end, or can be no path at all.
    """
    try:
        if b"\0" in os.fsencode(given):
            raise ValueError("no path holds a zero byte")
        path = Path(given).expanduser()
        try:
            mode = path.stat().st_mode
        except (FileNotFoundError, NotADirectoryError):
            mode = None
    except (OSError, RuntimeError, ValueError) as error:  # too long; nobody's home; letters that no path can hold
        reason = error.strerror if isinstance(error, OSError) else error
        raise DataError(f"{brief(repr(given))} leads to no file: {reason}") from None
    if mode is None:
        raise DataError(f"there is no file {path} (looked for from {Path.cwd()})")
    if not stat.S_ISREG(mode):
        raise DataError(f"{path} is no file, but a folder, a pipe or a device")
    return path


def stored(path: Path) -> bytes:
    """All that the file holds.

    Raises:
        DataError: it cannot be read, or is larger than the memory that is free.
    """
    try:
        require_memory(str(path), path.stat().st_size)
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from None


def mapped(path: Path) -> mmap.mmap | bytes:
    """All that the file holds, as its own pages, which are read as they are needed and shared by all processes. A file
    that takes its place leaves them as they are; one that is written over, while it is read, does not.

    Raises:
        DataError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            empty = os.fstat(file.fileno()).st_size == 0  # which has no page
            return b"" if empty else mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from None


def unpacked(path: Path, content: bytes | bytearray) -> bytearray:
    """What gzip has packed, piece by piece: what it comes to is known only at its end, and may be a thousandfold.

    Raises:
        DataError: it is damaged, or comes to more than half the memory that is free, as it is copied when it is read.
    """
    most, whole = free_memory() // 2, bytearray()
    try:
        with gzip.open(io.BytesIO(content)) as file:
            while piece := file.read(1 << 20):
                whole += piece
                if len(whole) > most:
                    raise DataError(f"{path} is too large: unpacked it takes more memory than is free")
    except EOFError:
        raise DataError(f"{path} is truncated: its compressed data ends too early") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{path} is not a sound gzip file: {error}") from None
    return whole


def require_memory(what: str, size: int) -> None:
    """Refuse what does not fit, before anything is allocated for it.

    Raises:
        DataError: with both sizes, in bytes.
    """
    free = free_memory()
    if size > free:
        raise DataError(f"{what} is too large: it takes {size / 1e9:,.1f} GB, and {free / 1e9:,.1f} GB are free")


def free_memory() -> int:
    """In bytes."""
    import psutil

    return int(psutil.virtual_memory().available)


def brief(text: str) -> str:
    """``text``, or its beginning and an ellipsis."""
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"
