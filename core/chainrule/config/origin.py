"""What somebody typed, and what stands in a file that somebody else may have written.

A file may not set the environment of a job, nor bring further overrides, and where it says to which address runs are
sent, that is told before anything is.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser

from chainrule.config.unsafe import THREADS
from chainrule.errors import UnsafeConfig
from chainrule.redaction import redacted

ADDRESS = "tracking.uri"


class Typed:
    """The keys of a command line, or of what was given from Python, with their values as they were written."""

    def __init__(self, overrides: Sequence[str] = ()) -> None:
        self._values: dict[str, str] = {}
        self._said: set[str] = set()
        for override in OverridesParser.create().parse_overrides(list(overrides)):
            value = None if override.is_sweep_override() else override.value()
            for key in _leaves(override.key_or_group, value):
                self._values[key] = str(override.input_line)

    def refuse_untyped(self, config: Mapping[str, Any], brought: int) -> None:
        """Refuse what only somebody who typed it may ask for.

        Args:
            config: composed, as plain containers with interpolations unresolved.
            brought: so many overrides were given.

        Raises:
            UnsafeConfig: names the key.
        """
        hydra = config["hydra"]
        for name in hydra["job"].get("env_set") or {}:
            key = f"hydra.job.env_set.{name}"
            if key not in self._values and not THREADS.fullmatch(str(name)):
                raise UnsafeConfig(
                    "a file sets no environment but the thread counts of BLAS libraries; the command line may",
                    key=key,
                )
        if hydra["job"].get("env_copy") and "hydra.job.env_copy" not in self._values:
            raise UnsafeConfig(
                "a file copies no environment; it may stand on the command line", key="hydra.job.env_copy"
            )
        if sum(len(hydra["overrides"].get(sort) or []) for sort in ("hydra", "task")) > brought:
            raise UnsafeConfig("a file holds values, not overrides", key="hydra.overrides")

    def say_address(self, tracking: Mapping[str, Any] | None) -> None:
        """Tell, once, to which address runs are sent, if that does not stand as it is on the command line."""
        address = (tracking or {}).get("uri")
        if not address or not (tracking or {}).get("enabled", True) or address in self._said:
            return
        line = self._values.get(ADDRESS)
        if line is None or "${" in line:
            self._said.add(address)
            sys.stderr.write(f"chainrule: runs are sent to {redacted(str(address))}, as a config says ({ADDRESS})\n")


def _leaves(key: str, value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _leaves(f"{key}.{name}", inner)
    else:
        yield key
