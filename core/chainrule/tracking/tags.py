"""Names and formats of tags, params and metrics: what writes one and what reads it again stand together."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Any

from chainrule.words import cut, redacted

PARAM_LENGTH, TAG_LENGTH, DIGEST_LENGTH, KEY_LENGTH = 6000, 8000, 36, 250  # what MLflow takes

SWEEP = "sweep"  # what the runs of one sweep share
CONFIG_DIGEST = "config_digest"  # of all that can change the result
WEIGHTS_DIGEST = "weights_digest"  # of the result
DATASET_DIGEST = "dataset.digest"
BLAS = "blas"  # see process.threads
PROCESSOR = "processor"
PROCESS = "process"  # see process.liveness
ERROR = "error"  # what ended the run
COMMIT, DIRTY = "mlflow.source.git.commit", "git.dirty"
PROGRAM = "mlflow.source.name"
OF_THE_CALL = ("mlflow.source.type", PROGRAM, "mlflow.user")  # how the program was called, and by whom
KIND = "chainrule.kind"  # of what is no run of a training, "comparison" for one
COMPONENT, NONFINITE, REUSED, VERSION = "component.", "nonfinite.", "sweep.", ".version"
UNRECORDED = ("objective", "tracking")
"""Keys of a config that are no params of its run: they change nothing in it."""


def params_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """The params of a run: its config, flat."""
    return flattened({key: value for key, value in config.items() if key not in UNRECORDED})


def flattened(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """``{"optimizer": {"lr": 0.1}}`` as ``{"optimizer.lr": 0.1}``; lists of mappings by position."""
    flat: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, list) and any(isinstance(element, Mapping) for element in value):
            value = {str(position): element for position, element in enumerate(value)}
        if isinstance(value, Mapping) and value:
            flat |= flattened(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def component_tags(supplied: Mapping[str, str]) -> dict[str, str]:
    """The tags that say which package each component came with: ``{"component.layer.dense": "chainrule 0.1.0"}``."""
    return {f"{COMPONENT}{name}": package for name, package in supplied.items()}


def components_of(tags: Mapping[str, str]) -> dict[str, str]:
    """The inverse: ``{"layer.dense": "chainrule 0.1.0"}``."""
    return {name.removeprefix(COMPONENT): package for name, package in tags.items() if name.startswith(COMPONENT)}


def nonfinite_tag(metric: str, value: float, step: int) -> tuple[str, str]:
    """Name and text of the tag for a metric's first value that is infinite or not a number.

    >>> nonfinite_tag("train/loss", float("nan"), 3)
    ('nonfinite.train/loss', 'nan at step 3')
    """
    return f"{NONFINITE}{metric}", f"{value} at step {step}"


def nonfinite_in(tags: Mapping[str, str]) -> dict[str, str]:
    """The text of each such tag, by metric."""
    return {name.removeprefix(NONFINITE): text for name, text in tags.items() if name.startswith(NONFINITE)}


def nonfinite_point(text: str) -> tuple[int, float]:
    """The step and the value in such a text.

    >>> nonfinite_point("nan at step 3")
    (3, nan)
    """
    value, _, step = text.partition(" at step ")
    return int(step), float(value)


def reused_tag(sweep: str) -> str:
    """The tag of runs that a sweep took over; ``SWEEP`` itself names the one that made them. Its value: when."""
    return key_of(f"{REUSED}{sweep}")


def reusing_sweeps(tags: Mapping[str, str]) -> list[tuple[str, int]]:
    """The sweeps that took a run over, and when, in milliseconds."""
    return [(name.removeprefix(REUSED), int(when)) for name, when in tags.items() if name.startswith(REUSED)]


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
    """Values as a store takes them: no password in them, and cut to that length."""
    return {key_of(name): cut(redacted(str(value)), length) for name, value in values.items()}
