"""Config files are somebody else's: each is looked at before it is read, and refused where it would read what lies
outside the configs, or grow without bounds.

The text of a file is walked as YAML's parser goes through it, which takes memory for its nesting alone: an alias is not
followed but counted. So a file is refused before an object is made of it.
"""

from __future__ import annotations

import io
from importlib import resources
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]
from hydra._internal.config_repository import ConfigRepository
from hydra.core.object_type import ObjectType
from hydra.plugins.config_source import ConfigResult, ConfigSource
from omegaconf.errors import GrammarParseError
from omegaconf.grammar.gen.OmegaConfGrammarParser import OmegaConfGrammarParser
from omegaconf.grammar_parser import parse

from chainrule.errors import ConfigError, UnsafeConfig
from chainrule.words import SHOWN, cut

RESOLVERS = ("hydra", "now", "oc.select", "oc.deprecated", "oc.dict.keys", "oc.dict.values")
"""What a file may ask: the config itself and the time. Others read the environment, or make configs out of text, which
could then ask for anything."""
TRUSTED = ("hydra", "main")
"""Who provides what is not looked at: Hydra, and chainrule's own folder."""
MOST_BYTES, MOST_NODES, DEEPEST = 2**20, 10_000, 50
"""Of a file: the size, the values in it with each alias written out, and how many of them lie in each other."""


class CheckedFiles(ConfigRepository):
    """Hydra's repository of configs, which reads no file before it was looked at."""

    def load_config(self, config_path: str) -> ConfigResult | None:
        source = self._find_object_source(config_path, ObjectType.CONFIG)
        if source is not None and source.scheme() in ("file", "pkg") and source.provider not in TRUSTED:
            refuse_file(*_text(source, source._normalize_file_name(config_path)))
        try:
            return super().load_config(config_path)
        except (AssertionError, AttributeError, RecursionError) as error:  # Hydra 1.3's, of odd defaults
            raise ConfigError("this is no config: its defaults, or what else stands there", key=config_path) from error


def refuse_file(name: str, text: str) -> None:
    """Walk the text of a config file.

    Raises:
        ConfigError: it is too large, too deep, or grows so by its aliases; names the file and the line.
        UnsafeConfig: it would read the environment; names the value too.
        yaml.YAMLError: it is no YAML.
    """
    sizes: dict[str, int | None] = {}  # by anchor: how many values it stands for; None while it is open
    depths: dict[str, int] = {}
    open_: list[list[Any]] = [[None, 0, 0]]  # each with its anchor, its values so far and how deep they go
    # By the parser that reads it afterwards: libyaml's, which is faster, takes some texts for others.
    stream = io.StringIO(text)
    stream.name = name  # which YAML's own errors tell
    for event in yaml.parse(stream, Loader=yaml.SafeLoader):
        place = f"{name}, line {event.start_mark.line + 1}"
        values = deep = 0
        if (getattr(event, "tag", None) or "").startswith("tag:yaml.org,2002:python/"):
            raise ConfigError(f"{place}: this is no YAML of a config: {event.tag} would make an object")
        if isinstance(event, yaml.AliasEvent):
            if sizes.get(event.anchor, 0) is None:
                raise ConfigError(f"{place}: *{event.anchor} stands within what it stands for")
            values, deep = sizes.get(event.anchor) or 0, depths.get(event.anchor, 0)
        elif isinstance(event, yaml.ScalarEvent):
            _refuse_scalar(place, event)
            values = 1
            if event.anchor is not None:
                sizes[event.anchor], depths[event.anchor] = 1, 0
        elif isinstance(event, yaml.CollectionStartEvent):
            open_.append([event.anchor, 1, 0])
            if event.anchor is not None:
                sizes[event.anchor] = None
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, values, deep = open_.pop()
            deep += 1
            if anchor is not None:
                sizes[anchor], depths[anchor] = values, deep
        open_[-1][1] += values
        open_[-1][2] = max(open_[-1][2], deep)
        if open_[-1][1] > MOST_NODES:
            raise ConfigError(f"{place}: a config has up to {MOST_NODES} values, with what its aliases stand for")
        if len(open_) - 1 > DEEPEST or open_[-1][2] > DEEPEST:
            raise ConfigError(f"{place}: a config's values lie in each other up to {DEEPEST} deep")


def _refuse_scalar(place: str, scalar: Any) -> None:
    if "${" in scalar.value:
        resolver = _outside(scalar.value)
        if resolver is not None:
            raise UnsafeConfig(
                f'{place}: "{resolver}" in a file could read what lies outside the configs, the environment too; it '
                "may stand on the command line"
            )


def _outside(text: str) -> str | None:
    """The first resolver in a text that files may not name; None where there is none, or the text cannot be read."""
    try:
        waiting = [parse(text)]
    except GrammarParseError:  # told by OmegaConf
        return None
    except RecursionError as error:
        raise ConfigError(f'"{cut(text, SHOWN)}": its interpolations lie too deep in each other') from error
    while waiting:
        node = waiting.pop()
        if isinstance(node, OmegaConfGrammarParser.ResolverNameContext) and node.getText() not in RESOLVERS:
            return str(node.getText())
        waiting += getattr(node, "children", None) or []
    return None


def _text(source: ConfigSource, file: str) -> tuple[str, str]:
    """Name and text of a file of a folder or a package."""
    inside = source.scheme() == "pkg"
    path: Any = resources.files(source.path).joinpath(file) if inside else Path(source.path, file)
    with path.open("rb") as opened:
        raw = opened.read(MOST_BYTES + 1)
    if len(raw) > MOST_BYTES:
        raise ConfigError(f"{path}: a config has up to {MOST_BYTES} bytes")
    try:
        return str(path), raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: this is no UTF-8 text: {error.reason} at byte {error.start}") from error
