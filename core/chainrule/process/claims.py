"""A folder that is one's own for as long as one works in it."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from chainrule.errors import ConfigError

try:
    import fcntl
except ImportError:  # not a POSIX system: no folder is claimed there
    fcntl = None  # type: ignore[assignment]

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.2
"""How often a folder that is waited for is looked at."""


@contextlib.contextmanager
def claimed(folder: Path, name: str, key: str, patient: bool = False) -> Iterator[None]:
    """Hold a folder, which is made if need be, until what is inside ends.

    The system's lock on a hidden file holds it: it ends with its process, however that ends, on other machines of the
    same file system too. Where a file system knows no locks, nothing is held.

    Args:
        name: of what works there, ``"run"`` or ``"sweep"``: one does not shut the other out.
        key: by which the folder was named.
        patient: whether to wait for who holds it.

    Raises:
        ConfigError: somebody holds it, and is not waited for.
    """
    folder.mkdir(parents=True, exist_ok=True)
    place = folder / f".{name}.lock"
    with contextlib.ExitStack() as stack:
        while True:
            file = stack.enter_context(place.open("a+", encoding="utf-8"))
            if not _lock(file.fileno()):
                file.seek(0)
                holder = file.read() or "just begun"
                if not patient:
                    raise ConfigError(
                        f"the folder {folder} is in use by a {name} that has not ended ({holder}): give each {name} a "
                        "folder of its own, as the default does, or wait for the end of that one",
                        key=key,
                    )
                log.warning("The folder %s is in use by a %s (%s), whose end is waited for", folder, name, holder)
                while not _lock(file.fileno()):
                    time.sleep(LOOK_SECONDS)
            if _is_open(file.fileno(), place):  # else who held it has removed the file in between
                break
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}")
        file.flush()
        try:
            yield
        finally:
            with contextlib.suppress(OSError):  # the folder is gone, or what was one
                place.unlink()


def is_claimed(folder: Path, name: str) -> bool:
    """Whether somebody holds the folder; False where a file system knows no locks."""
    try:
        with (folder / f".{name}.lock").open("r+", encoding="utf-8") as file:
            return not _lock(file.fileno())
    except OSError:
        return False


def _lock(descriptor: int) -> bool:
    try:
        if fcntl is not None:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        pass
    return True


def _is_open(descriptor: int, place: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), place.stat())
    except FileNotFoundError:
        return False
