"""A text, for networks that predict its next character."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from chainrule import Array, Data, DataError, Dataset, Split
from chainrule_plugins.datasets._files import found, require_memory, stored
from chainrule_plugins.datasets._table import read_text

NAMED = 10  # characters in a remark


@dataclass
class Text(Dataset):
    r"""A text, and of each character what comes next: English that is on every machine, or a text of your own.

    Without a path it is what Python's ``help()`` says of the language, some 400,000 characters; each paragraph once, as
    many stand in several topics. Other versions of Python word some of it otherwise: the digest of a run says which.

    The text is cut in three: its beginning is trained on, what follows is for validation, and its end for testing. Of
    each part windows are taken, of which each y is x one character on. The characters that can be told apart are those
    of the training part, in the order of their numbers; any other is left out of the other parts.

    Shapes:
        x: (windows, length) of each part, integers: characters by number
        y: as x

    Args:
        path: of a text file in UTF-8, which may be compressed by gzip; null (the default) for Python's help.
        length: how many characters a window has, at least 1; default 64.
        stride: from one window to the next, at least 1; default null: length, so that no character is asked for twice.
        validation_fraction: of the characters that are not for testing, from 0 up to but not 1; default 0.1.
        test_fraction: of all characters, from 0 up to but not 1; default 0.1.

    Raises:
        FieldError: a field outside its range.
        DataError: the file is missing, no text, or shorter than the windows; or Python has no help here.

    Reference:
        The windows as in Graves 2013, Generating Sequences With Recurrent Neural Networks, arXiv:1308.0850, section 3.

    Example:
        >>> import chainrule as cr
        >>> data = cr.make("dataset", "text", length=20).load()
        >>> "".join(data.token_names[k] for k in data.train.x[0])
        'The "assert" stateme'
        >>> "".join(data.token_names[k] for k in data.train.y[0])
        'he "assert" statemen'
    """

    path: str | None = None
    length: int = 64
    stride: int | None = None
    validation_fraction: float = 0.1
    test_fraction: float = 0.1

    @classmethod
    def check_examples_in(cls, folder: Path) -> Sequence[Mapping[str, Any]]:
        path = folder / "text.txt"
        path.write_text("".join(f"{k} and {k + 1} are {2 * k + 1}.\n" for k in range(200)), encoding="utf-8")
        return [{"path": str(path), "length": 8}, {"path": str(path), "length": 9, "stride": 4}]

    def __post_init__(self) -> None:
        self.require("length", self.length >= 1, "at least 1")
        self.require("stride", self.stride is None or self.stride >= 1, "at least 1, or null for length")
        for field in ("validation_fraction", "test_fraction"):
            self.require(field, 0 <= getattr(self, field) < 1, "at least 0 and less than 1")

    def load(self) -> Data:
        text, source = (python_help(), "Python's help") if self.path is None else (read(self.path), self.path)
        codes = np.frombuffer(text.encode("utf-32-le"), "<u4")
        held_out = {"validation": self.validation_fraction * (1 - self.test_fraction), "test": self.test_fraction}
        shares = {"train": 1 - sum(held_out.values()), **held_out}
        cuts = np.rint(np.cumsum([*shares.values()]) * len(codes)).astype(int)
        parts = dict(zip(shares, np.split(codes, cuts[:-1])))
        known = np.unique(parts["train"])
        windows: dict[str, Split | None] = {}
        for name, part in parts.items():
            ids = np.searchsorted(known, part[np.isin(part, known)])
            if len(ids) <= self.length and shares[name] > 0:
                raise DataError(
                    f"{source} has {len(codes):,} characters, and {len(ids):,} of them for the {name} data: too few "
                    f"for a window of {self.length} and the character after it"
                )
            windows[name] = self._windows(ids) if shares[name] > 0 else None
        names = [chr(code) for code in known.tolist()]
        settings = f"{self.length} {self.stride} {self.validation_fraction} {self.test_fraction}"
        assert windows["train"] is not None, "its share is above 0"
        return Data(
            windows["train"],
            "multiclass",
            windows["validation"],
            windows["test"],
            class_names=names,
            token_names=names,
            source_digest=hashlib.sha256(f"{settings} {text}".encode()).hexdigest(),
            remarks=remark_on_unknown(codes[len(parts["train"]) :], known),
        )

    def files_read(self) -> Sequence[Path]:
        return [] if self.path is None else [found(self.path)]

    def _windows(self, ids: Array) -> Split:
        stride = self.stride or self.length
        count = (len(ids) - self.length - 1) // stride + 1
        require_memory(f"{count:,} windows of {self.length}", 2 * count * self.length * ids.itemsize)
        windows = np.lib.stride_tricks.sliding_window_view(ids, self.length + 1)[::stride]
        return Split(windows[:, :-1].copy(), windows[:, 1:].copy())


def read(path: str) -> str:
    """A text file, whose lines end as Python's do."""
    file = found(path)
    text = read_text(file, stored(file)).replace("\r\n", "\n")
    if len(set(text)) < 2:
        raise DataError(f"{path} is no text to learn: it has {len(set(text))} different characters, and two are needed")
    return text


def python_help() -> str:
    """What Python's ``help()`` says of each of its topics, in their order; a paragraph that stood before is left out.

    Raises:
        DataError: this Python comes without.
    """
    try:
        from pydoc_data.topics import topics
    except ImportError:
        raise DataError("this Python comes without its help (pydoc_data): give dataset.path, a text of yours") from None
    paragraphs = (paragraph.strip("\n") for name in sorted(topics) for paragraph in topics[name].split("\n\n"))
    return "\n\n".join(dict.fromkeys(paragraph for paragraph in paragraphs if paragraph)) + "\n"


def remark_on_unknown(held_out: Array, known: Array) -> list[str]:
    """What to say where characters are not in the training part."""
    unknown = Counter(chr(code) for code in held_out[~np.isin(held_out, known)].tolist())
    if not unknown:
        return []
    shown = ", ".join(f"{character!r}" for character, _ in unknown.most_common(NAMED))
    more = ", ..." if len(unknown) > NAMED else ""
    return [
        f"{unknown.total()} characters for validation and testing are none of the training part, and are left out: "
        f"{shown}{more}"
    ]
