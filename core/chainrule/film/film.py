"""A callback that keeps frames of a training."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.contract.arguments import require_path
from chainrule.contract.arrays import Array
from chainrule.contract.kinds import Callback
from chainrule.contract.split import Split, Stream
from chainrule.errors import ChainruleError, DataError, NonFiniteError
from chainrule.film.frames import Frame, Unit, Weight, frame_of
from chainrule.film.watched import SEEN, plane_of, probe_of, seen, some_of, trivial_loss
from chainrule.training.checkpoint import read, write
from chainrule.training.encoding import encoded
from chainrule.training.trainer import Trainer

FRAMES = 24
"""About so many are kept, however long a training is."""


class Film(Callback):
    """Keeps frames of a training: for each of some epochs, what a step of learning was like by then.

    Frames lie close at the beginning, where most happens, and evenly after it. Each is made on a copy: the training
    comes to the same numbers with it, to the last bit. Give it as the last of the callbacks, then to ``explain``.

    Args:
        train, validation: as ``Trainer.fit`` is given them. Of the first, some examples are the probe of every frame;
            of the second, or else of the first, predictions are kept.

    Attributes:
        frames: in the order of epochs; the first is before the training.
        history: of the training, a value for each epoch by name.
        seen: the examples whose predictions are kept; ``positions``: where they are in their split, whose name is
            ``split``.
        plane: the corners of the grid, ``[[x0, x1], [y0, y1]]``, where inputs are two numbers.
        trivial: the loss of an answer that is the same for every example, where that can be told.
        inputs: of the probe, mean and standard deviation of each feature, ``(2, features)``, where they are numbers.
        step: how many updates were made; ``slots``: what the optimizer has gathered at the end.
        rows: how many examples the training data has; ``probed``: of how many the probe is.
        targets: of a regression's targets in the probe, as the loss takes them, mean and standard deviation.
        stopped: why the training ended early, if it did.
        error: what ended the training, if something did; ``not_finite``: that it was a loss that is no number.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> x, y = np.array([[0, 0], [0, 1], [1, 0], [1, 1.0]]), np.array([0, 1, 1, 0])
        >>> layers = [{"name": "dense", "units": 4, "activation": "tanh"},
        ...           {"name": "dense", "units": 1, "activation": "sigmoid"}]
        >>> network = cr.Network(layers, (2,), "binary_cross_entropy")
        >>> film = cr.Film((x, y))
        >>> _ = cr.Trainer(network, "sgd").fit((x, y), epochs=3, callbacks=[film])
        >>> [frame.epoch for frame in film.frames]
        [0, 1, 2, 3]
    """

    def __init__(self, train: Any, validation: Any = None) -> None:
        self._train = train if isinstance(train, Stream) else Split.of("train", train)
        held = self._train if validation is None else validation
        self._held = held if isinstance(held, Stream) else Split.of("validation", held)
        self.split = "train" if validation is None else "validation"
        self.seen, self.positions = some_of(self._held, SEEN)
        self.plane: Array | None = None
        self.frames: list[Frame] = []
        self.history: dict[str, list[float]] = {}
        self.slots: dict[str, Array] = {}
        self.step = 0
        self.trivial: float | None = None
        self.inputs: Array | None = None
        self.targets: list[float] | None = None
        self.stopped: str | None = None
        self.rows = self.probed = 0
        self.error: str | None = None
        self.not_finite = False
        self._probe: Split | None = None
        self._chosen: frozenset[int] = frozenset()

    def on_train_start(self, trainer: Trainer) -> None:  # type: ignore[override]
        self._chosen = frozenset(epochs_of(trainer.epochs))
        self._probe = probe_of(self._train, trainer.network)
        inputs, targets = trainer.network.pair(self._probe.x, self._probe.y, mask=self._probe.mask)
        self.trivial = trivial_loss(trainer.network, targets.loss)
        self.inputs, self.targets = _features(inputs), _numbers(targets.loss, trainer.network.task)
        self.plane = plane_of(inputs)
        self.rows, self.probed = self._train.rows, self._probe.rows
        self.error = None
        if trainer.epoch == 0:
            self.frames = []
            self._keep(trainer)

    def on_epoch_end(self, trainer: Trainer) -> None:  # type: ignore[override]
        if trainer.epoch in self._chosen:
            self._keep(trainer)

    def on_train_end(self, trainer: Trainer) -> None:  # type: ignore[override]
        if self.frames and self.frames[-1].epoch == trainer.epoch:
            self.frames.pop()  # a callback may have taken other weights since
        self._keep(trainer)
        self.stopped = trainer.stop_reason
        self.slots = {name: slot.copy() for name, slot in trainer.slots.items()}

    def on_exception(self, trainer: Trainer, error: BaseException) -> None:  # type: ignore[override]
        self.history = {name: list(column) for name, column in trainer.history.items()}
        self.error = str(error) if isinstance(error, ChainruleError) else type(error).__name__
        self.not_finite = isinstance(error, NonFiniteError)

    def _keep(self, trainer: Trainer) -> None:
        assert self._probe is not None, "no training has begun"
        probe, network = self._probe, trainer.network
        before = self.frames[-1].hidden if self.frames else None
        step = trainer.trace_step(probe.x, probe.y, probe.weight, probe.mask)
        decays = {parameter.name: parameter.decay for parameter in network.parameters}
        self.frames.append(frame_of(trainer.epoch, step, decays, **seen(network, self.seen, self.plane, before)))
        self.history = {name: list(column) for name, column in trainer.history.items()}
        self.step = trainer.step
        if len(self.frames) > 2 * FRAMES:  # of several calls of fit
            self.frames[1:-1] = self.frames[2:-1:2]

    def __repr__(self) -> str:
        return f"<Film of {len(self.frames)} frames, to epoch {self.frames[-1].epoch if self.frames else 0}>"

    # ---- kept

    def state(self) -> dict[str, Any]:
        frames = [
            {**vars(frame), "units": _plain(frame.units), "weights": _plain(frame.weights)} for frame in self.frames
        ]
        return {"frames": frames, **{name: getattr(self, name) for name in KEPT}}

    def load_state(self, state: Mapping[str, Any]) -> None:
        self.frames = [
            Frame(
                **{
                    **kept,
                    "units": {name: Unit(**unit) for name, unit in kept["units"].items()},
                    "weights": {name: Weight(**weight) for name, weight in kept["weights"].items()},
                }
            )
            for kept in state["frames"]
        ]
        for name in KEPT:
            setattr(self, name, state[name])

    def save(self, path: str | Path) -> None:
        """Write it to a file.

        Raises:
            DataError: it cannot be written.
        """
        file = require_path("path", path)
        seen = {"x": self.seen.x, "y": self.seen.y, **self.seen.weighing}
        try:
            write(file, *encoded({**self.state(), "seen": seen}))
        except OSError as error:
            raise DataError(f"{file} cannot be written: {error.strerror}") from error

    @classmethod
    def load(cls, path: str | Path) -> Film:
        """What ``save`` wrote.

        Raises:
            DataError: the file is not there, is none of these, or is damaged.
        """
        file = require_path("path", path)
        state = read(file)
        try:
            film = cls(Split(**state["seen"]))
            film.load_state(state)
        except (LookupError, TypeError, AttributeError) as error:
            raise DataError(f"{file} holds no film of a training: {error!r}") from None
        return film


KEPT = (
    *("history", "slots", "step", "trivial", "inputs", "positions", "split", "plane"),
    *("rows", "error", "not_finite", "targets", "stopped", "probed"),
)


def epochs_of(epochs: int) -> list[int]:
    """Those of which there is a frame: half of them evenly spread, half by equal ratios.

    >>> epochs_of(5), len(epochs_of(2000)) <= FRAMES
    ([1, 2, 3, 4, 5], True)
    """
    half = FRAMES // 2
    spread = [*np.linspace(1, epochs, half), *np.geomspace(1, epochs, half)]
    return sorted({round(float(epoch)) for epoch in spread})


def _features(x: Any) -> Array | None:
    """Mean and standard deviation of each, where inputs are numbers and not whole ones that stand for something."""
    if not isinstance(x, np.ndarray) or x.dtype.kind != "f":
        return None
    flat = x.reshape(len(x), -1).astype(np.float64)
    return np.stack([flat.mean(axis=0), flat.std(axis=0)])


def _numbers(target: Any, task: Any) -> list[float] | None:
    """Mean and standard deviation of a regression's targets."""
    if task != "regression" or not isinstance(target, np.ndarray) or target.dtype.kind != "f" or not target.size:
        return None
    return [float(target.mean()), float(target.std())]


def _plain(parts: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    return {name: {f.name: getattr(part, f.name) for f in dataclasses.fields(part)} for name, part in parts.items()}
