"""NetworkClassifier and NetworkRegressor: what they learn is what a Trainer learns, and what they take and refuse."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from environments import variables
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris, make_multilabel_classification
from sklearn.exceptions import NotFittedError
from sklearn.utils.class_weight import compute_sample_weight

import chainrule as cr
from chainrule.sklearn import NetworkClassifier, NetworkRegressor
from chainrule_plugins.callbacks import EarlyStopping
from chainrule_plugins.models import MLP
from chainrule_plugins.optimizers import Adam

X, Y = load_iris(return_X_y=True)
X = (X - X.mean(axis=0)) / X.std(axis=0)
TWO = Y < 2
RNG = np.random.default_rng(0)
NUMBERS = np.c_[1000 + 50 * X[:, 0] * X[:, 1], X[:, 2] ** 2]
LABELED, LABELS = make_multilabel_classification(n_samples=60, n_features=4, n_classes=3, random_state=0)
LABELED = LABELED / 10
QUICK: dict[str, Any] = {"epochs": 5, "random_state": 0}
EXACT: dict[str, Any] = {"epochs": 30, "random_state": 0, "batch_size": 1000, "learning_rate": 0.01}


def classifier(**parameters: Any) -> NetworkClassifier:
    return NetworkClassifier(**{**QUICK, **parameters})


def regressor(**parameters: Any) -> NetworkRegressor:
    return NetworkRegressor(**{**QUICK, **parameters})


def theta(estimator: Any) -> Any:
    return estimator.network_.parameters.theta


# ---- the same numbers as a Trainer


@pytest.mark.parametrize(
    ("estimator", "x", "y", "units", "activation", "loss", "task"),
    [
        (classifier(), X, Y, 3, "softmax", "categorical_cross_entropy", "multiclass"),
        (classifier(), X[TWO], Y[TWO], 1, "sigmoid", "binary_cross_entropy", "binary"),
        (classifier(), LABELED, LABELS, 3, "sigmoid", "binary_cross_entropy", "binary"),
        (regressor(), X, NUMBERS, 2, "linear", "mse", "regression"),
        (regressor(), X, NUMBERS[:, 0], 1, "linear", "mse", "regression"),
        (regressor(standardize_targets=False), X, NUMBERS[:, 1], 1, "linear", "mse", "regression"),
    ],
)
def test_it_learns_what_a_trainer_learns(
    estimator: Any, x: Any, y: Any, units: int, activation: str, loss: str, task: cr.Task
) -> None:
    scale = None
    if getattr(estimator, "standardize_targets", False):
        columns = y.reshape(len(y), -1)
        scale = (columns.mean(axis=0).tolist(), columns.std(axis=0).tolist())
    layers = [
        {"name": "dense", "units": 64, "activation": "relu", "initializer": "he_normal"},
        {"name": "dense", "units": units, "activation": activation},
    ]
    network = cr.Network(layers, (4,), loss, seed=0, dtype="float64", task=task, target_scale=scale)
    history = cr.Trainer(network, "adam", seed=0, metrics=[]).fit((x, y), 5)

    fitted = estimator.fit(x, y)
    np.testing.assert_allclose(theta(fitted), network.parameters.theta, rtol=1e-9)
    np.testing.assert_allclose(fitted.history_["train/loss"], history["train/loss"], rtol=1e-9)
    outputs = network.predict(x)
    if task == "regression":
        np.testing.assert_allclose(fitted.predict(x), outputs.reshape(y.shape), rtol=1e-9)
    elif units == 3 and y.ndim == 1:
        np.testing.assert_allclose(fitted.predict_proba(x), outputs, rtol=1e-9)
        assert fitted.predict(x).tolist() == outputs.argmax(axis=1).tolist()
        logits = network.trace(x)[-2][1]
        np.testing.assert_allclose(fitted.decision_function(x), logits, rtol=1e-9)
    elif y.ndim == 1:
        np.testing.assert_allclose(fitted.predict_proba(x)[:, 1], outputs[:, 0], rtol=1e-9)
        assert fitted.predict(x).tolist() == (outputs[:, 0] > 0.5).astype(int).tolist()
        np.testing.assert_allclose(fitted.decision_function(x), network.trace(x)[-2][1][:, 0], rtol=1e-9)
    else:
        np.testing.assert_allclose(fitted.predict_proba(x), outputs, rtol=1e-9)
        assert fitted.predict(x).tolist() == (outputs > 0.5).astype(int).tolist()
        assert fitted.decision_function(x).shape == y.shape


def test_the_seed_decides_and_nothing_else() -> None:
    first, again, other = (classifier(random_state=seed).fit(X, Y) for seed in (3, 3, 4))
    assert theta(first).tolist() == theta(again).tolist() != theta(other).tolist()
    drawn = [classifier(random_state=np.random.RandomState(1)).fit(X, Y) for _ in range(2)]
    assert theta(drawn[0]).tolist() == theta(drawn[1]).tolist()
    generator = np.random.RandomState(1)
    assert theta(classifier(random_state=generator).fit(X, Y)).tolist() == theta(drawn[0]).tolist()
    assert theta(classifier(random_state=generator).fit(X, Y)).tolist() != theta(drawn[0]).tolist()
    assert theta(classifier(random_state=None, epochs=1).fit(X, Y)).shape == theta(first).shape


@pytest.mark.parametrize(("given", "asked", "used"), [("f4", None, "f4"), ("f8", None, "f8"), ("f8", "float32", "f4")])
def test_it_computes_in_the_dtype_of_the_inputs_or_the_one_that_is_asked_for(given: str, asked: Any, used: str) -> None:
    assert classifier(dtype=asked).fit(X.astype(given), Y).network_.dtype == np.dtype(used)


# ---- weights


def test_classes_that_are_balanced_weigh_as_scikit_learn_has_it() -> None:
    some = np.r_[0:50, 60:80, 110:115]
    x, y = X[some], np.array(["setosa", "versicolor", "virginica"])[Y[some]]
    balanced = classifier(class_weight="balanced").fit(x, y)
    weighed = classifier().fit(x, y, sample_weight=compute_sample_weight("balanced", y))
    np.testing.assert_allclose(theta(balanced), theta(weighed), rtol=1e-9)
    named = classifier(class_weight={"setosa": 0.5, "virginica": 3}).fit(x, y)
    by_hand = np.select([y == "setosa", y == "virginica"], [0.5, 3.0], 1.0)
    np.testing.assert_allclose(theta(named), theta(classifier().fit(x, y, sample_weight=by_hand)), rtol=1e-9)
    both = classifier(class_weight={"setosa": 0.5}).fit(x, y, sample_weight=np.arange(len(y)))
    times = np.where(y == "setosa", 0.5, 1.0) * np.arange(len(y))
    np.testing.assert_allclose(theta(both), theta(classifier().fit(x, y, sample_weight=times)), rtol=1e-9)


def test_weights_of_several_labels_are_as_scikit_learn_has_them() -> None:
    balanced = classifier(class_weight="balanced").fit(LABELED, LABELS)
    weighed = classifier().fit(LABELED, LABELS, compute_sample_weight("balanced", LABELS))
    np.testing.assert_allclose(theta(balanced), theta(weighed), rtol=1e-9)


@pytest.mark.parametrize("balanced", [None, "balanced"])
def test_whole_weights_are_repeated_samples(balanced: str | None) -> None:
    """In one batch; of the classes' balance, and the scale of targets, too."""
    weight = RNG.integers(0, 4, len(X))
    classes = [
        NetworkClassifier(**EXACT, class_weight=balanced).fit(x, y, sample_weight=w)
        for x, y, w in ((X, Y, weight), (X.repeat(weight, axis=0), Y.repeat(weight), None))
    ]
    np.testing.assert_allclose(*(one.predict_proba(X) for one in classes), rtol=1e-7)
    numbers = [
        NetworkRegressor(**EXACT).fit(x, y, sample_weight=w)
        for x, y, w in ((X, NUMBERS, weight), (X.repeat(weight, axis=0), NUMBERS.repeat(weight, axis=0), None))
    ]
    np.testing.assert_allclose(*(one.predict(X) for one in numbers), rtol=1e-7)


