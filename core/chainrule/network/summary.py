"""A network as a table for people."""

from __future__ import annotations

import io
from collections.abc import Sequence

from chainrule.contract.arrays import Shape
from chainrule.contract.data import TargetScale
from chainrule.contract.kinds import Loss
from chainrule.network.stack import Step
from chainrule.registry.registry import registry
from chainrule.words import number


def summary_of(input_shape: Shape, steps: Sequence[Step], loss: Loss, dtype: str, scale: TargetScale | None) -> str:
    """Each step, the shape of its output, and its number of parameters; then the scale of the targets, if any."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("layer")
    table.add_column("output", justify="right")
    table.add_column("parameters", justify="right")
    table.add_row("input", str(input_shape), "")
    sizes = [sum(parameter.size for parameter in step.parameters) for step in steps]
    for step, size in zip(steps, sizes):
        table.add_row(step.name, str(step.shape), f"{size:,}" if step.parameters else "")
    out = io.StringIO()
    Console(file=out, width=100, force_terminal=False, color_system=None).print(table)
    fused = f" (fused with {loss.fuses_with})" if steps[-1].fused else ""
    total = f"{sum(sizes):,} parameters, {dtype}, loss {registry().name_of(loss)}{fused}"
    lines = [line.rstrip() for line in out.getvalue().splitlines() if line.strip()]
    return "\n".join([*lines, total, *([_standardized(scale)] if scale else [])])


def _standardized(scale: TargetScale) -> str:
    mean, std = (", ".join(number(value) for value in values) for values in scale)
    return f"targets standardized by mean {mean}, standard deviation {std}"
