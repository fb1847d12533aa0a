"""What the tests of the program share: its command line, run in this process (a new one takes seconds)."""

import contextlib
import io
import logging
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import hypothesis
import pytest

# Before NumPy is imported: several tests run at once, and would take the cores from each other.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from chainrule.commands.main import main

REPOSITORY = Path(__file__).parents[1]
# How long a machine takes that does other things too says nothing about the code.
hypothesis.settings.register_profile("untimed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("untimed")
SETTINGS = ("MLFLOW_TRACKING_URI", "CHAINRULE_DATA", "CHAINRULE_MIRROR", "CHAINRULE_DEBUG")


@dataclass(frozen=True)
class Ran:
    """How a command ended, and what it wrote."""

    status: int
    out: str
    err: str


def run(*arguments: str, folder: Path, **settings: str) -> Ran:
    """``chainrule`` with these arguments, in that folder, with these environment variables and none of the user's."""
    out, err = io.StringIO(), io.StringIO()
    with inside(folder, settings), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = main(arguments)
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 0
    return Ran(status, out.getvalue(), err.getvalue())


@contextlib.contextmanager
def inside(folder: Path, settings: dict[str, str]) -> Iterator[None]:
    directory, environment = Path.cwd(), dict(os.environ)
    handlers, level = logging.root.handlers[:], logging.root.level
    for name in SETTINGS:
        os.environ.pop(name, None)
    os.environ.update(settings)
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(directory)
        for name in set(os.environ) - set(environment):
            del os.environ[name]
        os.environ.update(environment)
        for handler in set(logging.root.handlers) - set(handlers):
            handler.close()
        logging.root.handlers, logging.root.level = handlers, level


@pytest.fixture
def signals_at_default() -> Iterator[None]:
    """Signals act here, and in what is started here, as below a terminal: nohup leaves SIGHUP ignored, and a shell
    SIGINT for what it runs in the background, which the program rightly keeps."""
    acting = {
        signal.SIGINT: signal.default_int_handler,
        signal.SIGHUP: signal.SIG_DFL,
        signal.SIGTERM: signal.SIG_DFL,
    }
    before = {number: signal.signal(number, handler) for number, handler in acting.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(scope="session")
def program_in() -> Callable[..., Ran]:
    """``program_in("train", "seed=1", folder=..., MLFLOW_TRACKING_URI=...)``"""
    return run


@pytest.fixture
def program(tmp_path: Path) -> Callable[..., Ran]:
    """``program("train", "seed=1")``, in the test's own folder."""
    return lambda *arguments, **settings: run(*arguments, folder=tmp_path, **settings)


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The value for ``CHAINRULE_DATA`` with the real MNIST files in it, which may not be committed: where there is
    none, the test is skipped."""
    folder = Path(os.environ.get("CHAINRULE_DATA") or REPOSITORY.parent / "shared" / "data")
    if not (folder / "mnist").is_dir():
        pytest.skip(f"needs the real MNIST files, and there is no {folder}/mnist (CHAINRULE_DATA says where they are)")
    return folder
