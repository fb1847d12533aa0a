"""scikit-learn's own checks of an estimator: all of them, none skipped, and none that is expected to fail."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from environments import variables
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.utils.estimator_checks import estimator_checks_generator

# In a process of its own: one of them is skipped unless this is set before SciPy is imported.
SETTING = {"SCIPY_ARRAY_API": "1", "OPENBLAS_NUM_THREADS": "1"}
CODE = """
import json, sys
from sklearn.utils.estimator_checks import check_estimator
import chainrule.sklearn
name, parameters = json.loads(sys.argv[1])
estimator = getattr(chainrule.sklearn, name)(**parameters)
results = check_estimator(estimator, on_skip=None, on_fail="raise")
print(json.dumps([[r["check_name"], r["status"], r["expected_to_fail"]] for r in results]))
"""
PEERS = {"NetworkClassifier": MLPClassifier, "NetworkRegressor": MLPRegressor}
QUICK = {"epochs": 60, "learning_rate": 0.01}
DEEP = {**QUICK, "hidden": [8, 8], "activation": "tanh", "optimizer": "rmsprop", "metrics": None}


def checks(name: str, **parameters: Any) -> list[str]:
    """The names of all of them; one that is not passed raises in that process, one that is skipped here."""
    command = [sys.executable, "-c", CODE, json.dumps([name, parameters])]
    done = subprocess.run(command, env=variables(**SETTING), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)
    assert {(status, expected) for _, status, expected in results} == {("passed", False)}
    return [check for check, _, _ in results]


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("NetworkClassifier", QUICK),
        ("NetworkRegressor", QUICK),
        pytest.param("NetworkClassifier", {}, marks=pytest.mark.slow),
        pytest.param("NetworkRegressor", {}, marks=pytest.mark.slow),
        pytest.param("NetworkClassifier", DEEP, marks=pytest.mark.slow),
        pytest.param("NetworkRegressor", DEEP, marks=pytest.mark.slow),
        pytest.param("NetworkClassifier", {**QUICK, "class_weight": "balanced"}, marks=pytest.mark.slow),
        pytest.param("NetworkClassifier", {**QUICK, "loss": "focal"}, marks=pytest.mark.slow),
        pytest.param("NetworkRegressor", {**QUICK, "loss": "huber", "optimizer": "nadam"}, marks=pytest.mark.slow),
    ],
)
def test_all_checks_are_passed(name: str, parameters: dict[str, Any]) -> None:
    """All that scikit-learn has for its own networks, and those of what these take beside."""
    beside = {"NetworkClassifier": "check_class_weight_classifiers", "NetworkRegressor": "check_regressor_multioutput"}
    peers = [getattr(check, "func", check).__name__ for _, check in estimator_checks_generator(PEERS[name]())]
    assert sorted(checks(name, **parameters)) == sorted([*peers, beside[name]])
