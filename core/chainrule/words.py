"""How numbers, names, lists, cut text and what is secret are written, in messages and tables."""

from __future__ import annotations

import re
from pathlib import Path


def redacted(text: str) -> str:
    """``text`` without the passwords that URIs in it may hold.

    >>> redacted("postgresql://me:secret@host/runs")
    'postgresql://***@host/runs'
    """
    return re.sub(r"(?<=://)[^/\s]+@", "***@", text)


def cut(text: str, length: int) -> str:
    """``text``, or its beginning and an ellipsis.

    >>> cut("gradient", 5)
    'grad…'
    """
    return text if len(text) <= length else text[: length - 1] + "…"


def number(value: float | None) -> str:
    """With four digits; nothing for None."""
    return "" if value is None else f"{value:.4g}" if abs(value) < 1e4 else f"{value:.3e}"


def in_words(name: str) -> str:
    return name.replace("_", " ")


def relative(folder: Path) -> str:
    """Relative to the working directory where that is shorter."""
    try:
        return str(folder.relative_to(Path.cwd()))
    except ValueError:
        return str(folder)
