"""A step of learning, ready to be shown: as a page, as tables, as what a notebook shows of it."""

from __future__ import annotations

import html
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from chainrule.contract.arguments import require_list, require_path
from chainrule.diagnosis import Finding, diagnose
from chainrule.errors import FieldError
from chainrule.explanation.page import page_of
from chainrule.explanation.shown import Shown
from chainrule.explanation.tables import tables_of
from chainrule.film import Film
from chainrule.network.network import Network
from chainrule.words import quoted


class Explanation(Shown):
    """A step of learning, as ``explain`` gives it: ``print(it)`` shows tables, a notebook the page."""

    def text(self, width: int = 100) -> str:
        """The step in tables, for a terminal."""
        return tables_of(self, width)

    def page(self) -> str:
        """The step as one HTML page, which loads nothing from elsewhere."""
        return page_of(self)

    def save(self, path: str | Path) -> Path:
        """Write the page, and say where it is.

        Raises:
            ConfigError: there is no such folder.
        """
        file = require_path("path", path)
        if not file.parent.is_dir():
            raise FieldError(f"there is no folder {file.parent}", key="path")
        file.write_text(self.page(), encoding="utf-8")
        return file

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        return f"<Explanation of a step of {self.network!r}: loss {self.step.loss:.4g} to {self.step.loss_after:.4g}>"

    def _repr_html_(self) -> str:
        title, page = html.escape(self.title), html.escape(self.page())
        return f'<iframe title="{title}" style="width:100%;height:46em;border:0" srcdoc="{page}"></iframe>'


def explain(
    network: Network,
    x: Any,
    y: Any,
    optimizer: Any = None,
    title: str | None = None,
    class_names: Sequence[str] = (),
    film: Film | None = None,
    findings: Sequence[Finding] | None = None,
    positions: Sequence[int] = (),
    **more: Any,
) -> Explanation:
    """One step of learning on a batch, to be looked at: ``print`` it, ``save`` it as a page, or show it in a notebook.

    Args:
        x, y, optimizer: as for ``Network.trace_step``; so what is given ``more``: ``lr``, ``step``, ``slots``, ...
            A few examples tell as much as many, and are easier to look at.
        class_names: what the classes are called, in their order.
        title: of the page.
        positions: of the examples in the data that they are from, by which they are called.
        film: of the training that the network went through, which the page shows beside the step.
        findings: what that training suffers from; by default, as ``diagnose`` tells from the film.

    Raises:
        ConfigError, DataError: what was given does not fit the network.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> layers = [{"name": "dense", "units": 1, "activation": "sigmoid"}]
        >>> network = cr.Network(layers, (2,), "binary_cross_entropy")
        >>> page = cr.explain(network, [[0, 1], [1, 1]], [0, 1], "sgd").page()
        >>> page.startswith("<!DOCTYPE html>")
        True
    """
    if not isinstance(network, Network):
        raise FieldError(f"got {quoted(network)}, expected a Network", key="network")
    require_list("class_names", class_names)
    if film is not None and not isinstance(film, Film):
        raise FieldError(f"got {quoted(film)}, expected a Film", key="film")
    told = [] if film is None else diagnose(film) if findings is None else list(findings)
    titled = title or ("One step of learning" if film is None else "How it learned")
    step = network.trace_step(x, y, optimizer, **more)
    return Explanation(network, step, str(titled), class_names, film, told, positions)
