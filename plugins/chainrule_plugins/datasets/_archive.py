"""Arrays in a zip archive, as NumPy writes them, read without trust: nothing is made before its size is known."""

import math
import textwrap
import zipfile
from pathlib import Path
from typing import IO

import numpy as np

from chainrule import Array, DataError
from chainrule_plugins.datasets._files import SHOWN, require_memory

HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
PACKING = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # what NumPy writes
MOST_PACKED = 1032  # bytes that deflate makes one of
ENCRYPTED = 1  # the bit of a member's flags


def opened(file: Path | IO[bytes], path: Path | str) -> zipfile.ZipFile:
    """The archive, to be read; ``path`` is what messages call it.

    Raises:
        DataError: it is none.
    """
    try:
        return zipfile.ZipFile(file)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from None
    except Exception:  # as below
        message = f"{path} is not an .npz file, or is truncated; np.savez(path, x=x, y=y) writes one"
        raise DataError(message) from None


def array_of(archive: zipfile.ZipFile, member: zipfile.ZipInfo, where: str) -> Array:
    """One array, read once all that tells its size agrees: the archive's directory, the array's header, the memory.

    Raises:
        DataError: it is damaged, not as NumPy writes one, or too large.
    """
    if member.flag_bits & ENCRYPTED or member.compress_type not in PACKING:
        raise DataError(f"{where}: it is encrypted, or compressed by another method than NumPy's; np.savez writes it")
    try:
        with archive.open(member) as content:
            version = np.lib.format.read_magic(content)
            shape, _, dtype = HEADERS[version](content)
            announced = math.prod(shape) * dtype.itemsize
            held = member.file_size - content.tell()
    except Exception as error:  # of zipfile, of NumPy, or of Python's parser, which reads the header: damage has no end
        raise DataError(f"{where}: {_reason(error)}") from None
    if dtype.hasobject:
        raise DataError(f"{where}: it holds pickled Python objects, which could run code; save numbers instead")
    if announced != held or member.file_size > MOST_PACKED * (1 + member.compress_size):
        said = f"{announced:,}" if announced < 1e18 else "a billion billion"  # Python writes 4,300 digits at most
        raise DataError(f"{where}: it is damaged (its header announces {said} bytes, it has {held:,})")
    require_memory(where, announced)
    try:
        with archive.open(member) as content:
            array: Array = np.lib.format.read_array(content, allow_pickle=False)
            return array
    except Exception as error:
        raise DataError(f"{where}: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    return f"it is damaged ({textwrap.shorten(str(error) or type(error).__name__, SHOWN)})"
