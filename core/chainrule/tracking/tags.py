"""Names and formats of tags, params and metrics: what writes one and what reads it again stand together."""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Mapping
from typing import Any

from chainrule.redaction import redacted, without_secrets

PARAM_LENGTH, TAG_LENGTH, KEY_LENGTH = 6000, 8000, 250  # what MLflow takes
NAME_LENGTH = 250  # of runs, experiments, users: MLflow checks nothing, but a strict database does
DIGEST_LENGTH = 8  # of a dataset's, as MLflow's own are: it is a column of the table of runs. The whole is a tag

SWEEP = "sweep"  # what the runs of one sweep share
OBJECTIVE = "objective"  # the metric by which the run is judged
CONFIG_DIGEST = "config_digest"  # of all that can change the result
WEIGHTS_DIGEST = "weights_digest"  # of the result
DATASET_DIGEST = "dataset.digest"
BLAS = "blas"  # see process.threads
ENGINE = "engine"  # see engine.use
PROCESSOR = "processor"
PROCESS = "process"  # see process.liveness
FOLDER = "folder"  # its files', from the folder of a SQLite store on, for they move together
RESUMED = "resumed"  # with what a run went on that it had not begun with
ERROR = "error"  # what ended the run
REMARKS = "remarks"  # what it says of its own result, a line each
NO_RUN = "jobs_without_run"  # of a sweep, on one of its runs: how many jobs failed before they became runs, and which
COMMIT, DIRTY = "mlflow.source.git.commit", "git.dirty"
LOGGED_MODELS = "mlflow.log-model.history"  # by which MLflow's pages know which of its artifacts is a model
NOTE = "mlflow.note.content"  # Markdown, on top of the run's page
PROGRAM = "mlflow.source.name"
OF_THE_CALL = ("mlflow.source.type", PROGRAM, "mlflow.user")  # how the program was called, and by whom
KIND = "chainrule.kind"  # of what is no run of a training, "comparison" for one
COMPONENT, NONFINITE, REUSED, VERSION = "component.", "nonfinite.", "sweep.", ".version"
UNRECORDED = ("objective", "explain", "tracking")
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
    """The tag of runs that a sweep took over; ``SWEEP`` itself names the one that made them. Another one for each."""
    key = key_of(f"{REUSED}{sweep}")
    return key if key == f"{REUSED}{sweep}" else key_of(f"{REUSED}{_digest(sweep)}")


def reused_text(sweep: str, when: int) -> str:
    """What stands in it: when, in milliseconds, and the sweep by its whole name, which no key may be able to hold."""
    return f"{when} {sweep}"


def reusing_sweeps(tags: Mapping[str, str]) -> list[tuple[str, int]]:
    """The inverse: the sweeps that took a run over, and when."""
    texts = [text.partition(" ") for name, text in tags.items() if name.startswith(REUSED)]
    return [(sweep, int(when)) for when, _, sweep in texts]


def objective_tag(sweep: str) -> str:
    """The tag of the metric by which a sweep judges a run that it took over; ``OBJECTIVE`` is that of the run's own."""
    return key_of(f"{OBJECTIVE}.{reused_tag(sweep)}")


def objective_of(tags: Mapping[str, str], sweep: str | None = None) -> str | None:
    """The metric by which a run is judged, in a sweep or for itself; None where none was named."""
    return (tags.get(objective_tag(sweep)) if sweep is not None else None) or tags.get(OBJECTIVE)


def status_of(error: BaseException | None) -> str:
    """What MLflow calls a run that ended so.

    >>> status_of(None), status_of(KeyboardInterrupt()), status_of(ValueError())
    ('FINISHED', 'KILLED', 'FAILED')
    """
    if error is None:
        return "FINISHED"
    # A cluster's launcher that takes the machine away, and gives the job another one, exits.
    return "KILLED" if isinstance(error, (KeyboardInterrupt, SystemExit)) else "FAILED"


@functools.cache
def key_of(name: str) -> str:
    """The nearest name that MLflow takes for a metric, a parameter or a tag; of a long one, no two have the same.

    >>> key_of("test/top@5[k=1]")
    'test/top_5_k_1_'
    """
    key = "/".join(part for part in re.sub(r"[^/\w.\- ]", "_", name).split("/") if part not in ("", ".", ".."))
    if len(key) > KEY_LENGTH:
        mark = f"_{_digest(name)}"
        key = key[: KEY_LENGTH - len(mark)] + mark
    return key or "_"


def stored(text: str, length: int) -> str:
    """A text as every store takes it: without passwords, and with nothing that no database holds.

    One that is cut for that, or changed, ends with an ellipsis and a digest of the whole: what tells runs apart is read
    from the store, where two texts are equal only if they were so before.

    >>> stored("gradient", 20), stored("stochastic gradient descent", 20)
    ('gradient', 'sto…f928c5927973a978')
    """
    whole = redacted(text)
    kept = re.sub(r"[\0\ud800-\udfff]", "\ufffd", whole)  # PostgreSQL takes no NUL, and UTF-8 no half of a pair
    if kept == whole and len(whole) <= length:
        return whole
    mark = f"…{_digest(whole)}"
    return kept[: length - len(mark)] + mark


def short_digest(digest: str) -> str:
    """As a dataset's is shown: the beginning of a SHA-256 tells it apart, of any longer text only a digest of all."""
    known = re.fullmatch("[0-9a-f]{64}", digest) or len(digest) <= DIGEST_LENGTH
    return (digest if known else _digest(digest))[:DIGEST_LENGTH]


def capped(values: Mapping[str, Any], length: int) -> dict[str, str]:
    """Names and values as a store takes them."""
    return {key_of(name): stored(str(without_secrets(value, name)), length) for name, value in values.items()}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:16]
