"""The step that a run, or an experiment before it is trained, makes on some examples of its data; and how its training
went, where that was filmed."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.contract.arguments import require_path, require_text
from chainrule.contract.data import Data
from chainrule.contract.split import Split, Stream
from chainrule.diagnosis import Finding, diagnose
from chainrule.errors import ConfigError, FieldError, TrackingError
from chainrule.explanation import Explanation, explain
from chainrule.film import Film, some_of
from chainrule.network.loading import load_network
from chainrule.network.network import Network
from chainrule.runs.building import build_network, build_trainer, load_data
from chainrule.runs.folder import recorded_config, recorded_overrides
from chainrule.runs.result import WEIGHTS
from chainrule.tracking.reading import read_run
from chainrule.tracking.written import CONFIG

if TYPE_CHECKING:
    pass

log = logging.getLogger(__name__)

SPLITS = ("train", "validation", "test")
FILM = "explanation/film.safetensors"
"""Below a run's folder, and its artifacts."""
EXAMPLES = 8
ROOM = 500_000
"""Numbers of a page for them."""
MOST = 256


def explain_run(
    run_id: str, uri: str | None = None, examples: Sequence[int] | int | None = None, split: str = "train"
) -> Explanation:
    """The step that a recorded run's network would make next. Of one that was trained with ``explain=true``, it goes on
    with what its optimizer had gathered, and the training is shown too; else it is its optimizer's first.

    Args:
        run_id: as ``Result.run_id`` and MLflow's pages give it.
        uri: the store; None for ``MLFLOW_TRACKING_URI``, else ``mlflow.db`` in the working directory.
        examples: how many, spread evenly, or at which positions; at most 256. None: 8, or as many as find room.
        split: ``"train"``, ``"validation"`` or ``"test"``.

    Raises:
        TrackingError: there is no such run or store, or its weights or its config are not there.
        UnknownName: it needs a component that is not installed.
    """
    require_text("run_id", run_id, "the id of a run, as Result.run_id has it")
    record = read_run(run_id, uri, needs=WEIGHTS)
    if not (record.folder / CONFIG).is_file():
        raise TrackingError(f"the run {run_id} has no {CONFIG}, which says what it was trained on")
    return _of_folder(record.folder, record.folder / WEIGHTS, record.name, examples, split)


def explain_file(
    path: str | Path,
    overrides: Sequence[str] = (),
    config_dir: str | None = None,
    examples: Sequence[int] | int | None = None,
    split: str = "train",
) -> Explanation:
    """The step that a network in a file would make next, on the data that overrides name; without any, on what the
    run was trained on in whose folder the file lies.

    Args:
        path: as ``Network.save`` wrote it; or the folder of a run.
        overrides, config_dir: as ``train`` takes them.
        examples, split: as for ``explain_run``.

    Raises:
        ConfigError: no data is named, or it does not fit the network. DataError: the file holds no network.
    """
    file = require_path("path", path)
    if file.is_dir():
        if not (file / WEIGHTS).is_file() or not (file / CONFIG).is_file():
            raise ConfigError(f"{file} is no folder of a run: it has no {WEIGHTS}, or no {CONFIG}")
        return _of_folder(file, file / WEIGHTS, file.name, examples, split)
    network = load_network(file)
    if overrides:
        return _composed(overrides, config_dir, examples, split, lambda config, data: (network, file.name))
    folder = next((folder for folder in file.absolute().parents[:2] if (folder / CONFIG).is_file()), None)
    if folder is None:
        raise ConfigError(
            f"{file} says nothing of the data that the network is for: name it too, such as dataset=digits"
        )
    return _of_folder(folder, file, folder.name, examples, split)


def explain_experiment(
    overrides: Sequence[str] = (),
    config_dir: str | None = None,
    examples: Sequence[int] | int | None = None,
    split: str = "train",
) -> Explanation:
    """The first step of an experiment: ``explain_experiment(["experiment=spirals", "optimizer=sgd"])``.

    Args:
        overrides, config_dir: as ``train`` takes them.
        examples, split: as for ``explain_run``.

    Raises:
        ConfigError: the config is wrong; the message names the key and what would be right.
    """

    def untrained(config: Mapping[str, Any], data: Data) -> tuple[Network, str]:
        return build_network(config, data)[1], f"{config['name']}, before its training"

    return _composed(overrides, config_dir, examples, split, untrained)


