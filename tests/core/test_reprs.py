"""What an interpreter or a notebook shows of each public object: what it is, in a few lines, whatever it holds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule.comparison import Comparison, Group
from chainrule.comparison.inference import summary
from chainrule.comparison.runs import StoredRun
from chainrule.runs.reproduce import MetricAgain

DENSE = {"name": "dense", "units": 16, "activation": "relu"}
NETWORK = cr.Network([*[DENSE] * 20, {"name": "dense", "units": 1}], (2,), "mse")
SMALL = cr.Network([DENSE, {"name": "dense", "units": 1, "activation": "sigmoid"}], (2,), "binary_cross_entropy")
HISTORY = cr.History()
for epoch in range(1000):
    HISTORY.append({"train/loss": 1 / (epoch + 1), "validation/accuracy": 0.9 if epoch == 6 else 0.5, "seconds": 0.25})
METRICS = {**{f"train/m{i}": 0.1 for i in range(20)}, "best/validation/loss": 0.5, "test/loss": 0.25}
RESULT = cr.Result("xor", "abc", METRICS, SMALL, HISTORY, Path("out"), 1.0, None, None)
RUN = StoredRun("abc", "1", "FINISHED", 0, "7", {f"p{i}": "v" for i in range(100)}, {"test/loss": 0.25}, {}, None)
GROUP = Group({"optimizer.name": "adam"}, (RUN, RUN), (0.25, 0.75), summary((0.25, 0.75)), (), (), {})
BATCHED = cr.Network([DENSE, "batch_norm"], (2,), "mse")
AGAIN = MetricAgain("loss", 1.0, 2.0, 1, (1,))
DATA = cr.Data((np.zeros((5000, 8, 8)), np.zeros(5000, int)), "binary", class_names=["a", "b"])


@pytest.mark.parametrize(
    ("thing", "shown"),
    [
        (
            SMALL,
            "<Network (2,) to (1,) by 0.dense, 0.dense.relu, 1.dense, 1.dense.sigmoid; 65 parameters, float32, loss "
            "binary_cross_entropy (fused with sigmoid)>",
        ),
        (
            NETWORK,
            "<Network (2,) to (1,) by 0.dense, 0.dense.relu, 1.dense, 1.dense.relu, 2.dense, 2.dense.relu, 3.dense, "
            "3.dense.relu, and 34 more; 5,233 parameters, float32, loss mse>",
        ),
        (
            cr.Trainer(SMALL, "sgd"),
            f"<Trainer of {SMALL!r}: SGD(lr=0.1, weight_decay=0.0), 0 epochs trained>",
        ),
        (
            SMALL.parameters,
            "<65 parameters, float32: 0.dense.W (2, 16), 0.dense.b (16,), 1.dense.W (16, 1), 1.dense.b (1,)>",
        ),
        (BATCHED.buffers[0], "Buffer('1.batch_norm.running_mean', shape=(16,))"),
        (SMALL._stack, "<Stack of 2 layers: dense, dense>"),
        (
            HISTORY,
            "1000 epochs          first   last  best (epoch)\n"
            "train/loss               1  0.001  0.001 (1000)\n"
            "validation/accuracy    0.5    0.5       0.9 (7)\n"
            "seconds               0.25   0.25",
        ),
        (cr.History(), "0 epochs  first  last  best (epoch)"),
        (RESULT, "<Result xor: test/loss 0.25; 1000 epochs, run abc, out>"),
        (
            DATA,
            "<Data binary, inputs of shape (8, 8), 2 classes: train 5,000>",
        ),
        (
            DATA.train,
            "Split(x=ndarray of shape (5000, 8, 8) and type float64, y=ndarray of shape (5000,) and type int64)",
        ),
        (cr.registry().get("layer", "dense"), f"<Dense, layer dense of chainrule {cr.__version__}>"),
        (cr.registry().get("layer", "dense").fields[0], "Field(units: int)"),
        (RUN, "<StoredRun abc: FINISHED, seed 7, 1 metrics>"),
        (GROUP, "<Group optimizer.name=adam: 2 runs, mean 0.5>"),
        (
            Comparison("sweep s", "test/loss", "test/loss", (), cr.Goal.MIN, (), (), (), (GROUP,) * 9, (), 0),
            f"<Comparison of sweep s by test/loss, best first: {GROUP!r}, {GROUP!r}, {GROUP!r}, and 6 more>",
        ),
        (cr.Reproduction("abc", (), ("a", "a"), {}, RESULT), "<Reproduction of run abc: equal to the last bit>"),
        (
            cr.Reproduction("abc", (AGAIN,), ("a", "b"), {}, RESULT),
            "<Reproduction of run abc: 1 of 1 metrics differ, the weights are not equal>",
        ),
    ],
    ids=lambda thing: type(thing).__name__,
)
def test_it_is_short_and_says_what_it_is(thing: object, shown: str) -> None:
    assert repr(thing) == shown


def test_the_registry_says_how_much_there_is() -> None:
    assert repr(cr.registry()).startswith(f"<Registry of {len(cr.registry())} components from ")


def test_a_summary_shows_as_it_prints() -> None:
    summary = SMALL.summary()
    assert repr(summary) == str(summary)
    assert isinstance(summary, str)
    assert summary.splitlines()[0].split() == ["layer", "output", "parameters"]
    assert summary.splitlines()[-1].startswith("65 parameters, float32, loss binary_cross_entropy")


def test_tab_knows_what_is_loaded_later() -> None:
    assert {*cr.__all__, "comparison", "diagnosis", "explanation", "sklearn", "testing", "__version__"} == {*dir(cr)}
