"""The base class of each kind of component: the one file that a component author reads.

A component is a dataclass that inherits from one of the eleven classes below. Its fields are its hyperparameters, with
types and defaults; the first line of its docstring is its description; its ``__post_init__`` refuses bad values with
``self.require``, and may rely on the fields' types, to which values are fitted before it. A plugin registers it::

    @chainrule.hookimpl
    def register_components(registry):
        registry.add(MyLayer)          # the kind from the base class, the name "my_layer" from the class's

Everywhere, axis 0 of an array is the batch: ``x`` has shape ``(batch, *features)``. ``dx`` and ``dy`` are the gradient
of the loss with respect to ``x`` and ``y``. A component computes in the dtype of what it is given.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

import numpy as np

from chainrule.contract.arrays import Array, Shape, Task
from chainrule.contract.fields import fit_fields
from chainrule.contract.formulas import formulas
from chainrule.contract.rules import update_by_rule
from chainrule.contract.signatures import asked_of
from chainrule.contract.state import gathered, take_over
from chainrule.errors import ContractError, ExportError, FieldError
from chainrule.words import quoted

if TYPE_CHECKING:
    from chainrule.contract.data import Data
    from chainrule.contract.graph import Graph
    from chainrule.contract.parameters import Buffer, Parameter
    from chainrule.contract.training import Training


class Component:
    """What all kinds share. Fields keep what was given: whatever is derived from them is not a field.

    Attributes that begin with ``check`` tell the conformance kit, chainrule.testing, what it cannot know. None of them
    is annotated where an author sets it: it is no hyperparameter.

    Attributes:
        check_examples: values of fields to check with, where some have no default or other variants are worth it:
            ``({"units": 3},)``. By default one example, of nothing but defaults.
    """

    kind: ClassVar[str]
    required: ClassVar[Mapping[str, tuple[str, ...]]] = {}  # the methods that an author writes, with their arguments
    _work: dict[str, Array]  # what ``work`` keeps, from its first use
    check_examples: ClassVar[Sequence[Mapping[str, Any]]] = ()

    @classmethod
    def check_examples_in(cls, folder: Path) -> Sequence[Mapping[str, Any]]:
        """For a component that reads files: write small ones into this empty folder, and return examples of fields."""
        return cls.check_examples

    @property
    def check_input_shapes(self) -> Sequence[Any]:
        """The shapes of a sample to check a layer, a model or a callback with, where it does not take ``(4,)``. A class
        attribute, ``check_input_shapes = ((8, 8, 3),)``, or a property where they depend on fields. Of several inputs
        by name, a mapping of shapes each."""
        return ()

    @property
    def check_kinks(self) -> Sequence[float]:
        """Where its function has no derivative, so that the kit's differences stay away: values of an activation's
        ``z``, a layer's ``x``, a regularizer's ``theta``, a loss's ``prediction - target``. A class attribute,
        ``check_kinks = (0.0,)``, or a property where it depends on fields."""
        return ()

    @property
    def checks_not_applicable(self) -> Mapping[str, str]:
        """Checks that cannot apply to this component, each with the reason, which is shown wherever the kit runs. A
        class attribute, or a property where it depends on fields or on what is at hand."""
        return {}

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        own = vars(cls).get("__post_init__")
        if own is not None:
            cls.__post_init__ = _fitted_first(own)  # type: ignore[assignment,method-assign]

    def __post_init__(self) -> None:
        """Fits fields to their types, before a component's own ``__post_init__`` looks at their values."""
        if type(self).__post_init__ is Component.__post_init__:
            fit_fields(self)

    def require(self, field: str, condition: bool, expected: str) -> None:
        """Refuse a bad value: ``self.require("rate", 0 <= self.rate < 1, "at least 0 and less than 1")``.

        Raises:
            FieldError: the condition is false.
        """
        if not condition:
            value = getattr(self, field)
            value = list(value) if isinstance(value, tuple) else value  # as configs write it
            raise FieldError(f"got {quoted(value)}, must be {expected} ({type(self).__name__})", key=field)

    def work(self, name: str, shape: Shape, dtype: Any) -> Array:
        """A kept array to compute in, so that a step need allocate nothing. Its contents are left from the last use.

        Arrays are told apart by ``name``. A smaller batch (the last of an epoch) is given the first rows of the
        larger array. What a component returns may be such an array: it is valid until the component's next
        ``forward`` (for a gradient: its next ``backward``).
        """
        try:
            array = self._work[name]
        except AttributeError:  # its first one
            self._work = {}
        except KeyError:
            pass
        else:
            if array.dtype == dtype:
                if array.shape == shape:
                    return array
                if array.shape[1:] == shape[1:] and len(array) > shape[0]:
                    return array[: shape[0]]
        array = self._work[name] = np.empty(shape, dtype)
        return array


