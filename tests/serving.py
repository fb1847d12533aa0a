"""``chainrule ui`` for as long as a test needs it."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def taken(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextlib.contextmanager
def served(
    command: Sequence[str], folder: Path, environment: Mapping[str, str], word: str = "MLflow", health: str = "health"
) -> Iterator[str]:
    """The address that the command prints behind that word, once MLflow answers there; its process is ended after
    that."""
    log = folder / "ui.log"
    with (
        log.open("w", encoding="utf-8") as errors,
        subprocess.Popen(
            command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True
        ) as process,
    ):
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith(f"{word}: http://"), f"{line}\n{log.read_text(encoding='utf-8')}"
            # A line for each request follows; a pipe that nobody empties would stop the server.
            threading.Thread(target=process.stdout.read, daemon=True).start()
            address = line.split()[1]
            host = "/".join(address.split("/")[:3])
            wait_for(f"{host}/{health}", process)
            yield address
        finally:
            process.terminate()
            process.wait(timeout=60)
    assert process.returncode == 0, log.read_text(encoding="utf-8")


def wait_for(url: str, process: subprocess.Popen[str]) -> None:
    for _ in range(600):
        assert process.poll() is None, "it ended before it answered"
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5) as answer:
            assert answer.status == 200
            return
        time.sleep(0.1)
    raise AssertionError(f"no answer from {url}")
