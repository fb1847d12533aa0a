"""What callbacks log: among the epoch's metrics, for whoever monitors it, and in a run's record and folder."""

from __future__ import annotations

import copy
import math
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from environments import variables
from mlflow.tracking import MlflowClient
from trainings import LABELS, X, trainer

import chainrule as cr
from chainrule.runs.folder import keep_text
from chainrule.training.encoding import decoded, encoded


def logging(at: str, what: Callable[[Any], None], logs: tuple[str, ...] = ("mine", "my/*")) -> cr.Callback:
    """A callback that does something at an event."""
    return type("Logging", (cr.Callback,), {at: lambda self, trainer: what(trainer), "logs": logs})()


def test_of_what_is_logged_within_an_epoch_the_mean_stands_beside_its_metrics() -> None:
    fitted = trainer()
    fitted.fit((X, LABELS), 2, callbacks=[logging("on_gradient", lambda t: t.log("mine", t.step))])
    assert fitted.history["mine"] == [1.0, 4.0], "of steps 0, 1, 2 and 3, 4, 5"
    assert fitted.metrics["mine"] == 4.0


def test_at_its_end_and_after_it_the_last_value_stands() -> None:
    def log(training: Any) -> None:
        if training.epoch != 2:
            training.log("my/share", -1)
            training.log("my/share", np.float32(training.epoch))

    fitted = trainer()
    fitted.fit((X, LABELS), 3, callbacks=[logging("on_epoch_end", log)])
    assert fitted.history["my/share"][::2] == [1.0, 3.0]
    assert math.isnan(fitted.history["my/share"][1])
    assert [values.get("my/share") for _, values in fitted.history.by_epoch()] == [1.0, None, 3.0]
    fitted.fit((X, LABELS), 1, callbacks=[logging("on_train_end", lambda t: t.log("mine", 7))])
    assert fitted.metrics["mine"] == fitted.history["mine"][-1] == 7.0


@pytest.mark.parametrize("first", [True, False])
def test_early_stopping_monitors_it_whatever_the_order(first: bool) -> None:
    def log(training: Any) -> None:
        training.log("mine", abs(training.epoch - 3))

    stopping = {"name": "early_stopping", "monitor": "mine", "patience": 2}
    callbacks = [logging("on_epoch_end", log), stopping]
    fitted = trainer()
    fitted.fit((X, LABELS), 20, callbacks=callbacks if first else callbacks[::-1])
    assert fitted.epoch == 5
    assert fitted.stop_reason == "mine has not improved for 2 epochs"


def test_a_training_that_is_cut_goes_on_with_what_was_logged() -> None:
    norms = logging("on_gradient", lambda t: t.log("mine", float(np.abs(t.network.parameters.grad).sum())))
    states = []

    class Saving(cr.Callback):
        def state(self) -> dict[str, Any]:
            return {}

        def on_batch_end(self, trainer: Any) -> None:
            trainer.rest.when(lambda: states.append(encoded(trainer.state())))

    whole = trainer()
    whole.fit((X, LABELS), 2, callbacks=[norms, Saving()])
    for state in states:
        again = trainer()
        again.load_state(decoded(*state))
        again.fit((X, LABELS), 2, callbacks=[norms])
        assert again.history["mine"] == whole.history["mine"]


@pytest.mark.parametrize(
    ("at", "name", "value", "message"),
    [
        ("on_gradient", "other", 1, 'a callback logs "other" and does not declare it: logs = ("other",) in its class'),
        ("on_gradient", "train/loss", 1, 'logs "train/loss", which the training measures itself: choose another name'),
        ("on_epoch_end", "validation/accuracy", 1, 'logs "validation/accuracy", which the training measures itself'),
        ("on_epoch_end", "seconds", 1, 'logs "seconds", which the training measures itself'),
        ("on_gradient", "mine", "much", "logs \"mine\" with 'much', not a number"),
        ("on_train_start", "mine", 1, 'logs "mine" before the first epoch: do so from on_epoch_start on'),
    ],
)
def test_what_cannot_be_logged(at: str, name: str, value: Any, message: str) -> None:
    logs = (name,) if name != "other" else ()
    with pytest.raises(cr.ContractError, match=re.escape(message)):
        trainer().fit((X, LABELS), 1, callbacks=[logging(at, lambda t: t.log(name, value), logs)])


def test_figures_are_kept_by_name() -> None:
    fitted = trainer()
    fitted.fit((X, LABELS), 2, callbacks=[logging("on_epoch_end", lambda t: t.figure("mine", t.epoch))])
    assert fitted.figures == {"mine": 2}
    with pytest.raises(cr.ContractError, match=r"names a figure '\.\./mine': take letters, digits, _, - and \."):
        fitted.figure("../mine", None)


