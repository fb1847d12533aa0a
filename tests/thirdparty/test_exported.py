"""A network with components from an installed package, as an ONNX file: it is exported as ours are, or said why not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import Run
from running_onnx import session_of

pytestmark = pytest.mark.slow

TRAIN = "import sys, chainrule.commands.main as m; sys.exit(m.main(sys.argv[1:]))"
GIVEN = ("train", "experiment=xor", "tracking=none", "tracking.figures=false", "trainer.epochs=3")
PREDICT = """
import glob
import numpy as np
import chainrule as cr

[weights] = glob.glob("outputs/xor/*/model/weights.safetensors")
print(cr.load_network(weights).predict(np.array([[0.0, 1.0], [1.0, 1.0], [2.0, -1.0]])).ravel().tolist())
"""


def test_a_third_partys_component_is_exported_as_ours_are(run: Run, tmp_path: Path) -> None:
    assert run("-c", TRAIN, *GIVEN, "model.activation=soft_abs").returncode == 0
    [folder] = tmp_path.glob("outputs/xor/*")
    done = run("-c", TRAIN, "export", str(folder), "model.onnx")
    assert done.returncode == 0, done.stderr
    x1, x2 = np.array([[0, 1], [1, 1], [2, -1]], np.float64).T[:, :, None]
    y, _ = session_of(str(tmp_path / "model.onnx")).run(None, {"x1": x1, "x2": x2})
    predicted = run("-W", "ignore", "-c", PREDICT)
    assert predicted.returncode == 0, predicted.stderr
    assert np.allclose(y.ravel(), np.fromstring(predicted.stdout.strip("[]\n"), sep=","), rtol=1e-6, atol=1e-6)


def test_one_that_does_not_say_its_operators_is_named_with_its_package(run: Run, tmp_path: Path) -> None:
    assert run("-c", TRAIN, *GIVEN, "model.activation=squareplus").returncode == 0
    [folder] = tmp_path.glob("outputs/xor/*")
    done = run("-c", TRAIN, "export", str(folder), "model.onnx")
    assert (done.returncode, done.stdout) == (2, "")
    assert "chainrule: Squareplus (acme-components 1.2): without a method to_onnx, " in done.stderr
    assert not (tmp_path / "model.onnx").exists()
