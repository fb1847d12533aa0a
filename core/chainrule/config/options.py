"""The words after ``chainrule train``: Hydra's options, overrides, and what is neither and told how to be written."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

from hydra._internal.utils import get_args_parser

from chainrule.config.known import groups, keys_at_the_top, options_of_group
from chainrule.errors import ConfigError, UnknownName, did_you_mean
from chainrule.registry.provenance import own_version

REFUSED = ("config_path", "config_name", "experimental_rerun")
"""Options of Hydra's that would take the place of what chainrule composes."""


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Hydra's options, and ``overrides``; ``unknown`` holds what begins with a dash and is no option.

    Raises:
        ConfigError: an option that is not taken, or not with the others.
    """
    options, unknown = parser().parse_known_intermixed_args(list(arguments))  # overrides may stand among options
    options.unknown = unknown
    for name in REFUSED:
        if getattr(options, name):
            option = f"--{name.replace('_', '-')}"
            raise ConfigError("chainrule does not take this option of Hydra's; see --config-dir", key=option)
    for name in ("resolve", "package"):
        if getattr(options, name) and not options.cfg:
            raise ConfigError(f"it is for showing a config, and trains nothing: --cfg job --{name}", key=f"--{name}")
    if options.cfg and options.multirun:
        raise ConfigError("it shows the config of one job: leave -m out, and give one value of each", key="--cfg")
    return options


def parser() -> argparse.ArgumentParser:
    """Hydra's, with our name and version."""
    with unchecked_help():
        parser = get_args_parser()
    parser.prog, parser.usage = "chainrule train", "chainrule train [OPTIONS] [OVERRIDES]"
    parser.allow_abbrev = False  # --experiment would be --experimental-rerun
    for action in parser._actions:
        if isinstance(action, argparse._VersionAction):
            action.version, action.help = f"chainrule {own_version()}", "Show chainrule's version and exit"
    return parser


@contextlib.contextmanager
def unchecked_help() -> Iterator[None]:
    """Python 3.14 reads each help text as its option is added, and one of Hydra 1.3's is no text before it is shown."""
    parser: Any = argparse.ArgumentParser
    check = getattr(parser, "_check_help", None)
    if check is None:  # an older Python
        yield
        return
    parser._check_help = lambda self, action: None  # Hydra 1.4 does the same
    try:
        yield
    finally:
        parser._check_help = check


def shown_options() -> argparse.ArgumentParser:
    """What help names: the options that are taken, less that for TAB, which has its place in ``chainrule --help``."""
    shown = parser()
    shown._actions = [action for action in shown._actions if action.dest not in (*REFUSED, "shell_completion")]
    return shown


def refuse_words(arguments: Sequence[str], options: argparse.Namespace) -> None:
    """Refuse options that do not exist, and words that are no ``key=value``.

    Raises:
        ConfigError: says how what was meant is written, as far as that can be seen.
    """
    for word, following in zip(arguments, [*arguments[1:], ""]):
        given = "" if "=" in following or following.startswith("-") else following
        if word in options.unknown:
            _refuse_option(word, given)
        if word in options.overrides and "=" not in word and not word.startswith("~"):
            raise ConfigError(f"cannot read the override {word!r}: write {_written(word, given)}")


def _refuse_option(word: str, following: str) -> None:
    key, equal, value = word.lstrip("-").partition("=")
    if equal or key in keys_at_the_top() or "." in key:
        raise UnknownName(f"a key stands without dashes: {key}={value or following or '...'}", key=word)
    known = [option for action in shown_options()._actions for option in action.option_strings if option[:2] == "--"]
    raise UnknownName(f"there is no such option. {did_you_mean(word, known)}", key=word)


def _written(word: str, following: str) -> str:
    """How an override is written of which only a word is there."""
    if word in keys_at_the_top() or "." in word:
        return f"it as {word}={following or '...'}"
    group = next((group for group in ["experiment", *groups()] if word in options_of_group(group)), None)
    return f"{group}={word}" if group else "it as key=value"