@pytest.mark.parametrize(
    ("weight", "told"),
    [
        (np.zeros(150), "(no sample counts: all of sample_weight is 0|Sample weights must contain .*)"),
        (np.r_[-1.0, np.ones(149)], "sample_weight holds -1: weights are 0 or more"),
        ((Y == 1).astype(float), "y holds one class, 1: there must be two at least"),
    ],
)
def test_weights_by_which_nothing_can_be_learned_are_refused(weight: Any, told: str) -> None:
    with pytest.raises(ValueError, match=f"^{told}$"):  # the first one scikit-learn says itself, from 1.9 on
        classifier().fit(X, Y, sample_weight=weight)


# ---- going on


@pytest.mark.parametrize("estimator", [classifier, regressor])
def test_calls_of_partial_fit_are_one_of_fit(estimator: Any) -> None:
    """With dropout and a schedule, and a stop in between."""
    made = estimator(schedule="cosine", dropout=0.3, optimizer="nadam")
    whole = clone(made).fit(X, Y)
    for epoch in range(5):
        made.partial_fit(X, Y, **({"classes": [2, 0, 1]} if epoch == 0 and estimator is classifier else {}))
        made = pickle.loads(pickle.dumps(made))
    assert theta(made).tolist() == theta(whole).tolist()
    assert made.history_["train/loss"] == whole.history_["train/loss"]
    assert made.n_iter_ == 5
    assert made.partial_fit(X, Y).n_iter_ == 6


