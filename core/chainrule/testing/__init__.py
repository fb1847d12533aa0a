"""The conformance kit for component authors."""

from chainrule.testing import (  # noqa: F401 (importing them takes their checks in)
    backward,
    callbacks,
    datasets,
    everywhere,
    initializers,
    losses,
    metrics,
    models,
    optimizers,
    regularizers,
    schedules,
    state,
    steps,
)
from chainrule.testing.kit import Check, CheckFailed, Outcome
from chainrule.testing.running import check_component, checks_for, parametrize_with_checks

__all__ = ["Check", "CheckFailed", "Outcome", "check_component", "checks_for", "parametrize_with_checks"]
