"""Random numbers come from the stream that a component is given, or from one of its own with a seed that is a field."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from chainrule.contract.fields import fields_of
from chainrule.contract.kinds import Component
from chainrule.testing.bench import Bench, inputs
from chainrule.testing.initializers import SHAPES
from chainrule.testing.kit import check, expect
from chainrule.testing.subject import Subject
from chainrule.testing.training import fit, trainer

MAKERS = ("default_rng",)


def _unseeded(cls: type[Component]) -> bool:
    return not any("seed" in field.name for field in fields_of(cls))


@check(
    "layer",
    "activation",
    "initializer",
    "callback",
    when=_unseeded,
    rests_on=("deterministic", "draws_anew", "trains", "resumes"),
)
def check_own_stream(subject: Subject) -> None:
    """While it works it makes no generator of random numbers: it draws from the one that it is given."""
    with _watched() as made:
        if subject.kind == "callback":
            fit(trainer(subject.make()), [subject.make()])
        elif subject.kind == "initializer":
            for shape in SHAPES:
                subject.make()(shape, subject.rng(), np.dtype("float64"))
        else:
            for shape in subject.input_shapes:
                bench = Bench(subject, shape)
                made.clear()  # what build makes is made once
                for training in (True, False):
                    y = bench.forward(inputs(subject, shape), training)
                    bench.backward(np.ones_like(y))
    expect(
        not made,
        f"it makes a generator of random numbers of its own: {', '.join(sorted(set(made)))}",
        "draw from what it is given, self.rng of a layer, the argument rng of an initializer, on_batch and on_order: "
        "these depend on the seed of the training, and are saved; or have a field seed",
    )


@contextlib.contextmanager
def _watched() -> Iterator[list[str]]:
    """Which makers of generators are called meanwhile, by other modules than the library's own."""
    made: list[str] = []
    kept = {name: getattr(np.random, name) for name in MAKERS}

    def watching(name: str) -> Any:
        def make(*arguments: Any, **named: Any) -> Any:
            module = str(sys._getframe(1).f_globals.get("__name__", ""))
            if module.partition(".")[0] not in ("chainrule", "numpy"):
                made.append(f"np.random.{name} in {module}")
            return kept[name](*arguments, **named)

        return make

    try:
        for name in MAKERS:
            setattr(np.random, name, watching(name))
        yield made
    finally:
        for name, maker in kept.items():
            setattr(np.random, name, maker)
