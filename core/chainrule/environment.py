"""What ran, and with what: the tags by which a run can be understood, and made again, later."""

from __future__ import annotations

import contextlib
import functools
import getpass
import os
import platform
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from chainrule.errors import FieldError
from chainrule.store import shown


@functools.cache
def environment(directory: Path) -> dict[str, str]:
    """Tags that say what ran: program, user, commit of the working directory, versions."""
    return {
        "mlflow.source.type": "LOCAL",
        "mlflow.source.name": shown(shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])),
        "mlflow.user": _user(),
        "processor": processor(),
        "python.version": platform.python_version(),
        **numerics(),
        **_commit(directory),
    }


def numerics() -> dict[str, str]:
    """Tags of the versions that can change a result in its last bits, beside those of components and of BLAS."""
    return {f"{package}.version": version(package) for package in ("chainrule", "numpy", "scipy")}


def blas() -> str:
    """The library that multiplies matrices, its kernels, and the number of threads that it now takes.

    For example ``"openblas 0.3.31 SkylakeX, 2 threads"``.
    """
    from threadpoolctl import threadpool_info  # type: ignore[import-untyped]

    pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    # SciPy may bring another, which is there once somebody has imported it; matrix products are NumPy's.
    own = [pool for pool in pools if {"numpy", "numpy.libs"} & {*Path(pool["filepath"]).parts}]
    return "; ".join(sorted({_pool(pool) for pool in own or pools}))


def processor() -> str:
    """Its model where the system tells, else its kind.

    Some names do not tell generations apart that compute differently fast, and round otherwise: so with its numbers,
    ``"AMD EPYC (family 25, model 17)"``.
    """
    told: dict[str, str] = {}
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            key, _, value = line.partition(":")
            told.setdefault(key.strip(), value.strip())
    name = told.get("model name") or platform.processor() or platform.machine()
    family, model = told.get("cpu family"), told.get("model")
    return f"{name} (family {family}, model {model})" if family and model else name


def process() -> str:
    """Host, id and time of start of this process: what tells later whether it is still there."""
    import psutil

    return f"{socket.gethostname()} {os.getpid()} {psutil.Process().create_time():.0f}"


def is_gone(told: str) -> bool:
    """Whether a process of this host has ended; False for one of another host, of which nothing is known.

    Args:
        told: what ``process`` gave there.
    """
    import psutil

    host, number, started = told.split(" ")
    if host != socket.gethostname():
        return False
    try:
        there = psutil.Process(int(number))
        another = abs(there.create_time() - int(started)) > 1  # the number was given again
        return bool(another or there.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


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


def _pool(pool: dict[str, Any]) -> str:
    kernels = f" {pool['architecture']}" if pool.get("architecture") else ""
    return f"{pool['internal_api']} {pool['version']}{kernels}, {pool['num_threads']} threads"


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # no such user in a container
        return "unknown"
