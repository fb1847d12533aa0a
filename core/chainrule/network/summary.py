"""A network as a table for people, and as a line."""

from __future__ import annotations

import io
from collections.abc import Sequence

from chainrule.contract.arrays import Shape
from chainrule.contract.data import TargetScale
from chainrule.contract.kinds import Loss
from chainrule.network.stack import Step
from chainrule.registry.registry import registry
from chainrule.words import listed, number


class Text(str):
    """A text that shows as it is where a notebook or an interpreter shows a value."""

    def __repr__(self) -> str:
        return str(self)


def described(input_shape: Shape, steps: Sequence[Step], loss: Loss, dtype: str) -> str:
    """The same on a line."""
    names = listed([step.name for step in steps], 8)
    return f"{input_shape} to {steps[-1].shape} by {names}; {_total(steps, loss, dtype)}"


def summary_of(input_shape: Shape, steps: Sequence[Step], loss: Loss, dtype: str, scale: TargetScale | None) -> Text:
    """Each step, the shape of its output, and its number of parameters; then the scale of the targets, if any."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("layer")
    table.add_column("output", justify="right")
    table.add_column("parameters", justify="right")
    table.add_row("input", str(input_shape), "")
    for step in steps:
        table.add_row(step.name, str(step.shape), f"{_size(step):,}" if step.parameters else "")
    out = io.StringIO()
    # In a notebook rich would show the table itself, and write nothing.
    Console(file=out, width=100, force_terminal=False, force_jupyter=False, color_system=None).print(table)
    lines = [line.rstrip() for line in out.getvalue().splitlines() if line.strip()]
    return Text("\n".join([*lines, _total(steps, loss, dtype), *([_standardized(scale)] if scale else [])]))


def _standardized(scale: TargetScale) -> str:
    mean, std = (", ".join(number(value) for value in values) for values in scale)
    return f"targets standardized by mean {mean}, standard deviation {std}"


def _total(steps: Sequence[Step], loss: Loss, dtype: str) -> str:
    fused = f" (fused with {loss.fuses_with})" if steps[-1].fused else ""
    return f"{sum(map(_size, steps)):,} parameters, {dtype}, loss {registry().name_of(loss)}{fused}"


def _size(step: Step) -> int:
    return sum(parameter.size for parameter in step.parameters)
