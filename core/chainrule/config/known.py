"""What may be named on a command line: the groups of the search path, their options, and the keys beside them."""

from __future__ import annotations

from hydra.core.global_hydra import GlobalHydra


def keys_at_the_top() -> set[str]:
    """What may stand before ``=`` or a dot: groups, and the keys beside them."""
    return {"name", "seed", "dtype", "objective", *groups()}


def options_of_group(group: str) -> list[str]:
    """What may be chosen of it, presets in folders too."""
    return list(GlobalHydra.instance().config_loader().get_group_options(group))


def groups() -> list[str]:
    """What may stand before ``=``: the groups of the search path."""
    loader = GlobalHydra.instance().config_loader()
    return [group for group in loader.list_groups("") if group != "hydra"]
