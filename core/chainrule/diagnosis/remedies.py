"""What to try, as overrides of the config that a training had: of what is installed, by what it does."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal, get_args, get_origin

import numpy as np

from chainrule.contract.kinds import Activation, Component, Initializer, Regularizer
from chainrule.errors import ChainruleError
from chainrule.registry.registry import registry

GRID = np.linspace(-6, 6, 241, dtype=np.float32).reshape(-1, 1)
FAN = 64


class Remedies:
    """Overrides for one config; none where there is no config, as for a network that was made by hand.

    Args:
        config: as it was composed.
        overrides: of the command that trained it.
    """

    def __init__(self, config: Mapping[str, Any] | None = None, overrides: Sequence[str] = ()) -> None:
        self._config = config or {}
        self._given = list(overrides)

    def command(self, *overrides: str) -> str:
        """The command that trains it once more with these: what they replace is left out."""
        keys = {_key(override) for override in overrides}
        kept = [given for given in self._given if _key(given) not in keys]
        return shlex.join(["chainrule", "train", *kept, *overrides])

    def rate(self, factor: float) -> tuple[str, ...]:
        """Another learning rate."""
        rate = self._part("optimizer").get("lr")
        return (f"optimizer.lr={rate * factor:.3g}",) if isinstance(rate, (int, float)) else ()

    def epochs(self, factor: int) -> tuple[str, ...]:
        epochs = self._part("trainer").get("epochs")
        return (f"trainer.epochs={epochs * factor}",) if isinstance(epochs, int) else ()

    def weaker(self, factor: float) -> tuple[str, ...]:
        """A penalty and a decay that count for less, whatever their numbers are called."""
        penalty = [f"regularizer.{key}" for key in self._part("regularizer") if self._number("regularizer", key)]
        decay = [f"optimizer.{key}" for key in ("weight_decay",) if self._number("optimizer", key)]
        return tuple(f"{key}={self._number(*key.split('.')) * factor:.3g}" for key in [*penalty, *decay])

    def calmer(self, factor: float) -> tuple[str, ...]:
        """Less of what disturbs a training: shares of the model's that lie between 0 and 1."""
        shares = [key for key in self._part("model") if 0 < self._number("model", key) < 1]
        return tuple(f"model.{key}={self._number('model', key) * factor:.3g}" for key in shares)

    def scaled(self) -> tuple[str, ...]:
        """Inputs that are scaled, and targets, where the dataset can and was told not to."""
        given = self._part("dataset")
        found = [f"dataset.{key}=true" for key, value in given.items() if value is False and "standard" in key]
        for key, value in given.items():
            choices = _choices("dataset", given.get("name"), key)
            if value in ("none", None) and "scale" in key and choices:
                found.append(f"dataset.{key}={choices[0]}")
        return tuple(found)

    def another_activation(self) -> tuple[str, ...]:
        """One whose slope vanishes on neither side."""
        return self._of_the_model("activation", steep())

    def another_initializer(self) -> tuple[str, ...]:
        """One that keeps signals at about their size."""
        return self._of_the_model("initializer", keeping_size())

    def fewer_layers(self) -> tuple[str, ...]:
        return self._hidden(lambda sizes: sizes[: max(len(sizes) // 4, 1)])

    def more_units(self) -> tuple[str, ...]:
        return self._hidden(lambda sizes: [min(4 * size, max(size, 512)) for size in sizes] or [64])

    def held_back(self) -> tuple[str, ...]:
        """A regularizer, where there is none: one that grows with the square of a weight, ten times as strong as by
        itself."""
        if not self._config or self._part("regularizer"):
            return ()
        for cls, strength in quadratic():
            name = registry().name_of(cls())
            return (f"regularizer={name}", *(f"regularizer.{key}={10 * value:.3g}" for key, value in strength.items()))
        return ()

    def _part(self, group: str) -> Mapping[str, Any]:
        given = self._config.get(group)
        return given if isinstance(given, Mapping) else {}

    def _number(self, group: str, key: str) -> float:
        """A number with a fraction that is above 0; 0 where there is none."""
        value = self._part(group).get(key)
        return value if type(value) is float and value > 0 else 0.0

    def _of_the_model(self, kind: str, names: Sequence[str]) -> tuple[str, ...]:
        given = self._part("model").get(kind)
        now = given.get("name") if isinstance(given, Mapping) else given
        others = [name for name in names if name != now]
        return (f"model.{kind}={others[0]}",) if kind in self._part("model") and others else ()

    def _hidden(self, change: Callable[[list[int]], list[int]]) -> tuple[str, ...]:
        """Of a model whose sizes are a list."""
        for key, value in self._part("model").items():
            if isinstance(value, (list, tuple)) and all(isinstance(size, int) for size in value):
                changed = change(list(value))
                return (f"model.{key}=[{','.join(map(str, changed))}]",) if changed != list(value) else ()
        return ()


def _key(override: str) -> str:
    return override.lstrip("+~").partition("=")[0]


def _choices(kind: str, name: Any, key: str) -> list[str]:
    """The values that a field may have, but for none."""
    for entry in registry():
        if entry.kind == kind and entry.name == name:
            for field in entry.fields:
                if field.name == key and get_origin(field.annotation) is Literal:
                    return [value for value in get_args(field.annotation) if value != "none"]
    return []


def _by_themselves(kind: type[Component]) -> Iterator[tuple[str, Any]]:
    """Installed components of a kind with all fields at their defaults."""
    for entry in registry():
        if issubclass(entry.cls, kind) and not any(field.required for field in entry.fields):
            try:
                yield entry.name, entry.cls()
            except ChainruleError:
                continue


def steep() -> list[str]:
    """The activations that let something of every gradient through, on either side, and are no straight line."""
    found = []
    for name, activation in _by_themselves(Activation):
        try:
            activation.forward(GRID.copy())
            slope = np.abs(activation.backward(np.ones_like(GRID)))
        except (ChainruleError, AttributeError, ValueError, TypeError, IndexError):
            continue  # one that has parameters of its own, or needs more than one number
        if 0.005 * slope.max() < slope.min() < 0.9 * slope.max() and slope[-1] > 0.9 * slope.max():
            found.append(name)
    return found


def keeping_size() -> list[str]:
    r"""The initializers that draw at random with $\sqrt{fan_{in}} \, std$ between 0.9 and 1.6."""
    found = []
    for name, initializer in _by_themselves(Initializer):
        try:
            weights = initializer((FAN, FAN), np.random.default_rng(0), np.float64)
        except (ChainruleError, ValueError, TypeError):
            continue
        if np.shape(weights) == (FAN, FAN) and 0.9 < np.sqrt(FAN) * np.std(weights) < 1.6 and np.ptp(weights) > 0:
            found.append(name)
    return found


def quadratic() -> Iterator[tuple[type[Regularizer], dict[str, float]]]:
    """The regularizers whose penalty grows with the square of a weight, and their strengths by name."""
    for _, regularizer in _by_themselves(Regularizer):
        try:
            once, twice = (float(regularizer.penalty(np.full((2, 2), size))) for size in (1.0, 2.0))
        except (ChainruleError, ValueError, TypeError):
            continue
        if once > 0 and abs(twice / once - 4) < 1e-3:
            numbers = {name: value for name, value in vars(regularizer).items() if type(value) is float and value > 0}
            yield type(regularizer), numbers
