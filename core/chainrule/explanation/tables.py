"""The step in tables, for a terminal: the same numbers as the page, as far as they find room."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from chainrule.contract.named import items
from chainrule.explanation.documented import formulas
from chainrule.explanation.shown import Shown
from chainrule.network.step_trace import SILENT
from chainrule.registry.registry import registry
from chainrule.words import number

ROWS, COLUMNS = 8, 8
"""Of a matrix at most so many are shown."""


@SILENT
def tables_of(shown: Shown, width: int) -> str:
    """All of it, as lines of at most that width."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=False, force_jupyter=False, color_system=None)
    step = shown.step

    def say(line: str = "") -> None:
        console.print(line, markup=False, highlight=False)

    def matrix(what: str, array: Any) -> None:
        for name, one in items(array):
            if one is None:
                continue
            rows = np.asarray(one).reshape(len(one), -1) if np.ndim(one) else np.asarray(one).reshape(1, 1)
            say(f"{what} {name}".rstrip() + f" {np.shape(one)}")
            table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 2))
            columns = min(rows.shape[1], COLUMNS)
            for row in rows[:ROWS]:
                cells = [number(float(value)) for value in row[:columns]]
                table.add_row(*cells, *(["..."] if rows.shape[1] > columns else []))
            if len(rows) > ROWS:
                table.add_row("...")
            console.print(table)

    say(shown.title)
    say(repr(shown.network))
    if shown.film is not None:
        say("\nTRAINING")
        for line in _told(shown):
            say(line)
    say("\nFORWARD")
    matrix("x", step.x)
    for operation in step.operations:
        say(f"{operation.name}{' (within ' + operation.inside + ')' if operation.inside else ''}")
        for line in formulas(operation.layer).get("Forward", []):
            say(f"  {line.strip()}")
        matrix("y", operation.y)
    say(f"\nLOSS {registry().name_of(step.loss_of)}")
    for line in formulas(step.loss_of).get("Forward", []):
        say(f"  {line.strip()}")
    matrix("target", step.target)
    say(f"loss {step.loss:.6g}" + (f", penalty {step.penalty:.6g}" if step.penalty else ""))
    say("\nBACKWARD")
    for operation in reversed(step.operations):
        say(operation.name + (": the loss goes back through it by itself" if operation.fused else ""))
        for line in formulas(operation.layer).get("Backward", []) if not operation.fused else ():
            say(f"  {line.strip()}")
        matrix("dx", operation.dx)
        for name in operation.parameters:
            if operation.inside is None and name in step.parameters:
                matrix(f"{name}.grad", step.parameters[name].grad)
    if step.optimizer is None:
        rule = "no optimizer: the gradients alone"
    else:
        rule = f"{registry().name_of(step.optimizer)}, learning rate {step.learning_rate:.4g}, update {step.step}"
    say(f"\nUPDATE by {rule}")
    for line in formulas(step.optimizer).get("Update", []) if step.optimizer is not None else ():
        say(f"  {line.strip()}")
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("parameter", "at", "value", "gradient", "by differences", "update", "after"):
        table.add_column(heading, justify="left" if heading == "parameter" else "right")
    for name, (chosen, estimated) in shown.estimates.items():
        moved = step.parameters[name]
        for at, estimate in list(zip(chosen, estimated))[:ROWS]:
            place = ", ".join(map(str, np.unravel_index(at, moved.value.shape))) if moved.value.ndim else ""
            values = (moved.value.flat[at], moved.grad.flat[at], estimate, moved.update.flat[at], moved.after.flat[at])
            table.add_row(name, f"[{place}]", *(number(float(value)) for value in values))
    console.print(table, markup=False)
    promised = f"the gradient promised {step.promised:+.6g}"
    say(f"loss after the step {step.loss_after:.6g}: a change of {step.change:+.6g}; to first order {promised}")
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def _told(shown: Shown) -> list[str]:
    """How the training went, by its last frame, and what it suffers from."""
    film = shown.film
    assert film is not None
    if not film.frames:
        return ["no frame of it was kept"]
    last = film.frames[-1]
    lines = [f"{len(film.frames)} frames, the last one after epoch {last.epoch}: loss {number(last.loss)} of the probe"]
    lines += [
        f"  {name}: gradient {number(weight.gradient)}, update / size {number(weight.ratio)}"
        for name, weight in last.weights.items()
    ]
    for finding in shown.findings:
        lines.append(str(finding))
    return lines if shown.findings else [*lines, "nothing stands out"]
