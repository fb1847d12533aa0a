"""Every exception that chainrule raises, as one tree, and the messages that suggest the right name.

ChainruleError
├── ConfigError              something that the user wrote is wrong; knows the key that it stands under
│   ├── UnknownName          no component, field or option of that name
│   ├── FieldError           a field has a value that it cannot take
│   ├── ShapeError           shapes of layers, targets or data do not fit together
│   └── UnsafeConfig         a config that would run code
├── DataError                a dataset is missing, damaged, or not what its loss or labels say
├── ContractError            a component does not keep the contract of its kind
├── ExportError              a network cannot be computed elsewhere, or written so that it can
├── PluginError              a plugin could not be loaded
├── NonFiniteError           training left the real numbers
├── SweepError               jobs of a sweep failed
├── ResumeError              a run that was cut cannot go on as it would have
└── TrackingError            the tracking store cannot be used
"""

from __future__ import annotations

import difflib
import linecache
import os
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from chainrule.words import SHOWN, cut, listed, quoted

LISTED = 24
"""Names in a message, at most."""


class ChainruleError(Exception):
    """The base of all of them. ``exit_status`` is what the command line ends with."""

    exit_status = 2

    def _render_traceback_(self) -> list[str]:
        """What IPython shows, of notebooks too, in place of a traceback: the line of the user's that led here, and
        the message. With ``CHAINRULE_DEBUG=1`` all of it."""
        if debugging():
            return "".join(traceback.format_exception(self)).splitlines()
        walked = traceback.walk_tb(self.__traceback__)
        cells = [(f.f_code.co_filename, line) for f, line in walked if f.f_globals.get("__name__") == "__main__"]
        places = [f"line {line}: {linecache.getline(file, line).strip()}" for file, line in cells[-1:]]
        return [*places, *f"{type(self).__name__}: {self}".splitlines()]


class ConfigError(ChainruleError, ValueError):
    """Something that the user wrote is wrong.

    ``key`` is the dotted path of the value that is to blame, as far as it is known: each level that an error passes
    through on its way up adds its own part (see ``within``).
    """

    def __init__(self, message: str, key: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.key = key

    def __str__(self) -> str:
        return f"{self.key}: {self.message}" if self.key else self.message

    def __reduce__(self) -> tuple[type[ConfigError], tuple[str, str]]:
        # Errors cross process borders in parallel sweeps; the default would call __init__ with str(self).
        return type(self), (self.message, self.key)


class UnknownName(ConfigError):
    """There is no component, field or option of that name."""


class FieldError(ConfigError):
    """A field of a component has a value that it cannot take."""


class ShapeError(ConfigError):
    """Shapes of layers, targets or data do not fit together."""


class UnsafeConfig(ConfigError):
    """The config asks for something that would run code."""


class DataError(ChainruleError, ValueError):
    """A dataset is missing, damaged, or does not hold what it should."""


class ContractError(ChainruleError, TypeError):
    """A component does not keep the contract of its kind."""


class ExportError(ChainruleError):
    """A network cannot be taken elsewhere than NumPy: a component does not say how it is computed, ``onnx`` is not
    installed, or a file cannot hold it."""


class PluginError(ChainruleError):
    """A plugin could not be loaded."""


class NonFiniteError(ChainruleError, ArithmeticError):
    """A loss, a gradient or a weight is infinite or not a number."""

    exit_status = 1


class SweepError(ChainruleError):
    """Jobs of a sweep failed; the others have run. ``sweep`` is its name."""

    exit_status = 1

    def __init__(self, sweep: str, failed: int, jobs: int) -> None:
        super().__init__(sweep, failed, jobs)
        self.sweep = sweep
        self.failed = failed
        self.jobs = jobs

    def __str__(self) -> str:
        return f"{self.failed} of {self.jobs} jobs of the sweep {self.sweep} failed"


class ResumeError(ChainruleError):
    """A run that was cut cannot go on, or not as it would have."""


class TrackingError(ChainruleError):
    """The tracking store cannot be used."""


@contextmanager
def within(key: str) -> Iterator[None]:
    """Name the place of whatever goes wrong inside: ``within("model")`` turns key ``hidden`` into ``model.hidden``."""
    try:
        yield
    except ConfigError as error:
        error.key = f"{key}.{error.key}" if error.key else key
        raise


def did_you_mean(name: object, known: Iterable[str], most: int = 12, ordered: bool = False) -> str:
    """The end of a message about an unknown name: the closest known one, and all of them where they are few.

    Args:
        ordered: whether they stand in an order that means something, as columns do; else they are sorted.

    >>> did_you_mean("admm", ["adam", "sgd"])
    'Did you mean "adam"? Known: adam, sgd.'
    """
    shown = [cut(str(name), SHOWN) for name in known]  # comparing takes the product of both lengths
    names = shown if ordered else sorted(shown)
    given = cut(name, SHOWN) if isinstance(name, str) else quoted(name)
    close = difflib.get_close_matches(given, names, n=1, cutoff=0.5)
    hint = f'Did you mean "{close[0]}"? ' if close else ""
    if not names:
        return f"{hint}None is known."
    if len(names) > most and close:
        return hint.strip()
    return f"{hint}Known: {listed(names, LISTED)}."


def debugging() -> bool:
    """Whether people want to see tracebacks: ``CHAINRULE_DEBUG=1``."""
    return switched_on("CHAINRULE_DEBUG")


def switched_on(variable: str) -> bool:
    """Whether an environment variable is set, and not to 0."""
    return os.environ.get(variable, "") not in ("", "0")
