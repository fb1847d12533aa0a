"""A name that is not there, as an option of a group or at the top of a config: what is, and what was meant."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from importlib import metadata
from typing import Any

from hydra.errors import MissingConfigException

from chainrule.config.known import file_of, groups, keys_at_the_top, options_of_group
from chainrule.config.nodes import GROUPS
from chainrule.errors import ConfigError, UnknownName, did_you_mean

KIND_OF = {group: kind for kind, group in GROUPS.items()}
DISTRIBUTION = "chainrule"
EXTRA = re.compile(r"([\w.-]+).*; *extra == ['\"]([\w-]+)['\"]")
"""A requirement of an extra, as metadata has it: ``hydra-joblib-launcher<2,>=1.2; extra == 'parallel'``."""


def unknown_option(error: MissingConfigException) -> ConfigError:
    file = str(error.missing_cfg_file)
    # To Hydra a folder in a group is a group too; in its own groups (hydra/launcher) it is so.
    group, _, option = file.rpartition("/") if file.startswith("hydra/") else file.partition("/")
    known = {*options_of_group(group)}
    if f"Available options in '{group}'" in str(error):  # those too that lie where hydra.searchpath says
        known |= {*(error.options or [])}
    within = re.match(r"In '([^']+)'", str(error))
    parent = within[1] if within else ""
    if parent.startswith("experiment/") and "/" in option:
        inner, _, chosen = option.partition("/")
        if inner not in groups():
            return unknown_at_the_top(inner, {}, parent)
        return ConfigError(
            f'an experiment overrides what config.yaml chose: write "- override /{inner}: {chosen}" in its defaults',
            key=f"defaults.{inner}",
        )
    name = option.rpartition("/")[2]
    if parent.startswith(f"{group}/") and option != name and name in known:
        return ConfigError(
            f"{parent}: a preset in a folder names what it is made of in full: write "
            f'"defaults: [/{group}/{name}@_here_, _self_]"',
            key=group,
        )
    extra = _extra_with(group, option)
    if extra is not None:
        return ConfigError(f"{option} is not installed: pip install '{DISTRIBUTION}[{extra}]'", key=group)
    passed_over = file_of(f"{group}/{option.removesuffix('.yml')}.yml")
    if passed_over is not None:
        return ConfigError(f"{passed_over}: Hydra reads no file but .yaml; give it this ending", key=group)
    kind = KIND_OF.get(group, group)
    inside = sorted(name for name in known if name.startswith(f"{option}/"))
    hint = f"It is a folder of presets: {', '.join(inside)}." if inside else did_you_mean(option, known, most=30)
    return UnknownName(f'there is no {kind} "{option}". {hint}', key=group)


def _extra_with(group: str, option: str) -> str | None:
    """The extra of ours that brings a launcher or sweeper of Hydra's, as our own metadata has it.

    hydra/launcher=submitit_slurm comes with hydra-submitit-launcher. More than one extra may bring that; it is the
    smallest that is named.
    """
    if group not in ("hydra/launcher", "hydra/sweeper"):
        return None
    plugin = f"hydra-{option.partition('_')[0]}-{group.partition('/')[2]}"
    try:
        requirements = metadata.requires(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        return None
    optional = [found.groups() for found in map(EXTRA.match, requirements) if found]
    sizes = Counter(extra for _, extra in optional)
    return min((extra for name, extra in optional if name == plugin), key=lambda extra: sizes[extra], default=None)


def unknown_at_the_top(key: str, config: Mapping[Any, Any], file: str | None = None) -> ConfigError:
    """``key`` is neither a group nor one of the keys beside them; ``config``: what stands there."""
    if key in groups():
        return none_chosen(key)
    place = f" (in {file})" if file else ""
    within = [group for group, node in config.items() if group != "hydra" and isinstance(node, Mapping) and key in node]
    known = keys_at_the_top()
    hint = f'Did you mean "{within[0]}.{key}"?' if within else _a_folder(key) or did_you_mean(key, known)
    return UnknownName(f'there is no group or key "{key}"{place}. {hint}', key=key)


def _a_folder(key: str) -> str:
    """What is right where a folder of presets stands for a group: ``mnist=classic``, ``model/mnist=classic``."""
    first, slash, rest = key.partition("/")
    groups, folder = ([first], rest) if slash else ([*KIND_OF], key)
    held = [group for group in groups if any(option.startswith(f"{folder}/") for option in options_of_group(group))]
    chosen = " or ".join(f"{group}={folder}/..." for group in held)
    return f"It is a folder of presets: choose one with {chosen}" if held else ""


def none_chosen(group: str) -> ConfigError:
    if group not in KIND_OF:
        return ConfigError(f"its options are whole files: choose one with {group}=... or +{group}=...", key=group)
    known = ", ".join(sorted(options_of_group(group)))
    return ConfigError(f"no {KIND_OF[group]} is chosen: {group}=... chooses one. Known: {known}.", key=group)
