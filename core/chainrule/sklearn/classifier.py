"""A classifier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import _check_partial_fit_first_call
from sklearn.utils.validation import validate_data

from chainrule.contract.arrays import Array, Task, batches
from chainrule.contract.kinds import Activation, Loss
from chainrule.errors import ConfigError, DataError
from chainrule.network.network import Network
from chainrule.registry.making import make
from chainrule.sklearn.building import Aim
from chainrule.sklearn.estimator import INPUTS, NetworkEstimator, dense
from chainrule.sklearn.labels import class_weights, label_weights, positions, required_labels


def _gives_probabilities(estimator: NetworkClassifier) -> bool:
    """Whether its outputs are from 0 to 1: those of the fitted network, or what the loss asks for."""
    if hasattr(estimator, "network_"):
        last = estimator.network_.layers[-1]
        return isinstance(last, Activation) and _from_0_to_1(last, estimator.n_outputs_)
    if estimator.loss is None:
        return True
    tasks: tuple[tuple[Task, int], ...] = (("binary", 2), ("multiclass", 3))
    for task, classes in tasks:
        try:
            loss: Loss = make("loss", estimator.loss)
            units, activation = loss.output(task, classes)
        except ConfigError:  # not for this task; or what fit says is wrong with it
            continue
        return _from_0_to_1(make("activation", activation), units)
    return True


def _from_0_to_1(activation: Activation, units: int) -> bool:
    given = np.linspace(-9, 9, 3)[:, None] * np.ones(units)
    a = activation.forward(given)
    return bool(a.min() >= 0 and a.max() <= 1)


def _before_last(network: Network, x: Array) -> Array:
    """What the last step of a network is given."""
    parts = []
    for rows in batches(len(x), 256):
        *_, (_, before), _ = network.walk(network.inputs(x[rows]))
        parts.append(before.copy())
    return np.vstack(parts)


class NetworkClassifier(ClassifierMixin, NetworkEstimator):  # type: ignore[misc]
    """A network that tells classes apart: two, several, or labels each of which is there or not.

    It takes whatever is installed, by name, as ``{name: ..., ...}`` or as an instance, of which ``fit`` uses a copy.
    Fields of components are parameters of it, in searches too: ``optimizer__lr``, ``model__activation__slope``,
    ``early_stopping__patience``. None stands for what is usual.

    Args:
        model: a model, such as ``{"name": "sequential", "layers": [...]}``, which adds the output layer; or all layers,
            as ``Network`` takes them; or a function ``(input_shape, units, activation)`` that gives such a list.
            Default: the multilayer perceptron.
        hidden, activation, dropout: the model's fields of these names, where it has such: sizes of the hidden layers,
            their activation, and the rate of dropout after each.
        loss: default: cross-entropy.
        optimizer: default: Adam.
        learning_rate: the optimizer's ``lr``.
        schedule: multiplies the learning rate; default: none.
        regularizer: a penalty on the weights; default: none.
        batch_size: 1 or more.
        epochs: 1 or more; at most so many with early stopping.
        metrics: what is measured after each epoch beside the loss; None: all that are meant for such targets.
        callbacks: such as ``["progress"]``; the copies that listened are ``callbacks_``.
        class_weight: ``"balanced"``, by which all classes weigh the same together, or a weight for each class, by its
            label: others have 1. It multiplies ``sample_weight``. Of several labels it is as scikit-learn's
            ``compute_sample_weight`` takes it.
        early_stopping: true to hold samples out, end when the loss on these no longer improves, and take the best
            weights; or the callback that ends it.
        validation_fraction: how many are held out then, above 0 and below 1; of each class so many.
        warm_start: whether ``fit`` called again goes on with the training, for ``epochs`` more.
        random_state: a whole number is the seed of network and trainer; None or a ``RandomState`` draws one.
        dtype: ``"float32"`` or ``"float64"``; default: that of the inputs, else float64.

    Attributes:
        classes_: the labels, sorted; of several labels their positions. ``(n_classes,)``
        network_: the trained ``Network``, to which a class is its position in ``classes_``.
        history_: the ``History`` of all epochs; n_iter_: how many there were.
        callbacks_: those that listened.
        n_features_in_, feature_names_in_, n_outputs_: the numbers of columns, and names where the inputs have such.

    Raises:
        ConfigError: of ``fit``: a parameter is not as it should be; ``key`` is its name.
        DataError: the data is not. NonFiniteError: the training left the real numbers.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> from sklearn.model_selection import cross_val_score
        >>> from sklearn.pipeline import make_pipeline
        >>> from sklearn.preprocessing import StandardScaler
        >>> from chainrule.sklearn import NetworkClassifier
        >>> classifier = NetworkClassifier(hidden=[16], learning_rate=0.01, epochs=50, random_state=0)
        >>> x, y = load_iris(return_X_y=True)
        >>> bool(cross_val_score(make_pipeline(StandardScaler(), classifier), x, y).mean() > 0.93)
        True
    """

    classes_: Array

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
        class_weight: str | Mapping[Any, float] | None = None,
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
        self.class_weight = class_weight
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.warm_start = warm_start
        self.random_state = random_state
        self.dtype = dtype

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train. An interrupt leaves what was learned until then: it predicts, and ``warm_start`` goes on from there.

        Args:
            X: ``(n_samples, n_features)``, sparse too, or as the first layer takes it.
            y: the class of each sample, ``(n_samples,)``, or labels, each 0 or 1, ``(n_samples, n_labels)``.
            sample_weight: ``(n_samples,)``, 0 or more; a sample that weighs 0 is as if it were left out.
        """
        x, y, weight, several = self._checked(X, y, sample_weight, reset=True)
        classes = np.arange(y.shape[1]) if several else np.unique(y)
        if self._goes_on() and not np.array_equal(classes, self.classes_):
            raise DataError("y holds other classes than before: warm_start cannot go on with them")
        self.classes_, self._several = classes, several
        target, weight, aim = self._aimed(y, weight)
        self._fit(x, target, weight, aim, None if several else target)
        return self

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Train for one epoch more, on these samples; the first call is told all the ``classes`` that there will be.

        So many calls as there are ``epochs``, with the same samples, are one call of ``fit``, to the last bit. There is
        no early stopping here.
        """
        first = not hasattr(self, "classes_")
        x, y, weight, several = self._checked(X, y, sample_weight, reset=first)
        if first:
            self._several = several
            if several:
                self.classes_ = np.arange(y.shape[1])
        if not several:
            _check_partial_fit_first_call(self, classes)
        if several != self._several or (several and y.shape[1] != len(self.classes_)):
            raise DataError("y is of another form than in the first call")
        self._partial_fit(x, *self._aimed(y, weight))
        return self

    def predict(self, X: Any) -> Array:
        """The class of each sample, ``(n_samples,)``; of several labels 0 or 1 for each, ``(n_samples, n_labels)``."""
        outputs = self._outputs(X)
        if outputs.shape[1] > 1 and not self._several:
            found: Array = self.classes_[outputs.argmax(axis=1)]
            return found
        there = (outputs > (0.5 if _gives_probabilities(self) else 0)).astype(np.int64)
        return there if self._several else self.classes_[there[:, 0]]

    @available_if(_gives_probabilities)  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Any) -> Array:
        """The probability of each class, ``(n_samples, n_classes)``, which sum to 1; of several labels that of each,
        ``(n_samples, n_labels)``. There is none where the loss asks for other outputs, as a hinge does."""
        p = self._outputs(X).astype(np.float64)
        if self._several:
            return p
        if p.shape[1] == 1:
            return np.hstack([1 - p, p])
        total = p.sum(axis=1, keepdims=True)
        shares: Array = np.divide(p, total, where=total > 0, out=np.full_like(p, 1 / p.shape[1]))
        return shares

    def decision_function(self, X: Any) -> Array:
        """What the last activation is given, ``(n_samples, n_classes)`` or ``(n_samples, n_labels)``; of two classes
        ``(n_samples,)``, above 0 for the second."""
        x = self._inputs(X)
        network = self.network_
        if isinstance(network.layers[-1], Activation) and len(network.layers) > 1:
            given = _before_last(network, x)
        else:
            given = network.predict(x)
        return given if self._several or given.shape[1] > 1 else given[:, 0]

    # ---- what fit is given

    def _checked(self, X: Any, y: Any, sample_weight: Any, reset: bool) -> tuple[Array, Array, Array | None, bool]:
        x, y = validate_data(self, X, y, reset=reset, multi_output=True, **INPUTS)
        y, several = required_labels(y)
        return *self._counted(dense(x), y, sample_weight), several

    def _aimed(self, y: Array, weight: Array | None) -> tuple[Array, Array | None, Aim]:
        if self._several:
            return y, label_weights(self.class_weight, y, weight), Aim("binary", 2, len(self.classes_))
        count = len(self.classes_)
        if count < 2:
            raise DataError(f"y holds one class, {self.classes_[0]}: there must be two at least")
        target = positions(y, self.classes_)
        weight = class_weights(self.class_weight, target, self.classes_, weight)
        return target, weight, Aim("binary" if count == 2 else "multiclass", count)