def test_texts_are_kept_by_name() -> None:
    fitted = trainer()
    fitted.fit((X, LABELS), 2, callbacks=[logging("on_epoch_end", lambda t: t.text("mine", f"after {t.epoch}"))])
    assert fitted.texts == {"mine": "after 2"}
    with pytest.raises(cr.ContractError, match=r"names a text 'a/b': take letters, digits, _, - and \."):
        fitted.text("a/b", "")
    with pytest.raises(cr.ContractError, match='gives 3 for the text "mine", expected a string'):
        fitted.text("mine", 3)  # type: ignore[arg-type]


@pytest.mark.parametrize("there", ["", "a file", "a folder"])
def test_a_text_that_cannot_be_written_is_told_and_stops_nothing(
    there: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    if there == "a file":
        (tmp_path / "texts").write_text("")
    elif there == "a folder":
        (tmp_path / "texts" / "mine.txt").mkdir(parents=True)
    keep_text(tmp_path, "mine", "ü\n\udc80")
    if there:
        assert "mine.txt cannot be written: " in caplog.text
    else:
        assert (tmp_path / "texts" / "mine.txt").read_bytes() == "ü\n?".encode()


PLUGIN = '''
from dataclasses import dataclass
import chainrule
import numpy as np


@dataclass
class GradientNorm(chainrule.Callback):
    """The length of the gradient, and a picture of its numbers: $|g|$."""

    logs = ("gradient/norm",)

    def on_gradient(self, trainer):
        trainer.log("gradient/norm", np.linalg.norm(trainer.network.parameters.grad))

    def on_train_end(self, trainer):
        from matplotlib.figure import Figure

        figure = Figure()
        figure.subplots().hist(trainer.network.parameters.grad)
        trainer.figure("gradients", figure)
        trainer.text("shape", f"{trainer.network.input_shape} to {trainer.network.output_shape}")


@chainrule.hookimpl
def register_components(registry):
    registry.add(GradientNorm)
'''


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder in which a package with such a callback is installed."""
    told = tmp_path / "site" / "gradient_norm-1.0.dist-info"
    told.mkdir(parents=True)
    (told / "METADATA").write_text("Metadata-Version: 2.1\nName: gradient-norm\nVersion: 1.0\n")
    (told / "entry_points.txt").write_text("[chainrule]\ngradient_norm = gradient_norm\n")
    (tmp_path / "site" / "gradient_norm.py").write_text(PLUGIN)
    return tmp_path / "site"


def test_a_run_records_and_is_judged_by_what_a_callback_of_others_logs(site: Path, tmp_path: Path) -> None:
    callbacks = "callbacks=[early_stopping,gradient_norm]"
    given = [callbacks, "callbacks.early_stopping.monitor=gradient/norm", "objective=gradient/norm", "trainer.epochs=4"]
    command = [sys.executable, "-m", "chainrule", "train", *given]
    done = subprocess.run(command, cwd=tmp_path, env=variables(PYTHONPATH=str(site)), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "judged   by gradient/norm: " in done.stdout
    client = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    [run] = client.search_runs([client.get_experiment_by_name("xor").experiment_id])
    assert [point.step for point in client.get_metric_history(run.info.run_id, "gradient/norm")] == [1, 2, 3, 4]
    assert "figures/gradients.png" in {file.path for file in client.list_artifacts(run.info.run_id, "figures")}
    [picture] = tmp_path.glob("outputs/xor/*/figures/gradients.png")
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert "texts/shape.txt" in {file.path for file in client.list_artifacts(run.info.run_id, "texts")}
    [text] = tmp_path.glob("outputs/xor/*/texts/shape.txt")
    assert text.read_text() == "(2,) to (1,)"


def test_an_objective_that_nobody_logs_is_refused(site: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "chainrule", "train", "objective=gradient/norm"]
    done = subprocess.run(command, cwd=tmp_path, env=variables(PYTHONPATH=str(site)), capture_output=True, text=True)
    assert done.returncode == 2
    assert 'objective: no run measures "gradient/norm"' in done.stderr


@pytest.mark.parametrize("wrong", [{"~": 1}, {"noise": 1.0}, {"noise": (1.0, 1.0)}, {"noise": (1, 2)}, {"noise": None}])
def test_what_was_logged_of_a_running_epoch_is_looked_at_before_it_is_taken_over(wrong: Any) -> None:
    """As in a file that somebody made by hand."""
    states: list[Any] = []

    class Saves(cr.Callback):
        def on_batch_end(self, trainer: Any) -> None:
            trainer.rest.when(lambda: states.append(trainer.state()))

        def state(self) -> dict[str, Any]:
            return {}

    trainer().fit((X, LABELS), 1, callbacks=[Saves()])
    state = copy.deepcopy(states[0])
    state["running"]["logged"] = wrong
    again = trainer()
    again.load_state(state)
    with pytest.raises(cr.DataError, match="this is no state that a training saved"):
        again.fit((X, LABELS), 1)
