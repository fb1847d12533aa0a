"""What stands in a config's groups has the form of a group: fields, not a value that happens to compose."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chainrule.config.absent import KIND_OF
from chainrule.config.nodes import MANY
from chainrule.errors import FieldError
from chainrule.words import as_written, with_article

NEEDED = ("trainer", "tracking")
TEXTS = ("dtype", "objective")
FLAGS = ("explain",)


def refuse_shapes(config: Mapping[str, Any], resolved: bool = False) -> None:
    """Refuse a scalar or a list where the fields of a group are, and a container where text is.

    Args:
        config: composed, as plain containers.
        resolved: whether what looks like an interpolation is but text; else nothing is known of it yet.

    Raises:
        FieldError: names the group and what stands there.
    """
    for group in (*KIND_OF, *NEEDED):
        value = config.get(group)
        if _open(value, resolved) or (value is None and group not in NEEDED):
            continue
        if not isinstance(value, Mapping):
            raise FieldError(f"got {as_written(value)}, {_wanted(group)}", key=group)
        for name, inner in value.items() if group in MANY else ():
            if not isinstance(inner, Mapping) and not _open(inner, resolved):
                raise FieldError(f"got {as_written(inner)}, {_wanted(group)}", key=f"{group}.{name}")
    listeners = (config.get("hydra") or {}).get("callbacks")
    for name, listener in listeners.items() if isinstance(listeners, Mapping) else ():
        if not (isinstance(listener, Mapping) and "_target_" in listener):
            raise FieldError(
                f"got {as_written(listener)}, expected a callback of Hydra's own, as {{_target_: ...}}; those of "
                "chainrule stand in callbacks",
                key=f"hydra.callbacks.{name}",
            )
    for key in TEXTS:
        if isinstance(config.get(key), (Mapping, list, bool)):
            raise FieldError(f"got {as_written(config[key])}, expected text", key=key)
    for key in FLAGS:
        if not isinstance(config.get(key, False), bool) and not _open(config[key], resolved):
            raise FieldError(f"got {as_written(config[key])}, expected true or false", key=key)


def _open(value: Any, resolved: bool) -> bool:
    return not resolved and isinstance(value, str) and "${" in value


def _wanted(group: str) -> str:
    if group in NEEDED:
        return "expected fields, each as key: value"
    chosen = f"- override /{group}: [...]" if group in MANY else f"- override /{group}: ..."
    expected = f"expected the fields of {with_article(KIND_OF[group])}"
    return f'{expected}; one is chosen with {group}=..., in the defaults of a file with "{chosen}"'
