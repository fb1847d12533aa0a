"""What is compiled computes what NumPy does: rules of optimizers, and loops that a component writes out beside."""

from __future__ import annotations

import sys
from typing import cast

import numpy as np

from chainrule.contract.arrays import Array
from chainrule.contract.kinds import Component, Optimizer
from chainrule.contract.rules import recorded
from chainrule.engine.compiling import numba_version
from chainrule.engine.kernels import Loops
from chainrule.engine.use import HOW_TO_INSTALL, Engine, using
from chainrule.process.threads import all_in_parts
from chainrule.testing.arrays import distance
from chainrule.testing.exercises import exercises
from chainrule.testing.kit import check, expect
from chainrule.testing.subject import Subject

ENGINES: tuple[Engine, Engine] = ("numpy", "numba")
TOLERANCES = {"float64": 1e-12, "float32": 1e-6}
"""Of the largest number."""
PLAIN = "write rules, and loops, with operators and functions that NumPy and numba both have for single numbers"


SHARED = "write nothing in one part that another one reads or writes, and what belongs together in their order"


def loops_of(cls: type[Component]) -> list[Loops]:
    """Those that the modules of a class and its bases know."""
    modules = [sys.modules.get(base.__module__) for base in cls.__mro__]
    return [value for module in modules for value in vars(module or object).values() if isinstance(value, Loops)]


def compiles(cls: type[Component]) -> bool:
    """Whether it has a rule, or may have loops, in a module that it uses."""
    return getattr(cls, "rule", None) is not None or cls.kind in ("layer", "activation", "loss")


def without_numba(cls: type[Component]) -> str | None:
    return None if numba_version() else f"numba cannot be used here: {HOW_TO_INSTALL}"


@check(when=compiles, unless=without_numba, rests_on=("deterministic",))
def check_engines_agree(subject: Subject) -> None:
    """Compiled, it gives what NumPy gives, to 1e-12 in float64 and to 1e-6 in float32."""
    for dtype, tolerance in TOLERANCES.items():
        if subject.kind == "optimizer" and cast(type[Optimizer], subject.cls).rule is not None:
            loop = recorded(subject.make()).rule.compiled(dtype)
            expect(loop is not None, f"its rule cannot be compiled for {dtype}, as the warning says", PLAIN)
        by_numpy, by_numba = (computed(subject, dtype, engine) for engine in ENGINES)
        failed = [loops.name for loops in loops_of(subject.cls) if loops.fails]
        expect(not failed, f"{', '.join(failed)} cannot be compiled, as the warning says", PLAIN)
        for name, one in by_numpy.items():
            off, largest = distance(one, by_numba[name]), float(np.abs(one).max(initial=1.0))
            expect(off <= tolerance * largest, f"{name}, in {dtype}, compiled is off by {off:.3g}", PLAIN)


@check("layer", "activation", rests_on=("deterministic",))
def check_parts_agree(subject: Subject) -> None:
    """Where all that it gives to in_parts is shared out, it gives what it gives by itself, to 1e-12 in float64."""
    alone = computed(subject, "float64", "numpy")
    for number in (2, 3):
        with all_in_parts(number):
            together = computed(subject, "float64", "numpy")
        for name, one in alone.items():
            off, largest = distance(one, together[name]), float(np.abs(one).max(initial=1.0))
            expect(off <= 1e-12 * largest, f"{name}, shared out among {number} threads, is off by {off:.3g}", SHARED)


def computed(subject: Subject, dtype: str, engine: Engine) -> dict[str, Array]:
    """All that comes out of its exercises."""
    with using(engine):
        return {
            f"{name} {variant}".strip(): array
            for exercise in exercises(subject, dtype)
            for variant in exercise.variants
            for name, array in exercise.run(variant).items()
        }
