"""The conformance kit for component authors."""

from chainrule.testing import everywhere, steps  # noqa: F401 (importing them takes their checks in)
from chainrule.testing.kit import Check, CheckFailed, Outcome
from chainrule.testing.running import check_component, checks_for, parametrize_with_checks

__all__ = ["Check", "CheckFailed", "Outcome", "check_component", "checks_for", "parametrize_with_checks"]
