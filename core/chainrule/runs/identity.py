"""What tells one run from another: its name, its tags, the digest of all that can change its result."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from chainrule.contract.data import Data
from chainrule.contract.kinds import Callback, Component
from chainrule.engine.use import engine_in_use, engine_in_words
from chainrule.network.network import Network
from chainrule.process.threads import blas
from chainrule.redaction import without_secrets
from chainrule.registry.effects import without_effect
from chainrule.registry.provenance import provenance
from chainrule.tracking.environment import numerics
from chainrule.tracking.tags import BLAS, CONFIG_DIGEST, ENGINE, OBJECTIVE, SWEEP, component_tags, flattened

if TYPE_CHECKING:
    from chainrule.config.jobs import Job


def describe(job: Job, data: Data, used: Sequence[Component]) -> dict[str, str]:
    """The tags by which a run is found again and judged: sweep, objective, config's digest, where components came from.

    Args:
        used: every component of the run.
    """
    tags = component_tags(provenance(used))
    if job.sweep is not None:
        tags[SWEEP] = job.sweep
    if job.config["objective"] is not None:
        tags[OBJECTIVE] = job.config["objective"]
    working = [component for component in used if not (isinstance(component, Callback) and component.display)]
    tags |= {BLAS: blas(), ENGINE: engine_in_words(engine_in_use())}
    return {**tags, CONFIG_DIGEST: config_digest(job.config, data, provenance(working))}


def config_digest(config: Mapping[str, Any], data: Data, components: Mapping[str, str]) -> str:
    """SHA-256 of all that can change a result to its last bit, and of nothing else.

    The config, less what is without effect; the data; who supplied the components, in which versions; the libraries
    that compute, and the threads that they take now; the engine that is in use.
    """
    flat = flattened(without_secrets(config))  # of which a digest could be guessed
    idle = without_effect(flat)
    whole = {
        "config": {key: value for key, value in flat.items() if key not in idle},
        "callbacks": [key for key in config.get("callbacks") or {} if f"callbacks.{key}.name" not in idle],  # in order
        "data": data.digest,
        "components": dict(components),
        "libraries": [blas(), numerics(), engine_in_words(engine_in_use())],
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