def _composed(
    overrides: Sequence[str],
    config_dir: str | None,
    examples: Sequence[int] | int | None,
    split: str,
    network_for: Any,
) -> Explanation:
    from chainrule.config.command_line import run_once

    def first_step(job: Any) -> Explanation:
        _, data = load_data(job.config)
        network, named = network_for(job.config, data)
        return explained(job.config, data, network, examples, split, f"{named}: one step of learning")

    found: Explanation = run_once(overrides, first_step, config_dir)
    return found


def _of_folder(folder: Path, weights: Path, name: str, examples: Sequence[int] | int | None, split: str) -> Explanation:
    """Of the folder of a run, or a copy of its artifacts."""
    config = recorded_config(folder / CONFIG)
    _, data = load_data(config)
    film = Film.load(folder / FILM) if (folder / FILM).is_file() else None
    title = f"{name}: how it learned" if film is not None else f"{name}: one more step of learning"
    network = load_network(weights)
    findings = [] if film is None else diagnose(film, config, recorded_overrides(folder))
    return explained(config, data, network, examples, split, title, film, findings)


def explained(
    config: Mapping[str, Any],
    data: Data,
    network: Network,
    examples: Sequence[int] | int | None,
    split: str,
    title: str,
    film: Film | None = None,
    findings: Sequence[Finding] = (),
) -> Explanation:
    """The next step of a network on some examples, and the training that it comes from, where that was filmed."""
    part, positions = _part(data, _as_many_as_fit(network) if examples is None else examples, split)
    trainer = build_trainer(config, network)
    goes_on = {} if film is None else {"slots": film.slots, "step": film.step + 1} if film.slots else {}
    rates = [] if film is None else [frame.learning_rate for frame in film.frames if frame.learning_rate]
    return explain(
        network,
        part.x,
        part.y,
        trainer.optimizer,
        title=title,
        class_names=() if isinstance(data.class_names, Mapping) else data.class_names,
        film=film,
        positions=positions,
        findings=findings,
        lr=rates[-1] if rates else trainer.learning_rate,
        regularizer=trainer.regularizer,
        groups=trainer.groups,
        weight=part.weight,
        mask=part.mask,
        **goes_on,
    )


def _as_many_as_fit(network: Network) -> int:
    """Examples of which a page has room for all that goes forward and comes back."""
    shapes = [shape for shape in network.shapes if isinstance(shape, tuple)]
    return int(np.clip(ROOM // (3 * sum(math.prod(shape) for shape in shapes) or 1), 2, EXAMPLES))


def _part(data: Data, examples: Sequence[int] | int, split: str) -> tuple[Split, list[int]]:
    """The examples that are shown, and where they are: of so many, spread evenly.

    Raises:
        ConfigError: there are none such.
    """
    if (examples if isinstance(examples, int) else len(examples)) > MOST:
        raise FieldError(f"got more than {MOST}, which nobody can look at", key="examples")
    if split not in SPLITS:
        raise FieldError(f'got "{split}", expected one of {", ".join(SPLITS)}', key="split")
    samples: Split | Stream | None = getattr(data, split)
    if samples is None:
        there = " or ".join(name for name in SPLITS if getattr(data, name) is not None)
        raise ConfigError(f"the {split} split is not there: take {there}", key="split")
    if not isinstance(samples, Split):
        most = examples if isinstance(examples, int) else max(examples, default=0) + 1
        samples = samples.first(most)  # of a stream
    if isinstance(examples, int):
        part, positions = some_of(samples, examples)
        return part, [int(position) for position in positions]
    chosen = list(examples)
    wrong = [position for position in chosen if not 0 <= position < samples.rows]
    if wrong or not chosen:
        raise FieldError(f"got {wrong or examples}, expected positions from 0 to {samples.rows - 1}", key="examples")
    return samples.at(chosen), chosen
