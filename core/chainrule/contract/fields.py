"""What the fields of a component are: their names, types and defaults, and whether a value fits.

The hyperparameters of a component are the fields of its dataclass. Everything that needs to know them (config nodes,
the command line, error messages, ``make``) asks here. Field types may be ``int, float, bool, str, Literal, Sequence``
and ``Mapping`` of these, ``Optional``, unions of these, and components of any kind, which are given as an instance, by
name or by ``{name: ..., ...}``.
"""

from __future__ import annotations

import collections.abc
import dataclasses
import functools
import numbers
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass
from typing import Any, Literal, Union, cast

from chainrule.errors import FieldError, UnknownName, did_you_mean
from chainrule.words import SHOWN, as_written, cut, quoted, with_article


@dataclass(frozen=True)
class Field:
    """One hyperparameter: its name, annotation and default (``MISSING`` where it must be given)."""

    name: str
    annotation: Any
    default: Any
    kind: str | None  # of the component that it holds, alone, in a sequence, or as below
    nested: str = ""  # "lists": sequences of them in a sequence; "names": those of a mapping, by name

    @property
    def required(self) -> bool:
        return self.default is MISSING

    def __repr__(self) -> str:
        return f"Field({self})"

    def __str__(self) -> str:
        """How a listing shows it.

        >>> print(Field("rate", float, 0.5, None))
        rate: float = 0.5
        """
        shown = f"{self.name}: {type_name(self.annotation)}"
        return shown if self.required else f"{shown} = {self.default!r}"


def fields_of(cls: type) -> tuple[Field, ...]:
    """The fields that ``cls(...)`` takes, in their order.

    Raises:
        TypeError: an annotation cannot be resolved, or is of a type that configs cannot hold.
    """
    return _resolved_fields(cast(Any, cls))  # a class is hashable, which mypy does not see


@functools.cache  # resolving annotations takes longer than a training step of a small network
def _resolved_fields(cls: type) -> tuple[Field, ...]:
    try:
        hints = typing.get_type_hints(cls)
    except (NameError, AttributeError) as error:
        raise TypeError(f"an annotation of {cls.__name__} cannot be resolved: {error}") from None
    fields = []
    for field in dataclasses.fields(cls):
        if not field.init:
            continue
        annotation = hints[field.name]
        if not _supported(annotation):
            raise TypeError(
                f"field {field.name!r} of {cls.__name__} has type {type_name(annotation)}; a field may be int, float, "
                "bool, str, Literal, Sequence, Mapping, Optional, a union of these, or a component"
            )
        default = field.default_factory() if field.default_factory is not MISSING else field.default
        kind = _component_kind(annotation)
        fields.append(Field(field.name, annotation, default, kind, _nested(annotation) if kind is not None else ""))
    return tuple(fields)


def require_known(cls: type, name: str, values: Mapping[str, Any]) -> None:
    """Refuse values by name that ``cls(...)`` does not take, or not without others; ``name`` is what messages call it.

    Raises:
        UnknownName: a key is no field. FieldError: a required field is not given.
    """
    fields = {field.name: field for field in fields_of(cls)}
    for key in values:
        if key not in fields:
            known = did_you_mean(key, fields) if fields else "It has no fields."
            key = cut(str(key), SHOWN)
            raise UnknownName(f'{name} has no field "{key}". {known}', key=key)
    for field in fields.values():
        if field.required and field.name not in values:
            raise FieldError(f"{name} needs a value for this field ({type_name(field.annotation)})", key=field.name)


def fit_fields(component: Any) -> None:
    """Fit each field of a new component to its type: the one check of it, wherever the values came from.

    What Hydra does before, by the types of a config node, is to read text (``0.1`` of an environment variable) as what
    it stands for; what it cannot read, it refuses before a sweep begins. A default that is kept is as it should be.

    Raises:
        FieldError: a value does not fit; names the field.
    """
    cls = type(component)
    try:
        fields = fields_of(cls)
    except TypeError:  # a class that cannot be registered, which says why where somebody tries
        return
    for field in fields:
        value = getattr(component, field.name)
        if value is field.default:
            continue
        try:
            fitted = fit(field.annotation, value)
        except TypeError as error:
            hint = _how_to_take(field.annotation, value)
            raise FieldError(f"{error} ({cls.__name__}){hint}", key=field.name) from None
        if fitted is not value:
            object.__setattr__(component, field.name, fitted)  # a frozen dataclass too


def fit(annotation: Any, value: Any) -> Any:
    """``value`` as a value of type ``annotation``; whole numbers become floats, NumPy's numbers Python's, and lists
    tuples, where that is the type.

    >>> fit(float, 1)
    1.0
    >>> fit(int, "many")
    Traceback (most recent call last):
    TypeError: got "many", expected a whole number

    Raises:
        TypeError: it does not fit; the message says what would.
    """
    if not _fits(annotation, value):
        scalar = value is None or isinstance(value, (bool, int, float))
        text = scalar and _component_kind(annotation) is None and _fits(annotation, quoted(value))
        # Not the value: what a file has as 1E5 or yes came here as 100000.0 or true.
        hint = "; in quotes of its own, as it stands there, it is text" if text else ""
        raise TypeError(f"got {as_written(value)}, expected {expected(annotation)}{hint}")
    try:
        return _converted(annotation, value)
    except OverflowError:
        raise TypeError(f"got {as_written(value)}, which no floating-point number can hold") from None


def _how_to_take(annotation: Any, value: Any) -> str:
    """For the author of a component whose field takes another component, and not what stands for it in a config."""
    kinds = {a for a in (annotation, *typing.get_args(annotation)) if isinstance(a, type) and _component_kind(a)}
    if not kinds or not isinstance(value, (str, Mapping)):
        return ""
    taken = " | ".join(sorted(kind.__name__ for kind in kinds))
    return f"; a field that configs give is annotated str | Mapping[str, Any] | {taken}"


