"""What is installed, for people to read: ``chainrule plugins``."""

from __future__ import annotations

import inspect

from chainrule.components import KINDS
from chainrule.errors import UnknownName, did_you_mean
from chainrule.registry import Entry, registry
from chainrule.signature import Field


def show(which: str | None = None) -> None:
    """Print all components, those of one kind, or one in full; then the plugins that failed to load.

    Raises:
        UnknownName: there is no such kind or component.
    """
    from rich.console import Console

    console = Console(highlight=False)
    entries = list(registry())
    if which is None:
        chosen = entries
    elif which in KINDS:
        chosen = [entry for entry in entries if entry.kind == which]
    else:
        named = [entry for entry in entries if which in (entry.name, f"{entry.kind}.{entry.name}")]
        if not named:
            known = {*KINDS, *(entry.name for entry in entries)}
            raise UnknownName(f'there is no kind or component "{which}". {did_you_mean(which, known)}')
        for entry in named:
            print(_in_full(entry))  # as it is written: formulas and examples must not be broken
        return
    for kind in KINDS:
        of_kind = [entry for entry in chosen if entry.kind == kind]
        if of_kind:
            console.print(_table(kind, of_kind))
    for plugin in registry().plugins:
        if plugin.error:
            console.print(f"failed to load: {plugin.id} ({plugin.distribution} {plugin.version})", style="bold red")
            console.print(f"  {plugin.error}", markup=False)
            console.print(
                f"  mend or uninstall it, or leave it out: CHAINRULE_DISABLE_PLUGINS={plugin.id}", markup=False
            )


def _table(kind: str, entries: list[Entry]) -> object:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(title=kind, title_style="bold", title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("name", no_wrap=True)
    table.add_column("what it is, and its fields")
    table.add_column("from", no_wrap=True)
    for entry in entries:
        fields = ", ".join(_short(field) for field in entry.fields)
        what = Text.assemble(entry.description, ("\n" + fields if fields else "", "dim"))
        table.add_row(entry.name, what, f"{entry.distribution} {entry.version}")
    return table


def _in_full(entry: Entry) -> str:
    fields = "\n".join(f"    {field}" for field in entry.fields) or "    (none)"
    head = f"{entry.kind} {entry.name}, from {entry.distribution} {entry.version} ({entry.plugin.id})"
    return f"{head}\n\n{inspect.getdoc(entry.cls)}\n\nFields:\n{fields}\n"


def _short(field: Field) -> str:
    return field.name if field.required else f"{field.name}={field.default!r}"
