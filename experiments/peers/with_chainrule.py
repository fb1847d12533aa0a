"""chainrule, through ``Trainer``, with the metrics and callbacks of ``chainrule train``, by each of its engines."""

from __future__ import annotations

import contextlib
import io

import chainrule as cr
from peers import EPOCHS, Peer, Work


class Chainrule:
    engine = "numpy"

    def __init__(self, work: Work) -> None:
        self.data = (work.x, work.y)
        optimizer = {"name": work.optimizer, "lr": work.lr}
        self.trainer = cr.Trainer(work.network(), optimizer, work.batch_size, engine=self.engine)

    def train(self, epochs: int = EPOCHS) -> None:
        with contextlib.redirect_stderr(io.StringIO()):  # the lines of progress
            self.trainer.fit(self.data, epochs, callbacks=["progress", "nan_guard"])

    def loss(self) -> float:
        return float(self.trainer.network.evaluate(*self.data)["loss"])


class Compiled(Chainrule):
    engine = "numba"


PEERS: dict[str, type[Peer]] = {"chainrule": Chainrule, "chainrule compiled": Compiled}
