"""The formula of each component: its ``reference``, in plain NumPy, beside the code that computes the same. Of a model
it is the list of its layers.

A backward pass is held to its forward pass by differences; nothing but a second computation holds a forward pass, an
update rule or a schedule to what it is meant to be. Both are evaluated in float64, for the examples that the author
declares and for others, in which one field at a time has another value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from chainrule.contract.kinds import Component
from chainrule.testing import formulas_of_layers, formulas_of_models, formulas_of_optimizers, formulas_of_values
from chainrule.testing.kit import check
from chainrule.testing.subject import Subject
from chainrule.testing.variants import variants

SIGNATURES: Mapping[str, str] = {
    "layer": "reference(self, x, training), which gives y, or y and {name of a buffer: its value afterwards}",
    "activation": "reference(self, z), which gives a",
    "loss": "reference(self, prediction, target), which gives one number",
    "optimizer": "reference(self, theta, gradient, rates), which yields theta after a step with each rate of rates, "
    "gradient(theta) being the gradient there",
    "initializer": "reference(self, shape, rng), which gives the array",
    "regularizer": "reference(self, theta), which gives one number",
    "schedule": "reference(self, step, total), which gives one number",
    "metric": "reference(self, prediction, target), which gives the value for all rows at once",
    "model": "reference(self, input_shape, units, activation), which lists the layers",
}
COMPARISONS: Mapping[str, Callable[[Subject, str], None]] = {
    "layer": formulas_of_layers.of_layer,
    "activation": formulas_of_layers.of_layer,
    "loss": formulas_of_values.of_loss,
    "optimizer": formulas_of_optimizers.of_optimizer,
    "initializer": formulas_of_values.of_initializer,
    "regularizer": formulas_of_values.of_regularizer,
    "schedule": formulas_of_values.of_schedule,
    "metric": formulas_of_values.of_metric,
    "model": formulas_of_models.of_model,
}


def without_reference(cls: type[Component]) -> str | None:
    """Why a class cannot be compared with its formula, where it cannot."""
    if callable(getattr(cls, "reference", None)):
        return None
    if cls.kind == "model":
        return (
            f"it has no list of layers to compare with. To prove it, write {SIGNATURES[cls.kind]}: what the docstring "
            "says, as a config would write it, plain and obvious"
        )
    return (
        f"it has no formula to compare with. To prove it, write {SIGNATURES[cls.kind]}: the formula of the docstring "
        "in a few lines of plain NumPy, slow and obvious"
    )


@check(*SIGNATURES, unless=without_reference)
def check_formula_computed(subject: Subject) -> None:
    """It computes what its reference does, the formula in plain NumPy, to 1e-10; a model builds what it lists."""
    for fields, each in variants(subject, "formula_computed"):
        COMPARISONS[subject.kind](each, fields)
