"""The estimators in what scikit-learn makes of estimators: pipelines, searches, ensembles, tables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import sklearn
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor, make_column_selector, make_column_transformer
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, make_multilabel_classification
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
)
from sklearn.experimental import enable_halving_search_cv  # noqa: F401  # without it there is no such search
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.feature_selection import SequentialFeatureSelector
from sklearn.frozen import FrozenEstimator
from sklearn.inspection import partial_dependence, permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    HalvingGridSearchCV,
    TunedThresholdClassifierCV,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    learning_curve,
    validation_curve,
)
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier, OutputCodeClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier, MultiOutputRegressor, RegressorChain
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier

from chainrule.sklearn import NetworkClassifier, NetworkRegressor

X, Y = load_iris(return_X_y=True)
X_TWO, Y_TWO = load_breast_cancer(return_X_y=True)
X_NUMBERS, NUMBERS = load_diabetes(return_X_y=True)
X, X_TWO, X_NUMBERS = (StandardScaler().fit_transform(x) for x in (X, X_TWO, X_NUMBERS))
PAIRS = np.c_[NUMBERS, NUMBERS**2]
LABELED, LABELS = make_multilabel_classification(n_samples=100, random_state=0)
QUICK: dict[str, Any] = {"epochs": 20, "learning_rate": 0.02, "random_state": 0}


def classifier(**parameters: Any) -> NetworkClassifier:
    return NetworkClassifier(**{**QUICK, **parameters})


def regressor(**parameters: Any) -> NetworkRegressor:
    return NetworkRegressor(**{**QUICK, **parameters})


# ---- made into another estimator


@pytest.mark.parametrize(
    ("made", "x", "y", "least"),
    [
        (BaggingClassifier(classifier(), n_estimators=3, random_state=0), X, Y, 0.9),
        (AdaBoostClassifier(classifier(epochs=3), n_estimators=3, random_state=0), X, Y, 0.8),
        (StackingClassifier([("net", classifier()), ("line", LogisticRegression())]), X, Y, 0.9),
        (StackingRegressor([("net", regressor())]), X_NUMBERS, NUMBERS, 0.4),
        (VotingClassifier([("net", classifier()), ("line", LogisticRegression())], voting="soft"), X, Y, 0.9),
        (CalibratedClassifierCV(classifier(), cv=3), X_TWO, Y_TWO, 0.95),
        (CalibratedClassifierCV(classifier(loss="hinge"), cv=3), X_TWO, Y_TWO, 0.95),
        (OneVsRestClassifier(classifier()), X, Y, 0.9),
        (OneVsOneClassifier(classifier()), X, Y, 0.9),
        (OutputCodeClassifier(classifier(), random_state=0), X, Y, 0.9),
        (MultiOutputClassifier(classifier()), X, np.c_[Y, Y == 0], 0.9),
        (MultiOutputRegressor(regressor()), X_NUMBERS, PAIRS, 0.4),
        (RegressorChain(regressor()), X_NUMBERS, PAIRS, 0.4),
        (ClassifierChain(classifier(), random_state=0), LABELED, LABELS, 0.3),
        (TransformedTargetRegressor(regressor(), func=np.log, inverse_func=np.exp), X_NUMBERS, NUMBERS, 0.4),
        (TunedThresholdClassifierCV(classifier(), cv=3), X_TWO, Y_TWO, 0.95),
        (FixedThresholdClassifier(classifier(loss="hinge"), threshold=0.0), X_TWO, Y_TWO, 0.95),
        (SelfTrainingClassifier(classifier()), X, np.where(np.arange(150) % 3, Y, -1), 0.6),
    ],
    ids=lambda made: type(made).__name__,
)
def test_what_is_made_of_it_learns(made: Any, x: Any, y: Any, least: float) -> None:
    assert made.fit(x, y).score(x, y) > least


def test_a_fitted_one_can_be_frozen() -> None:
    fitted = classifier().fit(X_TWO, Y_TWO)
    before = fitted.predict_proba(X_TWO)
    assert CalibratedClassifierCV(FrozenEstimator(fitted)).fit(X_TWO, Y_TWO).score(X_TWO, Y_TWO) > 0.95
    assert fitted.predict_proba(X_TWO).tolist() == before.tolist()


# ---- looked at, and searched over


def test_what_is_predicted_can_be_explained() -> None:
    fitted = classifier().fit(X, Y)
    importances = permutation_importance(fitted, X, Y, n_repeats=2, random_state=0).importances_mean
    assert {*np.argsort(importances)[-2:]} == {2, 3}  # the petals
    assert partial_dependence(fitted, X, [0], grid_resolution=5)["average"].shape == (3, 5)
    numbers = regressor().fit(X_NUMBERS, NUMBERS)
    assert partial_dependence(numbers, X_NUMBERS, [2], grid_resolution=5)["average"].shape == (1, 5)


def test_a_search_goes_over_fields_of_components() -> None:
    made = make_pipeline(StandardScaler(), classifier(hidden=[8]))
    grid: dict[str, list[Any]] = {
        "networkclassifier__optimizer": ["sgd", {"name": "adam", "beta1": 0.5}],
        "networkclassifier__model__initializer": ["glorot_uniform"],
        "networkclassifier__optimizer__weight_decay": [0.0, 0.1],
    }
    search = GridSearchCV(made, grid, cv=3, n_jobs=2).fit(X, Y)
    tried = [parameters["networkclassifier__optimizer__weight_decay"] for parameters in search.cv_results_["params"]]
    assert sorted(tried) == [0.0, 0.0, 0.1, 0.1]
    assert not np.isnan(search.cv_results_["mean_test_score"]).any()
    optimizer = search.best_estimator_[-1].network_, search.best_estimator_[-1].optimizer
    assert optimizer[1]["weight_decay"] == search.best_params_["networkclassifier__optimizer__weight_decay"]
    assert search.score(X, Y) > 0.9


def test_searches_and_curves_take_it() -> None:
    halving = HalvingGridSearchCV(
        classifier(), {"hidden": [[4], [8]]}, resource="epochs", max_resources=9, cv=3, random_state=0
    )
    assert halving.fit(X, Y).best_params_["epochs"] == 9
    selected = SequentialFeatureSelector(classifier(epochs=5), n_features_to_select=2, cv=2).fit(X, Y)
    assert selected.get_support().sum() == 2
    rates = [0.001, 0.1]
    _, scores = validation_curve(classifier(), X, Y, param_name="optimizer__lr", param_range=rates, cv=3)
    assert scores.shape == (2, 3)
    for incremental in (False, True):
        _, _, scores = learning_curve(
            classifier(), X, Y, cv=3, exploit_incremental_learning=incremental, shuffle=True, random_state=0
        )
        assert scores.mean(axis=1)[-1] > 0.75


def test_scores_of_all_sorts_are_known() -> None:
    scores = cross_validate(
        classifier(), X_TWO, Y_TWO, scoring=["roc_auc", "neg_log_loss", "neg_brier_score", "average_precision"], cv=3
    )
    assert scores["test_roc_auc"].min() > 0.95
    assert cross_val_score(classifier(loss="hinge"), X_TWO, Y_TWO, scoring="roc_auc", cv=3).min() > 0.95
    assert cross_val_predict(classifier(), X, Y, method="predict_proba", cv=3).shape == (150, 3)
    assert cross_val_score(classifier(), LABELED, LABELS, scoring="f1_micro", cv=3).min() > 0.4


def test_weights_find_their_way_through_a_search() -> None:
    weight = np.where(Y_TWO == 0, 3.0, 1.0)
    with sklearn.config_context(enable_metadata_routing=True):
        asks = classifier().set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        made = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), asks)
        search = GridSearchCV(made, {"networkclassifier__hidden": [[4]]}, cv=3)
        search.fit(X_TWO, Y_TWO, sample_weight=weight)
        scaled = StandardScaler().fit_transform(X_TWO)
        alone = classifier(hidden=[4]).fit(scaled, Y_TWO, sample_weight=weight)
    assert search.best_estimator_[-1].predict_proba(scaled).tolist() == alone.predict_proba(scaled).tolist()


# ---- tables, sparse data, text


def test_tables_go_in_and_names_are_kept() -> None:
    iris = load_iris(as_frame=True)
    table = iris.data.assign(size=np.where(iris.data.iloc[:, 0] > 5.8, "long", "short"))
    names = pd.Series(iris.target_names[Y], dtype="category")
    columns = make_column_transformer(
        (StandardScaler(), make_column_selector(dtype_include=float)), (OneHotEncoder(sparse_output=False), ["size"])
    )
    made = make_pipeline(columns, classifier()).set_output(transform="pandas").fit(table, names)
    assert list(made[-1].feature_names_in_) == list(columns.fit(table).get_feature_names_out())
    assert made[-1].n_features_in_ == 6
    assert made.predict(table)[:2].tolist() == ["setosa", "setosa"]
    assert made.score(table, names) > 0.9
    with pytest.raises(ValueError, match="The feature names should match those that were passed during fit"):
        made[-1].predict(pd.DataFrame(np.zeros((2, 6)), columns=list("abcdef")))


@pytest.mark.parametrize("convert", [lambda table: table, lambda table: table.convert_dtypes()])
def test_several_targets_may_be_a_table(convert: Callable[[Any], Any]) -> None:
    x, y = convert(pd.DataFrame(X_NUMBERS).add_prefix("x")), convert(pd.DataFrame({"a": NUMBERS, "b": -NUMBERS}))
    made = regressor().fit(x, y)
    assert made.predict(x).shape == (442, 2)
    assert made.n_outputs_ == 2
    again = regressor().fit(X_NUMBERS, np.c_[NUMBERS, -NUMBERS])
    np.testing.assert_allclose(made.predict(x), again.predict(X_NUMBERS), rtol=1e-6)
    assert regressor().fit(x, convert(pd.Series(NUMBERS))).predict(x).shape == (442,)


def test_sparse_inputs_and_labels_are_as_dense_ones() -> None:
    sparse, labels = scipy.sparse.csr_array(LABELED), scipy.sparse.csr_matrix(LABELS)
    made, again = classifier().fit(sparse, labels), classifier().fit(LABELED, LABELS)
    assert made.predict_proba(scipy.sparse.coo_array(LABELED)).tolist() == again.predict_proba(LABELED).tolist()
    assert made.classes_.tolist() == list(range(5))


def test_text_goes_in_by_a_vectorizer() -> None:
    texts, said = ["good film", "bad film", "very good", "very bad"] * 10, ["yes", "no"] * 20
    made = make_pipeline(TfidfVectorizer(), classifier()).fit(texts, said)
    assert made.predict(["a good one", "bad"]).tolist() == ["yes", "no"]
