"""Which parts of a config can change a result, and which only say how a run is named, recorded and shown."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from chainrule.contract.kinds import Callback
from chainrule.registry.registry import Registry, registry

IDLE = ("name", "objective", "explain", "trainer.threads", "trainer.engine", "callbacks")
"""By themselves; ``callbacks`` is a key of its own only where there are none. In how many threads a product was
computed, and by which engine, its last bits may tell; but what is taken where none is named, the machine decides."""


def without_effect(params: Mapping[str, Any]) -> set[str]:
    """Of the keys of a flat config, such as the params of a run, those that change nothing in its result.

    They are those above, all of ``tracking``, and those of callbacks that only show something.
    """
    shown = _that_show(registry())
    named = [key for key in params if key.startswith("callbacks.") and key.endswith(".name") and params[key] in shown]
    idle = ("tracking.", *(key.removesuffix("name") for key in named))
    return {key for key in params if key in IDLE or key.startswith(idle)}


@functools.cache  # asked for each run of a comparison
def _that_show(known: Registry) -> frozenset[str]:
    """The callbacks that only show something."""
    return frozenset(entry.name for entry in known if issubclass(entry.cls, Callback) and entry.cls.display)
