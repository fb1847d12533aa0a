"""Finding plugins through entry points, and loading each in isolation: a broken one never takes the program down.

A plugin is a module (or object) that an installed distribution names in the entry-point group ``chainrule``. Its id is
``distribution:entry-point``. chainrule's own come first, then the others by id. pluggy's own loader stops at the first
broken plugin and passes over duplicates in silence, so the loop is ours, around ``PluginManager.register``.

Environment: ``CHAINRULE_DISABLE_PLUGINS=a,b`` leaves plugins out, by either part of the id;
``CHAINRULE_STRICT_PLUGINS=1`` makes a broken plugin fatal. What a plugin prints while it loads goes to stderr: stdout
belongs to what was asked for.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pluggy

from chainrule.errors import PluginError
from chainrule.registry.hooks import GROUP, Hooks

WARNED = "CHAINRULE_WARNED_PLUGINS"


@dataclass
class Plugin:
    """One plugin, loaded or not."""

    name: str  # of its entry point
    distribution: str
    version: str
    seconds: float = 0.0  # that loading took
    search_path: str | None = None
    error: str | None = None
    disabled: bool = False

    @property
    def id(self) -> str:
        return f"{self.distribution}:{self.name}"


def load_plugins(accept: Callable[[Plugin, Callable[[Any], None]], None]) -> list[Plugin]:
    """Load every installed plugin, in order, but those that are disabled.

    Args:
        accept: takes a plugin and a function that runs its ``register_components`` with a given registry; raises to
            refuse the plugin whole.

    Raises:
        PluginError: one is broken, and ``CHAINRULE_STRICT_PLUGINS`` is set.
    """
    manager = pluggy.PluginManager("chainrule")
    manager.add_hookspecs(Hooks)
    strict = os.environ.get("CHAINRULE_STRICT_PLUGINS", "") not in ("", "0")
    plugins = []
    for plugin, entry_point in _installed():
        plugins.append(plugin)
        if plugin.disabled:
            continue
        start = time.perf_counter()
        try:
            with contextlib.redirect_stdout(sys.stderr):
                _load(manager, plugin, entry_point, accept)
        except (Exception, SystemExit) as error:  # a module that is a script may end the program
            reason = str(error) if isinstance(error, PluginError) else f"{type(error).__name__}: {error}"
            plugin.error = " ".join(reason.split())
            message = f"plugin {plugin.id} ({plugin.distribution} {plugin.version}) is left out: {plugin.error}"
            if strict:
                raise PluginError(message) from error
            _warn_once(plugin, f"{message} [see: chainrule plugins]")
        plugin.seconds = time.perf_counter() - start
    return plugins


def _warn_once(plugin: Plugin, message: str) -> None:
    """Warn in the first process of a program; the workers of a sweep, which inherit its environment, need not."""
    warned = os.environ.get(WARNED, "").split(",")
    if plugin.id not in warned:
        warnings.warn(message, stacklevel=3)
        os.environ[WARNED] = ",".join([*filter(None, warned), plugin.id])


def _checked_path(path: Any) -> str:
    """Refuse what Hydra could not read configs from.

    Raises:
        PluginError: it is neither ``pkg://`` and a package that is there, nor ``file://`` and such a folder.
    """
    scheme, separator, place = path.partition("://") if isinstance(path, str) else ("", "", "")
    there = bool(separator and place) and (
        (scheme == "file" and Path(place).is_dir())
        or (scheme == "pkg" and _is_package(place.strip("/").replace("/", ".")))
    )
    if not there:
        raise PluginError(
            f"config_search_path gave {path!r}, where no configs are; give a package that holds YAML files, as "
            '"pkg://my_package/conf"'
        )
    return str(path)


def _is_package(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def _installed() -> Iterator[tuple[Plugin, importlib.metadata.EntryPoint]]:
    """The entry points of the group, one for each id, in the order of loading."""
    disabled = {part.strip() for part in os.environ.get("CHAINRULE_DISABLE_PLUGINS", "").split(",")} - {""}
    found: dict[str, tuple[Plugin, importlib.metadata.EntryPoint]] = {}
    for entry_point in importlib.metadata.entry_points(group=GROUP):
        plugin = Plugin(entry_point.name, *_supplier(entry_point))
        plugin.disabled = bool(disabled & {plugin.name, plugin.distribution, plugin.id})
        found.setdefault(plugin.id, (plugin, entry_point))
    yield from sorted(found.values(), key=lambda pair: _order(pair[0]))


def _supplier(entry_point: importlib.metadata.EntryPoint) -> tuple[str, str]:
    """The name and version of its distribution, of which a broken uninstall may have left nothing but entry points."""
    try:
        metadata: Any = entry_point.dist.metadata if entry_point.dist else {}
    except FileNotFoundError:  # in place of an empty one: what the package importlib_metadata does, where it is loaded
        metadata = {}
    return metadata.get("Name") or "unknown", metadata.get("Version") or "unknown"


def _order(plugin: Plugin) -> tuple[bool, str, str]:
    return (plugin.distribution != "chainrule", plugin.distribution, plugin.name)


def _load(
    manager: pluggy.PluginManager,
    plugin: Plugin,
    entry_point: importlib.metadata.EntryPoint,
    accept: Callable[[Plugin, Callable[[Any], None]], None],
) -> None:
    module = entry_point.load()
    try:
        manager.register(module, name=plugin.id)
        manager.check_pending()  # a hook that nobody specified: most likely misspelt
        others = [other for other in manager.get_plugins() if other is not module]
        if not manager.get_hookcallers(module):
            raise PluginError("it implements no hook; did it forget @chainrule.hookimpl?")

        def register(registry: Any) -> None:
            manager.subset_hook_caller("register_components", others)(registry=registry)

        paths = manager.subset_hook_caller("config_search_path", others)()
        plugin.search_path = _checked_path(paths[0]) if paths else None
        accept(plugin, register)
    except BaseException:
        if manager.is_registered(module):
            manager.unregister(module)
        raise
