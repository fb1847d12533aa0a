"""Do the estimators learn what scikit-learn's own networks learn?

`NetworkClassifier` and `NetworkRegressor` beside `MLPClassifier` and `MLPRegressor`, on five of the data sets that
scikit-learn brings along: the accuracy on a held-out third, or, for diabetes, R2. Once with the same settings, so that
only the random numbers differ; once each by its own defaults. Every seed splits the data anew, in the same way for all
of them, and each scales its inputs by the training part. All fits are one run in MLflow.

    python experiments/estimators.py
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Callable, Mapping
from typing import Any

from matplotlib.figure import Figure
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from study import BLUE, ORANGE, arguments, differences, interval, points, publish

from chainrule.comparison import Paired, p_value, strip
from chainrule.sklearn import NetworkClassifier, NetworkRegressor
from chainrule.tracking.tracking import Tracking
from chainrule.tracking.uris import default_uri

DATA: dict[str, Callable[..., Any]] = {
    "iris": load_iris,
    "wine": load_wine,
    "breast_cancer": load_breast_cancer,
    "digits": load_digits,
    "diabetes": load_diabetes,
}
REGRESSIONS = {"diabetes"}
HIDDEN, BATCH, RATE = 32, 32, 0.005
SAME, DEFAULTS = "same settings", "its defaults"
OURS, THEIRS = "chainrule", "scikit-learn"
COLUMNS = ["data", "samples", "features", *(f"{who}, {how}" for how in (SAME, DEFAULTS) for who in (THEIRS, OURS))]
COLUMNS = [*COLUMNS[:5], "difference", "p", *COLUMNS[5:]]
NOTE = """\
Accuracy in percent on the held-out third, for diabetes 100 times R2: the mean over the splits, and its 95 % interval.
The same settings are one hidden layer of {hidden} ReLUs, weights as Glorot and Bengio start them, Adam at {rate},
batches of {batch}, {epochs} epochs, no penalty on the weights; targets of diabetes are standardized, for scikit-learn
by `TransformedTargetRegressor`. What differs then are random numbers, and how biases start. The difference is of the
same settings, split by split; p is corrected for five tests. Defaults: `MLPClassifier()` has 100 hidden units, at most
200 epochs, a small penalty and batches of 200; `NetworkClassifier()` has 64 hidden units, 200 epochs, and batches of
32; `MLPRegressor()` does not standardize targets, `NetworkRegressor()` does."""


def main() -> None:
    options = arguments(__doc__, seeds=10, epochs=100)
    settings = {"hidden": HIDDEN, "batch_size": BATCH, "lr": RATE, "epochs": options.epochs, "seeds": options.seeds}
    with Tracking(default_uri(), "study_estimators").run(
        name="estimators",
        params={**settings, "data": list(DATA)},
        tags={},
        dataset=("estimators", digest()),
        folder=options.results,
    ) as run:
        scores: dict[str, dict[str, list[float]]] = {}
        for number, name in enumerate(DATA):
            scores[name] = measured(name, options.seeds, options.epochs)
            means = {key.replace(",", "").replace(" ", "_"): sum(s) / len(s) for key, s in scores[name].items()}
            run.log(means, step=number)
            print(f"{name}: {', '.join(f'{key} {value:.2f}' for key, value in means.items())}", flush=True)
        found = differences_of(scores)
        note = NOTE.format(hidden=HIDDEN, rate=RATE, batch=BATCH, epochs=options.epochs)
        table = rows(scores, found)
        publish(options.results, "estimators", COLUMNS, table, figure(scores), note, conclusion(found))
        run.text(json.dumps(scores), "scores.json")  # by data and estimator, of each seed
        for kind in ("md", "png"):
            run.artifact(options.results / f"estimators.{kind}")


def digest() -> str:
    """Of all the data."""
    sha = hashlib.sha256()
    for load in DATA.values():
        for array in load(return_X_y=True):
            sha.update(array.tobytes())
    return sha.hexdigest()


def measured(name: str, seeds: int, epochs: int) -> dict[str, list[float]]:
    """100 times the score of each estimator on what was held out, of each seed."""
    x, y = DATA[name](return_X_y=True)
    scores: dict[str, list[float]] = {}
    for seed in range(seeds):
        stratify = None if name in REGRESSIONS else y
        x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=1 / 3, random_state=seed, stratify=stratify)
        for key, estimator in estimators(name in REGRESSIONS, seed, epochs).items():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)  # that all epochs were run is what is asked for
                fitted = make_pipeline(StandardScaler(), estimator).fit(x_train, y_train)
            scores.setdefault(key, []).append(100 * float(fitted.score(x_test, y_test)))
    return scores


def estimators(regression: bool, seed: int, epochs: int) -> dict[str, Any]:
    """Each of those that are compared."""
    theirs, ours = (MLPRegressor, NetworkRegressor) if regression else (MLPClassifier, NetworkClassifier)
    same = theirs(
        hidden_layer_sizes=[HIDDEN],
        alpha=0.0,
        batch_size=BATCH,
        learning_rate_init=RATE,
        max_iter=epochs,
        tol=0.0,
        n_iter_no_change=epochs,
        random_state=seed,
    )
    model = {"name": "mlp", "hidden": [HIDDEN], "initializer": "glorot_uniform"}
    made = {
        (THEIRS, SAME): scaled(same) if regression else same,
        (OURS, SAME): ours(model=model, learning_rate=RATE, batch_size=BATCH, epochs=epochs, random_state=seed),
        (THEIRS, DEFAULTS): theirs(random_state=seed),
        (OURS, DEFAULTS): ours(random_state=seed),
    }
    return {", ".join(key): estimator for key, estimator in made.items()}


def scaled(regressor: Any) -> Any:
    """With targets in standard deviations from their mean."""
    return TransformedTargetRegressor(regressor, transformer=StandardScaler())


def differences_of(scores: Mapping[str, Mapping[str, list[float]]]) -> dict[str, Paired]:
    """By how much ours are above theirs, with the same settings: corrected for the number of data sets."""
    apart = {
        name: [ours - theirs for ours, theirs in zip(one[f"{OURS}, {SAME}"], one[f"{THEIRS}, {SAME}"], strict=True)]
        for name, one in scores.items()
    }
    return differences([0.0] * len(next(iter(apart.values()))), apart)


def rows(scores: Mapping[str, Mapping[str, list[float]]], found: Mapping[str, Paired]) -> list[list[str]]:
    table = []
    for name, one in scores.items():
        x, _ = DATA[name](return_X_y=True)
        shown = [interval(one[f"{who}, {how}"], 1) for how in (SAME, DEFAULTS) for who in (THEIRS, OURS)]
        between = "" if found[name].low is None else f" ({found[name].low:+.2f} to {found[name].high:+.2f})"
        apart = [f"{points(found[name])}{between}", p_value(found[name].p_holm)]
        table.append([name, str(len(x)), str(x.shape[1]), *shown[:2], *apart, *shown[2:]])
    return table


def conclusion(found: Mapping[str, Paired]) -> str:
    other = [name for name, one in found.items() if one.told_apart]
    said = ", ".join(f"{name} ({points(one)})" for name, one in found.items())
    if other:
        return f"Not everywhere: by more than the splits' spread differ {', '.join(other)}. In points: {said}"
    return f"Yes: with the same settings none of five differs by more than the splits' spread. In points: {said}"


def figure(scores: Mapping[str, Mapping[str, list[float]]]) -> Figure:
    drawing = Figure(figsize=(12, 4), layout="constrained")
    every = drawing.subplots(1, len(scores))
    keys = [f"{who}, {how}" for how in (SAME, DEFAULTS) for who in (THEIRS, OURS)]
    for place, (axes, (name, one)) in enumerate(zip(every, scores.items())):
        for row, key in enumerate(keys):
            strip(axes, row, one[key], BLUE if key.startswith(OURS) else ORANGE)
        axes.set_yticks(range(len(keys)), keys if place == 0 else [""] * len(keys))
        axes.invert_yaxis()
        axes.grid(alpha=0.3)
        axes.set(title=name, xlabel="100 R2" if name in REGRESSIONS else "accuracy (%)")
    return drawing


if __name__ == "__main__":
    main()
