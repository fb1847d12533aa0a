"""The whole state of a training, as plain values: what it takes to go on to the last bit."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.contract.arguments import require_path
from chainrule.contract.kinds import Component, Optimizer, Regularizer, Schedule
from chainrule.contract.named import items
from chainrule.contract.parameters import Snapshot
from chainrule.engine.use import Engine, usable_engine
from chainrule.errors import DataError
from chainrule.network.network import Network
from chainrule.network.updates import Updates
from chainrule.registry.making import spec_of
from chainrule.training.agreement import require_columns, require_like, require_same, understood
from chainrule.training.checkpoint import read, write
from chainrule.training.encoding import encoded
from chainrule.training.epoch import RunningEpoch
from chainrule.training.history import History
from chainrule.training.learning_rate import LearningRate
from chainrule.training.listeners import Listeners
from chainrule.training.position import Position
from chainrule.training.rest import Rest

PARTS = ("optimizer", "schedule", "regularizer", "batch_size", "shuffle", "seed", "groups")
FIXED = ("slots", "order", "step", "epochs")
"""What of a state has the same form, whenever it is saved."""


class Resumable:
    """What of a trainer is kept, and the ways to it."""

    network: Network
    optimizer: Optimizer
    schedule: Schedule | None
    regularizer: Regularizer | None
    history: History
    epoch: int
    epochs: int
    step: int
    metrics: dict[str, float]
    stop_reason: str | None
    groups: list[dict[str, Any]]
    rest: Rest
    engine: Engine
    _given_metrics: Sequence[Any] | None
    _running: RunningEpoch
    _listeners: Listeners
    _position: Position
    _updates: Updates
    _rate: LearningRate
    _rng: np.random.Generator
    _resumed: Mapping[str, Any] | None = None
    """A state that was loaded, until ``fit`` takes it up."""

    def save(self, path: str | Path) -> None:
        """Write the whole state of the training to a safetensors file, for ``load``.

        Called from a callback, it writes once all of them have heard of the running update, for whose end an interrupt
        waits too. After an error in the middle of one, it writes what ``fit`` would begin its next epoch with.

        Raises:
            ContractError: a callback or metric has gathered what no file can keep. DataError: it cannot be written.
        """
        path = require_path("path", path)
        self.rest.when(lambda: self._write(path))

    def _write(self, path: Path) -> None:
        try:
            write(path, *encoded(self.state()))
        except OSError as error:
            raise DataError(f"{path} cannot be written: {error.strerror}") from error

    def load(self, path: str | Path) -> None:
        """Take over what ``save`` wrote, in a trainer that is made of the same parts.

        If a call of ``fit`` was cut, the next one goes on with it, to the last bit: give it the same data, epochs and
        callbacks; for more epochs the schedule is planned anew.

        Raises:
            DataError: the file is damaged, or of a training that was built otherwise; says what differs.
        """
        self.load_state(read(require_path("path", path)))

    def __reduce__(self) -> Any:
        # Pickled and deep-copied as what it is made of, and its state: what it keeps leads into the network's arrays.
        parts = {name: getattr(self, name) for name in PARTS}
        return _restored, (
            type(self),
            self.network,
            {**parts, "metrics": self._given_metrics},
            self.state(),
            self.engine,
        )

    def state(self) -> dict[str, Any]:
        """What ``save`` writes. Arrays are the training's own, which goes on to change them."""
        network, position = self.network, self._position
        # What was loaded and only the next call of fit takes over is what it was.
        loaded = self._resumed
        running = None if position.next_batch is None else self._running.state()
        return {
            "built": self._built(),
            "task": network.task,
            "network": [network.parameters.theta, [buffer.value for buffer in network.buffers], network.random_state()],
            "slots": self._updates.slots,
            "learning_rate": self._rate.state(),
            "order": self._rng.bit_generator.state,
            "position": position.state(),
            "running": running if loaded is None else loaded["running"],
            "step": self.step,
            "epochs": [self.history.epochs, self.epochs],
            "history": dict(self.history),
            "metrics": dict(self.metrics),
            "stop_reason": self.stop_reason,
            "callbacks": self._listeners.state() if loaded is None else loaded["callbacks"],
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Take over what ``state`` gave; what callbacks and metrics gathered, with the next call of ``fit``.

        Raises:
            DataError: it is of a training that was built otherwise, or of none; says what differs.
        """
        with understood():
            require_same(state["built"], self._built())
            self._require_form(state, self.state())
            position = Position.of(state["position"])
            self._take_over(state)
            self.network.task = state["task"]
            self.stop_reason = state["stop_reason"]
        self._position = position
        self.epoch, self.epochs = state["epochs"]
        self._resumed = state

    @contextmanager
    def _taken_up(self) -> Iterator[None]:
        """Inside, a call of ``fit`` begins. If it goes on with one that was cut, whatever its beginning has set, drawn
        or gathered is afterwards as it was saved. Of what was saved between two calls callbacks know before it begins.
        """
        resumed, self._resumed = self._resumed, None
        cut = self._position.begun is not None
        if resumed is not None and not cut:
            with understood():
                self._listeners.load_state(resumed["callbacks"], all_of_it=False)
        yield
        if resumed is not None and cut:
            with understood():
                self._take_over(resumed)
                self._listeners.load_state(resumed["callbacks"], all_of_it=True)
                if self._position.next_batch is not None:
                    self._running.load_state(resumed["running"])

    def _take_over(self, state: Mapping[str, Any]) -> None:
        """Take over all that an update changes."""
        theta, buffers, streams = state["network"]
        self.network.restore(Snapshot(theta, [value.copy() for value in buffers]))
        self.network.set_random_state(streams)
        for name, slot in self._updates.slots.items():
            slot[...] = state["slots"][name]
        self._rate.load_state(state["learning_rate"])
        # Of a running epoch, as it was before its order was drawn, which is drawn once more.
        self._rng.bit_generator.state = state["position"]["order"] or state["order"]
        self.step = state["step"]
        self.history = History.of(state["history"], state["epochs"][0])
        self.metrics = dict(state["metrics"])

    def _require_form(self, state: Mapping[str, Any], own: Mapping[str, Any]) -> None:
        """Refuse what is no state of this training, before anything is changed; what callbacks and metrics gathered is
        theirs to know."""
        *values, streams = state["network"]
        require_like(values, own["network"][:-1], "network")
        drawn = {**streams, "order of the epoch": state["position"]["order"] or state["order"]}
        require_like(drawn, dict.fromkeys(drawn, own["order"]), "stream")
        for name in FIXED:
            require_like(state[name], own[name], name)
        require_columns(state["history"], state["epochs"][0])
        require_like(state["metrics"], dict.fromkeys(state["metrics"], 0.0), "metrics")
        if not isinstance(state["stop_reason"], (str, type(None))):
            raise ValueError("stop_reason is a word")
        if not all(isinstance(task, (str, type(None))) for _, task in items(state["task"])):
            raise ValueError("task is a word, or one for each output")

    def _built(self) -> dict[str, Any]:
        """What has to be the same for a state to be taken over, as plain values."""
        architecture = {key: value for key, value in self.network.architecture().items() if key != "task"}
        parts = {name: getattr(self, name) for name in PARTS}
        plain = {name: spec_of(part) if isinstance(part, Component) else part for name, part in parts.items()}
        frozen = [parameter.name for parameter in self.network.parameters if not parameter.trainable]
        plain |= {"frozen": frozen} if frozen else {}
        built: dict[str, Any] = json.loads(json.dumps({"network": architecture, **plain}, default=repr))
        return built


def _restored(cls: Any, network: Network, parts: dict[str, Any], state: dict[str, Any], engine: str) -> Any:
    trainer = cls(network, **parts)
    trainer.engine = usable_engine(engine)
    trainer.load_state(state)
    return trainer
