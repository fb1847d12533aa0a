"""Checkpoints: the state of a training in a file, and the last two of them in a folder.

A file is safetensors with JSON in its metadata, and holds its own checksum. It is on the disk before it takes its name,
so that neither a kill nor a power failure leaves half of one.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from chainrule.contract.arrays import Array
from chainrule.errors import DataError
from chainrule.network.files import PARTIAL, put
from chainrule.training.encoding import decoded, encoded

log = logging.getLogger(__name__)

FORMAT = "chainrule training 1"
KEPT = 2
SUFFIX = ".safetensors"


def write(path: Path, text: str, arrays: Mapping[str, Array]) -> None:
    """Write what ``encoded`` gave.

    Raises:
        OSError: the disk is full, or there is no such folder.
    """
    from safetensors.numpy import save

    metadata = {"format": FORMAT, "state": text, "sha256": _digest(text, arrays)}
    put(path, save(dict(arrays), metadata=metadata))


def read(path: Path) -> Any:
    """The state that ``write`` wrote.

    Raises:
        DataError: the file is not there, is no checkpoint, or is damaged.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), "numpy") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != FORMAT:
                raise DataError(f"{path} is no checkpoint of a training")
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except (OSError, SafetensorError, ValueError, LookupError, TypeError, AttributeError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path} is no checkpoint of a training, or is damaged: {error}") from None
    text = metadata.get("state", "")
    if metadata.get("sha256") != _digest(text, arrays):
        raise DataError(f"{path} is damaged: its checksum is not that of what it holds")
    return decoded(text, arrays)


def _digest(text: str, arrays: Mapping[str, Array]) -> str:
    digest = hashlib.sha256(text.encode())
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"\n{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(array.data if array.size else b"")
    return digest.hexdigest()


class Checkpoints:
    """The last two checkpoints of a training, in a folder of their own. Files are written in a thread."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._thread: ThreadPoolExecutor | None = None
        self._writing: Future[None] | None = None
        self._failed = False
        self.took = 0.0
        """Seconds that the last one took to be written, beside the training."""

    def save(self, state: Any) -> None:
        """Begin to write a state, as it is now, once the one before is on the disk.

        Where it cannot be written, one warning says so, and training goes on.

        Raises:
            ContractError: something in it is no plain value.
        """
        text, arrays = encoded(state)
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="checkpoint")
        if self._writing is not None:
            self._writing.result()  # or copies of states that wait would fill the memory
        self._writing = self._thread.submit(self._write, text, arrays)

    def wait(self) -> None:
        """Until the last one that was begun is on the disk; its thread ends."""
        if self._thread is not None:
            self._thread.shutdown(wait=True)
            self._thread = None

    def latest(self) -> tuple[Any, Path] | None:
        """The newest state that can be read, and its file; a damaged one before it is warned of. None for none."""
        for path in reversed(self._files()):
            try:
                return read(path), path
            except DataError as error:
                log.warning("%s. The checkpoint before it is taken, if there is one.", error)
        return None

    def _files(self) -> list[Path]:
        """From the oldest to the newest."""
        return sorted(path for path in self.folder.glob(f"*{SUFFIX}") if path.stem.isdecimal())

    def _write(self, text: str, arrays: Mapping[str, Array]) -> None:
        begin = time.monotonic()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            for left in self.folder.glob(f"*{PARTIAL}"):
                left.unlink(missing_ok=True)  # by a process that was killed
            files = self._files()
            number = int(files[-1].stem) + 1 if files else 1
            write(self.folder / f"{number:06}{SUFFIX}", text, arrays)
            for old in self._files()[:-KEPT]:
                old.unlink(missing_ok=True)
            self._failed = False
        except OSError as error:
            if not self._failed:
                log.warning("A checkpoint cannot be written to %s: %s. Training goes on.", self.folder, error.strerror)
            self._failed = True
        self.took = time.monotonic() - begin
