"""What is secret, in texts and settings that are about to be written down, and what stands in its place."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

HIDDEN = "***"
"""What stands in the place of a secret."""
_SECRET = (
    r"(?:passwords?|passwd|passphrase|secrets?|credentials?|(?:api|access|private|secret)[_-]?key"
    r"|(?<![a-z])(?:token|authorization)|(?<=_)pwd)"
)
_CALLED_SO = re.compile(rf".*{_SECRET}", re.IGNORECASE)
# Of a password what an address allows in it, and "/", which databases' addresses take too; no port and path.
_USERINFO = re.compile(r"(?<=://)(?:[^/\s@]{0,300}@|[^/\s:@]{1,300}:(?!\d+/)[^\s@]{0,300}@){1,9}")
_VALUE = r"""(?:"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[^\s,;&"'\])}]+)"""
_GIVEN = re.compile(rf"""({_SECRET}["']?(?:\s?=\s?|: got )){_VALUE}""", re.IGNORECASE)
_GIVEN_WITHIN = re.compile(rf"""({_SECRET}["']?:\s?){_VALUE}(?=\s?[,}}])""", re.IGNORECASE)  # of {key: value}
_KNOWN_FORMS = re.compile(r"\b(?:gh[opsu]_|github_pat_|glpat-|hf_|sk-|xox[abp]-|AKIA)[\w-]{16,}")
_SHORTEST = 6
"""Characters of a variable's value that is looked for in texts: shorter ones stand everywhere by chance."""


def redacted(text: str) -> str:
    """``text`` without what looks like a secret: passwords in addresses, values of keys that are called so, and what
    environment variables hold that are called so.

    >>> redacted("postgresql://me:secret@host/runs"), redacted("dataset.password=hunter2 seed=1")
    ('postgresql://***@host/runs', 'dataset.password=*** seed=1')
    """
    if len(text) < _SHORTEST:
        return text
    for value in _in_the_environment():
        text = text.replace(value, HIDDEN)
    text = _KNOWN_FORMS.sub(HIDDEN, _USERINFO.sub(f"{HIDDEN}@", text))
    for given in (_GIVEN, _GIVEN_WITHIN):
        text = given.sub(rf"\1{HIDDEN}", text)
    return text


@functools.lru_cache(maxsize=10_000)
def called_like_a_secret(key: str) -> bool:
    """Whether a key, or one that it lies in, is called like what nobody else may know.

    >>> [called_like_a_secret(key) for key in ("dataset.api_key", "AWS_SECRET_ACCESS_KEY", "loss.name", "max_tokens")]
    [True, True, False, False]
    """
    return any(_CALLED_SO.fullmatch(part) for part in key.split("."))


def without_secrets(value: Any, key: str = "") -> Any:
    """Plain containers as they may be written down: a copy, in which secrets are hidden.

    >>> without_secrets({"token": "abc", "uri": "http://me:pw@host", "epochs": 3})
    {'token': '***', 'uri': 'http://***@host', 'epochs': 3}
    """
    if isinstance(value, Mapping):
        return {name: without_secrets(inner, f"{key}.{name}") for name, inner in value.items()}
    if isinstance(value, list):
        return [without_secrets(inner, key) for inner in value]
    if called_like_a_secret(key) and not (value is None or isinstance(value, bool)):
        return HIDDEN
    return redacted(value) if isinstance(value, str) else value


def override_without_secrets(override: str) -> str:
    """A word of a command line, ``key=value``, as it may be written down.

    >>> override_without_secrets("dataset.password=a b"), override_without_secrets("seed=3")
    ('dataset.password=***', 'seed=3')
    """
    key, equal, _ = override.partition("=")
    return f"{key}={HIDDEN}" if equal and called_like_a_secret(key.lstrip("+~-")) else redacted(override)


def _in_the_environment() -> Iterator[str]:
    for name in os.environ:
        if called_like_a_secret(name) and len(os.environ[name]) >= _SHORTEST:
            yield os.environ[name]
