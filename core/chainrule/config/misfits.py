"""A field in a sweep that only some of the swept options have: refused before any job runs, and told with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override

from chainrule.config.messages import COMPOSING, in_a_config
from chainrule.config.nodes import is_field
from chainrule.errors import ConfigError, FieldError, UnknownName
from chainrule.words import listed

NAMED = 5
"""So many options of one sort are named; of more there is the number."""

Compose = Callable[[Sequence[str]], Any]
"""Composes the job with these overrides, and raises where it cannot."""


def refuse_misfits(loader: ConfigLoader, overrides: Sequence[str], compose: Compose) -> None:
    """Compose a job with each option that is swept, the rest at the first of its values.

    Args:
        overrides: of the sweep, those of its sweeper's ``params`` among them.

    Raises:
        ConfigError: an option does not compose; of a field that only some of them have, it names both sorts.
    """
    parsed = OverridesParser.create(config_loader=loader).parse_overrides(list(overrides))
    values = {override.get_key_element(): _values(override) for override in parsed}
    first = {key: some[0] for key, some in values.items() if some}
    options = {key: some for key, some in values.items() if some[1:] and loader.get_group_options(key.lstrip("+"))}
    jobs = [first, *({**first, key: option} for key, some in options.items() for option in some[1:])]
    for job in jobs:
        try:
            compose(_lines(job))
        except COMPOSING as error:
            _tell_misfit(job, options, compose)
            raise in_a_config(error) from error


def _tell_misfit(job: Mapping[str, str], options: Mapping[str, Sequence[str]], compose: Compose) -> None:
    """Raise for the first field that some options of a group have and others have not."""
    without = {key: value for key, value in job.items() if not is_field(key)}
    for field in [key for key in job if is_field(key) and key[0] not in "+~"]:
        for group, every in options.items():
            sound = [option for option in every if _fits({**without, group: option}, compose)]
            having = [option for option in sound if _fits({**without, group: option, field: job[field]}, compose)]
            lacking = [option for option in sound if option not in having]
            if having and lacking:
                kind = "" if field.startswith(f"{group}.") else f"{group} "
                raise UnknownName(
                    f"{kind}{_with_verb(having)} it, {kind}{_with_verb(lacking)} not: leave it out, or sweep over "
                    "those that have it by themselves",
                    key=field,
                )


def _fits(job: Mapping[str, str], compose: Compose) -> bool:
    """Whether there is a place for all of it, whatever stands there."""
    try:
        compose(_lines(job))
    except COMPOSING as error:
        told = in_a_config(error)
        return isinstance(told, FieldError) or not isinstance(told, ConfigError)
    return True


def _with_verb(options: Sequence[str]) -> str:
    return f"{listed(options, NAMED)} {'have' if options[1:] else 'has'}"


def _values(override: Override) -> list[str]:
    """All that it may become, as text; of a range of numbers without end its beginning."""
    if override.is_discrete_sweep():
        return list(override.sweep_string_iterator())
    value = override.value()
    return [str(value.start) if isinstance(value, IntervalSweep) else override.get_value_element_as_str()]


def _lines(job: Mapping[str, str]) -> list[str]:
    return [f"{key}={value}" for key, value in job.items()]
