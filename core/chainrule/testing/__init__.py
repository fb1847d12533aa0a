"""The conformance kit: whether a component keeps the contract of its kind, as small named checks.

``chainrule check my-package`` runs it over what a package brings and prints a table; a test of one's own does so with
pytest, one test for each check (``layer.scale-gradient_of_input``)::

    from chainrule.testing import parametrize_with_checks

    @parametrize_with_checks([Scale, "my_swish"])
    def test_contract(check):
        check()

``check_component(Scale)`` runs all of them at once, and raises one error that lists every failure. A failure says what
is wrong, with numbers, and how to mend it:

>>> from dataclasses import dataclass
>>> import chainrule
>>> @dataclass
... class Scale(chainrule.Layer):
...     '''One learned factor for each feature: $y = s x$.'''
...
...     def build(self, input_shape):
...         self.s = self.parameter("s", input_shape, "glorot_normal")
...         return input_shape
...
...     def forward(self, x, training):
...         self.x = x
...         return self.s.value * x
...
...     def backward(self, dy):
...         self.s.grad = (dy * self.x).mean(axis=0)
...         return self.s.value * dy
>>> failed = [o for o in check_component(Scale, on_fail="return") if o.status == "failed"]
>>> [outcome.check for outcome in failed]
['gradient_of_parameters', 'gradient_at_inference']
>>> print(failed[0].message)  # doctest: +ELLIPSIS, +NORMALIZE_WHITESPACE
s.grad is off by 0.8 of its largest number (allowed: 1e-06): number [...] is ..., and by differences ... Everywhere it
is the right one times 1/5, one over the batch size: do not divide by it.
To mend it: derive backward from the formula of forward, by the chain rule; dy is the gradient of the loss, whose mean
over the batch is in it already

What the kit cannot know, a component tells it, in class attributes without a type (see ``Component``):

- ``check_examples = ({"units": 3}, {"units": 1, "bias": False})``: fields to check with, where some have no default or
  other variants are worth it; ``check_examples_in(folder)``, a class method, for examples that need files;
- ``check_input_shapes = ((8, 8, 3),)``: of a sample, for a layer or a model that does not take ``(4,)``;
- ``check_kinks = (0.0,)``: where there is no derivative, so that differences stay away;
- ``check_sizes = (1e20,)``: of inputs in float32, all or every other one, at which it is right as well, though squares
  leave its range there;
- ``check_constants = (54321.098,)``: numbers such that in float32 it is right where inputs are equal to one of them,
  though their mean is not, once it is rounded;
- ``checks_not_applicable = {"keeps_dtype": "it computes in float64 on purpose"}``: with a reason, which is shown
  wherever the kit runs (pytest: as a skip).

Shapes, kinks and what does not apply may be properties instead, where they depend on fields: so an example has shapes
of its own.

Gradients are compared in float64 with differences, every number of ``dx`` and of every parameter, for a random ``dy``;
a layer that draws random numbers draws the same ones each time. That holds a backward pass to its forward pass. What
holds the forward pass, an update rule or a schedule to its formula is ``reference``, which an author may write: the
formula of the docstring in a few lines of plain NumPy, slow and obvious, as independent of the code as can be.
A check of its own evaluates both, for the examples and for one other value of each field, and says where they part::

    def reference(self, x, training):
        return np.array([self.s.value * sample for sample in x])

A model's ``reference`` lists its layers once more, as a config writes them. What each kind's ``reference`` is given,
the check says where there is none: then it is not applicable. A gradient may on purpose not be that of what forward
computes, as it takes some of it as given: then the reference of a layer or an activation may keep that in ``given``, a
dict, and a check of its own holds backward to the reference in which it stays as it is::

    def reference(self, z, given=None):  # a = round(z), through which the gradient passes as it is
        rest = np.round(z) - z
        return z + (rest if given is None else given.setdefault("rest", rest))

A layer, an activation or a loss that writes ``to_onnx`` is computed by ONNX's own reference too, at several batch
sizes, and gives what ``forward`` gives; without the extra [onnx] that check says that it is not applicable.

An optimizer's ``rule``, and what a layer, an activation or a loss computes in ``cr.loops``, is compiled too, and gives
what NumPy gives; without the extra [fast] that check is not applicable. Layers and activations are
computed with all that they give to ``cr.in_parts`` shared out among threads.

``checks_for("layer.dense")`` lists the checks of a component, each with its name and a sentence on what it asks for.
A check that rests on another one is not run where that fails: it would say the same again.

What may not live here: what a component is; each check reads a rule that stands in ``contract`` to the component.
"""

from chainrule.testing import (  # noqa: F401 (importing them takes their checks in)
    again,
    backward,
    callbacks,
    constants,
    courses,
    datasets,
    declared,
    elsewhere,
    engines,
    everywhere,
    exported,
    far_larger,
    formulas,
    gathering,
    held_out,
    initializers,
    layouts,
    loss_rows,
    losses,
    metrics,
    models,
    often,
    optimizers,
    own_streams,
    precision,
    regularizers,
    schedules,
    sizes,
    slopes,
    state,
    steps,
    taking,
    ties,
)
from chainrule.testing.kit import Check, CheckFailed, Outcome
from chainrule.testing.running import check_component, checks_for, parametrize_with_checks

__all__ = ["Check", "CheckFailed", "Outcome", "check_component", "checks_for", "parametrize_with_checks"]