def _fitted_first(own: Callable[[Any], None]) -> Callable[[Any], None]:
    @functools.wraps(own)
    def __post_init__(self: Any) -> None:
        if type(self).__post_init__ is __post_init__:  # not where a subclass's own calls this one
            fit_fields(self)
        own(self)

    return __post_init__


class Scope(Protocol):
    """What a network lends to a layer while it builds it."""

    dtype: np.dtype[Any]

    def parameter(self, name: str, shape: Shape, initializer: Any, decay: bool, trainable: bool) -> Parameter: ...
    def shared(self, name: str) -> Parameter: ...
    def buffer(self, name: str, shape: Shape, value: Any) -> Buffer: ...
    def child(self, owner: Any, field: str, given: Any) -> Any: ...
    def rng(self) -> np.random.Generator: ...


class Built(Component):
    """What components share that a network builds, layers and activations: what they may declare in ``build``."""

    def parameter(
        self, name: str, shape: Shape, initializer: Any, decay: bool = True, trainable: bool = True
    ) -> Parameter:
        """Declare a trained array. Its ``value`` and ``grad`` exist once the whole network is built.

        Args:
            name: unique in this layer; the network calls it ``"0.dense.W"``.
            shape: its shape; the last axis is ``fan_out`` for initializers that ask.
            initializer: an ``Initializer``, its name, or ``{name: ..., ...}``.
            decay: whether weight decay and regularizers act on it (weights: yes; biases: no).
            trainable: whether a training moves it. One that is frozen is saved, and its gradient is computed; to
                optimizers and callbacks that is 0, and no decay acts on it.
        """
        return self._scope().parameter(name, shape, initializer, decay, trainable)

    def shared(self, name: str) -> Parameter:
        """A parameter that an earlier layer declared, by its full name, ``"0.embedding.W"``: the same numbers, which
        are trained and saved once. Its ``grad`` is one of its own, to be written as any other; the network adds it to
        the first one's.

        Raises:
            ConfigError: no earlier layer has it.
        """
        return self._scope().shared(name)

    def buffer(self, name: str, shape: Shape, value: Any = 0.0) -> Buffer:
        """Declare an array that is kept and saved but not trained, such as running statistics; ``value`` fills it."""
        return self._scope().buffer(name, shape, value)

    def to_onnx(self, graph: Graph, x: Any) -> Any:
        """May say the forward pass at inference, without a mask, as operators of ONNX (opset 20). Then the network can
        be taken where NumPy is not: into the page of ``explain``, where it is tried out, or an ONNX file.

        A layer that computes $y = x W + b$::

            def to_onnx(self, graph, x):
                return graph.add("Add", graph.add("MatMul", x, self.W), self.b)

        The values must be those of ``forward(x, training=False)``, for a batch of any size. A child is asked in its
        turn: ``self.stack.to_onnx(graph, x)``. The network sees to a layer's ``activation``.

        Args:
            graph: what the operators are added to.
            x: the name of the input, ``(batch, *input_shape)``; of several inputs a mapping of names.

        Returns:
            The name of the output, ``(batch, *output_shape)``; of several a mapping of names.

        Raises:
            ExportError: there is no such way to say it; so it is where this is not written.
        """
        raise ExportError(f"{type(self).__name__} does not say its forward pass as operators: it has no to_onnx")

    @property
    def rng(self) -> np.random.Generator:
        """This layer's own stream of random numbers."""
        return self._scope().rng()

    @property
    def dtype(self) -> np.dtype[Any]:
        """The network's dtype: float32 or float64."""
        return self._scope().dtype

    def _scope(self) -> Scope:
        scope: Scope | None = self.__dict__.get("_lent_scope")
        if scope is None:
            raise ContractError(
                f"{type(self).__name__} is not part of a network yet: parameters, buffers, children and rng are to "
                "be had from build() on"
            )
        return scope


