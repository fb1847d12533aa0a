"""Components that break one rule of their contract, and are otherwise right: what the kit's checks are tested with.

A test module writes right components, and for each check a subclass of one that is broken in just that way::

    @breaks("gradients_written", says="backward adds to s.grad")
    class Adds(Scale):
        def backward(self, dy): ...
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chainrule.testing import check_component, checks_for

MENDS = "\nTo mend it: "


@dataclass(frozen=True)
class Broken:
    """A component, the check that it is made to fail, those that must fail with it, and what the message holds."""

    component: Any
    check: str
    also: frozenset[str]
    says: str

    @property
    def kind(self) -> str:
        kind: str = self.component.kind
        return kind

    @property
    def id(self) -> str:
        cls = self.component if isinstance(self.component, type) else type(self.component)
        return f"{self.check}-{cls.__name__}"


class Breakages(list[Broken]):
    """The broken components of a test module; called, it is the decorator that takes one in."""

    def __call__(self, check: str, also: tuple[str, ...] = (), says: str = "") -> Callable[[type], type]:
        def take_in(cls: type) -> type:
            if cls.__doc__ is None:
                cls.__doc__ = cls.__mro__[1].__doc__  # else dataclass would write one
            self.append(Broken(dataclass(cls), check, frozenset(also), says))
            return cls

        return take_in


def assert_right(component: Any) -> None:
    """It passes every check of its kind, but for that of its formula, where it has none."""
    outcomes = check_component(component)
    proven = hasattr(component, "reference")
    assert {o.check for o in outcomes if o.status != "passed"} <= (set() if proven else {"formula_computed"})
    assert [outcome.check for outcome in outcomes] == [check.name for check in checks_for(component)]


def assert_found(broken: Broken) -> None:
    """The kit finds what is broken and nothing else, says so with numbers, and how to mend it."""
    failed = {o.check: o.message for o in check_component(broken.component, on_fail="return") if o.status == "failed"}
    assert set(failed) == {broken.check, *broken.also}, failed
    what, _, mend = failed[broken.check].partition(MENDS)
    assert re.search(broken.says, what), what
    assert len(mend) > 10
