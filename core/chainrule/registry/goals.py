"""Which way a metric is better: the one place that knows, and compares by it."""

from __future__ import annotations

from chainrule.contract.kinds import Metric
from chainrule.registry.registry import registry


def goal_of(name: str) -> str:
    """``"min"`` or ``"max"``: which way the metric of that name (``validation/accuracy``) is better."""
    short = name.rpartition("/")[2]
    if short in registry().names("metric"):
        cls = registry().get("metric", short).cls
        assert issubclass(cls, Metric)
        return cls.goal
    return "min"
