"""The built-in callbacks, one file each."""

from typing import Any

from chainrule import hookimpl
from chainrule_plugins.callbacks.early_stopping import EarlyStopping
from chainrule_plugins.callbacks.nan_guard import NanGuard
from chainrule_plugins.callbacks.progress import Progress

__all__ = ["EarlyStopping", "NanGuard", "Progress"]


@hookimpl
def register_components(registry: Any) -> None:
    for cls in (Progress, EarlyStopping, NanGuard):
        registry.add(cls)
