"""What both estimators share: the training."""

from __future__ import annotations

import copy
import json
import math
import numbers
from dataclasses import is_dataclass
from typing import Any

import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from chainrule.contract.arguments import require_count, require_dtype, require_list, require_memory
from chainrule.contract.arrays import Array
from chainrule.contract.kinds import Callback, Component
from chainrule.contract.split import Split
from chainrule.errors import ConfigError, DataError, FieldError, NonFiniteError, within
from chainrule.network.network import Network
from chainrule.registry.making import make, spec_of
from chainrule.sklearn.building import Aim, network_for
from chainrule.sklearn.nested import Nested, with_fields
from chainrule.training.history import History
from chainrule.training.trainer import Trainer
from chainrule.words import quoted

INPUTS = {"accept_sparse": "csr", "allow_nd": True, "dtype": [np.float64, np.float32]}
"""How scikit-learn is to check inputs."""
LARGEST_SEED = 2**31 - 1


class NetworkEstimator(Nested):
    """A network with its training. Parameters stay as they are given; ``fit`` makes of them what it needs."""

    model: Any
    hidden: Any
    activation: Any
    dropout: Any
    loss: Any
    optimizer: Any
    learning_rate: Any
    schedule: Any
    regularizer: Any
    batch_size: Any
    epochs: Any
    metrics: Any
    callbacks: Any
    early_stopping: Any
    validation_fraction: Any
    warm_start: Any
    random_state: Any
    dtype: Any

    network_: Network
    history_: History
    callbacks_: list[Callback]
    n_iter_: int
    n_outputs_: int
    _trainer: Trainer
    _made_of: list[str]
    _given: list[Any]
    _data: tuple[Any, ...]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    # ---- training

    def _fit(self, x: Array, y: Array, weight: Array | None, aim: Aim, stratify: Array | None = None) -> None:
        """Train anew, or, with ``warm_start``, go on."""
        seed = self._seed()
        train, validation = Split(x, y, weight), None
        if self._stops_early():
            train, validation = self._held_out(train, seed, stratify)
        self._prepare(train, aim, seed, self._goes_on())
        self._train(train, self.epochs, validation)

    def _partial_fit(self, x: Array, y: Array, weight: Array | None, aim: Aim) -> None:
        """Train for one epoch more."""
        if self._stops_early():
            raise FieldError("partial_fit holds no samples out to stop by: leave it out", key="early_stopping")
        train = Split(x, y, weight)
        self._prepare(train, aim, self._seed(), hasattr(self, "_trainer"))
        planned = require_count("epochs", self.epochs)
        self._train(train, 1, total=max(planned, self._trainer.epoch + 1))

    def _goes_on(self) -> bool:
        """Whether ``fit`` goes on with a training."""
        return bool(self.warm_start) and hasattr(self, "_trainer")

    def _prepare(self, train: Split, aim: Aim, seed: int, goes_on: bool) -> None:
        """Make network, trainer and callbacks; or keep them, where a training goes on. Those whose parameters have been
        changed meanwhile begin anew, but for the network: what it has learned is what is gone on with.

        Raises:
            ConfigError: the network's have been changed.
        """
        given = [*self.get_params(deep=False).values()]
        data = (train.x.shape[1:], train.x.dtype, aim._replace(scale=None))
        if goes_on and data == self._data and all(one is before for one, before in zip(given, self._given)):
            return  # as in a loop over partial_fit, where making all of it to compare would take as long as to train
        network = self._network(train.x, aim, seed)
        trainer = self._new_trainer(network, seed)
        callbacks = self._new_callbacks()
        made_of = [
            _plain({**network.architecture(), "seed": None, "target_scale": None}),
            _plain([trainer.components, trainer.batch_size]),
            _plain(callbacks),
        ]
        before: list[Any] = self._made_of if goes_on else [None, None, None]
        if goes_on and made_of[0] != before[0]:
            raise ConfigError("by its parameters or data the network would be another than before: it cannot go on")
        if made_of[1] != before[1]:
            self._trainer = self._new_trainer(self._trainer.network, self._trainer.seed) if goes_on else trainer
        if made_of[2] != before[2]:
            self.callbacks_ = callbacks
        self._made_of, self._given, self._data = made_of, given, data

    def _train(self, train: Split, epochs: int, validation: Split | None = None, total: int | None = None) -> None:
        trainer = self._trainer
        try:
            trainer.fit(train, epochs, validation, self.callbacks_, total)
        finally:
            # After an interrupt too: the estimator is as far as it came, and warm_start goes on from there.
            if trainer.history.epochs:
                self.network_, self.history_, self.n_iter_ = trainer.network, trainer.history, trainer.epoch
                self.n_outputs_ = trainer.network.output_shape[0]
        if not np.isfinite(trainer.network.parameters.theta).all():
            raise NonFiniteError(
                f"after {trainer.epoch} epochs weights are infinite or not a number: try a smaller learning rate "
                f"(the optimizer's is {trainer.optimizer.lr:g}), or scale the data"
            )

    # ---- from parameters to parts

    def _network(self, x: Array, aim: Aim, seed: int) -> Network:
        fields = {"hidden": self.hidden, "activation": self.activation, "dropout": self.dropout}
        dtype = require_dtype("dtype", x.dtype if self.dtype is None else self.dtype).name
        return network_for(aim, x.shape[1:], self.model, fields, self.loss, seed, dtype)

    def _new_trainer(self, network: Network, seed: int) -> Trainer:
        with within("optimizer"):
            optimizer = with_fields("optimizer", self.named("optimizer"), lr=self.learning_rate)
        given = {name: getattr(self, name) for name in ("schedule", "regularizer", "batch_size", "metrics")}
        return Trainer(network, optimizer, **given, seed=seed)

    def _new_callbacks(self) -> list[Callback]:
        """Those that were named, each an instance of this estimator's own."""
        callbacks = require_list("callbacks", self.callbacks)
        with within("callbacks"):
            made: list[Callback] = [copy.deepcopy(make("callback", one)) for one in callbacks]
        if not self._stops_early():
            return made
        with within("early_stopping"):
            stopping = self.named("early_stopping")
            if stopping is None:
                raise ConfigError("no installed callback ends a training that no longer improves")
            return [copy.deepcopy(make("callback", stopping)), *made]

    def _stops_early(self) -> bool:
        given = self.early_stopping
        return bool(given) if isinstance(given, (bool, np.bool_)) else given is not None

    def _held_out(self, samples: Split, seed: int, stratify: Array | None) -> tuple[Split, Split]:
        """What is learned from, and what is held out: of each class so many, where there are enough of each."""
        fraction = self.validation_fraction
        if not isinstance(fraction, numbers.Real) or not 0 < float(fraction) < 1:
            told = f"got {quoted(fraction)}, expected a number above 0 and below 1"
            raise FieldError(told, key="validation_fraction")
        rows, size = np.arange(samples.rows), math.ceil(float(fraction) * samples.rows)
        if stratify is not None:
            _, counts = np.unique(stratify, return_counts=True)
            stratify = stratify if counts.min() >= 2 and len(counts) <= min(size, samples.rows - size) else None
        parts = train_test_split(rows, test_size=size, random_state=seed, stratify=stratify)
        learned, held_out = (samples.at(np.sort(part).tolist()) for part in parts)
        return learned, held_out

    def _seed(self) -> int:
        """A whole number is the seed itself, that of the network and of its trainer."""
        generator = check_random_state(self.random_state)
        if isinstance(self.random_state, numbers.Integral):
            return int(self.random_state)
        return int(generator.randint(LARGEST_SEED))

    # ---- data

    def _counted(self, x: Array, y: Array, sample_weight: Any) -> tuple[Array, Array, Array | None]:
        """Without the samples that weigh nothing, which are as if they were not there.

        Raises:
            DataError: a weight is less than 0, or none is more.
        """
        if sample_weight is None:
            return x, y, None
        weight: Array = _check_sample_weight(sample_weight, x, dtype=np.float64)
        if (weight < 0).any():
            raise DataError(f"sample_weight holds {weight.min():g}: weights are 0 or more")
        counts = weight > 0
        if not counts.any():
            raise DataError("no sample counts: all of sample_weight is 0")
        return x[counts], y[counts], weight[counts]

    def _inputs(self, x: Any) -> Array:
        """What is to be predicted from.

        Raises:
            NotFittedError: there is no network yet.
        """
        check_is_fitted(self, "network_")
        return dense(validate_data(self, x, reset=False, **INPUTS))

    def _outputs(self, x: Any) -> Array:
        """What the network gives, ``(n, n_outputs_)``."""
        inputs = self._inputs(x)
        outputs: Array = self.network_.predict(inputs)
        return outputs


def dense(x: Any) -> Array:
    """An array of what may be sparse.

    Raises:
        ConfigError: it takes more memory than is free.
    """
    if hasattr(x, "toarray"):
        require_memory("a dense copy of sparse data", x.shape[0] * x.shape[1] * x.dtype.itemsize)
        x = x.toarray()
    array: Array = x
    return array


def _plain(value: Any) -> str:
    """A text that is the same where it was made of the same."""

    def otherwise(one: Any) -> Any:
        return spec_of(one) if isinstance(one, Component) and is_dataclass(one) else str(type(one))

    return json.dumps(value, default=otherwise, sort_keys=True)
