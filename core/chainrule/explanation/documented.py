"""What a component says of itself: the formulas of its docstring, and the lines of source that compute them."""

from __future__ import annotations

import html
import inspect
import re
import textwrap
from typing import Any

SHOWN = ("Forward", "Backward", "Update", "Penalty", "Gradient")
"""The parts of a docstring that hold formulas."""
METHODS = ("forward", "forward_logits", "backward", "backward_logits", "update", "penalty", "add_gradient")
WRITTEN_AS = ("rule", "derivative")
"""What is written as a formula of single numbers, in place of one of these."""
LATEX = re.compile(r"\$([^$]+)\$")


def description(component: Any) -> str:
    """The first paragraph of its docstring."""
    return " ".join((inspect.getdoc(type(component)) or "").partition("\n\n")[0].split())


def formulas(component: Any) -> dict[str, list[str]]:
    """The lines of each part of its docstring that holds formulas, in LaTeX between dollars, by the part's name.

    Where it has no such part, its paragraphs that hold some stand for each: they do not say which is which.
    """
    parts = re.split(r"^([A-Z][a-z]+):$\n", inspect.getdoc(type(component)) or "", flags=re.MULTILINE)
    found = {}
    for name, text in zip(parts[1::2], parts[2::2]):
        if name in SHOWN:
            found[name] = _lines(textwrap.dedent(text))
    plain = "\n\n".join(text for text in parts[0].split("\n\n")[1:] if LATEX.search(text))
    return found or (dict.fromkeys(SHOWN, _lines(plain)) if plain else {})


def _lines(text: str) -> list[str]:
    """Its lines; a sentence that goes on in the next one is one line."""
    lines: list[str] = []
    for paragraph in text.split("\n\n"):
        unfinished = False
        for line in filter(str.strip, paragraph.splitlines()):
            if unfinished:
                lines[-1] += f" {line.strip()}"
            else:
                lines.append(line)
            unfinished = line[-1] not in "$.:"
    return lines


def typeset(line: str) -> str:
    """A line as HTML, its formulas as MathML; one that cannot be read stays as it was written."""
    from latex2mathml.converter import convert

    def mathml(latex: str) -> str:
        try:
            return str(convert(latex))
        except Exception:  # what a third party wrote; the library has no error of its own for all of it
            return f"<code>{html.escape(latex)}</code>"

    parts = LATEX.split(line)
    written = [mathml(part) if i % 2 else html.escape(part).replace("``", "") for i, part in enumerate(parts)]
    return "".join(written)


def sources(component: Any) -> dict[str, str]:
    """The source of each method that its class writes itself, by name; nothing of one whose source is not there."""
    found = {}
    for name in (*WRITTEN_AS, *METHODS):
        owner = next((cls for cls in type(component).__mro__ if name in vars(cls)), None)
        if owner is None or owner.__module__.startswith("chainrule.contract"):
            continue
        try:
            found[name] = textwrap.dedent(inspect.getsource(vars(owner)[name]))
        except (OSError, TypeError):
            continue
    return found
