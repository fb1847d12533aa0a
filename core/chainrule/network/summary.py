"""A network as a table for people, in text and in a notebook, and as a line."""

from __future__ import annotations

import io
from collections.abc import Sequence

from chainrule.contract.arrays import Shape
from chainrule.contract.kinds import Loss
from chainrule.contract.target_scale import TargetScale
from chainrule.markup import html_table
from chainrule.network.stack import Step
from chainrule.registry.registry import registry
from chainrule.words import listed, number

HEADINGS = ("layer", "output", "parameters")


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

    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in HEADINGS:
        shown.add_column(heading, justify="left" if heading == HEADINGS[0] else "right")
    for row in _rows(input_shape, steps):
        shown.add_row(*row)
    out = io.StringIO()
    # In a notebook rich would show the table itself, and write nothing.
    Console(file=out, width=100, force_terminal=False, force_jupyter=False, color_system=None).print(shown)
    lines = [line.rstrip() for line in out.getvalue().splitlines() if line.strip()]
    return Text("\n".join([*lines, *_below(steps, loss, dtype, scale)]))


def html_of(input_shape: Shape, steps: Sequence[Step], loss: Loss, dtype: str, scale: TargetScale | None) -> str:
    """The same for a notebook."""
    total = ("total", "", f"{_sum(steps):,}")
    caption = "; ".join(_below(steps, loss, dtype, scale))
    return html_table(f"Network: {caption}", HEADINGS, _rows(input_shape, steps), total=total)


def _rows(input_shape: Shape, steps: Sequence[Step]) -> list[tuple[str, str, str]]:
    sizes = [f"{_size(step):,}" if step.parameters else "" for step in steps]
    return [("input", str(input_shape), ""), *((step.name, str(step.shape), size) for step, size in zip(steps, sizes))]


def _below(steps: Sequence[Step], loss: Loss, dtype: str, scale: TargetScale | None) -> list[str]:
    return [_total(steps, loss, dtype), *([_standardized(scale)] if scale else [])]


def _standardized(scale: TargetScale) -> str:
    mean, std = (", ".join(number(value) for value in values) for values in scale)
    return f"targets standardized by mean {mean}, standard deviation {std}"


def _total(steps: Sequence[Step], loss: Loss, dtype: str) -> str:
    fused = f" (fused with {loss.fuses_with})" if steps[-1].fused else ""
    return f"{_sum(steps):,} parameters, {dtype}, loss {registry().name_of(loss)}{fused}"


def _sum(steps: Sequence[Step]) -> int:
    return sum(map(_size, steps))


def _size(step: Step) -> int:
    return sum(parameter.size for parameter in step.parameters)
