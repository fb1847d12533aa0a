"""Finding plugins through entry points, and loading each in isolation: a broken one never takes the program down.

A plugin is a module (or object) that an installed distribution names in the entry-point group ``chainrule``. Its id is
``distribution:entry-point``. chainrule's own come first, then the others by id. pluggy's own loader stops at the first
broken plugin and passes over duplicates in silence, so the loop is ours: ``discover`` yields each plugin, loaded in
``isolated``, and whoever goes on with it (the registry) does that in ``isolated`` too.

Environment: ``CHAINRULE_DISABLE_PLUGINS=a,b`` leaves plugins out, by either part of the id;
``CHAINRULE_STRICT_PLUGINS=1`` makes a broken plugin fatal. What a plugin prints while it loads goes to stderr: stdout
belongs to what was asked for.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
import os
import sys
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

import pluggy

from chainrule.errors import PluginError, switched_on
from chainrule.registry.hooks import GROUP, Hooks
from chainrule.words import error_in_words, one_line

WARNED = "CHAINRULE_WARNED_PLUGINS"


@dataclass
class Plugin:
    """One plugin: loaded, disabled, or broken, and then ``error`` says why."""

    name: str  # of its entry point
    distribution: str
    version: str
    seconds: float = 0.0  # that loading took
    search_path: str | None = None  # as it gave it
    searched: list[str] = field(default_factory=list)  # of it, by Hydra
    error: str | None = None
    disabled: bool = False
    _hooks: Any = None

    @property
    def id(self) -> str:
        return f"{self.distribution}:{self.name}"

    def load(self, entry_point: importlib.metadata.EntryPoint) -> None:
        """Import it, and look at what it implements.

        Raises:
            PluginError: it implements no hook, or gives a search path where no configs are. Whatever its import raises.
        """
        manager = pluggy.PluginManager(GROUP)  # of its own: what another implements is not called for it
        manager.add_hookspecs(Hooks)
        module = entry_point.load()
        manager.register(module, name=self.id)
        manager.check_pending()  # a hook that nobody specified: most likely misspelt
        if not manager.get_hookcallers(module):
            raise PluginError("it implements no hook; did it forget @chainrule.hookimpl?")
        paths = manager.hook.config_search_path()
        if paths:
            self.search_path, self.searched = paths[0], _searched(paths[0])
        self._hooks = manager.hook

    def register(self, registrar: Any) -> None:
        """Let it add its components, with ``registrar.add``."""
        self._hooks.register_components(registry=registrar)


def discover() -> Iterator[Plugin]:
    """Every installed plugin, in order, each loaded as it is asked for, but those that are disabled.

    Raises:
        PluginError: one is broken, and ``CHAINRULE_STRICT_PLUGINS`` is set.
    """
    for plugin, entry_point in _installed():
        if not plugin.disabled:
            with isolated(plugin):
                plugin.load(entry_point)
        yield plugin


@contextlib.contextmanager
def isolated(plugin: Plugin) -> Iterator[None]:
    """Do what needs a plugin, which may be broken: what goes wrong is its ``error``, told once, and no more.

    Raises:
        PluginError: something went wrong, and ``CHAINRULE_STRICT_PLUGINS`` is set.
    """
    start = time.perf_counter()
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    except (Exception, SystemExit) as error:  # a module that is a script may end the program
        reason = str(error) if isinstance(error, PluginError) else error_in_words(error)
        plugin.error = one_line(reason)
        message = f"plugin {plugin.id} ({plugin.distribution} {plugin.version}) is left out: {plugin.error}"
        if switched_on("CHAINRULE_STRICT_PLUGINS"):
            raise PluginError(message) from error
        _warn_once(plugin, f"{message} [see: chainrule plugins]")
    plugin.seconds += time.perf_counter() - start


def _warn_once(plugin: Plugin, message: str) -> None:
    """Warn in the first process of a program; the workers of a sweep, which inherit its environment, need not."""
    warned = os.environ.get(WARNED, "").split(",")
    if plugin.id not in warned:
        warnings.warn(message, stacklevel=3)
        os.environ[WARNED] = ",".join([*filter(None, warned), plugin.id])


def _searched(path: Any) -> list[str]:
    """What Hydra is to search where a plugin gave ``path``: for a package its folders.

    Of a package without ``__init__.py``, which may have many, Hydra finds through ``pkg://`` what lies in one of them,
    and on Python 3.14 cannot list it. A package in a zip file, which has no folder, stays as it was given.

    Raises:
        PluginError: it is neither ``pkg://`` and a package that is there, nor ``file://`` and such a folder.
    """
    scheme, _, place = path.partition("://") if isinstance(path, str) else ("", "", "")
    found: list[str] = []
    if scheme == "file" and place and Path(place).is_dir():
        found = [path]
    elif scheme == "pkg" and (spec := _spec(place.strip("/").replace("/", "."))):
        folders = [folder for folder in spec.submodule_search_locations or () if Path(folder).is_dir()]
        in_zip = spec.submodule_search_locations and spec.origin
        found = [f"file://{folder}" for folder in folders] or ([path] if in_zip else [])
    if not found:
        raise PluginError(
            f"config_search_path gave {path!r}, where no configs are; give a package that holds YAML files, as "
            '"pkg://my_package/conf"'
        )
    return found


def _spec(name: str) -> ModuleSpec | None:
    try:
        return importlib.util.find_spec(name) if name else None
    except ModuleNotFoundError:
        return None


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
