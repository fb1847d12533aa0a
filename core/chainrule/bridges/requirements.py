"""What has to be installed for a network to be loaded, as ``pip install -r`` takes it."""

from __future__ import annotations

import functools
import json
from importlib.metadata import Distribution, PackageNotFoundError, distribution

from chainrule.network.network import Network
from chainrule.redaction import redacted
from chainrule.registry.provenance import provenance

ALWAYS = ("chainrule", "mlflow", "numpy", "scipy")
"""What computes, and what asks: in other versions the last bits of an answer may be others."""


def requirements_of(network: Network) -> list[str]:
    """A requirement for each distribution that supplies a component of the network, and for what any needs, in the
    versions that are installed here, and from where they came."""
    supplied = {supplier.rpartition(" ")[0] for supplier in provenance(network.components).values()}
    return [found for name in sorted({*ALWAYS, *supplied}) if (found := _requirement(name)) is not None]


@functools.cache
def _requirement(name: str) -> str | None:
    try:
        return requirement_of(name, distribution(name))
    except PackageNotFoundError:  # all but its entry points was removed
        return None


def requirement_of(name: str, installed: Distribution) -> str:
    """``acme==1.2``; of one that came from no index its place, as ``direct_url.json`` has it (PEP 610)."""
    text = installed.read_text("direct_url.json")
    if text is None:
        return f"{name}=={installed.version}"
    came = json.loads(text)
    url, vcs = redacted(came["url"]), came.get("vcs_info")
    if vcs is not None:
        url = f"{vcs['vcs']}+{url}@{vcs['commit_id']}"
    return f"{name} @ {url}" + (f"#subdirectory={came['subdirectory']}" if "subdirectory" in came else "")
