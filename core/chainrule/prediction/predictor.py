"""A trained network, and how raw rows become its inputs and what it gives answers."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.contract.arrays import Array
from chainrule.contract.preparation import Preparation
from chainrule.contract.rows import Rows
from chainrule.contract.split import Split
from chainrule.errors import ConfigError, DataError, ExportError, FieldError
from chainrule.network.files import put
from chainrule.network.loading import load_network
from chainrule.network.network import Network
from chainrule.network.onnx_file import onnx_path, write_model
from chainrule.prediction.evaluation import RESAMPLES, Evaluation, evaluate
from chainrule.prediction.onnx_preparation import graph_of, metadata_of
from chainrule.words import quoted

if TYPE_CHECKING:
    from onnx import ModelProto

log = logging.getLogger(__name__)

WEIGHTS = "weights.safetensors"
PREPARATION = "preparation.json"
"""In the folder of a model, beside its weights."""


class Predictor:
    """A trained network, to be asked about rows as they come.

    Args:
        network: the trained one.
        preparation: of the data that it was trained on, as ``Data.prepared`` gives it.

    Example:
        >>> import chainrule as cr
        >>> layers = [{"name": "dense", "units": 1, "activation": "sigmoid"}]
        >>> network = cr.Network(layers, (1,), "binary_cross_entropy", task="binary")
        >>> network.parameters.theta[:] = 1, 0
        >>> preparation = cr.Preparation((cr.Number("age", shift=40.0),), class_names=("young", "old"))
        >>> cr.Predictor(network, preparation).predict([{"age": 20}, {"age": 60}])
        array(['young', 'old'], dtype=object)
    """

    def __init__(self, network: Network, preparation: Preparation) -> None:
        if not isinstance(network, Network):
            raise FieldError(f"got {quoted(network)}, expected a Network", key="network")
        if not isinstance(preparation, Preparation):
            raise FieldError(f"got {quoted(preparation)}, expected a Preparation", key="preparation")
        self.network = network
        self.preparation = preparation

    def predict(self, table: Any, threshold: float | None = None) -> Any:
        """The answer for each row: the name of its class, or numbers in the unit of the target.

        Args:
            table: a DataFrame, a list of dicts, a mapping of columns, or an array; columns are found by their names, in
                any order. What is new among them is told, and not read. A network of several inputs takes a mapping of
                arrays.
            threshold: of two classes, the second is the answer where its probability is above it; 0 to 1, default 0.5.

        Returns:
            Class names ``(n,)``, whole numbers where all of them are; where there is a class for each of several steps,
            ``(n, *steps)``. Of a regression ``(n,)`` or ``(n, targets)``. Of several outputs each by name. Where a
            loss makes no classes of what the network gives, that itself.

        Raises:
            DataError: names the column that is missing or of another type, and the row. FieldError: the threshold is
                out of range, or there are not two classes.
        """
        if threshold is not None:
            self.require_threshold(threshold)
        return self.answers(self.outputs(table), threshold)

    def predict_proba(self, table: Any) -> Array:
        """What the network gives for each class: ``(n, classes)``; where there is a class for each of several steps,
        ``(n, *steps, classes)``. Of two classes that of the first is 1 less that of the second.

        Raises:
            DataError: as ``predict``. ConfigError: the network gives no probabilities.
        """
        self.require_probabilities()
        return self.proba(self.outputs(table))

    def proba(self, outputs: Any) -> Array:
        """The probabilities that the outputs of the network stand for, as ``predict_proba`` gives them."""
        self.require_probabilities()
        return np.concatenate([1 - outputs, outputs], axis=-1) if self.network.task == "binary" else outputs

    def outputs(self, table: Any) -> Any:
        """What ``Network.predict`` gives for raw rows; what is to be said of them is logged as a warning."""
        rows = self.preparation.rows(table) if self.preparation.columns else table
        inputs = self.preparation.inputs(rows)
        for remark in self.preparation.remarks(rows):
            log.warning("%s", remark)
        return self.network.predict(inputs)

    def answers(self, outputs: Any, threshold: float | None = None) -> Any:
        """The answers that the outputs of the network stand for, as ``predict`` gives them."""
        names = self.preparation.class_names
        if isinstance(outputs, Mapping):
            parts, tasks = self.network.loss.parts or {}, self.network.task or {}
            named = names if isinstance(names, Mapping) else {}
            return {
                name: self._answer(array, tasks.get(name), named.get(name, ()), parts[name], threshold)
                for name, array in outputs.items()
            }
        return self._answer(outputs, self.network.task, names, self.network.loss, threshold)

    def _answer(self, outputs: Array, task: Any, names: Any, loss: Any, threshold: float | None) -> Any:
        if task == "binary" and len(names) == 2 and outputs.shape[-1] == 1:
            middle = 0.0 if loss.scores else 0.5
            above = outputs[..., 0] > (middle if threshold is None else threshold)
            return labels(names)[above.astype(int)]
        if task == "multiclass" and len(names) == outputs.shape[-1]:
            return labels(names)[outputs.argmax(axis=-1)]  # of equal ones the first, as metrics do
        return outputs[:, 0] if outputs.ndim == 2 and outputs.shape[1] == 1 else outputs

    def require_threshold(self, threshold: Any) -> None:
        """Refuse what is no threshold for this network.

        Raises:
            FieldError: it is out of range, or there are not two classes with probabilities.
        """
        wrong = None
        if self.network.task != "binary":
            wrong = "it is for two classes, and the network was trained for another task"
        elif self.network.loss.scores:
            wrong = "it is a probability, and the network's loss makes it give scores"
        elif isinstance(threshold, bool) or not isinstance(threshold, (int, float)) or not 0 <= threshold <= 1:
            wrong = f"got {quoted(threshold)}, expected a number from 0 to 1"
        if wrong:
            raise FieldError(wrong, key="threshold")

    def require_probabilities(self) -> None:
        """Refuse to give what the network does not.

        Raises:
            ConfigError: it gives no probabilities of its classes.
        """
        task, names = self.network.task, self.preparation.class_names
        if task not in ("binary", "multiclass") or self.network.loss.scores:
            what = "scores" if task in ("binary", "multiclass") else f"the answers of a {task} task"
            raise ConfigError(f"the network gives {what}, not probabilities: ask for its predictions")
        if task == "multiclass" and self.network.output_shape[-1] != len(names):
            raise ConfigError("the network does not give a number for each class: ask for its predictions")

    def evaluate(
        self, table: Any, metrics: Sequence[Any] | None = None, resamples: int = RESAMPLES, seed: int = 0
    ) -> Evaluation:
        """The loss and metrics on rows with answers, each with its bootstrap interval of 95 %.

        Args:
            table: as ``predict`` takes it, with the targets' columns, and that of the weights, if there is one.
            metrics: names or metrics; None for every installed one that is for the task.
            resamples: how many sets are drawn, 1 or more; ``seed``: of the draws, 0 or more.

        Raises:
            DataError: the rows have no answers, or do not fit. ConfigError: a metric is for another task.
        """
        return evaluate(self.network, self.samples(table), metrics, resamples, seed)

    def samples(self, table: Any) -> Split:
        """Rows with answers as the inputs, targets and weights that they become.

        Raises:
            DataError: the data that the network was trained on does not say where answers stand, or a column is
                missing or of another type.
        """
        preparation = self.preparation
        if not preparation.targets:
            raise DataError("the preparation of this network's data names no column of answers")
        rows = preparation.rows(Rows.of(table))
        complete = preparation.complete(rows, answered=True)
        if len(complete) < len(rows):
            missing = len(rows) - len(complete)
            log.warning("%d of %d rows miss a value and are left out, as in training", missing, len(rows))
            rows = rows.at(complete)
        weight = preparation.weight
        weights = rows.numbers(weight) if weight is not None and weight in rows.columns else None
        return Split(preparation.inputs(rows), preparation.answers(rows), weights)

    def to_onnx(self, path: str | Path) -> None:
        """Write the network with its preparation to an ONNX file (opset 20), which onnxruntime and others run: raw rows
        in, answers out.

        Of a table each column is an input of its own, ``(batch, 1)``, with the column's name: numbers are doubles, NaN
        where they are missing; categories are texts, an empty one where they are; dates are doubles, in days since
        1970. Arrays are one input, ``"x"``, as they are before their scaling. ``"y"`` is what ``Network.predict``
        gives, and where there are classes, ``"label"`` the name of the answer.

        Raises:
            ChainruleError: as ``Network.to_onnx``.
        """
        file = onnx_path(path)
        write_model(file, self.onnx_model())

    def onnx_model(self) -> ModelProto:
        """What ``to_onnx`` writes, as the package ``onnx`` has it."""
        try:
            graph, further = graph_of(self.network, self.preparation)
        except ExportError:
            self.network.onnx_model()  # which names all components that are to blame, and where each is from
            raise
        return self.network.onnx_model(metadata_of(self.preparation), graph, further)

    def save(self, folder: str | Path) -> None:
        """Write the weights, the architecture as JSON for people and programs that only want to read it, and the
        preparation into a folder.

        Raises:
            DataError: it cannot be written.
        """
        folder = Path(folder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self.network.save(folder / WEIGHTS)
            for name, value in (
                ("architecture.json", self.network.architecture()),
                (PREPARATION, self.preparation.as_json()),
            ):
                put(folder / name, (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode())
        except OSError as error:
            raise DataError(f"{folder} cannot be written: {error.strerror}") from error

    @classmethod
    def load(cls, folder: str | Path) -> Predictor:
        """What ``save`` wrote. Nothing in the folder is run: components come from what is installed.

        Raises:
            DataError: a file is missing or damaged. UnknownName: it needs a component that is not installed.
        """
        return cls(load_network(Path(folder) / WEIGHTS), load_preparation(Path(folder)))

    def __repr__(self) -> str:
        columns = ", ".join(column.name for column in self.preparation.columns[:6])
        more = ", ..." if len(self.preparation.columns) > 6 else ""
        return f"<Predictor {self.network.task}, from {columns or 'arrays'}{more}: {self.network!r}>"


def labels(names: Any) -> Array:
    """Classes as they stand in the data, ``(classes,)``: whole numbers, or false and true, where all names are such."""
    if tuple(names) == ("False", "True"):
        return np.array([False, True])
    whole = [int(name) for name in names if str(name).removeprefix("-").isdecimal()]
    return np.array(whole) if list(map(str, whole)) == list(map(str, names)) else np.array(list(names), object)


def load_preparation(folder: Path) -> Preparation:
    """That of the model in a folder.

    Raises:
        DataError: it is not there, or is damaged.
    """
    path = folder / PREPARATION
    try:
        return Preparation.from_json(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise DataError(
            f"{path} is not there: the model was recorded by a version that did not keep how rows are prepared; its "
            "network takes rows that are prepared already, and the run can be trained again"
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path} is damaged: {error}") from None
