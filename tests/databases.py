"""A real PostgreSQL for as long as a test needs it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from serving import free_port

PROGRAMS = Path("/usr/lib/postgresql")
"""Where Debian puts those of a server, below its version; they are on no PATH."""
UNPRIVILEGED: dict[str, Any] = {"user": "postgres", "group": "postgres", "extra_groups": ()} if os.getuid() == 0 else {}
"""PostgreSQL refuses to run as root."""


@contextlib.contextmanager
def postgresql() -> Iterator[str]:
    """The URI of a server whose data are gone at its end."""
    found = [*PROGRAMS.glob("*/bin/initdb"), *filter(None, [shutil.which("initdb")])]
    if not found:
        pytest.fail(f"needs PostgreSQL, and there is no initdb below {PROGRAMS} (Debian: apt-get install postgresql)")
    programs, port = Path(found[0]).parent, free_port()
    with tempfile.TemporaryDirectory() as folder:  # pytest's own are closed to other users
        if UNPRIVILEGED:
            shutil.chown(folder, "postgres", "postgres")
        data, log = f"{folder}/data", Path(folder, "log")
        made = [programs / "initdb", "-D", data, "-U", "chainrule", "-A", "trust", "-E", "UTF8"]
        made += ["--locale=C", "--no-sync"]
        subprocess.run(made, cwd=folder, check=True, capture_output=True, **UNPRIVILEGED)
        command = [programs / "postgres", "-D", data, "-k", folder, "-h", "127.0.0.1", "-p", str(port), "-F"]
        with log.open("w") as out, subprocess.Popen(command, cwd=folder, stderr=out, **UNPRIVILEGED) as server:
            try:
                ready = [programs / "pg_isready", "-h", "127.0.0.1", "-p", str(port), "-t", "60"]
                while subprocess.run(ready, capture_output=True).returncode != 0:
                    assert server.poll() is None, log.read_text()
                yield f"postgresql+psycopg2://chainrule@127.0.0.1:{port}/postgres"
            finally:
                server.send_signal(signal.SIGINT)  # at once, whoever is connected
