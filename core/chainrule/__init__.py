"""Neural networks written from scratch in NumPy, as an experiment framework made of plugins.

Everything public is here; a plugin imports nothing else of chainrule. Neither Hydra nor MLflow is imported until
``train``.
"""

from chainrule.arrays import Array, Shape, Task, stream
from chainrule.comparison import Comparison, compare
from chainrule.components import (
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
from chainrule.data import Data, Split, split_indices
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
from chainrule.experiment import Result, load_run, train
from chainrule.gradients import gradient_check
from chainrule.network import Network, load_network
from chainrule.parameters import Buffer, Parameter, Parameters
from chainrule.plugins import hookimpl
from chainrule.registry import Entry, Registry, make, registry, spec_of
from chainrule.reproduction import Reproduction, reproduce
from chainrule.stack import Stack
from chainrule.sweeping import sweep
from chainrule.trainer import History, Trainer, goal_of

__version__ = "0.1.0"

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
    "Trainer",
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
