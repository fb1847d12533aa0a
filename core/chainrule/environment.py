"""What ran, and with what: the tags by which a run can be understood, and made again, later."""

from __future__ import annotations

import contextlib
import functools
import getpass
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from chainrule.errors import FieldError
from chainrule.store import shown


@functools.cache
def environment(directory: Path) -> dict[str, str]:
    """Tags that say what ran: program, user, commit of the working directory, versions."""
    return {
        "mlflow.source.type": "LOCAL",
        "mlflow.source.name": shown(shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])),
        "mlflow.user": _user(),
        "chainrule.version": version("chainrule"),
        "numpy.version": version("numpy"),
        "python.version": platform.python_version(),
        **_commit(directory),
    }


def blas() -> str:
    """The library that multiplies matrices, and the number of threads that it now takes."""
    from threadpoolctl import threadpool_info  # type: ignore[import-untyped]

    pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    return "; ".join(sorted({f"{p['internal_api']} {p['version']}, {p['num_threads']} threads" for p in pools}))


@contextlib.contextmanager
def blas_threads(number: int | None) -> Iterator[None]:
    """Let matrix products take this many threads inside; None leaves it to the library.

    Raises:
        FieldError: it is less than 1.
    """
    if number is None:
        yield
        return
    if number < 1:
        raise FieldError(f"got {number}, expected a whole number, 1 or more", key="trainer.threads")
    from threadpoolctl import threadpool_limits

    with threadpool_limits(number, user_api="blas"):
        yield


def _commit(directory: Path) -> dict[str, str]:
    """The commit, and whether files differ from it; nothing outside a repository, or without git."""
    # A repository's own configuration names programs for git to run, fsmonitor among them.
    command = ["git", "-c", "core.fsmonitor=false", "status", "--porcelain=v2", "--branch", "--untracked-files=no"]
    quiet = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    try:
        answer = subprocess.run(command, cwd=directory, env=quiet, capture_output=True, timeout=5, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return {}
    lines = answer.decode(errors="replace").splitlines()
    commit = next(line.removeprefix("# branch.oid ") for line in lines if line.startswith("# branch.oid "))
    dirty = any(not line.startswith("#") for line in lines)
    return {} if commit == "(initial)" else {"mlflow.source.git.commit": commit, "git.dirty": str(dirty).lower()}


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # no such user in a container
        return "unknown"
