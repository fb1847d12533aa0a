"""What a class must be to become a component; what is not is refused, with the reason."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any

from chainrule.contract.fields import fields_of
from chainrule.contract.kinds import KINDS, Activation, Callback, Component, Loss, Optimizer
from chainrule.contract.rules import SCALARS
from chainrule.contract.signatures import asked_of, signature_of
from chainrule.errors import PluginError, did_you_mean

TOLD = ("name", "shape", "decay", "evaluate")
"""What an optimizer's ``update`` may ask for beside."""


def check_class(cls: type[Component]) -> None:
    """Refuse a class that cannot be a component.

    Raises:
        PluginError: with the reason, and what to do.
    """
    bases = [base for base in KINDS.values() if isinstance(cls, type) and issubclass(cls, base)]
    if not bases:
        raise PluginError(f"{cls!r} is not a component: inherit from one of {', '.join(k.title() for k in KINDS)}")
    if cls.kind != bases[0].kind:
        raise PluginError(
            f"{bases[0].kind} {cls.__name__} has a field kind, which every component has as something else: rename it"
        )
    who = f"{cls.kind} {cls.__name__}"
    if "__dataclass_params__" not in vars(cls):
        raise PluginError(f"{who} is not a dataclass: write @dataclass above it")
    names = {field.name for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    if "name" in names:
        raise PluginError(f"{who} has a field name, which is where configs write the component's own name: rename it")
    for name in sorted(names & _of_contract(cls)):
        if name.startswith("check") or not _is_method(getattr(KINDS[cls.kind], name)):
            reason = f"annotates {name}, which makes it a hyperparameter: write {name} = ... without a type"
        else:
            reason = f"has a field {name}, which every {cls.kind} has as something else: rename it"
        raise PluginError(f"{who} {reason}")
    if issubclass(cls, Optimizer) and "lr" not in names and not isinstance(getattr(cls, "lr", None), property):
        raise PluginError(f"{who} has no field lr, the learning rate: add lr: float = 0.01")
    try:
        fields_of(cls)
    except TypeError as error:
        raise PluginError(f"{who}: {error}") from None
    base = KINDS[cls.kind]
    required = dict(base.required)
    if issubclass(cls, Optimizer):
        _require_one_way(cls, who)
        _require_told(cls, who)
        if cls.update is not Optimizer.update:
            required["update"] = ("theta", "grad", "slots", "step", "lr")
    if issubclass(cls, Activation):
        for method, formula, of in (("forward", "rule", "z"), ("backward", "derivative", "a")):
            if getattr(cls, formula) is not None:
                if "a" in names:
                    raise PluginError(
                        f"{who} has a field a, where what its {formula} gives or takes is kept: rename it"
                    )
                required[formula] = (of,)
                if getattr(cls, method) is getattr(Activation, method):
                    del required[method]
    if issubclass(cls, Loss) and cls.fuses_with is not None:
        required |= {"forward_logits": ("logits", "target"), "backward_logits": ()}
    if issubclass(cls, Callback):
        required |= _events(cls)
    for method, arguments in required.items():
        written = getattr(cls, method)
        if written is getattr(base, method, None):
            raise PluginError(f"{who} does not write {method}({', '.join(arguments)})")
        told = dict.fromkeys(TOLD) if issubclass(cls, Optimizer) else {}
        try:
            signature_of(written).bind(None, *arguments, **asked_of(written, told))
        except TypeError:
            raise PluginError(
                f"{who}: {method}{signature_of(written)} must take (self, {', '.join(arguments)})"
            ) from None


def _require_one_way(cls: type[Optimizer], who: str) -> None:
    """Refuse an optimizer that writes no rule and no update, and a rule that asks for what there is not."""
    writes_update, rule = cls.update is not Optimizer.update, cls.rule
    if rule is None and not writes_update:
        raise PluginError(
            f"{who} writes neither rule(theta, grad, ...), of single numbers, nor update(theta, grad, slots, step, lr)"
        )
    if rule is None or isinstance(cls.slots, property):  # which its instances alone know
        return
    known, asked = ("theta", "grad", *cls.slots, *SCALARS), list(signature_of(rule).parameters)[1:]
    if unknown := [name for name in asked if name not in known]:
        raise PluginError(f"{who}: rule asks for {', '.join(unknown)}; it is given {', '.join(known)}")
    if missing := [name for name in ("theta", "grad", *cls.slots) if name not in asked]:
        raise PluginError(f"{who}: rule must take {', '.join(missing)}")


def _require_told(cls: type[Optimizer], who: str) -> None:
    """Refuse an optimizer that asks for what it is not told."""
    for flag, names in (("whole_vector", ("evaluate",)), ("whole_parameters", ("name", "shape", "decay"))):
        asked = signature_of(cls.update).parameters
        for name in names:
            if name in asked and asked[name].default is asked[name].empty and getattr(cls, flag) is False:
                raise PluginError(f"{who}: update asks for {name}, which it is told with {flag} = True")


def _is_method(attribute: Any) -> bool:
    return callable(attribute) or isinstance(attribute, property)


def _of_contract(cls: type[Component]) -> set[str]:
    """The names that a kind of component gives a meaning, none of which can be that of a field."""
    return {name for base in KINDS[cls.kind].__mro__[:-1] for name in vars(base) if not name.startswith("_")}


def _events(cls: type[Callback]) -> dict[str, tuple[str, ...]]:
    """What a callback listens to, with the arguments of each event. A misspelt one would never be heard."""
    known = {name: method for name, method in vars(Callback).items() if name.startswith("on_")}
    written = [name for name in dir(cls) if name.startswith("on_") and callable(getattr(cls, name))]
    for name in written:
        if name not in known:
            raise PluginError(f"callback {cls.__name__}: there is no event {name}. {did_you_mean(name, known)}")
    own = [name for name in written if getattr(cls, name) is not known[name]]
    return {name: tuple(inspect.signature(known[name]).parameters)[1:] for name in own}
