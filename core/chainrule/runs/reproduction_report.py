"""What ``chainrule reproduce`` prints: both runs side by side, what differs between their environments, the verdict."""

from __future__ import annotations

import math
from pathlib import Path

from chainrule.runs.reproduce import MetricAgain, Reproduction


def show_reproduction(reproduction: Reproduction) -> None:
    """Print both runs side by side, what differs between their environments, and the verdict last."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    result = reproduction.result
    table = Table(title=Text(f"{result.name}, run {reproduction.run_id}"), title_style="bold", title_justify="left")
    for heading in ("", "recorded", "again", "difference", "equal"):
        table.add_column(heading, justify="right" if heading else "left", overflow="fold")
    for metric in reproduction.metrics:
        table.add_row(*map(Text, (metric.name, *_numbers(metric), _said(metric))))
    then, now = reproduction.weights
    table.add_row("weights", (then or "")[:8], now[:8], "", "yes" if then == now else "no")
    console.print(table)
    if reproduction.differences:
        table = Table(title="What differs", title_style="bold", title_justify="left")
        for heading in ("", "recorded", "here"):
            table.add_column(heading, overflow="fold")
        for name, pair in reproduction.differences.items():
            table.add_row(*map(Text, (name, *pair)))
        console.print(table)
    print(f"time     {result.seconds:.1f} s")
    print(f"files    {result.folder.relative_to(Path.cwd())}")
    print(f"verdict  {verdict(reproduction)}")


def verdict(reproduction: Reproduction) -> str:
    """In a sentence, whether the run is the same, and if not, what may be why."""
    names = ", ".join(reproduction.differences)
    count = len(reproduction.metrics)
    if reproduction.equal:
        same = f"equal to the last bit: {count} metrics and the weights"
        return f"{same}, although this differs: {names}" if names else same
    unequal = sum(bool(metric.differs) for metric in reproduction.metrics)
    weights = "the weights are equal" if len(set(reproduction.weights)) == 1 else "the weights differ"
    why = f"here differs: {names}" if names else "nothing that is recorded of its environment differs here"
    return f"not equal: {unequal} of {count} metrics differ, {weights}; {why}"


def _numbers(metric: MetricAgain) -> tuple[str, str, str]:
    """Both last values, and by how much the new one is more, where that is anything."""
    then, now = metric.recorded, metric.again
    if now is None:
        return f"{then:.4g}", "", ""
    return f"{then:.4g}", f"{now:.4g}", f"{now - then:+.1e}" if now != then and math.isfinite(now - then) else ""


def _said(metric: MetricAgain) -> str:
    if metric.steps > 1:
        return f"{metric.steps - len(metric.differs)} of {metric.steps}"
    return "no" if metric.differs else "yes"
