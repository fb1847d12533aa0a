"""Running checks: over one component at once, or each as a test of pytest's."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal

from chainrule.testing.kit import CHECKS, Check, CheckFailed, Outcome, raised
from chainrule.testing.subject import Examined


def checks_for(component: Any) -> list[Check]:
    """The checks of a component's kind, in their order.

    Args:
        component: an instance, a class, or a registered name.
    """
    cls = Examined(component).cls
    chosen = [check for check in CHECKS if cls.kind in check.kinds and check.when(cls)]
    # Those that others rest on come first, and those of all kinds before those of a few.
    return sorted(chosen, key=lambda check: (not check.first, _depth(check, chosen), not check.general))


def _depth(check: Check, among: Sequence[Check]) -> int:
    """Behind how many others it comes, one after another, on which it rests."""
    return max((1 + _depth(other, among) for other in among if other.name in check.rests_on), default=0)


def check_component(component: Any, on_fail: Literal["raise", "return"] = "raise") -> list[Outcome]:
    """Run every check of a component's kind on all of its examples.

    Args:
        component: a class or a registered name, whose examples are those that it declares; or an instance, which is
            the only example.
        on_fail: "raise" one error that lists every failure, or only "return" the outcomes.

    Raises:
        CheckFailed: a check failed.
    """
    examined = Examined(component)
    outcomes = list(outcomes_of(examined))
    failed = [outcome for outcome in outcomes if outcome.status == "failed"]
    if failed and on_fail == "raise":
        listed = "\n".join(f"- {outcome.check}: {indented(outcome.message)}" for outcome in failed)
        plural = "" if len(failed) == 1 else "s"
        raise CheckFailed(
            f"{examined.name} fails {len(failed)} check{plural} of {len(outcomes)}\n{listed}",
            "each failure above says how; a check that does not apply is declared in checks_not_applicable",
        )
    return outcomes


def outcomes_of(examined: Examined) -> Iterator[Outcome]:
    """One outcome for each check; where a first one fails, the others are not run, nor those that rest on it."""
    reasons = dict(reasons_of(examined))
    failed: list[str] = []
    for check in checks_for(examined.cls):
        base = next((name for name in check.rests_on if name in failed), None)
        if base is not None:
            reasons.setdefault(check.name, f"it rests on {base}, which fails")
        outcome = outcome_of(check, examined, reasons)
        if outcome.status == "failed" or base is not None:
            failed.append(check.name)
        yield outcome
        if check.first and outcome.status == "failed":
            return


def outcome_of(check: Check, examined: Examined, reasons: Mapping[str, str]) -> Outcome:
    if check.name in reasons:
        return Outcome(examined.name, check.name, "not applicable", reasons[check.name])
    try:
        run(check, examined)
    except CheckFailed as failure:
        return Outcome(examined.name, check.name, "failed", str(failure))
    return Outcome(examined.name, check.name, "passed")


def run(check: Check, examined: Examined) -> None:
    """Run one check on all examples.

    Raises:
        CheckFailed: naming the example, where there are several.
    """
    example = None
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        try:
            for subject in examined.subjects():
                example = subject.example
                if check.name not in subject.not_applicable:
                    check.run(subject)
        except Exception as error:
            failure = error if isinstance(error, CheckFailed) else raised(error)
            if example is not None:
                failure = CheckFailed(f"example {example}, {dict(subject.fields)}: {failure.what}", failure.mend)
            raise failure from error


def reasons_of(examined: Examined) -> dict[str, str]:
    """The checks that do not apply to any example, with the reasons: the author's, or else the check's own.

    Where a check that others rest on does not apply, such as that a dataset loads, those of this kind do not either.
    """
    checks = checks_for(examined.cls)
    reasons = {check.name: reason for check in checks if (reason := check.unless(examined.cls)) is not None}
    try:
        of_examples = [subject.not_applicable for subject in examined.subjects()]
    except Exception:  # the checks that come first say what is wrong
        return reasons
    in_all = set.intersection(*map(set, of_examples))
    reasons |= {name: reason for name, reason in of_examples[0].items() if name in in_all}
    of_kind = [check for check in checks if not check.general]
    base = next((reasons[check.name] for check in of_kind if check.first and check.name in reasons), None)
    return reasons if base is None else {**{check.name: base for check in of_kind}, **reasons}


class Case:
    """One check of one component, to be called by a test."""

    def __init__(self, check: Check, examined: Examined) -> None:
        self._check, self._examined = check, examined
        self.id = f"{examined.name}-{check.name}"

    def __call__(self) -> None:
        failed = self._examined.failed
        base = next((name for name in self._check.rests_on if name in failed), None)
        try:
            if base is not None:
                import pytest

                pytest.skip(f"not applicable: it rests on {base}, which fails")
            run(self._check, self._examined)
        except BaseException:
            failed.add(self._check.name)
            raise

    def __repr__(self) -> str:
        return self.id


def parametrize_with_checks(components: Sequence[Any]) -> Callable[[Any], Any]:
    """A decorator for a test that takes ``check`` and calls it: a test for each check of each component.

    Args:
        components: each an instance, a class, or a registered name.
    """
    import pytest

    cases = []
    for component in components:
        examined = Examined(component)
        reasons = reasons_of(examined)
        for check in checks_for(component):
            case = Case(check, examined)
            marks = [pytest.mark.skip(reason=f"not applicable: {reasons[check.name]}")] if check.name in reasons else []
            cases.append(pytest.param(case, id=case.id, marks=marks))
    return pytest.mark.parametrize("check", cases)


def indented(message: str) -> str:
    return message.replace("\n", "\n  ")