def expected(annotation: Any) -> str:
    """What a value of this type is, in words."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    words = {int: "a whole number", float: "a number", bool: "true or false", str: "text", type(None): "null"}
    if annotation in words or origin is Literal:
        return " or ".join(map(as_written, arguments)) if origin is Literal else words[annotation]
    if _is_union(origin):
        kind = _component_kind(annotation)
        if kind:
            rest = [a for a in arguments if _component_kind(a) is None and a not in (str,) and not _is_mapping(a)]
            shown = f"the name of {with_article(kind)} or {{name: ..., ...}}"
            return " or ".join([shown, *(expected(a) for a in rest)])
        return " or ".join(expected(a) for a in arguments)
    if _is_sequence(annotation):
        if not arguments:
            return "a list"
        inner = expected(arguments[0])
        return f"a list, each element {inner}"
    if _is_mapping(annotation):
        return "a mapping"
    kind = _component_kind(annotation)
    return with_article(kind) if kind else type_name(annotation)


def type_name(annotation: Any) -> str:
    """An annotation as one would write it: ``Sequence[int]``, ``str | None``."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation is type(None):
        return "None"
    if origin is Literal:
        return f"Literal[{', '.join(map(repr, arguments))}]"
    if _is_union(origin):
        return " | ".join(type_name(a) for a in arguments)
    name = getattr(origin or annotation, "__name__", str(annotation))
    inner = ", ".join("..." if a is Ellipsis else type_name(a) for a in arguments)
    return f"{name}[{inner}]" if arguments else name


def config_type(annotation: Any) -> Any:
    """The type of a config node for such a field: the plain ones as they are, ``list[T]`` for sequences, else ``Any``.

    Hydra checks what it can while it composes; whatever is left as ``Any`` is checked when the component is built.
    """
    plain = (int, float, bool, str)
    if annotation in plain:
        return annotation
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if _is_union(origin) and len(arguments) == 2 and type(None) in arguments:
        inner = config_type(next(a for a in arguments if a is not type(None)))
        return Any if inner is Any else typing.Optional[inner]  # noqa: UP045 (built at run time)
    if _is_sequence(annotation) and arguments and arguments[0] in plain:
        return list[arguments[0]]  # type: ignore[valid-type]
    return Any


def _is_union(origin: Any) -> bool:
    return origin is Union or origin is types.UnionType


def _is_sequence(annotation: Any) -> bool:
    return (typing.get_origin(annotation) or annotation) in (Sequence, collections.abc.Sequence, list, tuple)


def _is_mapping(annotation: Any) -> bool:
    return (typing.get_origin(annotation) or annotation) in (Mapping, collections.abc.Mapping, dict)


def _component_kind(annotation: Any) -> str | None:
    """The kind of component in an annotation such as ``str | Mapping | Activation`` or ``Sequence[Layer]``."""
    for inner in typing.get_args(annotation):
        kind = _component_kind(inner)
        if kind:
            return kind
    # Components carry their kind as a class attribute: there is no need to import their module here.
    kind = getattr(annotation, "kind", None) if isinstance(annotation, type) else None
    return kind if isinstance(kind, str) else None


def _nested(annotation: Any) -> str:
    return "names" if _is_mapping(annotation) else "lists" if _lists(annotation) > 1 else ""


def _lists(annotation: Any) -> int:
    return _is_sequence(annotation) + max(map(_lists, typing.get_args(annotation)), default=0)


def _supported(annotation: Any) -> bool:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation in (int, float, bool, str, type(None), Any, Ellipsis) or origin is Literal:
        return True
    if origin is tuple and Ellipsis not in arguments:
        return False  # of a fixed length
    if _is_union(origin) or _is_sequence(annotation) or _is_mapping(annotation):
        return all(_supported(a) for a in arguments)
    return _component_kind(annotation) is not None


def _fits(annotation: Any, value: Any) -> bool:
    if type(value) is annotation:  # most are: that much sooner
        return True
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation is Any:
        return True
    if annotation is type(None):
        return value is None
    if annotation is bool:
        return isinstance(value, bool)
    if annotation is int:
        return isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if annotation is float:
        return isinstance(value, numbers.Real) and not isinstance(value, bool)
    if annotation is str:
        return isinstance(value, str)
    if origin is Literal:
        return type(value) in {type(a) for a in arguments} and value in arguments
    if _is_union(origin):
        return type(value) in arguments or any(_fits(a, value) for a in arguments)
    if _is_sequence(annotation):
        inner = arguments[0] if arguments else Any
        is_list = isinstance(value, Sequence) and not isinstance(value, str)
        return is_list and all(_fits(inner, element) for element in value)
    if _is_mapping(annotation):
        return isinstance(value, Mapping)
    return isinstance(value, annotation)


def _converted(annotation: Any, value: Any) -> Any:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if _is_union(origin):
        # A value keeps its own type where the union has it: 1 stays 1 in int | float.
        fitting = [a for a in arguments if _fits(a, value)]
        exact = [a for a in fitting if a is type(value)]
        return _converted((exact or fitting)[0], value)
    if annotation in (int, float):
        return annotation(value)  # a NumPy number becomes Python's: float64 would promote float32 arrays
    if _is_sequence(annotation):
        inner = arguments[0] if arguments else Any
        # A tuple equals the default that a dataclass can have, so that make(spec_of(component)) == component.
        return (list if list in (origin, annotation) else tuple)(_converted(inner, element) for element in value)
    return value
