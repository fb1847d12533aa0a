"""What may be named on a command line: the groups of the search path, their options, and the keys beside them."""

from __future__ import annotations

from pathlib import Path

from hydra.core.global_hydra import GlobalHydra


def keys_at_the_top() -> set[str]:
    """What may stand before ``=`` or a dot: groups, and the keys beside them."""
    return {"name", "seed", "dtype", "objective", "explain", *groups()}


def options_of_group(group: str) -> list[str]:
    """What may be chosen of it, presets in folders too."""
    return list(GlobalHydra.instance().config_loader().get_group_options(group))


def groups() -> list[str]:
    """What may stand before ``=``: the groups of the search path."""
    loader = GlobalHydra.instance().config_loader()
    return [group for group in loader.list_groups("") if group != "hydra"]


def file_of(name: str) -> Path | None:
    """The first file of that name below a folder of the search path, whether Hydra reads such files or not."""
    sources = GlobalHydra.instance().config_loader().get_sources()
    files = [Path(source.path, name) for source in sources if source.scheme() == "file"]
    return next((file for file in files if is_there(file)), None)


def is_there(path: Path) -> bool:
    """Whether there is such a file or folder; none has a name that is too long for a file system."""
    try:
        return path.exists()
    except OSError:
        return False
