"""A network from the file that ``Network.save`` wrote."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.contract.arguments import require_dtype, require_list, require_path, require_shape
from chainrule.contract.arrays import Array, Shape
from chainrule.errors import ConfigError, DataError, within
from chainrule.network.blueprint import Blueprint
from chainrule.network.files import read
from chainrule.network.network import Network
from chainrule.network.stack import Stack
from chainrule.registry.provenance import require_installed
from chainrule.words import SHOWN, quoted


def load_network(path: str | Path) -> Network:
    """The network that ``Network.save`` wrote.

    Raises:
        DataError: the file is not there, or is not such a file. UnknownName: it needs a component that is not
            installed; the message says which package had it.
    """
    path = require_path("path", path)
    tensors, metadata = read(path)
    components, architecture = (_mapping(path, metadata, key) for key in ("components", "architecture"))
    for text in (*components, *components.values()):
        if not (isinstance(text, str) and text.isprintable() and len(text) <= SHOWN):
            raise DataError(f'{path} is damaged: its "components" hold what is no name')
    require_installed(components)
    try:
        given = inspect.signature(Network).bind(**architecture)
    except TypeError:
        raise DataError(f'{path} is damaged: its "architecture" is that of no network') from None
    given.apply_defaults()
    try:
        _compare(path, tensors, metadata["components"], **given.arguments)
        network = Network(**architecture)
    except ConfigError as error:
        raise DataError(f"{path} holds a network that cannot be built here: {error}") from None
    for item in [*network.parameters, *network.buffers]:
        item.value = tensors[item.name]
    return network


def _compare(
    path: Path, tensors: Mapping[str, Array], supplied: str, layers: Any, input_shape: Any, dtype: Any, **_: Any
) -> None:
    """Build the layers, and make no array that the file does not hold.

    Raises:
        ConfigError: they cannot be built. DataError: the file holds other arrays.
    """
    expected = _Expected(path, tensors, supplied, require_dtype("dtype", dtype))
    given, shape = require_list("layers", layers, "a list of layers"), require_shape("input_shape", input_shape)
    with within("layers"):
        Stack(given, expected).build(shape)


class _Expected(Blueprint):
    """Each array is compared with that of the file before it is made."""

    def __init__(self, path: Path, tensors: Mapping[str, Array], supplied: str, dtype: np.dtype[Any]) -> None:
        super().__init__(seed=0, dtype=dtype)
        self._path, self._tensors, self._supplied = path, tensors, supplied

    def declare(self, name: str, shape: Shape) -> None:
        saved = self._tensors.get(name)
        if saved is None or saved.shape != shape or saved.dtype != self.dtype:
            raise DataError(
                f"{self._path} holds no {name} of shape {quoted(shape)} and type {self.dtype}: it was saved with other "
                f"versions of its components, {self._supplied}"
            )


def _mapping(path: Path, metadata: Mapping[str, str], key: str) -> dict[str, Any]:
    """What is JSON in the metadata of the file.

    Raises:
        DataError: it is missing, or something else.
    """
    try:
        found = json.loads(metadata.get(key, ""))
    except (ValueError, RecursionError):  # no JSON, a number of thousands of digits; nested thousands deep
        found = None
    if not isinstance(found, dict):
        raise DataError(f'{path} is damaged: its metadata has no mapping "{key}"')
    return found
