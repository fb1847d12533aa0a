"""The conformance kit over what is installed: ``chainrule check``."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from chainrule.commands.plugins import chosen, remedy
from chainrule.registry.registry import Entry

if TYPE_CHECKING:
    from rich.table import Table

    from chainrule.testing import Outcome

STATUSES = ("passed", "failed", "not applicable")
NAME = "check"


def add(commands: Any) -> None:
    """Its options."""
    parser = commands.add_parser(NAME, help="whether components keep their contract: gradients, state, dtypes, ...")
    parser.add_argument("which", nargs="?", metavar="NAME", help="only this kind, component, plugin or package")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Check, and print how each did; the exit status: 0 where nothing failed."""
    return 0 if check(options.which) else 1


def check(which: str | None = None) -> bool:
    """Check all components, or those of a kind, a plugin or a package, or one, and print how each did.

    Returns:
        Whether nothing failed; a plugin that could not be loaded is a failure.

    Raises:
        UnknownName: there is nothing of that name.
    """
    from rich.console import Console

    entries, plugins = chosen(which)
    with _progress(len(entries)) as advance:
        results = [(entry, _checked(entry, advance)) for entry in entries]

    console = Console(highlight=False, soft_wrap=True)
    if results:
        console.print(_table(results))
    every = [outcome for _, outcomes in results for outcome in outcomes]
    for (component, reason), checks in _left_out(every).items():
        console.print(f"{component}: {', '.join(checks)} not applicable", style="bold")
        console.print(_indented(reason), markup=False)
    for outcome in every:
        if outcome.status == "failed":
            console.print(f"{outcome.component}: {outcome.check} failed", style="bold red")
            console.print(_indented(outcome.message), markup=False)
    broken = [plugin for plugin in plugins if plugin.error]
    for plugin in broken:
        console.print(f"{plugin.id} ({plugin.distribution} {plugin.version}): failed to load", style="bold red")
        console.print(_indented(f"{plugin.error}\n{remedy(plugin)}"), markup=False)
    counts = ", ".join(f"{_count(every, status):,} {status}" for status in STATUSES)
    print(f"{len(entries)} component{'s' * (len(entries) != 1)}, {len(every):,} checks: {counts}")
    return not broken and not _count(every, "failed")


def _checked(entry: Entry, advance: Callable[[str], None]) -> list[Outcome]:
    from chainrule.testing import check_component

    advance(f"{entry.kind}.{entry.name}")
    return check_component(entry, on_fail="return")


def _table(results: Sequence[tuple[Entry, list[Outcome]]]) -> Table:
    from rich import box
    from rich.table import Table

    table = Table("component", "from", box=box.SIMPLE_HEAD, pad_edge=False)
    for status in STATUSES:
        table.add_column(status, justify="right")
    for entry, outcomes in results:
        counts = [_count(outcomes, status) for status in STATUSES]
        shown = [str(count) if count else "" for count in counts]
        name, supplier = f"{entry.kind}.{entry.name}", f"{entry.distribution} {entry.version}"
        table.add_row(name, supplier, *shown, style="red" if _count(outcomes, "failed") else None)
    return table


def _left_out(outcomes: Sequence[Outcome]) -> dict[tuple[str, str], list[str]]:
    """The checks that do not apply, by component and reason."""
    found: dict[tuple[str, str], list[str]] = {}
    for outcome in outcomes:
        if outcome.status == "not applicable":
            found.setdefault((outcome.component, outcome.message), []).append(outcome.check)
    return found


@contextlib.contextmanager
def _progress(total: int) -> Iterator[Callable[[str], None]]:
    """Shows on a terminal how far it has come; gives the function to be told what comes next."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    # The console is given its file, as checks turn stderr away while they run; so nothing may draw meanwhile either.
    console = Console(file=sys.stderr)
    columns = MofNCompleteColumn(), BarColumn(), TextColumn("{task.description}")
    hidden = not console.is_terminal
    with Progress(*columns, console=console, auto_refresh=False, transient=True, disable=hidden) as bar:
        task = bar.add_task("", total=total)
        done = 0

        def advance(name: str) -> None:
            nonlocal done
            bar.update(task, completed=done, description=name, refresh=True)
            done += 1

        yield advance


def _count(outcomes: Sequence[Outcome], status: str) -> int:
    return sum(outcome.status == status for outcome in outcomes)


def _indented(message: str) -> str:
    return "\n".join(f"  {line}" for line in message.splitlines())
