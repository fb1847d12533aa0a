"""What Hydra and OmegaConf say about a wrong config, in a line or two: the key, the value, and what would be right.

Their errors hold little but text, so it is their text that is matched here, as Hydra 1.3 and OmegaConf 2.3 write it;
tests/core/config/test_messages.py holds each. Text that none of the patterns knows is passed on as it is.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import MarkedYAMLError, YAMLError  # type: ignore[import-untyped]

from chainrule.config.absent import KIND_OF, none_chosen, unknown_at_the_top, unknown_option
from chainrule.config.asked import asked
from chainrule.config.known import options_of_group
from chainrule.config.nodes import MANY
from chainrule.config.quoting import as_range, as_typed, holds_text, in_shell
from chainrule.errors import ChainruleError, ConfigError, FieldError, UnknownName, did_you_mean
from chainrule.words import SHOWN, cut, cut_inside, listed, one_line, quoted

COMPOSING = (
    *(HydraException, OmegaConfBaseException, YAMLError, OSError, ValueError, TypeError, LookupError),
    *(AttributeError, AssertionError, RecursionError),
)
"""What may go wrong while Hydra composes a config, because of what stands in it."""
FOLDERS = "hydra.run.dir, hydra.sweep.dir or hydra.sweep.subdir"
CLOSING = {"[": "]", "{": "}"}
SPECIAL = re.compile(r"[\s()\[\]{},:='\"]")  # what Hydra's grammar gives a meaning to
WORDS = {"Float": "a number", "Integer": "a whole number", "Boolean": "true or false"}


def explained(error: Exception) -> Exception:
    """An error of Hydra's or OmegaConf's as one of ours. Others are returned as they are."""
    if isinstance(error, ChainruleError):
        return error
    if isinstance(error, MissingConfigException) and "/" in (error.missing_cfg_file or ""):
        return unknown_option(error)
    cause = next((e for e in _chain(error) if isinstance(e, OmegaConfBaseException) and e.full_key), None)
    if cause is not None:
        return _about_key(cause)
    if isinstance(error, OverrideParseException):
        return ConfigError(f"cannot read the override {quoted(error.override)}: {_unreadable(error)}")
    if isinstance(error, (HydraException, OmegaConfBaseException)):
        for pattern, meaning in MEANINGS.items():
            found = re.search(pattern, str(error))
            if found:
                return meaning(*found.groups())
        return ConfigError(one_line(error))
    return error


def in_a_config(error: Exception) -> Exception:
    """As ``explained``, for what went wrong while Hydra composed: all of it is about what the user wrote."""
    if isinstance(error, MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        return ConfigError(f"{mark.name}, line {mark.line + 1}: this is no YAML of a config: {error.problem}")
    if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
        return ConfigError(
            f"the run's folder would be {cut_inside(str(error.filename), SHOWN)}, which is too long for a file system: "
            "each of its parts has 255 bytes at most",
            key=FOLDERS,
        )
    if isinstance(error, OSError) and error.strerror:
        return ConfigError(f"{error.filename}: {error.strerror}")
    if isinstance(error, RecursionError):
        return without_end()
    if "can only concatenate str" in str(error):
        return ConfigError(
            "a list of options holds their names; fields come after it: callbacks=[progress,early_stopping] "
            "callbacks.early_stopping.patience=9"
        )
    if "is not iterable" in str(error):
        return ConfigError("a list of options holds their names, and nothing else")
    if "has no attribute '_set_flag'" in str(error):
        return FieldError("got null, expected fields", key="hydra")
    if "list indices must be integers" in str(error):
        return ConfigError("an element of a list cannot be removed: write the whole list, as 'model.layers=[...]'")
    if "does not support dynamic value space" in str(error):  # Optuna
        return ConfigError(
            "the study that is kept under this name searches other values: give another name, or remove its storage",
            key="hydra.sweeper.study_name",
        )
    told = explained(error)
    return told if isinstance(told, ChainruleError) else ConfigError(one_line(error))


def _unreadable(error: OverrideParseException) -> str:
    reason = next(line for line in str(error).splitlines() if not line.startswith("Error parsing override"))
    if "missing EQUAL" in reason:  # from Python; refuse_words sees it first on a command line
        return "write it as key=value"
    key, _, value = error.override.partition("=")
    end, start = CLOSING.get(value[:1]), cut(error.override, SHOWN)
    if end and value.count(value[0]) > value.count(end):
        return f"it ends within a bracket; where there are blanks, put all of it in quotes: '{start} ...{end}'"
    if not key.isascii():
        return "no key has such letters"
    if value.startswith("="):
        return f"write one =, as {key}={value.lstrip('=')}"
    if re.search(r"(^|,)\s*,|[^,\]}'\"]\s*,\s*[\]}]?$", value):
        return "nothing stands beside one of its commas: leave the comma out, or write '' for empty text"
    if SPECIAL.search(value):
        typed = f"\"{key}=['...']\"" if value.startswith("[") else as_typed(key, value)
        return f"text with =, commas, brackets or quotes needs quotes of its own within the shell's: {typed}"
    return reason.partition(" expecting")[0]


def _about_key(cause: OmegaConfBaseException) -> ConfigError:
    """About one key of the config."""
    key = re.sub(r"\[(\d+)\]", r".\1", str(cause.full_key))
    said = str(cause).partition("\n")[0]
    unknown = re.match(r"Key '([^']*)' (?:is )?not in", said)
    if unknown:
        return _unknown_key(key, unknown[1], cause.parent_node, typed="struct" not in said)
    wrong_type = re.search(r"Value '(.*)' of type '(\w+)' could not be converted to (\w+)", said)
    if wrong_type:
        value, given, wanted = wrong_type.groups()
        got = f'"{value}"' if given == "str" else value.lower() if given == "bool" else value
        return FieldError(f"got {got}, expected {WORDS.get(wanted, wanted)}{as_range(key, value)}", key=key)
    wrong_bool = re.search(r"Value '(.*)' is not a valid bool", said)
    if wrong_bool:
        return FieldError(f'got "{wrong_bool[1]}", expected true or false', key=key)
    nowhere = re.match(r"Interpolation key '([^']*)' not found", said)
    if nowhere:
        text = f"${{{nowhere[1]}}}"
        typed = f"; for that text write '{key}=\\{text}'" if holds_text(key) else ""
        return ConfigError(f"{text} stands for a key that is not there{typed}", key=key)
    no_text = re.match(r"Invalid type assigned: NoneType is not a subclass of str", said)
    if no_text:
        field = re.sub(r"\.\d+$", "", key)
        return FieldError(f'got null, expected text; for the text "null" write "{field}=[\'null\']"', key=field)
    if "Missing mandatory value" in said or "???" in said:
        return ConfigError(f"this must be given, as {key}=...", key=key)
    if "HydraConfig was not set" in said:
        return ConfigError("what it is made of holds ${hydra:...}, which is known in a job alone, not here", key=key)
    if "Incompatible key type" in said:
        return ConfigError("a key within it is null, or of another type that no key has: keys are text", key=key)
    if "is not Optional" in said:
        return FieldError("it cannot be null", key=key)
    if "is not a ListConfig" in said or "Cannot merge DictConfig with ListConfig" in said:
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
    holder = OmegaConf.to_container(parent, resolve=False) if isinstance(parent, DictConfig) else {}
    assert isinstance(holder, dict)
    known, owner = [str(k) for k in holder], holder.get("name")
    if "." not in key:
        return unknown_at_the_top(name, holder)
    place = key.rpartition(".")[0]
    if place in MANY:
        chosen = ",".join([*known, name])
        return UnknownName(f'"{name}" is not among the chosen {place}: {place}=[{chosen}]', key=key)
    if place in KIND_OF and not holder:
        return none_chosen(place)
    if place == "hydra.runtime.choices":  # where Hydra looks up what an option replaces, and finds a list of them
        return _one_option(name)
    if key.startswith("hydra."):
        return UnknownName(f'there is no key "{name}" here. {did_you_mean(name, known)} To add it: +{key}=...', key=key)
    if typed and owner:
        hint = did_you_mean(name, [k for k in known if k != "name"])
        return UnknownName(f'{owner} has no field "{name}". {hint}', key=key)
    if owner:
        return UnknownName(f'this {owner} is written without "{name}": to add it, +{key}=...', key=key)
    if not holder and place.partition(".")[0] in KIND_OF:  # a name, in whose place OmegaConf has put a mapping by now
        right = f"{place}=..." if name == "name" else f"'{place}={{name: ..., {name}: ...}}'"
        return ConfigError(f"{place} holds a name alone: write {right}", key=key)
    return UnknownName(f'there is no key "{name}" here. {did_you_mean(name, known)}', key=key)


def without_package(file: str, group: str) -> ConfigError:
    """A file that Hydra takes for a part of its group."""
    return ConfigError(
        f'{file}: its first line must be "# @package _global_", or it is taken for a part of its group', key=group
    )


def null_group(group: str) -> ConfigError:
    """``group=null`` was written."""
    none = {"schedule": "schedule=none", "regularizer": "regularizer=none"} | {many: f"{many}=[]" for many in MANY}
    hint = f"; {none[group]} stands for none" if group in none else ""
    return ConfigError(f"it cannot be null{hint}. Known: {', '.join(sorted(options_of_group(group)))}.", key=group)


def _unknown_group(file: str | None, group: str) -> ConfigError:
    of_hydra = re.fullmatch(r"[^@]*?/(hydra/\w+)@.*", group)
    if file and of_hydra:
        return ConfigError(f'{file}: a group of Hydra\'s begins with /: write "- override /{of_hydra[1]}: ..."')
    return unknown_at_the_top(group, {}, file)


def list_after_override() -> ConfigError:
    """A list of options stands among the defaults of a file, after an override."""
    return ConfigError(
        "in the defaults of a file a list of options stands after an override; to choose these alone write it as "
        '"- override /callbacks: [...]"'
    )


def without_end() -> ConfigError:
    """Hydra or OmegaConf go on and on."""
    return ConfigError(
        "it goes on without end: a file has itself in its defaults, by way of others too, a value refers to itself, or "
        "lists and mappings lie too deep in each other"
    )


def inner_sweep(params: Mapping[str, Any], job: Sequence[str]) -> ConfigError:
    """An option that is swept over brings a sweep of its own, which Hydra leaves out."""
    typed = " ".join(in_shell(f"{key}={value}") for key, value in params.items())
    return ConfigError(
        f"the job {listed(job, 3)} has a sweep of its own, {typed}, which is left out in a sweep over such jobs: "
        "sweep over each alone, or write that sweep on the command line",
        key="hydra.sweeper.params",
    )


def _nothing_to_remove(group: str) -> ConfigError:
    return ConfigError(f"there is nothing to remove: none is chosen; choose some with {group}=...", key=group)


def _ambiguous(key: str, values: str) -> ConfigError:
    text = f", for one text {as_typed(key, values)}" if holds_text(key) and "'" not in values else ""
    values = cut(values, SHOWN)
    sweep = f"to sweep over these values {asked().sweep}"
    return ConfigError(f"got {values}; {sweep}, to give a list write {in_shell(f'{key}=[{values}]')}{text}", key=key)


def _added_twice(key: str) -> ConfigError:
    return ConfigError("it is there already: leave out the + before it", key=key)


def _no_mapping(where: str, value: str) -> ConfigError:
    group = where.rpartition("/")[0]
    if group == "experiment":
        return ConfigError(
            f"{where}: got {value} where the fields of a group are expected; which option is taken stands in its "
            'defaults, as "- override /optimizer: sgd"'
        )
    return _one_option(group)


def _one_option(group: str) -> ConfigError:
    return ConfigError(
        f"it takes one option; to sweep over several {asked().sweep}, and leave the brackets out", key=group
    )


def _no_list(where: str) -> ConfigError:
    return ConfigError(f"{where}: a list stands where fields are expected, or fields where a list is")


MEANINGS: dict[str, Callable[..., ConfigError]] = {
    r"In '([^']+)': Could not override '(\w+)@": without_package,
    r"(?:In '([^']+)': )?Could not override '([^']+)'\.\s+No match in the defaults list": _unknown_group,
    r"Could not delete '(\w+)(?:=.*)?'\. No match in the defaults list": _nothing_to_remove,
    r"Could not append to config\. An item is already at '(.*)'": _added_twice,
    r"Ambiguous value for argument '(.*?)=(.*)'": _ambiguous,
    r"In '([^']+)': [\s\S]*is not a subclass of \w+\. value: (.*)": _no_mapping,
    r"In '([^']+)': [\s\S]*Cannot merge DictConfig with ListConfig": _no_list,
}


def _chain(error: BaseException | None) -> list[BaseException]:
    """An error, and those that led to it."""
    return [] if error is None else [error, *_chain(error.__cause__ or error.__context__)]
