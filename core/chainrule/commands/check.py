"""The conformance kit over what is installed: ``chainrule check``."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from chainrule.commands.plugins import chosen, remedy
from chainrule.registry.discovery import Plugin
from chainrule.registry.provenance import own_version
from chainrule.registry.registry import Entry, registry

if TYPE_CHECKING:
    from rich.table import Table

    from chainrule.testing import Outcome

Results: TypeAlias = "Sequence[tuple[Entry, list[Outcome]]]"

STATUSES = ("passed", "failed", "not applicable")
NAME = "check"


def add(commands: Any) -> None:
    """Its options."""
    parser = commands.add_parser(NAME, help="whether components keep their contract: gradients, state, dtypes, ...")
    parser.add_argument("which", nargs="*", metavar="NAME", help="only these kinds, components, plugins or packages")
    parser.add_argument("--json", action="store_true", help="the outcome of every check, for programs")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Check, and print how each did; the exit status: 0 where nothing failed."""
    return 0 if check(*options.which, as_json=options.json) else 1


def check(*which: str, as_json: bool = False) -> bool:
    """Check all components, or those of kinds, plugins or packages, or single ones, and print how each did.

    Args:
        as_json: print one JSON document in place of a table: see ``_document``.

    Returns:
        Whether nothing failed; a plugin that could not be loaded is a failure.

    Raises:
        UnknownName: there is nothing of a name.
    """
    entries, plugins = _chosen(which)
    with _progress(len(entries)) as advance:
        results = [(entry, _checked(entry, advance)) for entry in entries]
    broken = [plugin for plugin in plugins if plugin.error]
    if as_json:
        print(json.dumps(_document(results, broken), indent=2))
    else:
        _show(results, broken)
    return not broken and not _count(_all(results), "failed")


def _chosen(which: Sequence[str]) -> tuple[list[Entry], list[Plugin]]:
    """What the names mean, each component and plugin once, in the order of the registry."""
    found = [chosen(name) for name in which] or [chosen(None)]
    entries = [entry for entry in registry() if any(entry in of_name for of_name, _ in found)]
    plugins = [plugin for plugin in registry().plugins if any(plugin in of_name for _, of_name in found)]
    return entries, plugins


def _show(results: Results, broken: Sequence[Plugin]) -> None:
    """A table, and below it what does not apply and what fails, in full."""
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True)
    if results:
        console.print(_table(results))
    every = _all(results)
    for (component, reason), checks in _left_out(every).items():
        console.print(f"{component}: {', '.join(checks)} not applicable", style="bold")
        console.print(_indented(reason), markup=False)
    for outcome in every:
        if outcome.status == "failed":
            console.print(f"{outcome.component}: {outcome.check} failed", style="bold red")
            console.print(_indented(outcome.message), markup=False)
    for plugin in broken:
        console.print(f"{plugin.id} ({plugin.distribution} {plugin.version}): failed to load", style="bold red")
        console.print(_indented(f"{plugin.error}\n{remedy(plugin)}"), markup=False)
    counts = ", ".join(f"{_count(every, status):,} {status}" for status in STATUSES)
    print(f"{len(results)} component{'s' * (len(results) != 1)}, {len(every):,} checks: {counts}")


def _document(results: Results, broken: Sequence[Plugin]) -> dict[str, Any]:
    """What ``--json`` prints::

        {"chainrule": "0.1.0",
         "counts": {"components": 1, "checks": 42, "passed": 41, "failed": 1, "not applicable": 0},
         "components": [{"component": "layer.scale", "distribution": "acme", "version": "0.3",
                         "checks": [{"check": "runs", "status": "passed"},
                                    {"check": "gradient_of_input", "status": "failed",
                                     "message": "dx is off by ...", "mend": "derive backward ..."},
                                    {"check": "...", "status": "not applicable", "message": "why"}]}],
         "failed_to_load": [{"plugin": "acme:layers", "error": "ImportError: ..."}]}

    ``message`` and ``mend`` are one line each.
    """
    every = _all(results)
    return {
        "chainrule": own_version(),
        "counts": {
            "components": len(results),
            "checks": len(every),
            **{status: _count(every, status) for status in STATUSES},
        },
        "components": [
            {
                "component": f"{entry.kind}.{entry.name}",
                "distribution": entry.distribution,
                "version": entry.version,
                "checks": [_plain(outcome) for outcome in outcomes],
            }
            for entry, outcomes in results
        ],
        "failed_to_load": [{"plugin": plugin.id, "error": _one_line(str(plugin.error))} for plugin in broken],
    }


def _plain(outcome: Outcome) -> dict[str, str]:
    plain = {"check": outcome.check, "status": outcome.status}
    message, _, mend = outcome.message.partition("\nTo mend it: ")
    told = {"message": _one_line(message), "mend": _one_line(mend)}
    return {**plain, **{name: text for name, text in told.items() if text}}


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _all(results: Results) -> list[Outcome]:
    return [outcome for _, outcomes in results for outcome in outcomes]


def _checked(entry: Entry, advance: Callable[[str], None]) -> list[Outcome]:
    from chainrule.testing import check_component

    advance(f"{entry.kind}.{entry.name}")
    return check_component(entry, on_fail="return")


def _table(results: Results) -> Table:
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
