"""Names and formats of tags, params and metrics: what writes one and what reads it again stand together."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Any

from chainrule.words import cut, redacted

PARAM_LENGTH, TAG_LENGTH, DIGEST_LENGTH, KEY_LENGTH = 6000, 8000, 36, 250  # what MLflow takes


def reused_tag(sweep: str) -> str:
    """The tag of runs that a sweep took over; ``sweep`` itself names the one that made them. Its value: when."""
    return key_of(f"sweep.{sweep}")


def reusing_sweeps(tags: Mapping[str, str]) -> list[tuple[str, int]]:
    """The sweeps that took a run over, and when, in milliseconds."""
    return [(name.removeprefix("sweep."), int(when)) for name, when in tags.items() if name.startswith("sweep.")]


def status_of(error: BaseException | None) -> str:
    """What MLflow calls a run that ended so.

    >>> status_of(None), status_of(KeyboardInterrupt()), status_of(ValueError())
    ('FINISHED', 'KILLED', 'FAILED')
    """
    if error is None:
        return "FINISHED"
    return "KILLED" if isinstance(error, KeyboardInterrupt) else "FAILED"


@functools.cache
def key_of(name: str) -> str:
    """The nearest name that MLflow takes for a metric, a parameter or a tag.

    >>> key_of("test/top@5[k=1]")
    'test/top_5_k_1_'
    """
    parts = re.sub(r"[^/\w.\- ]", "_", name)[:KEY_LENGTH].split("/")
    return "/".join(part for part in parts if part not in ("", ".", "..")) or "_"


def capped(values: Mapping[str, Any], length: int) -> dict[str, str]:
    return {key_of(name): cut(redacted(str(value)), length) for name, value in values.items()}