def test_parts_of_the_classes_come_one_after_another() -> None:
    made = classifier()
    with pytest.raises(ValueError, match="classes must be passed on the first call to partial_fit"):
        made.partial_fit(X, Y)
    for _ in range(40):
        for some in (Y < 2, Y > 0):
            made.partial_fit(X[some], Y[some], classes=[0, 1, 2])
    assert made.score(X, Y) > 0.9
    with pytest.raises(cr.DataError, match=r"^y holds 3, and the classes are 0, 1, 2$"):
        made.partial_fit(X, Y + 1)
    with pytest.raises(cr.DataError, match=r"^y is of another form than in the first call$"):
        made.partial_fit(X[:60], LABELS)


def test_a_warm_start_goes_on_to_the_last_bit() -> None:
    twice = classifier(warm_start=True, dropout=0.3).fit(X, Y)
    twice = pickle.loads(pickle.dumps(twice)).set_params(epochs=3).fit(X, Y)
    layers = MLP(dropout=0.3).build((4,), 3, "softmax")
    network = cr.Network(layers, (4,), "categorical_cross_entropy", dtype="float64")
    trainer = cr.Trainer(network, "adam")
    trainer.fit((X, Y), 5)
    trainer.fit((X, Y), 3)
    assert theta(twice).tolist() == network.parameters.theta.tolist()
    assert twice.n_iter_ == len(twice.history_["train/loss"]) == 8
    assert theta(twice.set_params(warm_start=False).fit(X, Y)).tolist() != network.parameters.theta.tolist()
    assert twice.n_iter_ == 3


def test_a_warm_start_with_another_optimizer_keeps_the_network_alone() -> None:
    made = classifier(warm_start=True).fit(X, Y)
    network, before = made.network_, made.network_.copy()
    made.set_params(optimizer="sgd", learning_rate=0.5, epochs=1).fit(X, Y)
    assert made.network_ is network
    assert made.n_iter_ == 1
    cr.Trainer(before, {"name": "sgd", "lr": 0.5}).fit((X, Y), 1)
    assert theta(made).tolist() == before.parameters.theta.tolist()


@pytest.mark.parametrize(
    ("parameters", "y", "told"),
    [
        ({"hidden": [3]}, Y, "by its parameters or data the network would be another than before: it cannot go on"),
        ({"loss": "mse"}, Y, "by its parameters or data the network would be another than before: it cannot go on"),
        ({}, Y + 1, "y holds other classes than before: warm_start cannot go on with them"),
    ],
)
def test_a_warm_start_of_something_else_is_refused(parameters: dict[str, Any], y: Any, told: str) -> None:
    made = classifier(warm_start=True).fit(X, Y)
    with pytest.raises(ValueError, match=f"^{told}$"):
        made.set_params(**parameters).fit(X, y)


def test_an_interrupt_leaves_what_was_learned() -> None:
    made = classifier(callbacks=[Interrupts(3)], warm_start=True)
    with pytest.raises(KeyboardInterrupt):
        made.fit(X, Y)
    assert made.n_iter_ == 2
    assert made.predict(X).shape == (150,)
    assert made.set_params(callbacks=(), epochs=3).fit(X, Y).n_iter_ == 5
    unfitted = classifier(callbacks=[Interrupts(1)])
    with pytest.raises(KeyboardInterrupt):
        unfitted.fit(X, Y)
    with pytest.raises(NotFittedError):
        unfitted.predict(X)


@dataclass
class Interrupts(cr.Callback):
    """Ctrl-C in the middle of an epoch."""

    epoch: int

    def on_batch_end(self, trainer: cr.Training) -> None:
        if trainer.epoch == self.epoch:
            raise KeyboardInterrupt


