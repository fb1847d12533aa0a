"""What tells one run from another: its name, its tags, the digest of all that can change its result."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from chainrule.contract.data import Data
from chainrule.contract.kinds import Callback
from chainrule.network.network import Network
from chainrule.registry.making import make
from chainrule.registry.provenance import provenance
from chainrule.registry.registry import registry
from chainrule.training.trainer import Trainer

if TYPE_CHECKING:
    from chainrule.config.jobs import Job


UNRECORDED = ("objective", "tracking")
"""Keys of a config that are no params of its run: they change nothing in it."""


def describe(job: Job, data: Data, network: Network, trainer: Trainer, callbacks: Sequence[Callback]) -> dict[str, str]:
    """The tags by which a run is found again: its sweep, its config's digest, where each component came from."""
    from chainrule.process.threads import blas

    named = [make(kind, job.config[kind]) for kind in ("dataset", "model")]
    trained_by = [part for part in (trainer.optimizer, trainer.schedule, trainer.regularizer) if part is not None]
    used = [*network.components, *named, *trained_by, *trainer.all_metrics()]
    tags = {f"component.{name}": supplied for name, supplied in provenance([*used, *callbacks]).items()}
    if job.sweep is not None:
        tags["sweep"] = job.sweep
    working = [callback for callback in callbacks if not callback.display]
    digest = config_digest(job.config, data, provenance([*used, *working]))
    return {**tags, "blas": blas(), "config_digest": digest}


def config_digest(config: Mapping[str, Any], data: Data, components: Mapping[str, str]) -> str:
    """SHA-256 of all that can change a result to its last bit, and of nothing else.

    The config, less what says how a run is named, recorded, compared and shown; the data; who supplied the components,
    in which versions; the libraries that compute, and the threads that they take now.
    """
    from chainrule.process.threads import blas
    from chainrule.tracking.environment import numerics

    shown = {entry.name for entry in registry() if issubclass(entry.cls, Callback) and entry.cls.display}
    callbacks = [[name, spec] for name, spec in (config.get("callbacks") or {}).items() if spec["name"] not in shown]
    whole = {
        **{key: value for key, value in config.items() if key not in ("name", "objective", "tracking")},
        "callbacks": callbacks,  # a list: their order may matter
        "trainer": {key: value for key, value in config["trainer"].items() if key != "threads"},  # BLAS knows them
        "data": data.digest,
        "components": dict(components),
        "libraries": [blas(), numerics()],
    }
    return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()


def run_name(job: Job) -> str:
    """For a job of a sweep, the overrides that differ; else the name that the config gives."""
    given = job.config["tracking"]["run_name"]
    return given or ",".join(job.differs) or str(job.config["name"])


def weights_digest(network: Network) -> str:
    """SHA-256 of all parameters and buffers: equal for two networks that are equal to the last bit."""
    digest = hashlib.sha256(network.parameters.theta.tobytes())
    for buffer in network.buffers:
        digest.update(buffer.value.tobytes())
    return digest.hexdigest()
