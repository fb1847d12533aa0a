"""The hooks that a plugin may implement, and how it marks what implements one."""

from __future__ import annotations

from typing import Any

import pluggy

GROUP = "chainrule"
hookspec = pluggy.HookspecMarker(GROUP)
hookimpl = pluggy.HookimplMarker(GROUP)


class Hooks:
    """The hooks that a plugin may implement, each marked with ``@chainrule.hookimpl``."""

    @hookspec
    def register_components(self, registry: Any) -> None:
        """Call ``registry.add(cls)`` for each component; ``registry.add(cls, name="...")`` to name it otherwise."""

    @hookspec
    def config_search_path(self) -> str | None:
        """Where this plugin's own YAML lies, for Hydra's search path: ``"pkg://my_package/conf"``."""
