"""What to try, as overrides of the config that a training had: of what is installed, by what it does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.contract.kinds import Activation, Callback, Regularizer
from chainrule.errors import ChainruleError
from chainrule.registry.registry import registry

GRID = np.linspace(-6, 6, 241, dtype=np.float32).reshape(-1, 1)


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
        import shlex

        keys = {override.lstrip("+").partition("=")[0] for override in overrides}
        kept = [given for given in self._given if given.lstrip("+~").partition("=")[0] not in keys]
        return shlex.join(["chainrule", "train", *kept, *overrides])

    def rate(self, factor: float) -> tuple[str, ...]:
        """Another learning rate."""
        rate = (self._config.get("optimizer") or {}).get("lr")
        return () if not isinstance(rate, (int, float)) else (f"optimizer.lr={rate * factor:.3g}",)

    def epochs(self, factor: int) -> tuple[str, ...]:
        epochs = (self._config.get("trainer") or {}).get("epochs")
        return () if not isinstance(epochs, int) else (f"trainer.epochs={epochs * factor}",)

    def strength(self, factor: float) -> tuple[str, ...]:
        """A regularizer that counts for less, whatever its numbers are called."""
        given = self._config.get("regularizer") or {}
        return tuple(
            f"regularizer.{key}={value * factor:.3g}"
            for key, value in given.items()
            if isinstance(value, float) and not isinstance(value, bool)
        )

    def another_activation(self) -> tuple[str, ...]:
        """One whose slope vanishes on neither side."""
        model = self._config.get("model") or {}
        return tuple(f"model.{key}={name}" for key in model if key == "activation" for name in steep()[:1])

    def fewer_layers(self) -> tuple[str, ...]:
        return self._hidden(lambda sizes: sizes[: max(len(sizes) // 4, 1)])

    def more_units(self) -> tuple[str, ...]:
        return self._hidden(lambda sizes: [4 * size for size in sizes] + ([] if len(sizes) > 1 else [64]))

    def held_back(self) -> tuple[str, ...]:
        """A regularizer, where there is none, of the installed ones the first."""
        if self._config.get("regularizer") or not self._config:
            return ()
        names = [entry.name for entry in registry() if issubclass(entry.cls, Regularizer)]
        return (f"regularizer={names[0]}",) if names else ()

    def stopped_in_time(self) -> tuple[str, ...]:
        """What ends a training that no longer improves, beside the callbacks that it had."""
        given = list(self._config.get("callbacks") or {})
        found = [e.name for e in registry() if issubclass(e.cls, Callback) and e.cls.ends_open_training]
        if not self._config or not found or found[0] in given:
            return ()
        return (f"callbacks=[{','.join([*given, found[0]])}]",)

    def _hidden(self, change: Any) -> tuple[str, ...]:
        """Of a model whose sizes are a list."""
        lists = {
            key: value
            for key, value in (self._config.get("model") or {}).items()
            if isinstance(value, (list, tuple)) and all(isinstance(size, int) for size in value)
        }
        for key, sizes in list(lists.items())[:1]:
            changed = change(list(sizes))
            if changed != list(sizes):
                return (f"model.{key}=[{','.join(map(str, changed))}]",)
        return ()


def steep() -> list[str]:
    """The installed activations that let something of every gradient through, on either side, and are no straight
    line."""
    found = []
    for entry in registry():
        if not issubclass(entry.cls, Activation) or any(field.required for field in entry.fields):
            continue
        try:
            activation = entry.cls()
            activation.forward(GRID.copy())
            slope = np.abs(activation.backward(np.ones_like(GRID)))
        except (ChainruleError, AttributeError, ValueError, TypeError, IndexError):
            continue  # one that has parameters of its own, or needs more than one number
        if 0.005 * slope.max() < slope.min() < 0.9 * slope.max() and slope[-1] > 0.9 * slope.max():
            found.append(entry.name)
    return found
