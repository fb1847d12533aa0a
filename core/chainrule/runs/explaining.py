"""The step that a run, or an experiment before it is trained, makes on some examples of its data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from chainrule.contract.arguments import require_text
from chainrule.contract.data import Data
from chainrule.contract.split import Split
from chainrule.errors import ConfigError, FieldError, TrackingError
from chainrule.explanation import Explanation, explain
from chainrule.network.loading import load_network
from chainrule.network.network import Network
from chainrule.runs.building import build_network, build_trainer, load_data
from chainrule.runs.folder import recorded_config
from chainrule.runs.result import WEIGHTS
from chainrule.tracking.reading import read_run

SPLITS = ("train", "validation", "test")


def explain_run(
    run_id: str, uri: str | None = None, examples: Sequence[int] | int = 8, split: str = "train"
) -> Explanation:
    """The step that a recorded run's network would make next, as the first update of its optimizer: what that had
    gathered is not kept with a run that has ended.

    Args:
        run_id: as ``Result.run_id`` and MLflow's pages give it.
        uri: the store; None for ``MLFLOW_TRACKING_URI``, else ``mlflow.db`` in the working directory.
        examples: how many, from the beginning, or at which positions.
        split: ``"train"``, ``"validation"`` or ``"test"``.

    Raises:
        TrackingError: there is no such run or store, or its weights or its config are not there.
        UnknownName: it needs a component that is not installed.
    """
    require_text("run_id", run_id, "the id of a run, as Result.run_id has it")
    record = read_run(run_id, uri, needs=WEIGHTS)
    file = record.folder / "config.yaml"
    if not file.is_file():
        raise TrackingError(f"the run {run_id} has no config.yaml, which says what it was trained on")
    config = recorded_config(file)
    _, data = load_data(config)
    title = f"{record.name}: one more step of learning"
    return _explained(config, data, load_network(record.folder / WEIGHTS), examples, split, title)


def explain_experiment(
    overrides: Sequence[str] = (),
    config_dir: str | None = None,
    examples: Sequence[int] | int = 8,
    split: str = "train",
) -> Explanation:
    """The first step of an experiment: ``explain_experiment(["experiment=spirals", "optimizer=sgd"])``.

    Args:
        overrides, config_dir: as ``train`` takes them.
        examples, split: as for ``explain_run``.

    Raises:
        ConfigError: the config is wrong; the message names the key and what would be right.
    """
    from chainrule.config.command_line import run_once

    def first_step(job: Any) -> Explanation:
        _, data = load_data(job.config)
        _, network = build_network(job.config, data)
        title = f"{job.config['name']}: the first step of learning"
        return _explained(job.config, data, network, examples, split, title)

    explained: Explanation = run_once(overrides, first_step, config_dir)
    return explained


def _explained(
    config: Mapping[str, Any], data: Data, network: Network, examples: Sequence[int] | int, split: str, title: str
) -> Explanation:
    if split not in SPLITS:
        raise FieldError(f'got "{split}", expected one of {", ".join(SPLITS)}', key="split")
    samples = getattr(data, split)
    if not isinstance(samples, Split):
        there = [name for name in SPLITS if isinstance(getattr(data, name), Split)]
        why = "is read batch by batch" if samples is not None else "is not there"
        raise ConfigError(f"the {split} split {why}: take {' or '.join(there) or 'other data'}", key="split")
    chosen = list(range(min(examples, samples.rows))) if isinstance(examples, int) else list(examples)
    wrong = [position for position in chosen if not 0 <= position < samples.rows]
    if wrong or not chosen:
        raise FieldError(f"got {wrong or examples}, expected positions from 0 to {samples.rows - 1}", key="examples")
    part = samples.at(chosen)
    trainer = build_trainer(config, network)
    return explain(
        network,
        part.x,
        part.y,
        trainer.optimizer,
        title=title,
        class_names=() if isinstance(data.class_names, Mapping) else data.class_names,
        lr=trainer.learning_rate,
        regularizer=trainer.regularizer,
        groups=trainer.groups,
        weight=part.weight,
        mask=part.mask,
    )
