"""``chainrule train``: all of Hydra's command line."""

from __future__ import annotations

from typing import Any

from chainrule.process.signals import ended_by_signals

NAME = "train"


def add(commands: Any) -> None:
    """Its place in the list of commands; Hydra reads what stands behind it."""
    commands.add_parser(
        NAME,
        help="train a network: chainrule train experiment=mnist optimizer.lr=0.01 (chainrule train --help)",
        add_help=False,
    )


def run(arguments: list[str]) -> int:
    """Train, sweep or show, as Hydra's command line says; the exit status."""
    from chainrule.config.command_line import hydra_command
    from chainrule.config.jobs import Failure
    from chainrule.runs.report import run_and_report
    from chainrule.runs.sweep import Supervisor

    supervisor = Supervisor()
    with ended_by_signals():
        result = hydra_command(arguments, run_and_report, supervisor)
    if isinstance(result, Failure):
        raise result.error
    return 1 if supervisor.failed else 0
