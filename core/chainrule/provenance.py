"""Which package supplied a component, and which is missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from chainrule.components import Component
from chainrule.errors import UnknownName
from chainrule.registry import registry


def require_installed(components: Mapping[str, str]) -> None:
    """Refuse where a recorded component is not installed.

    Args:
        components: as ``provenance`` gives them.

    Raises:
        UnknownName: naming the component and the package that had it.
    """
    for key, distribution in components.items():
        kind, _, name = key.partition(".")
        if name not in registry().names(kind):
            raise UnknownName(
                f'{kind} "{name}" came from {distribution}, which is not installed here: '
                f"pip install {distribution.replace(' ', '==')}"
            )


def provenance(components: Sequence[Component]) -> dict[str, str]:
    """Which distribution supplied each of these components, those that are registered."""
    entries = [registry().entry_of(component) for component in components]
    found = {f"{e.kind}.{e.name}": f"{e.distribution} {e.version}" for e in entries if e is not None}
    return dict(sorted(found.items()))


def supplier(component: Component) -> str:
    """The distribution and version of one component, or of which class it is."""
    return next(iter(provenance([component]).values()), f"class {type(component).__name__}")