class Layer(Built):
    """A step of a network: $y = f(x)$, with the gradient of the loss passed back through it.

    An author writes ``build``, ``forward`` and ``backward``. ``build`` may call ``parameter``, ``buffer`` and
    ``child``, and from then on there are ``rng`` and ``dtype``. A layer never writes to ``x`` or ``dy``, and keeps
    nothing on ``self`` that leads back to ``self``: what it keeps goes with its network.

    A layer may take, or give, several arrays by name: then shapes are mappings of shapes, ``build({"a": (4,), "b":
    (3,)}) -> {"y": (8,)}``, and ``x``, ``y`` and their gradients mappings of arrays, with the same names.

    A layer whose ``forward`` has a third parameter, ``mask``, is given the mask of the batch where there is one: bool,
    ``(batch, steps)``, True where a step counts; else None.

    Attributes:
        input_dtype: ``"int64"`` for a layer that takes whole numbers, such as the ids of words: it stands first in a
            network, and is given them exactly. Its ``backward`` returns zeros of the network's dtype.
        bias_last: true for one whose ``forward`` ends in ``return self.add_bias(y, b)``, and needs ``y`` no more.
        multiplies_in_parts: true for one that shares its matrix products out by ``chainrule.in_parts``: then those of
            the whole network take no threads of their own while it is trained, which would be in the way.
    """

    kind = "layer"
    bias_last: ClassVar[bool] = False
    multiplies_in_parts: ClassVar[bool] = False
    _biased: Callable[[Array, Array], None] | None = None  # in a pass: the bias and the activation behind, in one loop
    required = {"build": ("input_shape",), "forward": ("x", "training"), "backward": ("dy",)}

    @property
    def input_dtype(self) -> Any:
        """A class attribute, or a property where it depends on fields, or on a layer within this one. Of several inputs
        a mapping, by name; so ``input_range``."""
        return None

    @property
    def input_range(self) -> Any:
        """Which whole numbers a layer with ``input_dtype`` takes, ``range(self.tokens)``: others are refused."""
        return None

    def build(self, input_shape: Shape) -> Shape:
        """Declare parameters, buffers and children, and return the output's shape. Both shapes are of one sample,
        without the batch axis. Called again for each network that is built.

        Raises:
            ShapeError: this layer cannot take such input; say what it can take.
        """
        raise NotImplementedError

    def forward(self, x: Array, training: bool) -> Array:
        """``x``: ``(batch, *input_shape)``. Returns ``(batch, *output_shape)`` of the same dtype, and keeps what
        ``backward`` needs."""
        raise NotImplementedError

    def backward(self, dy: Array) -> Array:
        """``dy``: shaped as the output of the last ``forward``. Writes (does not add) the gradient of every parameter
        into its ``grad``, and returns ``dx``, shaped as ``x``."""
        raise NotImplementedError

    def backward_parameters(self, dy: Array) -> None:
        """As ``backward``, where nobody needs ``dx``, as in a network's first layer. May be written to save work."""
        self.backward(dy)

    def add_bias(self, y: Array, b: Parameter | None) -> Array:
        """Add the bias, ``(features,)``, in place to ``y``, ``(..., features)``, or to some of its rows after others,
        and give ``y``: the last thing that a ``forward`` does. Where a network computes the activation behind this
        layer in the same loop, ``y`` then holds what that gives."""
        if self._biased is not None:
            self._biased(y, np.zeros(y.shape[-1], y.dtype) if b is None else b.value)
        elif b is not None:
            y += b.value
        return y

    def child(self, field: str, given: Any) -> Any:
        """The component that a field of this layer holds, as a private, fresh instance that the network knows of.

        ``given`` is an instance, a name or ``{name: ..., ...}``. An activation in the field ``activation`` is applied
        by the network, after this layer: layer code never applies it. A layer, or a list of layers, comes back as one
        ``Stack``: call its ``build``, ``forward`` and ``backward`` from yours. A field whose type is a list of lists of
        layers comes back as a list of them, one of a mapping of lists as a mapping.
        """
        return self._scope().child(self, field, given)


