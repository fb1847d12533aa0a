"""One thing that a training suffers from."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Finding:
    """What is wrong, and how it is known.

    Attributes:
        kind: a word for it, such as ``"dead_units"``.
        what: a sentence for its reader.
        figure: the number that shows it, in words; ``threshold``: from where on it is told, and ``source``: who says
            so, or by what it was chosen here.
        tries: what to do about it, a sentence each; ``overrides`` that make it so, and the ``command`` with them, where
            it is known by which command the training was begun.
        epoch: of the frame where it shows; ``where``: the step or parameter.
    """

    kind: str
    what: str
    figure: str
    threshold: str
    source: str
    tries: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()
    epoch: int | None = None
    where: str | None = None
    command: str | None = None
    hides: tuple[str, ...] = field(default=(), repr=False)
    """Kinds that are but its consequences."""

    def __str__(self) -> str:
        command = f" Try: {self.command}" if self.command else ""
        return f"{self.what} {self.figure} {' '.join(self.tries)}{command}".rstrip()