# ---- early stopping


def test_early_stopping_stops_and_takes_the_best_weights() -> None:
    rng = np.random.default_rng(1)
    y = rng.permutation(Y)  # there is nothing to be learned
    made = classifier(early_stopping=True, epochs=500, learning_rate=0.05, validation_fraction=0.2)
    made.set_params(early_stopping__patience=7).fit(X, y)
    losses = made.history_["validation/loss"]
    best = int(np.argmin(losses))
    assert made.n_iter_ == best + 1 + 7 < 500
    held = measured(made)
    assert held == pytest.approx(losses[best], rel=1e-9)
    assert made.early_stopping == {"name": "early_stopping", "patience": 7}


def measured(made: Any) -> float:
    """The loss of its network on what was held out, which is what another fit with the same seed holds out."""
    again = clone(made).set_params(epochs=1, callbacks=[Takes(made.network_.parameters.theta.tolist())])
    again.fit(X, np.random.default_rng(1).permutation(Y))
    return float(again.history_["validation/loss"][0])


@dataclass
class Takes(cr.Callback):
    """Gives the network these weights at the end of an epoch, before it is measured."""

    theta: Sequence[float]

    def on_batch_end(self, trainer: cr.Training) -> None:
        trainer.network.parameters.theta[...] = self.theta


def test_early_stopping_may_be_any_callback_that_does_it(capfd: pytest.CaptureFixture[str]) -> None:
    stopping = EarlyStopping(monitor="validation/accuracy", patience=2)
    made = classifier(early_stopping=stopping, metrics=["accuracy"], epochs=200, learning_rate=0.05).fit(X, Y)
    assert made.n_iter_ < 200
    assert stopping == EarlyStopping(monitor="validation/accuracy", patience=2)
    assert stopping.state()["snapshot"] is None
    assert made.callbacks_[0].state()["snapshot"] is not None
    assert capfd.readouterr() == ("", "")


def test_so_many_are_held_out_of_each_class_where_there_are_enough() -> None:
    made = classifier(early_stopping=True, epochs=1, batch_size=1000, callbacks=[Counts()])
    assert made.fit(X, Y).callbacks_[1].seen == [45, 45, 45]
    assert sum(made.fit(X[48:101], Y[48:101]).callbacks_[1].seen) == 53 - 6  # of a third class there is one
    assert made.fit(X[10:60], Y[10:60]).callbacks_[1].seen == [36, 9, 0]


@dataclass
class Counts(cr.Callback):
    """How many there are of each class in a batch."""

    def on_batch_end(self, trainer: cr.Training) -> None:
        assert trainer.batch is not None
        self.seen = np.bincount(trainer.batch[1].metric.ravel().astype(int), minlength=3).tolist()


# ---- what is given stays as it is


def test_what_is_given_is_not_changed_and_serves_many_fits() -> None:
    average = cr.make("callback", "weight_average")
    film = cr.Film((X, Y))
    given = {"optimizer": Adam(lr=0.01), "model": MLP(hidden=(8,)), "callbacks": [average, film]}
    made = classifier(**given)
    before = pickle.dumps({name: given[name] for name in ("optimizer", "model")})
    first = theta(made.fit(X, Y)).copy()
    assert theta(made.fit(X, Y)).tolist() == first.tolist()
    assert pickle.dumps({name: given[name] for name in ("optimizer", "model")}) == before
    assert average.state()["count"] == 0
    assert (len(film.frames), len(made.callbacks_[1].frames)) == (0, 6)
    assert made.callbacks_[0].state()["count"] == 25
    assert made.get_params()["callbacks"] == [average, film]


def test_a_pickled_estimator_predicts_the_same_in_another_process(tmp_path: Path) -> None:
    made = classifier(dropout=0.2).fit(X, Y)
    (tmp_path / "made.pkl").write_bytes(pickle.dumps(made))
    np.save(tmp_path / "x.npy", X)
    code = "import pickle, numpy as np; made = pickle.load(open('made.pkl', 'rb')); x = np.load('x.npy')\n"
    code += "np.save('p.npy', made.predict_proba(x)); print(made.n_iter_, *made.classes_)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=variables(), capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["5", "0", "1", "2"]
    assert np.load(tmp_path / "p.npy").tolist() == made.predict_proba(X).tolist()