class Activation(Built):
    """An elementwise (or row by row) function $a = f(z)$. Usable as a layer, or by name in a layer's ``activation``.

    One whose derivative follows from what it gave is written as two functions of single numbers::

        def rule(self, z):           # a = f(z)
            return np.tanh(z)

        def derivative(self, a):     # f'(z)
            return 1 - a**2

    They are called once, with a symbol for each number, and what they compute is recorded, as of an optimizer's rule:
    operators and NumPy's functions of single numbers, ``np.where`` in place of ``if``. Core computes it by NumPy, or by
    compiled loops, on as many threads as a run has: a rule of operators together with the bias of the layer before (see
    ``Layer.add_bias``). Any other one writes ``forward`` and ``backward``, or one of them in place of its formula:
    what ``derivative`` is of is ``self.a``.

    One that learns may write ``build(input_shape)``, and declare its parameters there as a layer does; ``backward``
    writes their gradients.
    """

    kind = "activation"
    required = {"forward": ("z",), "backward": ("da",)}
    rule: ClassVar[Callable[..., Any] | None] = None
    derivative: ClassVar[Callable[..., Any] | None] = None
    a: Array
    _formulas: ClassVar[Any] = None  # as they were recorded

    def build(self, input_shape: Shape) -> None:
        """May declare parameters and buffers; ``input_shape`` is that of one sample, and of its output too."""

    def forward(self, z: Array) -> Array:
        """``z``: any shape. Returns ``a``, of the same shape and dtype, and keeps what ``backward`` needs; by default
        by the ``rule``."""
        if self.rule is None:
            raise NotImplementedError
        a = self.a = self.work("a", z.shape, z.dtype)
        known = self._formulas
        if known is None or known.values:  # of fields that may have changed
            known = formulas(self)
        known.forward(z, a)
        return a

    def backward(self, da: Array) -> Array:
        """Returns ``dz``, shaped as ``z``; by default by the ``derivative``."""
        if self.derivative is None:
            raise NotImplementedError
        dz = self.work("dz", da.shape, da.dtype)
        known = self._formulas
        if known is None or known.values:
            known = formulas(self)
        known.backward(self.a, da, dz)
        return dz


class Loss(Component):
    """How wrong predictions are: a mean over the batch.

    ``target`` has the shape and dtype of ``prediction``. Classes given as whole numbers are made one-hot on the way,
    unless the loss says ``integer_targets = True``: then such targets come as they are, integers of shape ``(batch,)``,
    or ``(batch, *steps)`` for predictions ``(batch, *steps, classes)``. A loss whose targets are of another shape says
    so in ``target_shape``.

    Samples may have weights, and steps of them a mask: that is not the loss's to know. The network takes ``rows``, or,
    of a loss that does not write it, the loss of each sample alone, weighs them, and the rows of the gradient.

    Attributes:
        integer_targets: see above.
        target_dtype: of the targets of a loss that writes ``target_shape``: ``"int64"``, or None, the network's.
        default_for: the tasks for which this loss is picked where none is named.
        fuses_with: the name of the last activation that this loss can take over, working from its input, the logits:
            then ``forward_logits`` and ``backward_logits`` are to be written too. Such a loss, where it is not for
            regression, takes probabilities: predictions outside 0 to 1 are refused.
        of_differences: true where it depends on $prediction - target$ alone, and predictions may be any number. Then
            the targets of a regression can be standardized for it, where the dataset says so; any other loss, of
            counts or positive numbers say, is given them as they are.
        scores: true where a network gives it scores of classes, not probabilities: any numbers, of which the highest
            wins; of yes or no the one that is above 0.
    """

    kind = "loss"
    required = {"output": ("task", "classes"), "forward": ("prediction", "target"), "backward": ()}

    integer_targets: ClassVar[bool] = False
    target_dtype: ClassVar[str | None] = None
    default_for: ClassVar[tuple[Task, ...]] = ()
    fuses_with: ClassVar[str | None] = None
    of_differences: ClassVar[bool] = False
    scores: ClassVar[bool] = False

    def output(self, task: Task, classes: int) -> tuple[int, str]:
        """How a network should end: the number of output units, and the name of their activation.

        Args:
            task: ``"binary"``, ``"multiclass"`` or ``"regression"``.
            classes: the number of classes; for regression, of target columns.

        Raises:
            ConfigError: this loss is not for that task.
        """
        raise NotImplementedError

    def target_shape(self, output_shape: Shape) -> Shape | None:
        """May say the shape of one sample's target, for a network with that output; None: see above."""
        return None

    def forward(self, prediction: Array, target: Array) -> float:
        """``prediction``: ``(batch, *output)``, what the network's last activation gives. Returns the mean loss."""
        raise NotImplementedError

    @property
    def parts(self) -> Mapping[str, Loss] | None:
        """Of a loss for a network of several outputs, the loss of each, by the output's name: its ``forward`` is given
        mappings of predictions and targets, and ``backward`` gives one of gradients. None: it is for one output."""
        return None

    def rows(self) -> Array:
        """May give the losses of which the last ``forward``, or ``forward_logits``, gave the mean: ``(batch,)``, or
        ``(batch, *steps)`` or more where it is a mean over these too, so that each step can be weighed by itself."""
        raise NotImplementedError

    def backward(self) -> Array:
        """Returns the gradient with respect to ``prediction`` of the last ``forward``, shaped like it."""
        raise NotImplementedError

    def forward_logits(self, logits: Array, target: Array) -> float:
        """The same loss from the last activation's input."""
        raise NotImplementedError

    def backward_logits(self) -> Array:
        """Returns the gradient with respect to ``logits`` of the last ``forward_logits``."""
        raise NotImplementedError

    def activated(self) -> Array | None:
        """May give what the activation does for the logits of the last ``forward_logits``, where that was computed on
        the way, and then need not be a second time."""
        return None

    def to_onnx(self, graph: Graph, prediction: Any, target: Any) -> str:
        """May say the same loss as ``forward`` as operators of ONNX (opset 20), as ``Layer.to_onnx`` does a layer.

        The mean absolute error::

            def to_onnx(self, graph, prediction, target):
                return graph.add("ReduceMean", graph.add("Abs", graph.add("Sub", prediction, target)), keepdims=0)

        Args:
            graph: what the operators are added to.
            prediction: the name of what the last activation gives, ``(batch, *output)``.
            target: the name of the targets, shaped as the prediction: classes are one-hot here, for every loss. Of a
                loss that writes ``target_shape`` they are as it says. Of several outputs both are mappings of names.

        Returns:
            The name of the mean loss, a single number.

        Raises:
            ExportError: there is no such way to say it; so it is where this is not written.
        """
        raise ExportError(f"{type(self).__name__} does not say its loss as operators: it has no to_onnx")


