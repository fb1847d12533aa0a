"""What a check is: a small named function, what it says where it fails, and which kinds of component it is for."""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from chainrule.contract.kinds import KINDS, Component
from chainrule.errors import ContractError
from chainrule.training.encoding import decoded, encoded

if TYPE_CHECKING:
    from chainrule.testing.subject import Subject

Status: TypeAlias = Literal["passed", "failed", "not applicable"]
Run: TypeAlias = Callable[["Subject"], None]


class CheckFailed(AssertionError):
    """A component does not pass a check.

    Args:
        what: is wrong, with numbers.
        mend: what its author can do about it.
    """

    def __init__(self, what: str, mend: str) -> None:
        super().__init__(what, mend)
        self.what, self.mend = what, mend

    def __str__(self) -> str:
        return f"{self.what}\nTo mend it: {self.mend}"


@dataclass(frozen=True)
class Check:
    """One check: ``check_keeps_dtype`` is named ``keeps_dtype``."""

    name: str
    kinds: tuple[str, ...]
    run: Run
    when: Callable[[type[Component]], bool]  # whether it is for such a class
    first: bool  # where it fails, the others would say the same again, and are not run
    unless: Callable[[type[Component]], str | None]  # why it cannot be run on such a class, or None
    rests_on: tuple[str, ...]  # other checks; where one of them fails, this one would say the same again

    @property
    def general(self) -> bool:
        """Whether it is for all kinds."""
        return len(self.kinds) == len(KINDS)

    @property
    def description(self) -> str:
        """What it asks for: the first line of its docstring."""
        return (inspect.getdoc(self.run) or "").partition("\n")[0]


@dataclass(frozen=True)
class Outcome:
    """How one check of one component ended. ``message`` says why, where it did not pass."""

    component: str  # "layer.scale"
    check: str
    status: Status
    message: str = ""


CHECKS: list[Check] = []
"""Every check. A module of checks takes its own in when it is imported, which the package does."""


def check(
    *kinds: str,
    when: Callable[[type[Component]], bool] = lambda cls: True,
    first: bool = False,
    unless: Callable[[type[Component]], str | None] = lambda cls: None,
    rests_on: tuple[str, ...] = (),
) -> Callable[[Run], Run]:
    """Make a function ``check_<name>(subject)`` a check of these kinds of component; of all, where none is named."""

    def take_in(run: Run) -> Run:
        name = run.__name__.removeprefix("check_")
        CHECKS.append(Check(name, kinds or tuple(KINDS), run, when, first, unless, rests_on))
        return run

    return take_in


def expect(condition: bool | np.bool_, what: str, mend: str) -> None:
    """Fail the running check where the condition is false."""
    if not condition:
        raise CheckFailed(what, mend)


def as_kept(state: Any) -> Any:
    """What a checkpoint gives back of a state.

    Raises:
        CheckFailed: no file can keep it.
    """
    try:
        return decoded(*encoded(state))
    except ContractError as error:
        raise CheckFailed(
            f"its state cannot be saved: {error}",
            "let state() return numbers, texts, arrays, NumPy's generators, and lists, tuples and dicts of them, and "
            "make the rest of them in load_state(state)",
        ) from None


def raised(error: BaseException) -> CheckFailed:
    """What to say of an error that came out of a component, with the innermost line that is not a library's."""
    own = Path(__file__).parents[1]
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [f for f in frames if own not in Path(f.filename).parents and "site-packages" not in f.filename]
    place = f" (line {theirs[-1].lineno} of {Path(theirs[-1].filename).name}: {theirs[-1].line})" if theirs else ""
    return CheckFailed(
        f"{type(error).__name__}: {error}{place}",
        "a component that is used as its contract says raises nothing here; the message above says where it came from",
    )
