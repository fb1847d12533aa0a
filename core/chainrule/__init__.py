"""Neural networks written from scratch in NumPy, as an experiment framework made of plugins.

Everything public is here or, for tests and studies, in ``chainrule.testing`` and ``chainrule.comparison``; a
plugin imports nothing else of chainrule. Neither Hydra nor MLflow is imported until ``train``.
"""

from chainrule.comparison import Comparison, compare
from chainrule.contract.arrays import Array, Shape, Task, stream
from chainrule.contract.data import Data, Split, split_indices
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
from chainrule.contract.training import TrainedNetwork, Training
from chainrule.errors import (
    ChainruleError,
    ConfigError,
    ContractError,
    DataError,
    FieldError,
    NonFiniteError,
    PluginError,
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
from chainrule.registry.goals import Goal, goal_of
from chainrule.registry.hooks import hookimpl
from chainrule.registry.making import make, spec_of
from chainrule.registry.provenance import own_version as _own_version
from chainrule.registry.registry import Entry, Registry, registry
from chainrule.runs.reproduce import Reproduction, reproduce
from chainrule.runs.result import Result, load_run
from chainrule.runs.run import train
from chainrule.runs.sweep import sweep
from chainrule.training.history import History
from chainrule.training.trainer import Trainer

__version__ = _own_version()

__all__ = [
    "KINDS",
    "Activation",
    "Array",
    "Buffer",
    "Callback",
    "ChainruleError",
    "Comparison",
    "Component",
    "ConfigError",
    "ContractError",
    "Data",
    "DataError",
    "Dataset",
    "Entry",
    "FieldError",
    "Goal",
    "History",
    "Initializer",
    "Layer",
    "Loss",
    "Metric",
    "Model",
    "Network",
    "NonFiniteError",
    "Optimizer",
    "Parameter",
    "Parameters",
    "PluginError",
    "Registry",
    "Regularizer",
    "Reproduction",
    "Result",
    "Schedule",
    "Shape",
    "ShapeError",
    "Split",
    "Stack",
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
    "goal_of",
    "gradient_check",
    "hookimpl",
    "load_network",
    "load_run",
    "make",
    "registry",
    "reproduce",
    "spec_of",
    "split_indices",
    "stream",
    "sweep",
    "train",
    "within",
]