def test_fields_of_components_are_parameters() -> None:
    made = classifier().set_params(optimizer__lr=0.1, model__activation={"name": "elu"}, early_stopping=True)
    made.set_params(model__activation__alpha=0.5, early_stopping__patience=3, loss="focal", loss__gamma=1.0)
    assert made.optimizer == {"name": "adam", "lr": 0.1}
    assert made.model == {"name": "mlp", "activation": {"name": "elu", "alpha": 0.5}}
    assert made.early_stopping == {"name": "early_stopping", "patience": 3}
    assert made.loss == {"name": "focal", "gamma": 1.0}
    given = Adam()
    assert classifier(optimizer=given).set_params(optimizer__lr=0.5).optimizer == Adam(lr=0.5)
    assert given == Adam()
    assert made.set_params(optimizer__lr=0.2, optimizer="sgd").optimizer == {"name": "sgd", "lr": 0.2}
    assert classifier(optimizer="sgd", learning_rate=0.7).fit(X, Y).history_["learning_rate"] == [0.7] * 5


# ---- what it predicts


@pytest.mark.parametrize(
    "names",
    [
        np.array(["setosa", "versicolor", "virginica"]),
        np.array(["a", "b", "c"], object),
        np.array([5, -3, 12]),
        np.array([0.0, 1.0, 7.0]),
    ],
)
def test_classes_may_be_called_anything(names: Any) -> None:
    made = classifier(epochs=60).fit(X, names[Y])
    assert made.classes_.tolist() == sorted(names.tolist())
    assert made.classes_.dtype == names.dtype
    assert made.predict(X).dtype == names.dtype
    assert made.score(X, names[Y]) > 0.9
    two = classifier(epochs=60).fit(X[TWO], names[Y[TWO]])
    assert two.predict_proba(X[TWO]).shape == (100, 2)
    assert two.score(X[TWO], names[Y[TWO]]) == 1


@pytest.mark.parametrize("loss", ["mse", "mae", "huber", "half_squared_error", "focal", "binary_cross_entropy"])
@pytest.mark.parametrize("rows", [TWO, slice(None)])
def test_probabilities_sum_to_one_and_tell_the_class(loss: str, rows: Any) -> None:
    made = classifier(loss=loss).fit(X[rows], Y[rows])
    p = made.predict_proba(X[rows])
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-12)
    assert made.classes_[p.argmax(axis=1)].tolist() == made.predict(X[rows]).tolist()


def test_a_hinge_has_no_probabilities() -> None:
    for made in (classifier(loss="hinge", epochs=60), classifier(loss="hinge", epochs=60).fit(X[TWO], Y[TWO])):
        assert not hasattr(made, "predict_proba")
    assert (made.decision_function(X[TWO]) > 0).astype(int).tolist() == made.predict(X[TWO]).tolist()
    assert made.score(X[TWO], Y[TWO]) == 1
    assert hasattr(classifier(loss="nothing of the kind"), "predict_proba")  # what is wrong, fit says


# ---- any layers


DIGITS = load_digits()


CONV: list[Any] = [{"name": "conv2d", "filters": 4, "kernel": 3, "activation": "relu"}, "flatten"]


@pytest.mark.parametrize(
    "model",
    [
        [*CONV, {"name": "dense", "units": 10, "activation": "softmax"}],
        {"name": "sequential", "layers": CONV},
        lambda shape, units, activation: [*CONV, {"name": "dense", "units": units, "activation": activation}],
    ],
    ids=["list", "model", "function"],
)
def test_layers_may_be_listed_and_inputs_may_be_images(model: Any) -> None:
    x = DIGITS.images[..., None] / 16
    made = classifier(model=model, epochs=2, learning_rate=0.01, dtype="float32").fit(x, DIGITS.target)
    assert made.network_.names[0] == "0.conv2d"
    assert made.score(x, DIGITS.target) > 0.9


# ---- what is refused


