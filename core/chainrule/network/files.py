"""Arrays and what they mean in one safetensors file: no code in it, as a pickle would have."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from chainrule.contract.arrays import Array
from chainrule.errors import DataError

FORMAT = "chainrule"


def write(path: Path, tensors: Mapping[str, Array], metadata: Mapping[str, str]) -> None:
    """Write the arrays, with texts as metadata. The file takes its place only once it is whole."""
    from safetensors.numpy import save

    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(save(dict(tensors), metadata={"format": FORMAT, **metadata}))
    partial.replace(path)


def read(path: Path) -> tuple[dict[str, Array], dict[str, str]]:
    """The arrays and the metadata that ``write`` wrote.

    Raises:
        DataError: the file is not there, or is not such a file.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), "numpy") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except (OSError, SafetensorError) as error:
        raise DataError(f"{path} is not a network that chainrule saved: {error}") from None
    if metadata.get("format") != FORMAT:
        raise DataError(f"{path} is not a network that chainrule saved, but of some other program")
    return tensors, metadata
