"""A model goes to where nothing is installed but what it asks for, and answers there as it did here."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

import pytest
from environments import OFFLINE, environment, variables

pytestmark = pytest.mark.soak  # all of MLflow is installed

REPOSITORY = Path(__file__).parents[3]
ACME = REPOSITORY / "tests" / "thirdparty" / "packages" / "acme-components"
TRAIN = """
import json, sys
import chainrule as cr
result = cr.train(["experiment=spirals", "model.activation=squareplus", "trainer.epochs=3", "tracking.figures=false"])
rows = [{"x1": k / 7 - 1, "x2": 1 - k / 5} for k in range(12)]
print(json.dumps({"folder": str(result.folder / "model"), "rows": rows,
                  "answers": result.predict_proba(rows).tolist()}))
"""
ASK = """
import json, sys
import chainrule, mlflow, pandas
given = json.load(sys.stdin)
model = mlflow.pyfunc.load_model(given["folder"])
found = model.predict(pandas.DataFrame(given["rows"]), params={"proba": True})
print(json.dumps([chainrule.__file__, found.to_numpy().tolist()]))
"""


def done(command: list[str], folder: Path, given: str = "", **settings: str) -> str:
    own = variables(Path(command[0]), **settings)
    own.pop("PYTHONPATH", None)
    ran = subprocess.run(command, cwd=folder, env=own, input=given, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def test_its_recorded_requirements_are_enough(tmp_path: Path) -> None:
    here = environment(tmp_path / "here", hidden=("chainrule", "_editable_impl_chainrule"))
    done([str(here), "-m", "pip", "install", "--no-deps", str(REPOSITORY), str(ACME)], tmp_path, **OFFLINE)
    trained: dict[str, Any] = json.loads(done([str(here), "-c", TRAIN], tmp_path).splitlines()[-1])
    needed = (Path(trained["folder"]) / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert [line.split("=")[0].split(" ")[0] for line in needed] == [
        "acme-components",
        "chainrule",
        "mlflow",
        "numpy",
        "scipy",
    ]

    venv.create(tmp_path / "there", symlinks=True, with_pip=True)
    there = tmp_path / "there" / "bin" / "python"
    done([str(there), "-m", "pip", "install", "-q", "-r", f"{trained['folder']}/requirements.txt"], tmp_path)
    place, answers = json.loads(done([str(there), "-W", "ignore", "-c", ASK], tmp_path, json.dumps(trained)))
    assert Path(place).is_relative_to(tmp_path / "there"), "and nothing of the environment that runs the tests"
    assert answers == trained["answers"]
    assert sys.prefix not in place
