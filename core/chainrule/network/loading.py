"""A network from the file that ``Network.save`` wrote."""

from __future__ import annotations

import json
from pathlib import Path

from chainrule.contract.arguments import require_path
from chainrule.errors import DataError
from chainrule.network.files import read
from chainrule.network.network import Network
from chainrule.registry.provenance import require_installed


def load_network(path: str | Path) -> Network:
    """The network that ``Network.save`` wrote.

    Raises:
        DataError: the file is not there, or is not such a file. UnknownName: it needs a component that is not
            installed; the message says which package had it.
    """
    tensors, metadata = read(require_path("path", path))
    architecture = json.loads(metadata["architecture"])
    require_installed(json.loads(metadata.get("components", "{}")))
    network = Network(**architecture)
    for item in [*network.parameters, *network.buffers]:
        saved = tensors.get(item.name)
        if saved is None or saved.shape != item.value.shape:
            raise DataError(
                f"{path} holds no {item.name} of shape {item.value.shape}: it was saved with other versions of its "
                f"components, {metadata['components']}"
            )
        item.value = saved
    return network
