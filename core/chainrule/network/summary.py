"""A network as a table for people."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from chainrule.registry.registry import registry

if TYPE_CHECKING:
    from chainrule.network.network import Network


def summary_of(network: Network) -> str:
    """Each layer, the shape of its output, and its number of parameters."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("layer")
    table.add_column("output", justify="right")
    table.add_column("parameters", justify="right")
    table.add_row("input", str(network.input_shape), "")
    for name, shape in zip(network.names, network.shapes):
        own = [p for p in network.parameters if p.name.startswith(f"{name}.")] if name.count(".") == 1 else []
        table.add_row(name, str(shape), f"{sum(p.size for p in own):,}" if own else "")
    out = io.StringIO()
    Console(file=out, width=100, force_terminal=False, color_system=None).print(table)
    loss = registry().name_of(network.loss)
    fused = f" (fused with {network.loss.fuses_with})" if network.fused else ""
    total = f"{network.parameters.theta.size:,} parameters, {network.dtype.name}, loss {loss}{fused}"
    lines = [line.rstrip() for line in out.getvalue().splitlines() if line.strip()]
    return "\n".join([*lines, total])
