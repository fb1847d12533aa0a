"""How much a network relies on each column: by how much its loss grows when that column is shuffled."""

from __future__ import annotations

import numpy as np

from chainrule.contract.arrays import Array, stream
from chainrule.contract.data import Data
from chainrule.contract.split import Split
from chainrule.network.network import Network

REPEATS = 5
ROWS = 2000
WORK = 2_000_000
"""Rows that go through the network for it, at most."""


def importances(network: Network, data: Data, seed: int = 0) -> dict[str, Array]:
    r"""The permutation importance of each column of a table, for each of 5 shuffles: ``{name: (repeats,)}``.

    $importance_j = loss(x \; with \; column \; j \; shuffled) - loss(x)$: what the network loses where the column says
    nothing any more. A column of which another says the same has little, although the network may need one of them.

    It is measured on the validation samples, or where there are none on those for training; of more than 2,000 so many
    are taken, evenly. Of data that is no table, and where there are so many columns that it would take minutes, the
    result is empty.

    Reference:
        Breiman (2001), "Random Forests", Machine Learning 45, section 10; of any model: Fisher, Rudin, Dominici (2019),
        "All Models are Wrong, but Many are Useful", JMLR 20, section 3.
    """
    samples = data.train if data.validation is None else data.validation
    columns = () if data.preparation is None else data.preparation.columns
    if not columns or not isinstance(samples, Split):
        return {}
    if samples.rows > ROWS:
        samples = samples.at(np.linspace(0, samples.rows - 1, ROWS).astype(int).tolist())
    if samples.rows < 2 or len(columns) < 2 or len(columns) * REPEATS * samples.rows > WORK:
        return {}
    rng = stream(seed, "importance")
    before = _loss(network, samples)
    found: dict[str, Array] = {}
    end = 0
    for column in columns:
        begin, end = end, end + len(column.features)
        losses = []
        for _ in range(REPEATS):
            x = samples.x.copy()
            x[:, begin:end] = x[rng.permutation(len(x)), begin:end]
            losses.append(_loss(network, Split(x, samples.y, samples.weight, samples.mask)))
        found[column.name] = np.array(losses) - before
    return found


def _loss(network: Network, samples: Split) -> float:
    return float(network.evaluate(*samples, weight=samples.weight, mask=samples.mask)["loss"])
