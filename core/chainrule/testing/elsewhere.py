"""The same in another process: nothing depends on what differs from one start of Python to the next.

Such is the order of a set, ``hash("...")``, ``id``, the number of the process, the clock. The other process is started
once, with another seed of Python's hashes, and asked about one component after another.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import pickle
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO, cast

import numpy as np

from chainrule.contract.arrays import Array
from chainrule.contract.kinds import Component
from chainrule.testing.arrays import close, distance
from chainrule.testing.exercises import exercises
from chainrule.testing.kit import check, expect
from chainrule.testing.subject import Subject

SERVE = "from chainrule.testing.elsewhere import serve; serve()"
MEND = (
    "draw from a generator with a seed that is a number; hash() of a text, the order of a set, id() and the clock are "
    "others each time that Python starts"
)
PROCESSES = 3
LARGE = 100_000
"""Numbers of an array beyond which only some of them are compared."""


def not_importable(cls: type[Component]) -> str | None:
    """Why another process cannot have a class, where it cannot."""
    found: Any = sys.modules.get(cls.__module__)
    for name in cls.__qualname__.split("."):
        found = getattr(found, name, None)
    if cls.__module__ != "__main__" and found is cls:
        return None
    return "another process cannot import its class: put it at the top of a module"


@check(
    unless=not_importable,
    rests_on=("deterministic", "same_data_again", "used_again", "gradient_of_input"),
)
def check_same_in_another_process(subject: Subject) -> None:
    """In another process, with another seed of Python's hashes, it gives the same."""
    here: Mapping[str, Array] = {}
    with contextlib.suppress(Exception):  # that it can be used is found by other checks
        here = of_exercises(subject)
    if here:
        for process in _other_processes():
            process.ask(subject)
        answers = [process.answer() for process in _other_processes()]  # all are read, whatever the first one says
        for there in answers:
            _compare(here, there)


def _compare(here: Mapping[str, Array], there: Any) -> None:
    if there is None:
        return
    expect(isinstance(there, dict), f"in another process it raises {there}", MEND)
    for name, expected in here.items():
        given = there.get(name, np.empty(0))
        expect(
            close(given, expected) or np.array_equal(given, expected, equal_nan=True),
            f"in another process, {name} differs by {distance(given, expected):.3g}",
            MEND,
        )


def of_exercises(subject: Subject) -> dict[str, Array]:
    """All that it gives, by name; of large arrays some numbers."""
    return {
        f"{variant}{', ' if variant else ''}{name}": array.reshape(-1)[:: 1 + array.size // LARGE]
        for exercise in exercises(subject)
        for variant in exercise.variants
        for name, array in exercise.run(variant).items()
    }


class OtherProcess:
    """A Python of its own, that is asked by pickles in a pipe, and answers likewise."""

    def __init__(self, seed: str) -> None:
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", SERVE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        self._asking = cast(BinaryIO, self._process.stdin)
        self._answers = cast(BinaryIO, self._process.stdout)
        self._asked = False

    def ask(self, subject: Subject) -> None:
        """Let it begin with what this example gives there."""
        self._asked = False
        with contextlib.suppress(pickle.PicklingError, TypeError, AttributeError):
            question = pickle.dumps((subject.cls, dict(subject.fields), subject.example))
            _send(self._asking, question)
            self._asked = True

    def answer(self) -> Any:
        """What it gives there; an error, as text, that it raises there; None where it cannot be had there."""
        return pickle.loads(_received(self._answers)) if self._asked else None

    def end(self) -> None:
        """Let it go."""
        for pipe in (self._asking, self._answers):
            pipe.close()
        self._process.wait()


@functools.cache
def _other_processes() -> Sequence[OtherProcess]:
    """Several, as a set of two texts has the same order under every other seed."""
    seeds = [str(seed) for seed in range(1, PROCESSES + 2) if str(seed) != os.environ.get("PYTHONHASHSEED")]
    processes = [OtherProcess(seed) for seed in seeds[:PROCESSES]]
    for process in processes:
        atexit.register(process.end)
    return processes


def serve() -> None:
    """Answer until nobody asks any more: what runs in the other process."""
    answers = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)  # what components print is no answer
    while question := _received(sys.stdin.buffer):
        found: Any = None
        with contextlib.suppress(Exception):  # where its module cannot be imported here
            subject = Subject(*pickle.loads(question))
            try:
                found = of_exercises(subject)
            except Exception as error:
                found = f"{type(error).__name__}: {error}"
        _send(answers, pickle.dumps(found))


def _send(pipe: BinaryIO, message: bytes) -> None:
    pipe.write(len(message).to_bytes(8, "big") + message)
    pipe.flush()


def _received(pipe: BinaryIO) -> bytes:
    """One message; nothing where there comes none any more."""
    return pipe.read(int.from_bytes(pipe.read(8), "big"))
