"""What a method of a component takes: some are given more where they ask for it."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping
from typing import Any


def signature_of(method: Any) -> inspect.Signature:
    """What it takes. Python 3.14 evaluates annotations when they are asked for, also those that only a type checker
    can: as text they are left alone."""
    if sys.version_info >= (3, 14):
        from annotationlib import Format

        return inspect.signature(method, annotation_format=Format.STRING)
    return inspect.signature(method)


def takes(method: Any, name: str) -> bool:
    """Whether it has a parameter of that name."""
    return name in signature_of(method).parameters


def asked_of(method: Any, known: Mapping[str, Any]) -> dict[str, Any]:
    """Of what is known, that for which it has parameters; all of it where it takes any, ``**told``."""
    parameters = signature_of(method).parameters
    if any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters.values()):
        return dict(known)
    return {name: value for name, value in known.items() if name in parameters}
