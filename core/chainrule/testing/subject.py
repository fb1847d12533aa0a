"""What is checked: a class of component, and one example of its fields at a time."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.contract.arrays import Shape
from chainrule.contract.fields import fields_of, require_known
from chainrule.contract.kinds import KINDS, Component
from chainrule.errors import UnknownName, did_you_mean
from chainrule.network.blueprint import Blueprint
from chainrule.network.stack import Stack
from chainrule.registry.making import fresh, spec_of
from chainrule.registry.registry import Entry, registry
from chainrule.testing.packing import PackedLayer, PackedLoss, packed_shape

PLAIN_SHAPE: Shape = (4,)


class Subject:
    """A component with one example of its fields. ``make()`` gives a new instance of it."""

    def __init__(self, cls: type[Component], fields: Mapping[str, Any], example: int | None) -> None:
        self.cls = cls
        self.fields = fields
        self.example = example  # its position, where there are several
        self.memory: dict[str, Any] = {}  # what several checks need and is costly to have

    @property
    def kind(self) -> str:
        return self.cls.kind

    @property
    def name(self) -> str:
        """``"layer.scale"``"""
        return f"{self.cls.kind}.{registry().name_of(self.cls)}"

    @property
    def entry(self) -> Entry | None:
        """Where the class is registered."""
        names = registry().names(self.kind)
        name = registry().name_of(self.cls)
        entry = registry().get(self.kind, name) if name in names else None
        return entry if entry is not None and entry.cls is self.cls else None

    def make(self, **fields: Any) -> Any:
        """A new instance, as ``chainrule.make`` would make it from the example."""
        values = {**self.fields, **fields}
        require_known(self.cls, self.name.replace(".", " "), values)
        return self.cls(**values)

    @property
    def kinks(self) -> tuple[float, ...]:
        return tuple(float(kink) for kink in self.make().check_kinks)

    @property
    def input_shapes(self) -> Sequence[Shape]:
        """Those that its author declares; several inputs by name as one array."""
        return [packed_shape(shape) for shape in self.make().check_input_shapes or (PLAIN_SHAPE,)]

    def usable(self) -> Any:
        """A new instance as one of a single array on either side, where it takes or gives several by name."""
        component = self.make()
        if self.kind == "loss" and component.parts is not None:
            return PackedLoss(component)
        if self.kind == "layer":
            for shape in component.check_input_shapes:
                if isinstance(shape, Mapping):
                    return PackedLayer(component, shape)
            if self._gives_names(component):
                return PackedLayer(component)
        return component

    def _gives_names(self, component: Any) -> bool:
        return isinstance(self._built[1], Mapping)

    @property
    def built(self) -> Any:
        """An instance of a layer that is built, where it can be."""
        return self._built[0]

    @property
    def _built(self) -> tuple[Any, Any]:
        """The same, and the shape of what it gives."""
        if "built" not in self.memory:
            component, given = self.make(), None
            with contextlib.suppress(Exception):  # whether it can be built is found by a check
                shape = component.check_input_shapes or (PLAIN_SHAPE,)
                stack = Stack([component], Blueprint(0, np.dtype("float64")))
                given = stack.build(shape[0])
                component = stack.given[0]
            self.memory["built"] = component, given
        known: tuple[Any, Any] = self.memory["built"]
        return known

    @property
    def not_applicable(self) -> dict[str, str]:
        """The checks that the author marks as not applicable to this example; what has no reason is not marked."""
        try:
            given = self.make().checks_not_applicable
            return {str(name): reason for name, reason in given.items() if isinstance(reason, str) and reason.strip()}
        except Exception:  # the checks that come first say what is wrong
            return {}

    @property
    def input_range(self) -> Sequence[int] | None:
        """The whole numbers that a layer takes, where it, or what is in it, takes whole numbers."""
        component = self.built if self.kind == "layer" else self.make()
        taken = getattr(component, "input_dtype", None)
        if taken is None or isinstance(taken, Mapping):
            return None
        return component.input_range or range(3)  # that it must say which is a check of its own

    def rng(self, index: int = 0) -> np.random.Generator:
        """The same stream of numbers whenever this is called with the same index."""
        return np.random.default_rng([20, index])


def changed_fields(before: Mapping[str, Any], component: Component) -> str:
    """The fields of a component that are not what they were in ``spec_of`` of it, each with both values, in words."""
    after = spec_of(component)
    changed = [f"{name} from {value!r} to {after[name]!r}" for name, value in before.items() if after[name] != value]
    return ", ".join(changed)


class Examined:
    """A class and all of its examples, as its author declares them."""

    def __init__(self, given: Any) -> None:
        if isinstance(given, str):
            given = entry_named(given)
        if isinstance(given, Entry):
            given = given.cls
        self.cls: type[Component] = given if isinstance(given, type) else type(given)
        if getattr(self.cls, "kind", None) not in KINDS:
            raise TypeError(f"got {given!r}, expected a component, its class or its name")
        self._instance = None if isinstance(given, type) else fresh(given)
        self._subjects: list[Subject] | None = None
        self.failed: set[str] = set()  # checks, of those that were run as tests in this process

    @property
    def name(self) -> str:
        return f"{self.cls.kind}.{registry().name_of(self.cls)}"

    def subjects(self) -> Sequence[Subject]:
        """One for each example."""
        if self._subjects is None:
            examples = self._examples()
            numbered = len(examples) > 1
            self._subjects = [Subject(self.cls, fields, i if numbered else None) for i, fields in enumerate(examples)]
        return self._subjects

    def _examples(self) -> Sequence[Mapping[str, Any]]:
        if self._instance is not None:
            return [{field.name: getattr(self._instance, field.name) for field in fields_of(self.cls)}]
        overridden = self.cls.check_examples_in.__func__ is not Component.check_examples_in.__func__  # type: ignore[attr-defined]
        examples = self.cls.check_examples_in(self._folder()) if overridden else self.cls.check_examples
        return examples or ({},)

    def _folder(self) -> Path:
        """An empty folder that lasts as long as this object."""
        folder = tempfile.mkdtemp(prefix="chainrule-check-")
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        return Path(folder)


def entry_named(name: str) -> Entry:
    """The registered component ``"scale"`` or ``"layer.scale"``.

    Raises:
        UnknownName: there is none, or several kinds have one of that name.
    """
    found = [entry for entry in registry() if name in (entry.name, f"{entry.kind}.{entry.name}")]
    if len(found) == 1:
        return found[0]
    if found:
        full = " or ".join(f"{entry.kind}.{entry.name}" for entry in found)
        raise UnknownName(f'several components are named "{name}": write {full}')
    known = {form for entry in registry() for form in (entry.name, f"{entry.kind}.{entry.name}")}
    raise UnknownName(f'there is no component "{name}". {did_you_mean(name, known)}')