class Optimizer(Component):
    """The rule by which a gradient moves the parameters, written in one of two ways.

    One that treats each number of the parameters by itself writes its ``rule``, as a function of single numbers::

        def rule(self, theta, grad, v, lr):  # v: its slot
            v = self.beta * v + grad
            return theta - lr * v, v

    It returns what theta and each slot become, in this order; without slots, theta alone. Its parameters, by name, are
    ``theta``, ``grad``, each of its slots, and, where it asks for them, ``lr``, the scheduled learning rate, to be used
    in place of the field, and ``step``, which counts from 1. Core runs it over whole vectors, in passes of NumPy or as
    one compiled loop. To see what it computes, it is called once with symbols in place of numbers: so it takes
    operators and functions of NumPy of single numbers (``np.sqrt``, ``np.sign``, ``np.maximum``, ``np.where``, ...),
    and chooses by ``np.where``, not by ``if``; on the optimizer's fields it may branch. What only ``lr``, ``step`` and
    fields make up is computed once for all numbers. With numbers or arrays it can be called as well.

    One that looks at more than a number writes ``update``. Where both are there, ``update`` is called, and
    ``super().update(...)`` in it runs the rule.

    It keeps nothing on itself: an update runs once for each block of the flat parameter vector. State lives in
    ``slots``, arrays of zeros at first, named by the class attribute of that name (not annotated, or the dataclass
    would take it for a field). In float32, entries of slots that are smaller than 1e-30 in size are set to zero every
    64 steps, since subnormal numbers are slow: keep nothing in a slot to which that would matter. A field
    ``weight_decay`` is the strength of decoupled decay: the trainer applies it to weights before the update, as
    $theta = (1 - lr * weight_decay) theta$ (Loshchilov, Hutter 2019; as is common, it is scaled by the scheduled
    ``lr``, where their algorithm 2 takes the schedule's factor alone).

    Attributes:
        lr: the learning rate, a field that every optimizer has.
        slots: the names of its state vectors.
        squares_gradient: true where a rule sums squares of gradients. Of a gradient, what is beyond 2.2e15 in float32
            or 7.1e145 in float64 then counts as that, so that no such sum becomes infinite, and stays so: as its root
            divides the gradient, the step is what it would have been.
        whole_parameters: true for one call per parameter, in its own shape, in place of blocks of the flat vector.
            ``update`` may then have the parameters ``name``, such as ``"0.dense.W"``, ``shape``, and ``decay``,
            whether it is a weight, and is told them by name.
        whole_vector: true for one call with the whole flat vector. ``update`` may then have the parameter ``evaluate``.
        default: true for the one that estimators take where none is named.

    An optimizer around another one has it in a field, ``optimizer: str | Mapping[str, Any] | Optimizer``, and says its
    ``lr``, ``weight_decay``, ``slots`` and ``whole_parameters`` as properties. Its ``update(..., lr, **told)`` hands on
    what the other one asks for: ``inner.update(theta, grad, slots, step, lr, **inner.asks_for(told))``.
    """

    kind = "optimizer"

    lr: float
    slots: ClassVar[tuple[str, ...]] = ()
    squares_gradient: ClassVar[bool] = False
    whole_parameters: ClassVar[bool] = False
    whole_vector: ClassVar[bool] = False
    default: ClassVar[bool] = False
    rule: ClassVar[Callable[..., Any] | None] = None
    _rule: ClassVar[Any] = None  # as it was recorded

    def update(self, theta: Array, grad: Array, slots: dict[str, Array], step: int, lr: float) -> None:
        """Move ``theta`` in place; by default by the ``rule``. ``grad`` may be overwritten.

        Args:
            theta, grad: ``(n,)``, or a parameter's shape with ``whole_parameters``.
            slots: name to array, each shaped as ``theta``; to be changed in place.
            step: counts from 1.
            lr: the scheduled learning rate, which is to be used in place of the field.

        With ``whole_vector = True`` a last argument ``evaluate`` may be asked for. ``evaluate()`` computes loss and
        gradient of the running batch anew, for what ``theta`` holds at that moment: it returns the loss, with the
        penalty of a regularizer, and writes the gradient into ``grad``. What layers draw, and what buffers hold, is as
        the first pass found it, so that at the same ``theta`` both are the same; the buffers are left as that pass left
        them. Callbacks do not hear of it.
        """
        update_by_rule(self, theta, grad, slots, step, lr)

    def asks_for(self, told: Mapping[str, Any]) -> dict[str, Any]:
        """Of what may be told beside, that for which ``update`` has parameters."""
        return asked_of(self.update, told)


