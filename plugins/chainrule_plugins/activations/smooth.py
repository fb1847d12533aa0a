"""Activations that round off the corner of a rectifier."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chainrule import Activation, Array


@dataclass
class Softplus(Activation):
    r"""A ReLU with its corner rounded off: positive everywhere, and smooth.

    Forward:
        $a = \log(1 + e^z) = \max(z, 0) + \log(1 + e^{-|z|})$

    Backward:
        $dz = da \odot 1 / (1 + e^{-z}) = da \odot (1 - e^{-a})$

    Shapes:
        z, a: (batch, *any)

    Reference:
        Dugas, Bengio, Bélisle, Nadeau, Garcia (2001), "Incorporating Second-Order Functional Knowledge for Better
        Option Pricing", NIPS 13.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> cr.make("activation", "softplus").forward(np.array([[-1e4, 0.0, 1e4]]))
        array([[0.00000000e+00, 6.93147181e-01, 1.00000000e+04]])
    """

    def forward(self, z: Array) -> Array:
        # The second form of the formula: e^-|z| cannot overflow. (np.logaddexp is as stable, and ten times slower.)
        a = self.a = np.abs(z, out=self.work("a", z.shape, z.dtype))
        np.negative(a, out=a)
        np.exp(a, out=a)
        np.log1p(a, out=a)
        a += np.maximum(z, 0, out=self.work("positive", z.shape, z.dtype))
        return a

    def backward(self, da: Array) -> Array:
        dz = np.negative(self.a, out=self.work("dz", da.shape, da.dtype))
        np.expm1(dz, out=dz)  # e^-a - 1, with all its digits where a is small
        np.negative(dz, out=dz)
        dz *= da
        return dz
