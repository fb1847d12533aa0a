"""Kind and name to component, with where it came from. Built on first use from all installed plugins.

``make`` turns what people write (an instance, a name, ``{name: ..., ...}``) into a component.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from chainrule.components import KINDS, Callback, Component, Loss, Optimizer
from chainrule.errors import ConfigError, FieldError, PluginError, UnknownName, did_you_mean
from chainrule.plugins import Plugin, load_plugins
from chainrule.signature import Field, checked, fields_of


@dataclass(frozen=True)
class Entry:
    """One registered component."""

    kind: str
    name: str
    cls: type[Component]
    plugin: Plugin

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
        if Registry._loading:
            raise PluginError(
                "it looks components up (make, registry) while plugins are being loaded: do so in functions that run "
                "later"
            )
        Registry._loading = True
        try:
            self.plugins = load_plugins(self.accept)
        finally:
            Registry._loading = False
        return self

    def accept(self, plugin: Plugin, register: Callable[[Any], None]) -> None:
        """Take in one plugin, whole or not at all.

        Raises:
            PluginError: a component of it does not keep its contract, or has the name of one that is there already.
        """
        registrar = Registrar(plugin)
        register(registrar)
        for entry in registrar.entries.values():
            there = self._entries.get((entry.kind, entry.name))
            if there is not None:
                raise PluginError(
                    f'{entry.kind} "{entry.name}" is already there, from {there.plugin.id} '
                    f"({there.distribution} {there.version}); rename it or disable one of the two plugins with "
                    f"CHAINRULE_DISABLE_PLUGINS={plugin.id}"
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
        except KeyError:
            message = f'there is no {kind} "{name}". {did_you_mean(name, self.names(kind))}'
            broken = [plugin.id for plugin in self.plugins if plugin.error]
            if broken:
                message += f" (Plugins that failed to load: {', '.join(broken)}.)"
            raise UnknownName(message) from None

    def names(self, kind: str) -> list[str]:
        """Of all components of a kind, sorted."""
        return sorted(name for k, name in self._entries if k == kind)

    def name_of(self, component: Component | type[Component]) -> str:
        """Its registered name, or the one that it would have."""
        cls = component if isinstance(component, type) else type(component)
        return self._names.get(cls) or snake_case(cls.__name__)

    def entry_of(self, component: Component) -> Entry | None:
        """Its entry, or None where its class is not registered."""
        name = self._names.get(type(component))
        return self._entries[component.kind, name] if name else None

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


def make(kind: str, given: Any, /, **fields: Any) -> Any:
    """The component that ``given`` stands for.

    >>> make("optimizer", "sgd", lr=0.5).lr
    0.5
    >>> make("optimizer", {"name": "sgd", "lr": 0.5}).lr
    0.5

    Args:
        kind: one of the eleven kinds.
        given: a name, ``{name: ..., field: value, ...}``, or an instance, which is returned as it is.
        fields: more fields.

    Raises:
        UnknownName: no such component or field. FieldError: a value that a field cannot take.
    """
    base = KINDS.get(kind)
    if base is None:
        raise UnknownName(f'there is no kind of component "{kind}". {did_you_mean(kind, KINDS)}')
    if isinstance(given, Component):
        if not isinstance(given, base) or fields:
            expected = "fields for a name only" if fields else f"a component of kind {kind}"
            raise FieldError(f"got {type(given).__name__}, expected {expected}")
        return given
    if isinstance(given, str):
        given = {"name": given}
    if not isinstance(given, Mapping) or not isinstance(given.get("name"), str):
        raise FieldError(f"got {given!r}, expected the name of a component of kind {kind}, or {{name: ..., ...}}")
    values = {**{key: value for key, value in given.items() if key != "name"}, **fields}
    entry = registry().get(kind, given["name"])
    return entry.cls(**checked(entry.cls, f"{kind} {entry.name}", values))


def spec_of(component: Component) -> dict[str, Any]:
    """The inverse of ``make``: ``{name: ..., field: value, ...}``, of plain values only. Reads fields alone."""
    values = {field.name: _plain(getattr(component, field.name)) for field in fields_of(type(component))}
    return {"name": registry().name_of(component), **values}


def fresh(component: Any) -> Any:
    """A new instance with the same fields, which shares no state with the given one."""
    return type(component)(**{field.name: getattr(component, field.name) for field in fields_of(type(component))})


def snake_case(name: str) -> str:
    """
    >>> snake_case("BatchNorm2d")
    'batch_norm2d'
    """
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def check_class(cls: type[Component]) -> None:
    """Refuse a class that cannot be a component.

    Raises:
        PluginError: with the reason, and what to do.
    """
    if not (isinstance(cls, type) and issubclass(cls, Component) and getattr(cls, "kind", None) in KINDS):
        raise PluginError(f"{cls!r} is not a component: inherit from one of {', '.join(k.title() for k in KINDS)}")
    who = f"{cls.kind} {cls.__name__}"
    if "__dataclass_params__" not in vars(cls):
        raise PluginError(f"{who} is not a dataclass: write @dataclass above it")
    names = {field.name for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    if "name" in names:
        raise PluginError(f"{who} has a field name, which is where configs write the component's own name: rename it")
    for name in sorted(names & _of_contract(cls)):
        if name.startswith("check") or not _is_method(getattr(KINDS[cls.kind], name)):
            reason = f"annotates {name}, which makes it a hyperparameter: write {name} = ... without a type"
        else:
            reason = f"has a field {name}, which every {cls.kind} has as something else: rename it"
        raise PluginError(f"{who} {reason}")
    if issubclass(cls, Optimizer) and "lr" not in names:
        raise PluginError(f"{who} has no field lr, the learning rate: add lr: float = 0.01")
    try:
        fields_of(cls)
    except TypeError as error:
        raise PluginError(f"{who}: {error}") from None
    base = KINDS[cls.kind]
    required = dict(base.required)
    if issubclass(cls, Loss) and cls.fuses_with is not None:
        required |= {"forward_logits": ("logits", "target"), "backward_logits": ()}
    if issubclass(cls, Callback):
        required |= _events(cls)
    for method, arguments in required.items():
        written = getattr(cls, method)
        if written is getattr(base, method, None):
            raise PluginError(f"{who} does not write {method}({', '.join(arguments)})")
        try:
            inspect.signature(written).bind(None, *arguments)
        except TypeError:
            raise PluginError(
                f"{who}: {method}{inspect.signature(written)} must take (self, {', '.join(arguments)})"
            ) from None


def _is_method(attribute: Any) -> bool:
    return callable(attribute) or isinstance(attribute, property)


def _of_contract(cls: type[Component]) -> set[str]:
    """The names that a kind of component gives a meaning, none of which can be that of a field."""
    return {name for base in KINDS[cls.kind].__mro__[:-1] for name in vars(base) if not name.startswith("_")}


def _events(cls: type[Callback]) -> dict[str, tuple[str, ...]]:
    """What a callback listens to, with the arguments of each event. A misspelt one would never be heard."""
    known = {name: method for name, method in vars(Callback).items() if name.startswith("on_")}
    written = [name for name in dir(cls) if name.startswith("on_") and callable(getattr(cls, name))]
    for name in written:
        if name not in known:
            raise PluginError(f"callback {cls.__name__}: there is no event {name}. {did_you_mean(name, known)}")
    own = [name for name in written if getattr(cls, name) is not known[name]]
    return {name: tuple(inspect.signature(known[name]).parameters)[1:] for name in own}


def _plain(value: Any) -> Any:
    if isinstance(value, Component):
        return spec_of(value)
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    return value.item() if isinstance(value, np.generic) else value


__all__ = ["ConfigError", "Entry", "Registrar", "Registry", "fresh", "make", "registry", "snake_case", "spec_of"]
