"""A regressor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils.validation import column_or_1d, validate_data

from chainrule.contract.arrays import Array
from chainrule.contract.target_scale import TargetScale
from chainrule.sklearn.building import Aim
from chainrule.sklearn.estimator import INPUTS, NetworkEstimator, dense


class NetworkRegressor(RegressorMixin, NetworkEstimator):  # type: ignore[misc]
    """A network that learns numbers, one or several for each sample.

    What it takes, and how, is as for ``NetworkClassifier``.

    Args:
        model, hidden, activation, dropout: as ``NetworkClassifier`` has them; so
        optimizer, learning_rate, schedule, regularizer, batch_size, epochs, metrics, callbacks,
        early_stopping, validation_fraction, warm_start, random_state, dtype.
        loss: default: the mean squared error.
        standardize_targets: whether the loss is given targets in standard deviations from their mean, by the first call
            of ``fit`` or ``partial_fit``, where it is one of differences: so that a learning rate suits targets of any
            size. Predictions are in the targets' units all the same.

    Attributes:
        network_, history_, n_iter_, callbacks_, n_features_in_, feature_names_in_, n_outputs_: as ``NetworkClassifier``
            has them.

    Raises:
        ConfigError, DataError, NonFiniteError: as ``NetworkClassifier``.

    Example:
        >>> import numpy as np
        >>> from chainrule.sklearn import NetworkRegressor
        >>> x = np.linspace(-1, 1, 200)[:, None]
        >>> y = np.hstack([1000 * x, x**2])
        >>> regressor = NetworkRegressor(activation="tanh", learning_rate=0.01, epochs=200, random_state=0).fit(x, y)
        >>> bool(regressor.score(x, y) > 0.99)
        True
    """

    def __init__(
        self,
        *,
        model: Any = None,
        hidden: Sequence[int] | None = None,
        activation: Any = None,
        dropout: float | None = None,
        loss: Any = None,
        optimizer: Any = None,
        learning_rate: float | None = None,
        schedule: Any = None,
        regularizer: Any = None,
        batch_size: int = 32,
        epochs: int = 200,
        metrics: Sequence[Any] | None = (),
        callbacks: Sequence[Any] = (),
        standardize_targets: bool = True,
        early_stopping: Any = False,
        validation_fraction: float = 0.1,
        warm_start: bool = False,
        random_state: int | np.random.RandomState | None = None,
        dtype: str | None = None,
    ) -> None:
        self.model = model
        self.hidden = hidden
        self.activation = activation
        self.dropout = dropout
        self.loss = loss
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.schedule = schedule
        self.regularizer = regularizer
        self.batch_size = batch_size
        self.epochs = epochs
        self.metrics = metrics
        self.callbacks = callbacks
        self.standardize_targets = standardize_targets
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.warm_start = warm_start
        self.random_state = random_state
        self.dtype = dtype

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train. An interrupt leaves what was learned until then: it predicts, and ``warm_start`` goes on from there.

        Args:
            X: ``(n_samples, n_features)``, sparse too, or as the first layer takes it.
            y: ``(n_samples,)`` or ``(n_samples, n_targets)``.
            sample_weight: ``(n_samples,)``, 0 or more; a sample that weighs 0 is as if it were left out.
        """
        self._fit(*self._checked(X, y, sample_weight, reset=True))
        return self

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train for one epoch more, on these samples.

        So many calls as there are ``epochs``, with the same samples, are one call of ``fit``, to the last bit. There is
        no early stopping here.
        """
        self._partial_fit(*self._checked(X, y, sample_weight, reset=not hasattr(self, "_trainer")))
        return self

    def predict(self, X: Any) -> Array:
        """The numbers, shaped as ``y`` was."""
        outputs = self._outputs(X)
        return outputs[:, 0] if self._single else outputs

    def _checked(self, X: Any, y: Any, sample_weight: Any, reset: bool) -> tuple[Array, Array, Array | None, Aim]:
        x, y = validate_data(self, X, y, reset=reset, multi_output=True, y_numeric=True, **INPUTS)
        y = dense(y)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        self._single = y.ndim == 1
        x, y, weight = self._counted(dense(x), y, sample_weight)
        scale = TargetScale.of(y, weight) if self.standardize_targets else None
        return x, y, weight, Aim("regression", 1 if self._single else y.shape[1], scale=scale)
