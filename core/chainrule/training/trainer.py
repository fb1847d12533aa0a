"""The loop over epochs and batches, and the events that callbacks hear.

Mini-batch gradient descent: for each batch, the forward pass, the backward pass, and one update of the parameters
(Goodfellow, Bengio, Courville 2016, section 8.1.3).
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np

from chainrule.contract.arguments import require_count, require_list
from chainrule.contract.arrays import stream
from chainrule.contract.kinds import Component, Metric, Optimizer, Regularizer, Schedule
from chainrule.contract.split import Split, Stream
from chainrule.engine.use import chosen_engine, require_engine, using
from chainrule.errors import FieldError, within
from chainrule.network.measuring import inner, measured, renewed
from chainrule.network.network import Network
from chainrule.network.penalty import penalty_of
from chainrule.network.rehearsal import rehearse
from chainrule.network.targets import Targets
from chainrule.network.updates import Updates
from chainrule.network.weighing import name_of, weighable
from chainrule.process.threads import products_in_parts
from chainrule.registry.making import make, own
from chainrule.training.again import Again
from chainrule.training.epoch import RunningEpoch
from chainrule.training.feeding import MEASURED, Held, Streamed, changed, feed_of, order_of
from chainrule.training.history import History
from chainrule.training.learning_rate import LearningRate
from chainrule.training.listeners import Listeners
from chainrule.training.logs import Logs
from chainrule.training.measures import Measures
from chainrule.training.position import Position
from chainrule.training.rest import Rest
from chainrule.training.state import Resumable
from chainrule.training.steps import Steps
from chainrule.words import quoted


class Trainer(Resumable, Logs, Steps, Measures):
    """Trains a network.

    Args:
        network: the network; it is trained in place.
        optimizer: an ``Optimizer``, its name, or ``{name: ..., ...}``; so for the other components.
        batch_size: 1 or more; the last batch of an epoch may be smaller.
        schedule: multiplies the optimizer's ``lr``; None leaves it as it is.
        regularizer: adds its gradient to that of the loss; None for none.
        metrics: what is measured beside the loss; None picks those that are meant for the targets' task.
        seed: 0 or more; of the order of the samples.
        shuffle: whether each epoch sees the samples in a new order.
        groups: of parameters that are trained in their own way, each a mapping: ``parameters``, a pattern of their
            names, such as ``"0.*"`` or ``"*.b"``; and any of ``lr``, a learning rate in place of the optimizer's, which
            the schedule multiplies as well; ``weight_decay``, of a decoupled decay, which spares biases all the same;
            ``trainable``, false to leave them as they are. Of what several groups say of one parameter the last counts.
        engine: what computes the optimizer's rule: ``"numpy"``; ``"numba"``, a compiled loop, for which the extra
            ``[fast]`` is installed; or ``"auto"``, the latter where it is there and gains more than its import takes.

    Raises:
        ConfigError: a component is unknown or has a bad field, or a number is out of range.

    Example:
        >>> import numpy as np
        >>> x, y = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), np.array([0, 1, 1, 0])
        >>> network = Network([{"name": "dense", "units": 8, "activation": "tanh"},
        ...                    {"name": "dense", "units": 1, "activation": "sigmoid"}], (2,), "binary_cross_entropy")
        >>> history = Trainer(network, {"name": "adam", "lr": 0.05}, batch_size=4).fit((x, y), epochs=300)
        >>> history["train/binary_accuracy"][-1]
        1.0
    """

    def __init__(
        self,
        network: Network,
        optimizer: Any,
        batch_size: int = 32,
        schedule: Any = None,
        regularizer: Any = None,
        metrics: Sequence[Any] | None = None,
        seed: int = 0,
        shuffle: bool = True,
        groups: Sequence[Mapping[str, Any]] = (),
        engine: str = "auto",
    ) -> None:
        if not isinstance(network, Network):
            raise FieldError(f"got {quoted(network)}, expected a Network", key="network")
        if metrics is not None:
            require_list("metrics", metrics)
        self.network = network
        self.optimizer: Optimizer = _own("optimizer", optimizer)
        self.schedule: Schedule | None = _own("schedule", schedule) if schedule is not None else None
        self.regularizer: Regularizer | None = _own("regularizer", regularizer) if regularizer is not None else None
        self.batch_size = require_count("batch_size", batch_size)
        self.shuffle = shuffle
        self.history = History()
        self.epoch = 0  # of the running or last epoch, from 1
        self.epochs = 0  # to the end of the last call of fit, all of them together
        self.step = 0  # updates made
        self.total_steps = 0  # updates planned, for the schedule
        self.steps_per_epoch = 0
        self.batch_index = 0  # within the epoch, from 0
        self.batch: tuple[Any, Targets] | None = None
        self.batch_loss = math.nan
        self.metrics: dict[str, float] = {}
        self.figures: dict[str, Any] = {}
        self.texts: dict[str, str] = {}
        self.token_names: Sequence[str] = ()  # of the data, where it says them: what callbacks may write
        self.stop_reason: str | None = None
        self._given_metrics = metrics
        self._metrics: list[Metric] | None = None  # known once the first targets have told the task
        self._running = RunningEpoch()
        self._in_epoch = False
        self._rehearsed = False
        self._limit, self._heard_by = math.inf, None
        self._listeners = Listeners()
        self._position = Position()
        self._resumed = None
        self.rest = Rest()
        with within("trainer"):
            self._again = Again(network, self._loss_and_gradient) if self.optimizer.whole_vector else None
            self._updates = Updates(self.optimizer, network.parameters, groups, self._again)
            self.engine = chosen_engine(require_engine(engine), network.parameters.theta.size)
        self.groups = self._updates.groups
        self._rate = LearningRate(self.optimizer.lr, self.schedule)
        self.seed = require_count("seed", seed, least=0)
        self._rng = stream(self.seed, "shuffle")

    def fit(
        self,
        train: tuple[Any, Any],
        epochs: int,
        validation: tuple[Any, Any] | None = None,
        callbacks: Sequence[Any] = (),
        total_epochs: int | None = None,
    ) -> History:
        """Train for ``epochs`` more epochs; called again, it goes on where it ended.

        Args:
            train: a pair ``(x, y)``, as ``Network.loss_and_gradient`` takes them, of all samples; or a ``Split``, whose
                weights and mask count, or a ``Stream``, whose order is its own.
            epochs: 1 or more.
            validation: the same, measured after each epoch.
            callbacks: such as ``["progress"]``; without any it is silent.
            total_epochs: what the schedule is planned for, of all calls together; by default, what they have come to.
                A longer plan makes the rate jump: after 5 of 5 epochs a cosine is at 0, after 5 of 10 half way. Two
                calls with ``epochs=5, total_epochs=10`` are one of 10 epochs, to the last bit.

        Returns:
            The history of all epochs so far: ``train/loss`` (the mean over the epoch's batches as they were met: see
            ``History``), ``train/penalty`` (with a regularizer), ``train/<metric>``, the same for ``validation/``,
            ``learning_rate``, ``seconds`` and ``examples_per_second``.

        Raises:
            ConfigError, DataError: what was given does not fit the network.
        """
        given = train if isinstance(train, Stream) else Split.of("train", train)
        if self._resumed is None:
            self._position = Position()
        begun_epoch, begun_step = self._position.begun or (self.epoch, self.step)  # of a call that was cut, its own
        ending = begun_epoch + require_count("epochs", epochs)
        self._position.require_epochs(epochs, self.history.epochs)
        planned = ending if total_epochs is None else require_count("total_epochs", total_epochs, least=ending)
        feed = feed_of(self.network, given, "train", self.batch_size)
        held_out = feed_of(self.network, validation, "validation", MEASURED) if validation is not None else None
        rows = feed.rows
        self._position.require_rows(rows)
        require_list("callbacks", callbacks)
        self._listeners = Listeners([make("callback", callback) for callback in callbacks])
        weighed = zip(self.all_metrics(), weighable(self.all_metrics(), feed.targets))
        self._running = RunningEpoch({name_of(metric): told for metric, told in weighed if not metric.array})
        self._updates.arrange()
        if self._listeners.changing["on_order"] and isinstance(feed, Streamed):
            raise FieldError("a callback chooses the order of samples, and a stream has its own", key="callbacks")
        self.steps_per_epoch = math.ceil(rows / self.batch_size)
        self.total_steps = begun_step + (planned - begun_epoch) * self.steps_per_epoch
        if self._position.begun is None or ending > self.epochs:
            self.stop_reason = None
        self.epochs = ending
        try:
            # Numbers that overflow show in the loss, which callbacks watch; NumPy would warn for each operation.
            computing = using(self.engine), products_in_parts(self.network.multiplies_in_parts)
            ignored = np.errstate(over="ignore", invalid="ignore", divide="ignore")
            with computing[0], computing[1], ignored, self.rest.awaited_by_interrupts():
                self.rest.ends()
                with self._taken_up():
                    self._listeners.tell("on_train_start", self)
                    if not self._rehearsed:
                        rehearse(self.network, *feed.first())
                        self._rehearsed = True
                self._position.begun, self._position.rows = (begun_epoch, begun_step), rows
                self.rest.begins()
                while self._position.next_batch is not None or (self.epoch < ending and self.stop_reason is None):
                    self._run_epoch(feed, held_out)
                self.rest.ends()
                self._listeners.tell("on_train_end", self)
                self._position = Position()
                self.rest.begins()
        except BaseException as error:
            self._listeners.tell_failed(self, error)
            self._in_epoch = False
            self.epoch = self.history.epochs  # one that was cut short is not counted; fit may go on from here
            if not self.rest.here:
                self._position = Position()
                self.rest.given_up()
            raise
        return self.history

    def _run_epoch(self, feed: Held | Streamed, held_out: Held | Streamed | None) -> None:
        position, changing = self._position, self._listeners.changing["on_batch"]
        self.epoch += 1
        self._in_epoch = True
        begins = position.next_batch is None
        if begins:
            self.rest.ends()
            self._running = RunningEpoch(self._running.metrics)
            self._listeners.tell("on_epoch_start", self)
            position.enter(self._rng.bit_generator.state)
        for index, batch in islice(enumerate(self._batches(feed, begins)), position.next_batch or 0, None):
            if index and self.stop_reason is not None:
                break
            self.batch_index = index
            self.batch = changed(batch, self, self.network, changing, self.seed) if changing else batch
            self._run_step(*self.batch)
            position.next_batch = index + 1
            self.rest.begins()
        self.rest.ends()
        seconds = time.perf_counter() - position.since
        self.metrics = {f"train/{name}": value for name, value in self.running().items()}
        if self.regularizer is not None:
            self.metrics["train/penalty"] = penalty_of(self.regularizer, self.network.parameters)
        if held_out is not None:
            followed = [renewed(metric) for metric in self.all_metrics() if not metric.array]
            held = measured(self.network, held_out.measured_by(), held_out.targets, followed)
            self.metrics |= {f"validation/{name}": value for name, value in held.items()}
        self.metrics |= {
            "learning_rate": self.learning_rate,
            "seconds": seconds,
            "examples_per_second": self._running.seen / seconds,
            **self._running.logged_means(),
        }
        self.history.append(self.metrics)
        self._in_epoch = False
        self._listeners.tell("on_epoch_end", self)
        self._rate.observe(self.metrics)
        position.leave()
        self.rest.begins()

    def _batches(self, feed: Held | Streamed, begins: bool) -> Iterator[tuple[Any, Targets]]:
        """Those of the running epoch, in its order; one that goes on has the order that was chosen for it."""
        if isinstance(feed, Streamed):
            rng = stream(self.seed, "shuffle", self.epoch) if self.shuffle else None
            return feed.batches(rng)
        order = drawn = self._rng.permutation(feed.rows) if self.shuffle else np.arange(feed.rows)
        position = self._position
        if begins:
            order = order_of(drawn, self, self._listeners, self.seed)
            position.chosen = None if order is drawn else order
        elif position.chosen is not None:
            order = position.chosen
        return feed.batches(order)

    def running(self) -> dict[str, float]:
        """The loss and metrics of the running epoch, as far as it has come: NaN before its first batch."""
        return self._running.values()

    def stop(self, reason: str) -> None:
        """End the training after the running batch; the epoch is closed as usual."""
        self.stop_reason = reason

    @property
    def components(self) -> list[Component]:
        """Its own, beside those of the network and the callbacks."""
        parts = (self.optimizer, self.schedule, self.regularizer, *map(inner, self.all_metrics()))
        return [part for part in parts if part is not None]

    def __repr__(self) -> str:
        return f"<Trainer of {self.network!r}: {quoted(self.optimizer)}, {self.epoch} epochs trained>"


def _own(kind: str, given: Any) -> Any:
    """A private instance of what was given."""
    with within(kind):
        return own(kind, given)
