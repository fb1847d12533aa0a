"""scikit-learn's searches over estimators whose parts come with a package that others wrote."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]

SEARCH = """
import json
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from chainrule.sklearn import NetworkClassifier

if __name__ == "__main__":
    network = NetworkClassifier(hidden=[8], epochs=30, learning_rate=0.05, random_state=0)
    search = GridSearchCV(
        make_pipeline(StandardScaler(), network),
        {
            "networkclassifier__activation": ["relu", "squareplus", "soft_abs"],
            "networkclassifier__loss": ["brier_score"],
            "networkclassifier__optimizer": ["heavy_ball"],
            "networkclassifier__optimizer__beta": [0.5, 0.9],
        },
        cv=3,
        n_jobs=2,
        error_score="raise",
    )
    search.fit(*load_iris(return_X_y=True))
    best = search.best_estimator_[-1]
    print(json.dumps({
        "scores": search.cv_results_["mean_test_score"].tolist(),
        "best": [search.best_params_["networkclassifier__activation"], best.network_.names[1]],
        "from": best.network_.provenance()["loss.brier_score"],
    }))
"""


@pytest.mark.slow
def test_a_search_over_a_pipeline_in_two_processes(run: Run) -> None:
    done = run("-c", SEARCH)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert len(told["scores"]) == 6
    assert min(told["scores"]) > 0.85
    chosen, step = told["best"]
    assert step == f"0.dense.{chosen}"
    assert told["from"].startswith("acme-components ")
