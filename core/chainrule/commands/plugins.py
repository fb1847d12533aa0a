"""What is installed, for people and for programs to read: ``chainrule plugins``."""

from __future__ import annotations

import argparse
import inspect
import json
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from chainrule.commands.contract_page import contract
from chainrule.commands.new import Package
from chainrule.contract.fields import Field, type_name
from chainrule.contract.kinds import KINDS, Component
from chainrule.errors import UnknownName, did_you_mean
from chainrule.registry.discovery import Plugin
from chainrule.registry.making import spec_of
from chainrule.registry.registry import Entry, registry

if TYPE_CHECKING:
    from rich.table import Table

NAME = "plugins"


def add(commands: Any) -> None:
    """Its options."""
    parser = commands.add_parser(NAME, help="what is installed: components, their fields, where they come from")
    parser.add_argument(
        "which",
        nargs="?",
        metavar="KIND|NAME|PLUGIN",
        help="a kind: its contract, an example, and what is installed; a component in full; what a package brought",
    )
    parser.add_argument("--json", action="store_true", help="the same for programs")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print it; the exit status."""
    report = show_json if options.json else show
    report(options.which)
    return 0


def show(which: str | None = None) -> None:
    """Print all that is installed, a kind (its contract, an example, its components), a component in full, or what a
    package or plugin brought. What failed to load is printed with all, and with its package.

    Raises:
        UnknownName: there is nothing of that name.
    """
    entries, plugins = chosen(which)
    if which in KINDS:
        print(kind_page(which))
    elif which is not None and not plugins:
        print("\n".join(_in_full(entry) for entry in entries))  # as it is written: formulas must not be broken
        return
    from rich.console import Console

    console = Console(highlight=False)
    for kind in KINDS:
        of_kind = [entry for entry in entries if entry.kind == kind]
        if of_kind:
            console.print(_components(kind, of_kind))
    if plugins:
        console.print(_plugins(plugins))
    for plugin in plugins:
        if plugin.error:
            console.print(f"failed to load: {plugin.id} ({plugin.distribution} {plugin.version})", style="bold red")
            console.print(f"  {plugin.error}\n  {remedy(plugin)}", markup=False)


def show_json(which: str | None = None) -> None:
    """Print the same as one JSON object.

    Raises:
        UnknownName: there is nothing of that name.
    """
    entries, plugins = chosen(which)
    listed = {"components": [_component(entry) for entry in entries], "plugins": [_plugin(p) for p in plugins]}
    print(json.dumps(listed, indent=2, allow_nan=False))


def names() -> set[str]:
    """All that ``which`` may be."""
    suppliers = {name for plugin in registry().plugins for name in (plugin.id, plugin.distribution, plugin.name)}
    return {*KINDS, *(entry.name for entry in registry()), *suppliers}


def chosen(which: str | None) -> tuple[Sequence[Entry], Sequence[Plugin]]:
    """The components that ``which`` means, and the plugins that are to be reported with them.

    Raises:
        UnknownName: there is nothing of that name.
    """
    entries = list(registry())
    if which is None:
        return entries, registry().plugins
    if which in KINDS:
        return [entry for entry in entries if entry.kind == which], []
    named = [entry for entry in entries if which in (entry.name, f"{entry.kind}.{entry.name}")]
    if named:
        return named, []
    plugins = [plugin for plugin in registry().plugins if which in (plugin.distribution, plugin.name, plugin.id)]
    if not plugins:
        raise UnknownName(f'there is no kind, component or plugin "{which}". {did_you_mean(which, names())}')
    return [entry for entry in entries if entry.plugin in plugins], plugins


def kind_page(kind: str) -> str:
    """What an author needs to know of a kind: its contract, and the example that ``chainrule new`` starts from."""
    example = Package(f"my-{kind}", kind)
    made = f"A minimal example (`chainrule new {example.name} --kind {kind}` makes a package of it):"
    return f"{contract(kind)}\n\n{made}\n\n{example.component}\nInstalled:\n"


def remedy(plugin: Plugin) -> str:
    """What to do about a plugin that failed to load."""
    return f"mend or uninstall it, or leave it out: CHAINRULE_DISABLE_PLUGINS={plugin.id}"


def _components(kind: str, entries: Sequence[Entry]) -> Table:
    from rich.text import Text

    table = _table(kind, "name", "what it is, and its fields", "from")
    for entry in entries:
        fields = ", ".join(_short(field) for field in entry.fields)
        what = Text.assemble(entry.description, ("\n" + fields if fields else "", "dim"))
        table.add_row(entry.name, what, f"{entry.distribution} {entry.version}")
    return table


def _plugins(plugins: Sequence[Plugin]) -> Table:
    table = _table("plugins", "id", "version", "components", "loaded in")
    for plugin in plugins:
        brought = sum(entry.plugin is plugin for entry in registry())
        state = "left out" if plugin.disabled else "failed" if plugin.error else f"{plugin.seconds * 1000:.0f} ms"
        table.add_row(plugin.id, plugin.version, str(brought), state)
    return table


def _table(title: str, *columns: str) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(title=title, title_style="bold", title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, no_wrap=column in ("name", "from", "id"))
    return table


def _in_full(entry: Entry) -> str:
    fields = "\n".join(f"    {field}" for field in entry.fields) or "    (none)"
    head = f"{entry.kind} {entry.name}, from {entry.distribution} {entry.version} ({entry.plugin.id})"
    return f"{head}\n\n{inspect.getdoc(entry.cls)}\n\nFields:\n{fields}\n"


def _short(field: Field) -> str:
    """A field on the line of a table. That a component may be given by name, or as a mapping, goes without saying."""
    return str(field).replace("str | Mapping[str, Any] | ", "")


def _component(entry: Entry) -> dict[str, Any]:
    return {
        "kind": entry.kind,
        "name": entry.name,
        "description": entry.description,
        "fields": [_field(field) for field in entry.fields],
        "distribution": entry.distribution,
        "version": entry.version,
        "plugin": entry.plugin.id,
        "class": f"{entry.cls.__module__}.{entry.cls.__qualname__}",
    }


def _field(field: Field) -> dict[str, Any]:
    described = {"name": field.name, "type": type_name(field.annotation), "required": field.required}
    return described if field.required else {**described, "default": _plain(field.default)}


def _plugin(plugin: Plugin) -> dict[str, Any]:
    return {
        "id": plugin.id,
        "distribution": plugin.distribution,
        "version": plugin.version,
        "status": "left out" if plugin.disabled else "failed" if plugin.error else "loaded",
        "seconds": plugin.seconds,
        "config_search_path": plugin.search_path,
        "error": plugin.error,
        "remedy": remedy(plugin) if plugin.error else None,
    }


def _plain(value: Any) -> Any:
    """A default as JSON can hold it: text for what is not finite."""
    if isinstance(value, Component):
        return spec_of(value)
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
