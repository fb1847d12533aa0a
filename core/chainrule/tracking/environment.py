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
from importlib.metadata import version
from pathlib import Path

from chainrule.tracking.tags import COMMIT, DIRTY, NAME_LENGTH, OF_THE_CALL, PROCESSOR, VERSION, stored
from chainrule.words import redacted


@functools.cache
def environment(directory: Path) -> dict[str, str]:
    """Tags that say what ran: program, user, commit of the working directory, versions."""
    return {
        **dict(zip(OF_THE_CALL, ("LOCAL", redacted(shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])), _user()))),
        PROCESSOR: processor(),
        f"python{VERSION}": platform.python_version(),
        **numerics(),
        **_commit(directory),
    }


def numerics() -> dict[str, str]:
    """Tags of the versions that can change a result in its last bits, beside those of components and of BLAS."""
    return {f"{package}{VERSION}": version(package) for package in ("chainrule", "numpy", "scipy")}


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
    return {} if commit == "(initial)" else {COMMIT: commit, DIRTY: str(dirty).lower()}


def _user() -> str:
    try:
        return stored(getpass.getuser(), NAME_LENGTH)
    except (OSError, KeyError):  # no such user in a container
        return "unknown"
