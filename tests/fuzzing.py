"""Hostile input: whatever is handed over is taken, or refused by an error of chainrule's own tree, in little memory.

A fuzzer is a strategy and what takes its cases. ``CASES`` runs it twice: with few cases, always the same, in the
default run; and with thousands, others each time, where it is asked for by hand with ``-m soak``.
"""

from __future__ import annotations

import contextlib
import resource
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import chainrule as cr

SOAK = 5000
CASES = pytest.mark.parametrize("cases", [25, pytest.param(SOAK, marks=pytest.mark.soak)])
ROOM = 1 << 30


def fuzz(
    takes: Callable[[Any], object], strategy: st.SearchStrategy[Any], cases: int, known: Sequence[Any] = ()
) -> None:
    """Hand that many cases over, and the known ones first: those that once escaped."""

    def holds(case: Any) -> None:
        with contextlib.suppress(cr.ChainruleError), little_memory():
            takes(case)

    for case in known:
        holds = example(case)(holds)
    settings(max_examples=cases, derandomize=cases < SOAK)(given(strategy)(holds))()


@contextlib.contextmanager
def little_memory(room: int = ROOM) -> Iterator[None]:
    """So many bytes more than now, and whoever asks for more raises MemoryError."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + room, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


@st.composite
def mostly(draw: st.DrawFn, sound: Any, odd: st.SearchStrategy[Any]) -> Any:
    """The one value in nine of ten cases."""
    return sound if draw(st.integers(0, 9)) else draw(odd)


@st.composite
def few(draw: st.DrawFn, fields: dict[str, st.SearchStrategy[Any]]) -> dict[str, Any]:
    """Two of these fields at most."""
    names = draw(st.lists(st.sampled_from(list(fields)), max_size=2, unique=True))
    return {name: draw(fields[name]) for name in names}


@st.composite
def damaged(draw: st.DrawFn, whole: st.SearchStrategy[bytes]) -> bytes:
    """A file of which some bytes are others, too many, or missing."""
    content = bytearray(draw(whole))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(content)))
        edit = draw(st.sampled_from(["flip", "set", "insert", "delete", "cut"]))
        if edit == "flip" and at < len(content):
            content[at] ^= 1 << draw(st.integers(0, 7))
        elif edit == "set":
            new = draw(
                st.sampled_from([b"\x00", b"\xff", b"\xff\xff\xff\xff", b"\x00" * 4, b"\x63\x00", b"\x0c\x00", b"9"])
            )
            content[at : at + len(new)] = new
        elif edit == "insert":
            content[at:at] = draw(st.binary(min_size=1, max_size=8))
        elif edit == "delete":
            del content[at : at + draw(st.integers(1, 50))]
        elif edit == "cut":
            del content[at:]
    return bytes(content)