@pytest.mark.parametrize(
    ("parameters", "error", "told"),
    [
        ({"activation": "rellu"}, cr.UnknownName, 'model.activation: there is no activation "rellu". Did you mean "re'),
        ({"model": "mlpp"}, cr.UnknownName, 'model: there is no model "mlpp". Did you mean "mlp"? Known: mlp, '),
        ({"loss": "msse"}, cr.UnknownName, 'loss: there is no loss "msse". Did you mean "mse"?'),
        ({"optimizer": "adm"}, cr.UnknownName, 'optimizer: there is no optimizer "adm". Did you mean "adam"?'),
        ({"callbacks": ["prog"]}, cr.UnknownName, 'callbacks: there is no callback "prog". Did you mean "progress"?'),
        ({"schedule": "cosin"}, cr.UnknownName, 'schedule: there is no schedule "cosin". Did you mean "cosine"?'),
        ({"hidden": 5}, cr.FieldError, "model.hidden: got 5, expected a list"),
        ({"dropout": 2}, cr.FieldError, "model.dropout: got 2.0, must be at least 0 and less than 1"),
        ({"model": "recurrent", "hidden": [3]}, cr.UnknownName, 'model.hidden: model recurrent has no field "hidden".'),
        ({"model": ["flatten"], "hidden": [3]}, cr.FieldError, "model: it gives the layers: leave hidden, "),
        ({"model": 3}, cr.FieldError, "model: got 3, expected a model, its name"),
        ({"model": [{"name": "dense", "units": 7}]}, cr.ConfigError, "model: the layers give (n, 7), and "),
        ({"loss": "quantile"}, cr.ConfigError, "loss: quantile is for regression tasks"),
        ({"loss": "triplet"}, cr.ConfigError, "loss: triplet does not learn to predict the targets: take another"),
        ({"batch_size": 0}, cr.FieldError, "batch_size: got 0, expected a whole number, 1 or more"),
        ({"epochs": 1.5}, cr.FieldError, "epochs: got 1.5, expected a whole number, 1 or more"),
        ({"dtype": "int8"}, cr.FieldError, "dtype: got 'int8', expected float32 or float64"),
        ({"learning_rate": -1}, cr.FieldError, "optimizer.lr: got -1.0, must be above 0 and finite"),
        ({"callbacks": "progress"}, cr.FieldError, "callbacks: got 'progress', expected a list"),
        ({"class_weight": {9: 1}}, cr.FieldError, "class_weight: there is no class 9. Known: 0, 1, 2."),
        ({"class_weight": "even"}, cr.FieldError, 'class_weight: got "even", expected "balanced", or a weight'),
        ({"class_weight": {1: -1}}, cr.FieldError, "class_weight.1: got -1, expected a number, 0 or more"),
        ({"early_stopping": True, "validation_fraction": 1}, cr.FieldError, "validation_fraction: got 1, expected "),
    ],
)
def test_a_bad_parameter_is_refused_by_its_name(parameters: Any, error: type[Exception], told: str) -> None:
    made = classifier(**parameters)
    with pytest.raises(error) as refused:
        made.fit(X, Y)
    assert str(refused.value).startswith(told)


@pytest.mark.parametrize(
    ("name", "error", "told"),
    [
        ("optimizer__lrr", cr.UnknownName, 'optimizer.lrr: optimizer adam has no field "lrr". Did you mean "lr"?'),
        ("optimizer__lr__x", cr.FieldError, "optimizer.lr: optimizer adam holds no component in lr"),
        ("loss__delta", cr.FieldError, "loss: got None: name a component of kind loss, whose delta is to be set"),
        ("early_stopping__patience", cr.FieldError, "early_stopping: got False: name a component of kind callback"),
        ("units__x", ValueError, "Invalid parameter 'units' for estimator NetworkClassifier"),
    ],
)
def test_a_field_that_is_not_there_is_refused(name: str, error: type[Exception], told: str) -> None:
    with pytest.raises(error) as refused:
        classifier().set_params(**{name: 1})
    assert str(refused.value).startswith(told)


def test_targets_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match="Unknown label type: continuous"):
        classifier().fit(X, X[:, 0])
    with pytest.raises(cr.DataError, match=r"^y is multiclass-multioutput: give one class for each sample, or labels"):
        classifier().fit(X, np.c_[Y, Y])
    with pytest.raises(cr.FieldError, match=r"^early_stopping: partial_fit holds no samples out to stop by"):
        regressor(early_stopping=True).partial_fit(X, Y)
    with pytest.raises(NotFittedError, match="This NetworkRegressor instance is not fitted yet"):
        regressor().predict(X)


def test_a_training_that_leaves_the_real_numbers_is_an_error() -> None:
    told = r"^after 5 epochs weights are infinite or not a number: .* \(the optimizer's is 1e\+30\), or scale the data$"
    with pytest.raises(cr.NonFiniteError, match=told):
        regressor(optimizer="sgd", learning_rate=1e30).fit(X, NUMBERS)
