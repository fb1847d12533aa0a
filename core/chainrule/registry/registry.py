"""Kind and name to component, with where it came from. Built on first use from all installed plugins."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from chainrule.contract.fields import Field, fields_of
from chainrule.contract.kinds import KINDS, Component
from chainrule.errors import PluginError, UnknownName, did_you_mean
from chainrule.registry.admission import check_class
from chainrule.words import SHOWN, as_written, cut, quoted

if TYPE_CHECKING:
    from chainrule.registry.discovery import Plugin


@dataclass(frozen=True)
class Entry:
    """One registered component."""

    kind: str
    name: str
    cls: type[Component]
    plugin: Plugin

    def __repr__(self) -> str:
        return f"<{self.cls.__name__}, {self.kind} {self.name} of {self.distribution} {self.version}>"

    @property
    def distribution(self) -> str:
        """The package that it came with."""
        return self.plugin.distribution

    @property
    def version(self) -> str:
        """That package's version."""
        return self.plugin.version

    @property
    def description(self) -> str:
        """The first line of its docstring."""
        return (inspect.getdoc(self.cls) or "").partition("\n")[0]

    @functools.cached_property
    def fields(self) -> tuple[Field, ...]:
        """Its hyperparameters."""
        return fields_of(self.cls)


class Registry:
    """Everything that is installed. Iterating gives the entries, by kind and name."""

    _loading: ClassVar[bool] = False

    def __init__(self) -> None:
        self._entries: dict[tuple[str, str], Entry] = {}
        self._names: dict[type[Component], str] = {}
        self.plugins: list[Plugin] = []

    def load(self) -> Registry:
        """Take in every installed plugin."""
        from chainrule.registry.discovery import discover, isolated  # with pluggy, and all that reads metadata

        if Registry._loading:
            raise PluginError(
                "it looks components up (make, registry) while plugins are being loaded: do so in functions that run "
                "later"
            )
        Registry._loading = True
        try:
            for plugin in discover():
                self.plugins.append(plugin)
                if not (plugin.disabled or plugin.error):
                    with isolated(plugin):
                        registrar = Registrar(plugin)
                        plugin.register(registrar)
                        self.admit(registrar)
        finally:
            Registry._loading = False
        return self

    def admit(self, registrar: Registrar) -> None:
        """Take in what one plugin registered, whole or not at all.

        Raises:
            PluginError: a component of it has the name of one that is there already.
        """
        for entry in registrar.entries.values():
            there = self._entries.get((entry.kind, entry.name))
            if there is not None:
                raise PluginError(
                    f'{entry.kind} "{entry.name}" is already there, from {there.plugin.id} '
                    f"({there.distribution} {there.version}); rename it or disable one of the two plugins with "
                    f"CHAINRULE_DISABLE_PLUGINS={entry.plugin.id}"
                )
        self._entries.update(registrar.entries)
        self._names.update({entry.cls: entry.name for entry in registrar.entries.values()})

    def get(self, kind: str, name: str) -> Entry:
        """The entry of that kind and name.

        Raises:
            UnknownName: there is none; a plugin that failed to load is mentioned.
        """
        try:
            return self._entries[kind, name]
        except (KeyError, TypeError):  # or what can be no key
            what = cut(kind, SHOWN) if isinstance(kind, str) else quoted(kind)
            message = f"there is no {what} {as_written(name)}. {did_you_mean(name, self.names(kind))}"
            broken = [plugin.id for plugin in self.plugins if plugin.error]
            if broken:
                message += f" (Plugins that failed to load: {', '.join(broken)}.)"
            raise UnknownName(message) from None

    def names(self, kind: str) -> list[str]:
        """Of all components of a kind, sorted."""
        return sorted(name for k, name in self._entries if isinstance(kind, str) and k == kind)

    def name_of(self, component: Component | type[Component]) -> str:
        """Its registered name, or the one that it would have."""
        cls = component if isinstance(component, type) else type(component)
        return self._names.get(cls) or snake_case(cls.__name__)

    def entry_of(self, component: Component) -> Entry | None:
        """Its entry, or None where its class is not registered."""
        name = self._names.get(type(component))
        return self._entries[component.kind, name] if name else None

    def __repr__(self) -> str:
        return f"<Registry of {len(self)} components from {len(self.plugins)} plugins: {', '.join(KINDS)}>"

    def __iter__(self) -> Iterator[Entry]:
        order = list(KINDS)
        return iter(sorted(self._entries.values(), key=lambda entry: (order.index(entry.kind), entry.name)))

    def __len__(self) -> int:
        return len(self._entries)


class Registrar:
    """What a plugin's ``register_components`` is given."""

    def __init__(self, plugin: Plugin) -> None:
        self._plugin = plugin
        self.entries: dict[tuple[str, str], Entry] = {}

    def add(self, cls: type[Component], name: str | None = None) -> None:
        """Register a component class.

        Args:
            cls: a dataclass that inherits from one of the kinds.
            name: what configs call it; by default the class's name in snake_case.

        Raises:
            PluginError: the class does not keep the contract, with the reason.
        """
        check_class(cls)
        name = name or snake_case(cls.__name__)
        if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
            raise PluginError(f'"{name}" cannot be a name: use small letters, digits and underscores')
        if (cls.kind, name) in self.entries:
            raise PluginError(f'it registers {cls.kind} "{name}" twice')
        self.entries[cls.kind, name] = Entry(cls.kind, name, cls, self._plugin)


@functools.cache
def registry() -> Registry:
    """Everything that is installed: the one registry of the process, built at the first call."""
    return Registry().load()


def snake_case(name: str) -> str:
    """
    >>> snake_case("BatchNorm2d")
    'batch_norm2d'
    """
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
