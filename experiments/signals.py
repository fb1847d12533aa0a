"""How large signals are in the layers of a deep network before any training: as measured, and by theory.

Activations on the way up, and gradients on the way down: Glorot and Bengio (2010), "Understanding the difficulty of
training deep feedforward neural networks", section 4.2; He et al. (2015), "Delving deep into rectifiers", section 2.2.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import chainrule as cr


def signals(network: cr.Network, x: cr.Array, y: cr.Array) -> list[list[float]]:
    """Of each hidden layer, the standard deviation of its activations $a$, and of the gradient $dz$ before them.

    Args:
        network: of layers with activations, of which its loss takes the last one over.
    """
    hidden = [isinstance(layer, cr.Activation) for layer in network.layers[:-1]]
    sizes = [float(a.std()) for (_, a), is_hidden in zip(network.trace(x), hidden) if is_hidden]
    network.loss_and_gradient(x, y)
    dy = network.loss.backward_logits()
    gradients = []
    for layer in reversed(network.layers[:-1]):
        dy = layer.backward(dy)
        if isinstance(layer, cr.Activation):
            gradients.append(float(dy.std()))
    return [sizes, gradients[::-1]]


def theory(
    initializer: Any, activation: str, inputs: int, width: int, depth: int, mean_square: float
) -> tuple[list[float], list[float]]:
    r"""The same in layers that are infinitely wide: the standard deviation of the activations of each, and by how much
    each multiplies the variance of a gradient that comes down through it.

    There $z$ is normal. Its variance is $q_{l+1} = n \, Var(w) \, E[f(z_l)^2]$; on the way down, that of a gradient
    is multiplied by $n \, Var(w) \, E[f'(z_l)^2]$. For ReLU both are $n \, Var(w) / 2$ times what they were: He et al.
    (2015), section 2.2. For any $f$: Poole et al. (2016), "Exponential expressivity in deep neural networks through
    transient chaos"; Schoenholz et al. (2017), "Deep information propagation".

    Args:
        inputs: into the first layer, ``mean_square`` the mean of their squares.
    """
    f = cr.make("activation", activation)
    points, weights = np.polynomial.hermite_e.hermegauss(100)
    weights /= weights.sum()
    made = cr.make("initializer", initializer)
    (_, first), (_, std) = made.moments((inputs, width)), made.moments((width, width))
    q = first**2 * inputs * mean_square
    sizes, factors = [], []
    for _ in range(depth):
        z = np.sqrt(q) * points[:, None]
        a = f.forward(z)[:, 0].copy()
        slope = f.backward(np.ones_like(z))[:, 0]
        sizes.append(math.sqrt(weights @ a**2 - (weights @ a) ** 2))
        factors.append(width * std**2 * (weights @ slope**2))
        q = width * std**2 * (weights @ a**2)
    return sizes, factors