class Initializer(Component):
    """What a parameter holds before training."""

    kind = "initializer"
    required = {"__call__": ("shape", "rng", "dtype")}

    def __call__(self, shape: Shape, rng: np.random.Generator, dtype: Any) -> Array:
        """Returns a new array of that shape and dtype. All randomness comes from ``rng``."""
        raise NotImplementedError

    def moments(self, shape: Shape) -> tuple[float, float]:
        """May state the mean and the standard deviation of values of that shape: the conformance kit compares."""
        raise NotImplementedError


class Regularizer(Component):
    """A penalty on large weights. It sees weights only, never biases (``decay=False``).

    Attributes:
        whole_parameters: true for a penalty of each weight in its own shape, of which there is the sum, in place of one
            of all weights in one flat array.
    """

    kind = "regularizer"
    required = {"penalty": ("theta",), "add_gradient": ("theta", "grad")}

    whole_parameters: ClassVar[bool] = False

    def penalty(self, theta: Array) -> float:
        """``theta``: ``(n,)``, all weights of the network, or one of them in its shape. The reported loss leaves it
        out; it is logged beside it."""
        raise NotImplementedError

    def add_gradient(self, theta: Array, grad: Array) -> None:
        """Add the penalty's gradient to ``grad``, in place."""
        raise NotImplementedError


