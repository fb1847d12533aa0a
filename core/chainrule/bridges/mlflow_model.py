"""A predictor as an MLflow model: a folder that ``mlflow.pyfunc.load_model``, ``mlflow models serve`` and MLflow's
registry take.

Beside the weights, the architecture and the preparation it has MLflow's own files, and no code: ``MLmodel`` names this
module, which loads it from what is installed. They are written without ``mlflow.pyfunc.save_model``, which would copy
the weights and import what it takes half a second to import.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from chainrule.bridges.mlflow_signature import PROBA, THRESHOLD, example_of, signature_of
from chainrule.bridges.requirements import requirements_of
from chainrule.errors import ChainruleError, DataError
from chainrule.prediction.predictor import Predictor

FLAVOR = "python_function"
EXAMPLE, SERVED_EXAMPLE = "input_example.json", "serving_input_example.json"
REQUIREMENTS, PYTHON, CONDA = "requirements.txt", "python_env.yaml", "conda.yaml"
MLMODEL = "MLmodel"


def add_mlflow_files(predictor: Predictor, folder: Path, run_id: str | None = None) -> str:
    """Put MLflow's files into the folder into which the predictor was saved.

    Args:
        run_id: of the run among whose artifacts the folder will be, under its own name.

    Returns:
        What MLflow's pages know a run's model by, as JSON.

    Raises:
        DataError: one cannot be written.
    """
    import yaml  # type: ignore[import-untyped]
    from mlflow.models import Model

    needed = requirements_of(predictor.network)
    python = platform.python_version()
    files = {
        REQUIREMENTS: "".join(f"{line}\n" for line in needed),
        PYTHON: yaml.safe_dump(
            {"python": python, "build_dependencies": ["pip"], "dependencies": [f"-r {REQUIREMENTS}"]}, sort_keys=False
        ),
        CONDA: yaml.safe_dump(
            {
                "name": "mlflow-env",
                "channels": ["conda-forge"],
                "dependencies": [f"python={python}", "pip", {"pip": needed}],
            },
            sort_keys=False,
        ),
    }
    model = Model(artifact_path=folder.name, run_id=run_id, signature=signature_of(predictor))
    env = {"conda": CONDA, "virtualenv": PYTHON}
    model.add_flavor(FLAVOR, loader_module=__name__, python_version=python, env=env)
    example = example_of(predictor)
    if example is not None:
        of_table = bool(predictor.preparation.columns)
        files[EXAMPLE] = json.dumps(example, ensure_ascii=False)
        files[SERVED_EXAMPLE] = json.dumps({"dataframe_split" if of_table else "inputs": example}, ensure_ascii=False)
        kind = {"type": "dataframe", "pandas_orient": "split"} if of_table else {"type": "ndarray"}
        model.saved_input_example_info = {"artifact_path": EXAMPLE, "serving_input_path": SERVED_EXAMPLE, **kind}
    try:
        for name, text in {**files, MLMODEL: model.to_yaml()}.items():
            (folder / name).write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise DataError(f"{folder} cannot be written: {error.strerror}") from error
    return json.dumps([model.get_tags_dict()])


class PyfuncModel:
    """What ``mlflow.pyfunc.load_model`` holds: a predictor that is asked in MLflow's way."""

    def __init__(self, predictor: Predictor) -> None:
        self.predictor = predictor

    def predict(self, model_input: Any, params: Mapping[str, Any] | None = None) -> Any:
        """What ``Predictor.predict`` answers, or where ``params`` ask for them, probabilities in a column for each
        class. Several targets are columns, too.

        Raises:
            MlflowException: in the words of the ``ChainruleError``; over HTTP it is what the client is answered.
        """
        from mlflow.exceptions import MlflowException

        asked, preparation = params or {}, self.predictor.preparation
        try:
            if asked.get(PROBA):
                return _in_columns(self.predictor.predict_proba(model_input), preparation.class_names)
            answers = self.predictor.predict(model_input, asked.get(THRESHOLD))
        except ChainruleError as error:
            raise MlflowException.invalid_parameter_value(str(error)) from error
        return _in_columns(answers, preparation.targets)

    def get_raw_model(self) -> Predictor:
        """The predictor, for ``PyFuncModel.get_raw_model``."""
        return self.predictor


def _in_columns(answers: Any, names: Any) -> Any:
    """A table, where there is a name for each column."""
    from pandas import DataFrame

    is_table = getattr(answers, "ndim", 0) == 2 and answers.shape[1] == len(names)
    return DataFrame(answers, columns=list(names)) if is_table else answers


def _load_pyfunc(path: str) -> PyfuncModel:
    """MLflow's hook. Nothing in the folder is run."""
    return PyfuncModel(Predictor.load(path))
