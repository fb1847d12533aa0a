"""What Hydra and OmegaConf say about a wrong config, in a line or two: the key, the value, and what would be right."""

from __future__ import annotations

import re
from collections.abc import Callable

from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException
from yaml import MarkedYAMLError, YAMLError  # type: ignore[import-untyped]

from chainrule.config import GROUPS, MANY
from chainrule.errors import ChainruleError, ConfigError, FieldError, UnknownName, did_you_mean

COMPOSING = (HydraException, OmegaConfBaseException, YAMLError, OSError, ValueError, TypeError, LookupError)
"""What may go wrong while Hydra composes a config, because of what stands in it."""

KINDS = {group: kind for kind, group in GROUPS.items()}
WORDS = {"Float": "a number", "Integer": "a whole number", "Boolean": "true or false"}


def explained(error: Exception) -> Exception:
    """An error of Hydra's or OmegaConf's as one of ours. Others are returned as they are."""
    if isinstance(error, ChainruleError):
        return error
    if isinstance(error, MissingConfigException) and "/" in (error.missing_cfg_file or ""):
        return _unknown_option(error)
    cause = next((e for e in _chain(error) if isinstance(e, OmegaConfBaseException) and e.full_key), None)
    if cause is not None:
        return _about_key(cause)
    if isinstance(error, OverrideParseException):
        reason = next(line for line in str(error).splitlines() if not line.startswith("Error parsing override"))
        reason = "write it as key=value" if "missing EQUAL" in reason else reason.partition(" expecting")[0]
        return ConfigError(f"cannot read the override {error.override!r}: {reason}")
    if isinstance(error, (HydraException, OmegaConfBaseException)):
        for pattern, meaning in MEANINGS.items():
            found = re.search(pattern, str(error))
            if found:
                return meaning(*found.groups())
        return ConfigError(_on_one_line(error))
    return error


def in_a_config(error: Exception) -> Exception:
    """As ``explained``, for what went wrong while Hydra composed: all of it is about what the user wrote."""
    if isinstance(error, MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        return ConfigError(f"{mark.name}, line {mark.line + 1}: this is no YAML of a config: {error.problem}")
    if isinstance(error, OSError) and error.strerror:
        return ConfigError(f"{error.filename}: {error.strerror}")
    if "Config group override must be" in str(error):
        return ConfigError("a group cannot be null: schedule=none and regularizer=none stand for none")
    if "list indices must be integers" in str(error):
        return ConfigError("an element of a list cannot be removed: write the whole list, as 'model.layers=[...]'")
    told = explained(error)
    return told if isinstance(told, ChainruleError) else ConfigError(_on_one_line(error))


def _unknown_option(error: MissingConfigException) -> ConfigError:
    group, _, option = str(error.missing_cfg_file).rpartition("/")
    known = error.options if error.options is not None else _options(group)
    outer, _, inner = group.rpartition("/")
    if outer == "experiment":
        return ConfigError(
            f'an experiment overrides what config.yaml chose: write "- override /{inner}: {option}" in its defaults',
            key=f"defaults.{inner}",
        )
    kind = KINDS.get(group, group)
    return UnknownName(f'there is no {kind} "{option}". {did_you_mean(option, known, most=30)}', key=group)


def _about_key(cause: OmegaConfBaseException) -> ConfigError:
    """About one key of the config."""
    key = re.sub(r"\[(\d+)\]", r".\1", str(cause.full_key))
    said = str(cause).partition("\n")[0]
    unknown = re.match(r"Key '([^']*)' (?:is )?not in", said)
    if unknown:
        return _unknown_key(key, unknown[1], cause.parent_node, typed="struct" not in said)
    wrong_type = re.search(r"Value '(.*)' of type '\w+' could not be converted to (\w+)", said)
    if wrong_type:
        return FieldError(f'got "{wrong_type[1]}", expected {WORDS.get(wrong_type[2], wrong_type[2])}', key=key)
    wrong_bool = re.search(r"Value '(.*)' is not a valid bool", said)
    if wrong_bool:
        return FieldError(f'got "{wrong_bool[1]}", expected true or false', key=key)
    if "Missing mandatory value" in said or "???" in said:
        return ConfigError(f"this must be given, as {key}=...", key=key)
    if "is not Optional" in said:
        return FieldError("it cannot be null", key=key)
    if "is not a ListConfig" in said:
        return FieldError(f"expected a list, as '{key}=[...]'", key=key)
    if "does not support deletion" in said:
        return ConfigError("a field cannot be removed: give it another value", key=key)
    if "list index out of range" in said:
        owner = key.rpartition(".")[0]
        return ConfigError(
            f"the list is not so long (positions count from 0); write the whole list, as '{owner}=[...]'", key=key
        )
    return ConfigError(said, key=key)


def _unknown_key(key: str, name: str, parent: object, typed: bool) -> ConfigError:
    known = [str(k) for k in parent] if isinstance(parent, DictConfig) else []
    owner = parent.get("name") if isinstance(parent, DictConfig) else None
    add = f"To add a key that no config has: +{key}=..."
    if "." not in key:
        known = sorted({*known, *_groups()} - {"hydra"})
        return UnknownName(f'there is no group or key "{name}". {did_you_mean(name, known)} {add}', key=key)
    group = key.partition(".")[0]
    if group in MANY and key == f"{group}.{name}":
        chosen = ",".join([*known, name])
        return UnknownName(f'"{name}" is not among the chosen {group}: {group}=[{chosen}]', key=key)
    if owner is None:
        return UnknownName(f'there is no key "{name}" here. {did_you_mean(name, known)} {add}', key=key)
    if typed:
        hint = did_you_mean(name, [k for k in known if k != "name"])
        return UnknownName(f'{owner} has no field "{name}". {hint}', key=key)
    return UnknownName(f'this {owner} is written without "{name}": to add it, +{key}=...', key=key)


def _unknown_group(where: str | None, group: str) -> ConfigError:
    place = f" (in {where})" if where else ""
    return UnknownName(f'there is no group or key "{group}"{place}. {did_you_mean(group, _groups())}', key=group)


def _without_package(where: str, group: str) -> ConfigError:
    return ConfigError(
        f'{where}: its first line must be "# @package _global_", or it is taken for a part of its group', key=group
    )


def _ambiguous(key: str, values: str) -> ConfigError:
    return ConfigError(
        f"got {values}; to sweep over these values add -m, to give a list write '{key}=[{values}]'", key=key
    )


def _several(where: str) -> ConfigError:
    group = where.rpartition("/")[0]
    return ConfigError("it takes one option; to sweep over several add -m, and leave the brackets out", key=group)


MEANINGS: dict[str, Callable[..., ConfigError]] = {
    r"In '([^']+)': Could not override '(\w+)@": _without_package,
    r"(?:In '([^']+)': )?Could not override '([^']+)'\.\s+No match in the defaults list": _unknown_group,
    r"Ambiguous value for argument '(.*?)=(.*)'": _ambiguous,
    r"In '([^']+)': [\s\S]*is not a subclass of": _several,
}


def _options(group: str) -> list[str]:
    return list(GlobalHydra.instance().config_loader().get_group_options(group))


def _groups() -> list[str]:
    """What may stand before ``=``: the groups of the search path."""
    loader = GlobalHydra.instance().config_loader()
    return [group for group in loader.list_groups("") if group != "hydra"]


def _chain(error: BaseException | None) -> list[BaseException]:
    """An error, and those that led to it."""
    return [] if error is None else [error, *_chain(error.__cause__ or error.__context__)]


def _on_one_line(error: Exception) -> str:
    return " ".join(str(error).split())
