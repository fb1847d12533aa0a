"""The initializer that draws a matrix as a whole."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule import Array, Initializer, Shape


@dataclass
class Orthogonal(Initializer):
    r"""A rotation: no signal grows or fades on its way through, however deep the network.

    Values:
        $A_{i,j} \sim N(0, 1)$, as tall as w is or, if w is wide, as tall as its transpose
        $Q R = A$, with each column of Q multiplied by the sign of its number on the diagonal of R: without
        that, Q would not be drawn evenly from all rotations and reflections
        $w = gain \cdot Q$, or $gain \cdot Q^T$ if w is wide
        so that $w^T w = gain^2 \, I$, or $w \, w^T = gain^2 \, I$ if w is wide

    Shapes:
        w: (fan_in, fan_out), or (height, width, in, out), taken as the matrix (height * width * in, out)

    Args:
        gain: by which a signal is to grow, above 0 and finite; default 1.0. For ReLU, sqrt(2) makes up for
            the half that it cuts off.

    Raises:
        FieldError: gain is out of range.

    Reference:
        Saxe, McClelland, Ganguli (2014), "Exact solutions to the nonlinear dynamics of learning in deep linear neural
        networks", ICLR; the signs: Mezzadri (2007), "How to generate random matrices from the classical compact
        groups".

    Example:
        >>> import numpy as np, chainrule as cr
        >>> w = cr.make("initializer", "orthogonal")((3, 2), np.random.default_rng(0), "float64")
        >>> np.allclose(w.T @ w, np.eye(2))
        True
    """

    gain: float = 1.0

    check_examples = ({}, {"gain": 1.5})

    def __post_init__(self) -> None:
        self.require("gain", 0 < self.gain < math.inf, "above 0 and finite")

    def reference(self, shape: Shape, rng: np.random.Generator) -> Array:
        rows, columns = math.prod(shape[:-1]), math.prod(shape[-1:])
        A = rng.standard_normal((max(rows, columns), min(rows, columns)))
        Q: list[Array] = []  # by Gram and Schmidt: the one Q whose R has only positive numbers on its diagonal
        for column in A.T:
            for q in Q:
                column = column - (q @ column) * q
            Q.append(column / math.sqrt(column @ column))
        w = np.array(Q).T if rows >= columns else np.array(Q)
        return (self.gain * w).reshape(shape)

    def __call__(self, shape: Shape, rng: np.random.Generator, dtype: Any) -> Array:
        rows, columns = math.prod(shape[:-1]), math.prod(shape[-1:])
        Q, R = np.linalg.qr(rng.normal(size=(max(rows, columns), min(rows, columns))))
        Q *= np.sign(np.diag(R))
        w = Q if rows >= columns else Q.T
        return (self.gain * w).reshape(shape).astype(dtype)

    def moments(self, shape: Shape) -> tuple[float, float]:
        return 0.0, self.gain / math.sqrt(max(math.prod(shape[:-1]), shape[-1]))