class Schedule(Component):
    """How the learning rate changes over a training."""

    kind = "schedule"
    required = {"__call__": ("step", "total")}

    def __call__(self, step: int, total: int) -> float:
        """The factor that multiplies the optimizer's ``lr``.

        Args:
            step: the number of updates made so far: 0 for the first one.
            total: the number of updates planned, at least 1. ``step`` may go beyond it.
        """
        raise NotImplementedError

    def observe(self, metrics: Mapping[str, float]) -> None:
        """May look at what an epoch measured, by name, ``"validation/loss"``, once it has ended: a schedule that does
        gives factors that depend on it, too. Where a field of it names what it looks at, and nothing of that name is
        measured, it raises a ConfigError that says so."""

    def state(self) -> dict[str, Any]:
        """What it has gathered, as ``Callback.state``."""
        return gathered(self)

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Take over what ``state`` gave."""
        take_over(self, state)


class Metric(Component):
    """A number that people read, gathered over batches of any cut.

    ``target`` holds integer classes of shape ``(batch,)`` for a multiclass task; otherwise numbers shaped as
    ``prediction``, 0 or 1 for a binary task, or between them where labels are smoothed. Steps that a mask leaves out
    are left out before: of predictions ``(batch, steps, units)`` those that count come as ``(n, units)``.

    A metric whose ``update`` has a third parameter, ``weight``, is given the weights of the samples, ``(batch,)``, all
    above 0, or None. One that has it not, and is a mean over samples, is weighed by its values for each sample alone.

    Attributes:
        tasks: for which tasks it is meant.
        default: whether it is picked where no metric is named. False leaves runs that do not name it as they are.
        goal: which way is better.
        array: true where ``compute`` gives an array. Such a metric is not followed during training, but computed at
            its end.
    """

    kind = "metric"
    required = {"reset": (), "update": ("prediction", "target"), "compute": ()}

    tasks: ClassVar[tuple[Task, ...]] = ()
    default: ClassVar[bool] = True
    goal: ClassVar[Literal["min", "max"]] = "max"
    array: ClassVar[bool] = False

    def reset(self) -> None:
        """Forget what was gathered. Called before the first batch."""
        raise NotImplementedError

    def update(self, prediction: Array, target: Array) -> None:
        """Take in one batch, of at least one row. ``prediction`` is what the output layer gives: ``(batch, units)``."""
        raise NotImplementedError

    def compute(self) -> float | Array:
        """The value over all that was gathered. Nobody asks before there was a batch."""
        raise NotImplementedError

    def state(self) -> dict[str, Any]:
        """What it has gathered, as ``Callback.state``."""
        return gathered(self)

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Take over what ``state`` gave."""
        take_over(self, state)


