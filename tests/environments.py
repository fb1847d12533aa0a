"""A virtual environment for a test to install into, which costs neither a download nor the dependencies again."""

from __future__ import annotations

import os
import sys
import sysconfig
import venv
from pathlib import Path

OFFLINE = {"PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
"""With these a plain ``pip install`` does what it does with ``--no-index --no-build-isolation`` (0 is for "no")."""


def environment(folder: Path, hidden: tuple[str, ...] = ()) -> Path:
    """A new environment that sees what is installed where the tests run; returns its interpreter.

    --system-site-packages would show the packages of the interpreter under this virtual environment, not its own.

    Args:
        hidden: what it is not to see: beginnings of names in ``site-packages``, editable installs then among them.
    """
    venv.create(folder, symlinks=True)
    paths = sysconfig.get_paths(vars={"base": str(folder), "platbase": str(folder)})
    parents = sorted({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")})
    if hidden:
        parents = [str(links(folder / "seen", parents, hidden))]
    # addsitedir reads .pth files too, through which an editable install is found.
    lines = [f"import site; site.addsitedir({parent!r})" for parent in parents]
    Path(paths["purelib"], "parent.pth").write_text("\n".join(lines), encoding="utf-8")
    return folder / "bin" / "python"


def links(folder: Path, parents: list[str], hidden: tuple[str, ...]) -> Path:
    folder.mkdir()
    entries = {entry.name: entry for parent in parents for entry in Path(parent).iterdir()}
    for name, entry in entries.items():
        if not name.startswith(hidden) and entry.suffix != ".pth":
            (folder / name).symlink_to(entry)
    return folder


def variables(python: Path | None = None, **settings: str) -> dict[str, str]:
    """Environment variables: those of this process, less what would change what chainrule and MLflow do, and these.

    Args:
        python: the interpreter of an activated environment; None for that of the tests.
    """
    own = {name: value for name, value in os.environ.items() if not name.startswith(("CHAINRULE_", "MLFLOW_"))}
    here = Path(sys.executable)
    python = python or here
    path = os.pathsep.join([str(python.parent), str(here.parent), os.environ["PATH"]])
    return {**own, "VIRTUAL_ENV": str(python.parents[1]), "PATH": path, **settings}
