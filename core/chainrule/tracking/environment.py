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
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from chainrule.redaction import override_without_secrets
from chainrule.tracking.tags import COMMIT, DIRTY, NAME_LENGTH, OF_THE_CALL, PROCESSOR, VERSION, stored

OFF = {"core.fsmonitor": "false", "core.hooksPath": os.devnull}
"""Settings of git's by which it runs no program of a repository's; its filters come to it."""


@functools.cache
def environment(directory: Path) -> dict[str, str]:
    """Tags that say what ran: program, user, commit of the working directory, versions."""
    return {
        **dict(zip(OF_THE_CALL, ("LOCAL", _call(), _user()))),
        PROCESSOR: processor(),
        f"python{VERSION}": platform.python_version(),
        **numerics(),
        **_commit(directory),
    }


def _call() -> str:
    """The program's command line, without what is secret in it."""
    return shlex.join([Path(sys.argv[0]).name, *map(override_without_secrets, sys.argv[1:])])


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
    """The commit, and whether files differ from it; nothing outside a repository, or without git.

    A repository's own configuration names programs for git to run, and somebody else may have written it: it is asked
    with all of them off. A file that a filter would change back counts as one that differs.
    """
    try:
        filters = _git(directory, {}, "config", "--null", "--name-only", "--get-regexp", r"^filter\..*", may_fail=True)
        off = {**OFF, **{name: "false" if name.endswith(".required") else "" for name in filters.split("\0") if name}}
        status = ("--porcelain=v2", "--branch", "--untracked-files=no", "--ignore-submodules=dirty")
        lines = _git(directory, off, "status", *status).splitlines()
    except (OSError, subprocess.SubprocessError):
        return {}
    commit = next(line.removeprefix("# branch.oid ") for line in lines if line.startswith("# branch.oid "))
    dirty = any(not line.startswith("#") for line in lines)
    return {} if commit == "(initial)" else {COMMIT: commit, DIRTY: str(dirty).lower()}


def _git(directory: Path, settings: Mapping[str, str], *command: str, may_fail: bool = False) -> str:
    """What git answers; the settings take the place of the repository's own."""
    given = int(os.environ.get("GIT_CONFIG_COUNT") or 0)  # of the user's: they stay
    added = {f"GIT_CONFIG_KEY_{given + i}": name for i, name in enumerate(settings)}
    added |= {f"GIT_CONFIG_VALUE_{given + i}": value for i, value in enumerate(settings.values())}
    # Nor is an object that a partial clone lacks fetched: its remote is a program, or is asked by one.
    quiet = {**os.environ, **added, "GIT_CONFIG_COUNT": str(given + len(settings)), "GIT_OPTIONAL_LOCKS": "0"}
    quiet |= {"GIT_ALLOW_PROTOCOL": "none", "GIT_NO_LAZY_FETCH": "1", "GIT_TERMINAL_PROMPT": "0"}
    done = subprocess.run(
        ["git", *command], cwd=directory, env=quiet, stdin=subprocess.DEVNULL, capture_output=True, timeout=5
    )
    if not may_fail:
        done.check_returncode()
    return done.stdout.decode(errors="surrogateescape")


def _user() -> str:
    try:
        return stored(getpass.getuser(), NAME_LENGTH)
    except (OSError, KeyError):  # no such user in a container
        return "unknown"