class Callback(Component):
    """Something that listens to a training. Write the methods that you need; each is given the trainer.

    What it may touch of that is all in ``Training``: ``network``, ``trained`` and ``optimizer``; ``epoch``, ``epochs``,
    ``step``, ``total_steps``, ``steps_per_epoch``; ``batch``, ``batch_index``, ``batch_size``, ``batch_loss``;
    ``metrics``, ``history``, ``running()``; ``learning_rate``, which may be set; ``limit_gradient(limit)``;
    ``stop(reason)`` and ``stop_reason``;
    ``log(name, value)``, ``figure(name, figure)`` and ``text(name, text)``; ``token_names``.

    Attributes:
        logs: the names that it gives to ``trainer.log``, or patterns of them: ``("gradient/norm", "share/*")``. At the
            end of an epoch those that log are heard before those that do not, so that what monitors a value finds it,
            in whatever order they were given.
        display: true where all that it does is to show something. Left out where many runs share one screen, as in a
            sweep.
        check_tokens: of one that is for networks over tokens, how many of these there are in the training that the
            conformance kit checks it in; ``check_input_shapes`` says the shape of a sample.
        ends_open_training: true where it ends a training that no longer improves. One whose fields all have defaults
            is added to a run of which neither such a callback nor the number of epochs is named.
    """

    kind = "callback"

    display: ClassVar[bool] = False
    check_tokens: ClassVar[int] = 0
    ends_open_training: ClassVar[bool] = False

    @property
    def logs(self) -> Sequence[str]:
        """A class attribute, or a property where it depends on fields."""
        return ()

    def on_train_start(self, trainer: Training) -> None:
        """``fit`` begins."""

    def on_epoch_start(self, trainer: Training) -> None:
        """``trainer.epoch`` (from 1) begins; of one that was cut, only the first time."""

    def on_order(self, trainer: Training, order: Array, rng: np.random.Generator) -> Array | None:
        """May choose the order of the samples of the epoch that begins, as in a curriculum.

        Args:
            order: their positions, ``(n,)``, shuffled if the training shuffles; not to be written to.
            rng: a stream of this callback's own for this epoch.

        Returns:
            ``n`` positions: some may be left out where others come again in their place; so a curriculum repeats
            what it begins with. None leaves ``order`` as it is.
        """

    def on_batch(self, trainer: Training, x: Array, y: Array, rng: np.random.Generator) -> tuple[Array, Array] | None:
        """May change a batch before it is learned from: augmentation, mixup.

        Args:
            x: ``(batch, *input_shape)``. y: targets as the loss takes them. Neither is to be written to.
            rng: a stream of this callback's own for this step.

        Returns:
            Both, of the same shapes and dtypes; ``y`` of classes may be one-hot or a distribution, ``(batch,
            classes)``. None leaves the batch as it is. Metrics of the training data are taken with the targets as they
            were.
        """

    def on_gradient(self, trainer: Training) -> None:
        """The gradient of a batch stands in ``trainer.network.parameters.grad``, and may be changed there; the update
        comes next."""

    def on_batch_end(self, trainer: Training) -> None:
        """The parameters were updated: ``trainer.step`` updates so far; ``trainer.batch_loss`` is the batch's loss. Its
        gradient is gone: an optimizer may have overwritten ``grad``."""

    def on_epoch_end(self, trainer: Training) -> None:
        """``trainer.metrics`` holds this epoch's values, by name: ``"validation/loss"``."""

    def on_train_end(self, trainer: Training) -> None:
        """``fit`` ends, early or not."""

    def on_exception(self, trainer: Training, error: BaseException) -> None:
        """An error or an interrupt ends ``fit``."""

    def state(self) -> dict[str, Any]:
        """What must be saved for a training to go on exactly: by default all that it keeps beside its fields.

        A file can keep numbers, texts, arrays, a network's ``snapshot()``, NumPy's generators, and lists, tuples and
        dicts of them. One that keeps something else on ``self``, a bar or a file, writes both methods.
        """
        return gathered(self)

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Take over what ``state`` gave: of a training that was cut, after ``on_train_start``."""
        take_over(self, state)


class Dataset(Component):
    """Where data comes from.

    Attributes:
        class_weight: what ``make`` and a config may give every dataset beside its fields: by what a run weighs the
            training samples, as ``Data.with_class_weights`` takes it; None for all alike. It is not for ``load`` to
            see to.
    """

    kind = "dataset"
    required = {"load": ()}

    class_weight: ClassVar[Any] = None

    def load(self) -> Data:
        """Read or generate it. The same fields give the same data.

        Raises:
            DataError: it is missing or damaged; say where it was looked for, and what to do.
        """
        raise NotImplementedError

    def files_read(self) -> Sequence[str | Path] | None:
        """May name all files that ``load`` reads, which with the fields decide what it gives: where it reads none, of
        none. Jobs of a sweep in one process then share what one of them loaded, as long as the files stay as they are.

        Returns:
            Their paths, of such as are not there yet too; None, where this is not written: each job loads it anew.
        """
        return None

    def read(self, content: bytes, name: str) -> Any:
        """May read new rows from a file like its own, for a network that was trained on this data, as ``chainrule
        predict`` does.

        Args:
            content: what the file holds, or what came from standard input.
            name: what messages call it.

        Returns:
            ``Rows``, or an array, as the ``preparation`` of its data takes them; or a pair of that array and its
            targets, as a network takes them.

        Raises:
            DataError: the content is no such file.
            ExportError: there are no files like its own; so it is where this is not written.
        """
        raise ExportError(f"{type(self).__name__} does not say how new rows are read: it has no read")


class Model(Component):
    """An architecture: the list of layers for a given input and output.

    Attributes:
        default: true for the one that estimators take where none is named.
    """

    kind = "model"
    required = {"build": ("input_shape", "units", "activation")}

    default: ClassVar[bool] = False

    def build(self, input_shape: Shape, units: int, activation: str) -> Sequence[Any]:
        """Returns layers, each an instance, a name or ``{name: ..., ...}``.

        Args:
            input_shape: of one sample; of several inputs by name a mapping.
            units, activation: how the network must end, from ``Loss.output``; of several outputs a mapping each.
        """
        raise NotImplementedError


KINDS: dict[str, type[Component]] = {
    base.kind: base
    for base in (
        Layer, Activation, Loss, Optimizer, Initializer, Regularizer, Schedule, Metric, Callback, Dataset, Model,
    )
}  # fmt: skip
"""Every kind, by name."""
