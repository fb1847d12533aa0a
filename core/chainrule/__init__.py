"""Neural networks written from scratch in NumPy, as an experiment framework made of plugins.

Everything public is here or, for tests and studies, in ``chainrule.testing``, ``chainrule.comparison``,
``chainrule.explanation`` and ``chainrule.diagnosis``, for scikit-learn in ``chainrule.sklearn``; a plugin imports
nothing else of chainrule. Neither Hydra nor MLflow is imported until ``train``.
"""

import importlib as _importlib
import typing as _typing

from chainrule.contract.arrays import Array, Shape, Task, stream
from chainrule.contract.columns import Category, Column, Date, Number
from chainrule.contract.data import Data, split_indices
from chainrule.contract.graph import Graph
from chainrule.contract.kinds import (
    KINDS,
    Activation,
    Callback,
    Component,
    Dataset,
    Initializer,
    Layer,
    Loss,
    Metric,
    Model,
    Optimizer,
    Regularizer,
    Schedule,
)
from chainrule.contract.parameters import Buffer, Parameter, Parameters
from chainrule.contract.preparation import Preparation, Scaling
from chainrule.contract.rows import Rows
from chainrule.contract.scaled import Scaled
from chainrule.contract.split import Split, Stream
from chainrule.contract.training import TrainedNetwork, Training
from chainrule.engine.kernels import loops
from chainrule.errors import (
    ChainruleError,
    ConfigError,
    ContractError,
    DataError,
    ExportError,
    FieldError,
    NonFiniteError,
    PluginError,
    ResumeError,
    ShapeError,
    SweepError,
    TrackingError,
    UnknownName,
    UnsafeConfig,
    did_you_mean,
    within,
)
from chainrule.network.gradient_check import gradient_check
from chainrule.network.loading import load_network
from chainrule.network.network import Network
from chainrule.network.stack import Stack
from chainrule.process.threads import in_parts
from chainrule.registry.goals import Goal, goal_of
from chainrule.registry.hooks import hookimpl
from chainrule.registry.making import make, spec_of
from chainrule.registry.registry import Entry, Registry, registry
from chainrule.training.history import History
from chainrule.training.trainer import Trainer

if _typing.TYPE_CHECKING:
    from chainrule.comparison import Comparison, compare
    from chainrule.explanation import Explanation, explain
    from chainrule.film import Film
    from chainrule.prediction.predictor import Predictor
    from chainrule.runs.reproduce import Reproduction, reproduce
    from chainrule.runs.result import Result, load_run
    from chainrule.runs.resume import resume
    from chainrule.runs.run import train
    from chainrule.runs.sweep import sweep

    __version__: str

_LATER = {
    "Comparison": "chainrule.comparison",
    "compare": "chainrule.comparison",
    "Explanation": "chainrule.explanation",
    "explain": "chainrule.explanation",
    "Film": "chainrule.film",
    "Predictor": "chainrule.prediction.predictor",
    "Reproduction": "chainrule.runs.reproduce",
    "reproduce": "chainrule.runs.reproduce",
    "resume": "chainrule.runs.resume",
    "Result": "chainrule.runs.result",
    "load_run": "chainrule.runs.result",
    "train": "chainrule.runs.run",
    "sweep": "chainrule.runs.sweep",
}
"""What is loaded when it is first asked for: a network that is built by hand needs neither runs nor comparisons."""


def __getattr__(name: str) -> _typing.Any:
    if name == "__version__":
        from chainrule.registry.provenance import own_version

        return own_version()
    if name in _LATER:
        return getattr(_importlib.import_module(_LATER[name]), name)
    if name in (
        "comparison",
        "diagnosis",
        "explanation",
        "sklearn",
        "testing",
    ):  # public modules, which need not be imported by themselves
        return _importlib.import_module(f"chainrule.{name}")
    raise AttributeError(f"module 'chainrule' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__", "comparison", "diagnosis", "explanation", "sklearn", "testing"])


__all__ = [
    "KINDS",
    "Activation",
    "Array",
    "Buffer",
    "Callback",
    "Category",
    "ChainruleError",
    "Column",
    "Comparison",
    "Component",
    "ConfigError",
    "ContractError",
    "Data",
    "DataError",
    "Dataset",
    "Date",
    "Entry",
    "Explanation",
    "ExportError",
    "FieldError",
    "Film",
    "Goal",
    "Graph",
    "History",
    "Initializer",
    "Layer",
    "Loss",
    "Metric",
    "Model",
    "Network",
    "NonFiniteError",
    "Number",
    "Optimizer",
    "Parameter",
    "Parameters",
    "PluginError",
    "Predictor",
    "Preparation",
    "Registry",
    "Regularizer",
    "Reproduction",
    "Result",
    "ResumeError",
    "Rows",
    "Scaled",
    "Scaling",
    "Schedule",
    "Shape",
    "ShapeError",
    "Split",
    "Stack",
    "Stream",
    "SweepError",
    "Task",
    "TrackingError",
    "TrainedNetwork",
    "Trainer",
    "Training",
    "UnknownName",
    "UnsafeConfig",
    "compare",
    "did_you_mean",
    "explain",
    "goal_of",
    "gradient_check",
    "hookimpl",
    "in_parts",
    "load_network",
    "load_run",
    "loops",
    "make",
    "registry",
    "reproduce",
    "resume",
    "spec_of",
    "split_indices",
    "stream",
    "sweep",
    "train",
    "within",
]
