"""All rules, asked in order."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from chainrule.diagnosis.course import Course
from chainrule.diagnosis.finding import Finding
from chainrule.diagnosis.learning import (
    disturbed,
    nothing_in_common,
    overfitting,
    targets_unscaled,
    too_short,
    underfitting,
)
from chainrule.diagnosis.mechanics import (
    exploding,
    held_down,
    inputs_unscaled,
    not_a_number,
    rate_too_high,
    rate_too_low,
    vanishing,
)
from chainrule.diagnosis.remedies import Remedies
from chainrule.diagnosis.units import dead_units, saturated_units, symmetric, vanishing_signals
from chainrule.film.film import Film

MECHANICS = (
    not_a_number,
    inputs_unscaled,
    rate_too_high,
    symmetric,
    held_down,
    exploding,
    vanishing_signals,
    dead_units,
    saturated_units,
    vanishing,
    rate_too_low,
)
"""Causes before what may come of them."""
LEARNING = (targets_unscaled, disturbed, nothing_in_common, overfitting, too_short, underfitting)
"""Asked too where the mechanics work; where they do not, how little was learned is no wonder."""
SYMPTOM = "dead_units"
"""Units also die of what cannot be learned."""


def diagnose(film: Film, config: Mapping[str, Any] | None = None, overrides: Sequence[str] = ()) -> list[Finding]:
    """What a training suffers from, the likeliest cause first; empty where nothing is to be said.

    Args:
        film: of a training that has begun.
        config, overrides: those of its run, for commands to try.
    """
    if not film.frames:
        return []
    course, remedies = Course(film), Remedies(config, overrides)
    found = [finding for rule in MECHANICS for finding in rule(course, remedies)]
    rules = LEARNING if all(finding.kind == SYMPTOM for finding in found) else (overfitting,)
    found += [finding for rule in rules for finding in rule(course, remedies)]
    hidden = {kind for finding in found for kind in finding.hides}
    told = [finding for finding in found if finding.kind not in hidden]
    return list(_with_commands(told, remedies))


def _with_commands(told: Sequence[Finding], remedies: Remedies) -> Iterator[Finding]:
    """Each with a command that heals those before it too: with an earlier fault in it, a later one could not show."""
    so_far: dict[str, str] = {}
    for finding in told:
        for override in finding.overrides:
            so_far.setdefault(override.partition("=")[0], override)
        command = remedies.command(*so_far.values()) if finding.overrides else None
        yield dataclasses.replace(finding, command=command)
