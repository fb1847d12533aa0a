"""How numbers, names, lists and cut text are written, in messages and tables."""

from __future__ import annotations

import hashlib
import reprlib
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

SHOWN = 80
"""Characters of a value that a message quotes."""
SETTING = 60
"""Characters of a value in a table or a line, where it stands beside others."""


def cut(text: str, length: int) -> str:
    """``text``, or its beginning and an ellipsis.

    >>> cut("gradient", 5)
    'grad…'
    """
    return text if len(text) <= length else text[: length - 1] + "…"


def cut_inside(text: str, length: int) -> str:
    """``text``, or its beginning, an ellipsis and its end.

    >>> cut_inside("backpropagation", 8)
    'back…ion'
    """
    end = (length - 1) // 2
    return text if len(text) <= length else cut(text, length - end) + text[len(text) - end :]


def abridged(text: str, length: int = SETTING) -> str:
    """``text``, or its beginning, a digest of the whole and its end: no two long ones look the same.

    >>> abridged("stochastic gradient descent", 20)
    'stocha…f928c5…escent'
    """
    mark = f"…{hashlib.sha256(text.encode(errors='surrogatepass')).hexdigest()[:6]}…"
    half = (length - len(mark)) // 2
    return text if len(text) <= length else text[:half] + mark + text[len(text) - half :]


def distinct(texts: Iterable[str], length: int = SETTING) -> dict[str, str]:
    """Each as it is shown: long ones by both ends; those that would look the same then, from where they differ.

    >>> distinct(["[0, 0, 0, 1, 0, 0, 0]", "[0, 0, 0, 2, 0, 0, 0]"], 9).values()
    dict_values(['… 0, 1, …', '… 0, 2, …'])
    """
    shown = {text: cut_inside(text, length) for text in texts}
    for seen in [seen for seen, count in Counter(shown.values()).items() if count > 1]:
        alike = [text for text in shown if shown[text] == seen]
        agree = next((at for at, letters in enumerate(zip(*alike)) if len(set(letters)) > 1), min(map(len, alike)))
        start = max(0, agree - length // 2)
        shown |= {text: f"…{cut(text[start:], length - 1)}" for text in alike}
    count = Counter(shown.values())
    return {text: seen if count[seen] == 1 else abridged(text, length) for text, seen in shown.items()}


def one_line(text: object) -> str:
    """
    >>> one_line("two   words")
    'two words'
    """
    return " ".join(str(text).split())


def error_in_words(error: BaseException) -> str:
    """
    >>> error_in_words(ValueError("no")), error_in_words(KeyboardInterrupt())
    ('ValueError: no', 'KeyboardInterrupt')
    """
    return f"{type(error).__name__}: {error}".rstrip(": ")


def number(value: float | None) -> str:
    """With four digits; nothing for None.

    >>> number(2 / 3), number(12345), number(None)
    ('0.6667', '1.234e+04', '')
    """
    return "" if value is None else f"{value:.4g}"


def p_value(p: float | None) -> str:
    """With two digits; a dash where there was no test.

    >>> p_value(0.01234), p_value(0.00001), p_value(None)
    ('0.012', '< 0.0001', '-')
    """
    return "-" if p is None else "< 0.0001" if p < 1e-4 else f"{p:.2g}"


def listed(names: Sequence[str], most: int, separator: str = ", ") -> str:
    """The first ``most`` of them, and how many more there are.

    >>> listed(["relu", "tanh", "sigmoid"], 2)
    'relu, tanh, and 1 more'
    """
    more = f"{separator}and {len(names) - most} more" if len(names) > most else ""
    return separator.join(names[:most]) + more


def counted(count: int, noun: str) -> str:
    """How many there are.

    >>> counted(1, "row"), counted(2000, "row")
    ('1 row', '2,000 rows')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def in_words(name: str) -> str:
    """A registered name for people.

    >>> in_words("confusion_matrix")
    'confusion matrix'
    """
    return name.replace("_", " ")


def with_article(noun: str) -> str:
    """
    >>> with_article("layer"), with_article("optimizer")
    ('a layer', 'an optimizer')
    """
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def as_written(value: Any) -> str:
    """A value as it stands in a config, as far as a message has room.

    >>> as_written(None), as_written(True), as_written("tanh"), as_written(0.5)
    ('null', 'true', '"tanh"', '0.5')
    """
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return f'"{cut(value, SHOWN)}"' if isinstance(value, str) else quoted(value)


def quoted(value: object) -> str:
    """A value that somebody handed over, as a message quotes it: of arrays and tables the form alone, of long lists
    and texts the beginning.

    >>> quoted((28, 28)), quoted("tanh"), quoted([0.5] * 1000)
    ('(28, 28)', "'tanh'", '[0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5…')
    """
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple) and shape and not isinstance(value, type):
        dtype = getattr(value, "dtype", None)
        return f"{type(value).__name__} of shape {tuple(shape)}{f' and type {dtype}' if dtype is not None else ''}"
    return cut(one_line(_BEGINNING.repr(value)), SHOWN)


class _Beginning(reprlib.Repr):
    def repr_int(self, x: int, level: int) -> str:
        # Python writes no number of more than 4,300 digits.
        return f"a number of {x.bit_length():,} bits" if x.bit_length() > 10_000 else super().repr_int(x, level)


_BEGINNING = _Beginning()
_BEGINNING.maxstring = _BEGINNING.maxother = _BEGINNING.maxlong = SHOWN
_BEGINNING.maxlist = _BEGINNING.maxtuple = 20


def sizes(shape: Sequence[int]) -> str:
    """
    >>> sizes((28, 28))
    '28, 28'
    """
    return ", ".join(map(str, shape))


def duration(seconds: float) -> str:
    """
    >>> duration(3723), duration(123), duration(3)
    ('1:02:03', '2:03', '3 s')
    """
    minutes, rest = divmod(round(seconds), 60)
    if not minutes:
        return f"{rest} s"
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}" if minutes >= 60 else f"{minutes}:{rest:02}"


def relative(folder: Path) -> str:
    """Relative to the working directory where that is shorter."""
    try:
        return str(folder.relative_to(Path.cwd()))
    except ValueError:
        return str(folder)
