"""What is written once, as a function of single numbers, computes the same by each engine."""

from __future__ import annotations

from typing import cast

import numpy as np

from chainrule.contract.kinds import Component, Optimizer
from chainrule.contract.rules import rule_of
from chainrule.engine.compiling import numba_version
from chainrule.engine.use import HOW_TO_INSTALL, Engine, using
from chainrule.testing.arrays import distance
from chainrule.testing.descents import Descent, descent
from chainrule.testing.kit import check, expect
from chainrule.testing.subject import Subject

STEPS = 10
TOLERANCES = {"float64": 1e-12, "float32": 1e-6}
"""Of the largest number."""
PLAIN = "write the rule with operators and functions that NumPy and numba have for single numbers"


def by_rule(cls: type[Component]) -> bool:
    return cast(type[Optimizer], cls).rule is not None


def without_numba(cls: type[Component]) -> str | None:
    return None if numba_version() else f"numba cannot be used here: {HOW_TO_INSTALL}"


@check("optimizer", when=by_rule, unless=without_numba)
def check_engines_agree(subject: Subject) -> None:
    """Its rule gives the same in passes of NumPy and in a compiled loop: to 1e-12 in float64, to 1e-6 in float32."""
    for dtype, tolerance in TOLERANCES.items():
        loop = rule_of(subject.make()).compiled(dtype)
        expect(loop is not None, f"its rule cannot be compiled for {dtype}, as the warning says", PLAIN)
        by_numpy, by_loop = (gone(subject, dtype, engine) for engine in ("numpy", "numba"))
        for name in ("theta", *by_numpy.slots):
            one, other = (run.theta if name == "theta" else run.slots[name] for run in (by_numpy, by_loop))
            off, largest = distance(one, other), float(np.abs(one).max(initial=0))
            expect(
                off <= tolerance * max(1.0, largest),
                f"after {STEPS} steps in {dtype}, {name} by NumPy and by a compiled loop is {off:.3g} apart",
                PLAIN,
            )


def gone(subject: Subject, dtype: str, engine: str) -> Descent:
    with using(cast(Engine, engine)):
        return descent(subject, dtype=dtype).go(STEPS)
