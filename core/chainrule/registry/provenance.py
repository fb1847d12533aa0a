"""Which package supplied a component, and which is missing."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import is_dataclass
from typing import Any

from chainrule.contract.fields import Field, fields_of
from chainrule.contract.kinds import Component
from chainrule.errors import ConfigError, UnknownName
from chainrule.registry.making import make
from chainrule.registry.registry import registry


def require_installed(components: Mapping[str, str]) -> None:
    """Refuse where a recorded component is not installed.

    Args:
        components: as ``provenance`` gives them.

    Raises:
        UnknownName: naming the component and the package that had it, and what to do.
    """
    for key, supplied in components.items():
        kind, _, name = key.partition(".")
        if name not in registry().names(kind):
            raise UnknownName(f'{kind} "{name}" came from {supplied}, {_why_missing(supplied)}')


def require_registered(components: Sequence[Component]) -> None:
    """Refuse components that no file can name.

    Raises:
        ConfigError: naming their classes.
    """
    nameless = {type(part).__name__ for part in components if registry().entry_of(part) is None}
    if nameless:
        raise ConfigError(
            f"{', '.join(sorted(nameless))} cannot be saved, as no plugin registers it; snapshot() keeps the arrays"
        )


def _why_missing(supplied: str) -> str:
    """The reason why a component of ``"acme 1.2"`` is not here, and what to do."""
    distribution, _, version = supplied.rpartition(" ")
    install = f"pip install {distribution}=={version}"
    plugins = [plugin for plugin in registry().plugins if plugin.distribution == distribution]
    for plugin in plugins:
        if plugin.disabled:
            return f"whose plugin {plugin.id} is left out here: see CHAINRULE_DISABLE_PLUGINS"
        if plugin.error:
            return f"whose plugin {plugin.id} failed to load: {plugin.error}"
    if plugins:
        return f"and {distribution} {plugins[0].version}, which is installed here, does not have it: {install}"
    return f"which is not installed here: {install}"


def provenance(components: Iterable[Component]) -> dict[str, str]:
    """Which distribution supplied each of these components and those in their fields, as far as they are registered."""
    entries = [registry().entry_of(component) for component in with_inner(components)]
    found = {f"{e.kind}.{e.name}": f"{e.distribution} {e.version}" for e in entries if e is not None}
    return dict(sorted(found.items()))


def with_inner(components: Iterable[Component]) -> Iterator[Component]:
    """Each, and those that its fields hold, such as the optimizer within an optimizer: as they are, or made of what
    stands for them."""
    for component in components:
        yield component
        fields: tuple[Field, ...] = fields_of(type(component)) if is_dataclass(component) else ()
        for field in fields:
            if field.kind is not None:
                given = getattr(component, field.name)
                yield from with_inner(_made(field.kind, [*given.values()] if field.nested == "names" else given))


def _made(kind: str, given: Any) -> Iterator[Component]:
    for one in given if isinstance(given, (list, tuple)) else [given]:
        if isinstance(one, (list, tuple)):
            yield from _made(kind, one)
            continue
        for possible in ("layer", "activation") if kind == "layer" else (kind,):  # these stand among layers
            with contextlib.suppress(ConfigError):  # it is nothing, or was refused where it is used
                yield make(possible, one)
                break


def supplier(component: Component) -> str:
    """The distribution and version of one component, or of which class it is."""
    entry = registry().entry_of(component)
    return f"{entry.distribution} {entry.version}" if entry is not None else f"class {type(component).__name__}"


def own_version() -> str:
    """The version of chainrule, as its distribution's metadata has it."""
    from importlib.metadata import version

    return version("chainrule")
