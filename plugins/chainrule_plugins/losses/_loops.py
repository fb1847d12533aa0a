"""Cross-entropies from logits, as loops that can be compiled."""

from __future__ import annotations

import numpy as np

from chainrule import Array, loops


@loops
def sigmoid_loss(z: Array, target: Array, p: Array, losses: Array, mean: Array) -> None:
    """Write the probabilities, the losses, and in ``mean``, ``(1,)``, that of all."""
    z, target, p, losses = z.ravel(), target.ravel(), p.ravel(), losses.ravel()
    mean[0] = 0
    for n in range(len(z)):
        e = np.exp(-abs(z[n]))
        p[n] = (e if z[n] < 0 else 1) / (1 + e)  # of no number, e is none
        losses[n] = (0 if z[n] < 0 else z[n]) - target[n] * z[n] + np.log1p(e)
        mean[0] += losses[n] / len(z)


@loops
def sigmoid_error(p: Array, target: Array, dz: Array) -> None:
    """Write $(p - t) / numbers$."""
    p, target, dz = p.ravel(), target.ravel(), dz.ravel()
    for n in range(len(p)):
        dz[n] = (p[n] - target[n]) / len(p)


@loops
def softmax_loss(z: Array, target: Array, p: Array, losses: Array, mean: Array) -> None:
    """Write the probabilities, the loss of each row, and in ``mean``, ``(1,)``, that of all. ``target`` holds true
    classes, as whole numbers."""
    mean[0] = 0
    for n in range(len(z)):
        largest = z[n, 0]
        for k in range(z.shape[1]):
            largest = z[n, k] if z[n, k] > largest or z[n, k] != z[n, k] else largest
        total = largest - largest
        for k in range(z.shape[1]):
            p[n, k] = np.exp(z[n, k] - largest)
            total += p[n, k]
        for k in range(z.shape[1]):
            p[n, k] /= total
        # Logits further apart than the dtype reaches are taken as that far apart.
        losses[n] = np.log(total) - max(z[n, target[n]] - largest, -np.finfo(z.dtype).max)
        mean[0] += losses[n] / len(z)


@loops
def softmax_error(p: Array, target: Array, dz: Array) -> None:
    """Write $(p - t) / rows$, where t is 1 for the true class, else 0."""
    for n in range(len(p)):
        for k in range(p.shape[1]):
            dz[n, k] = (p[n, k] - (k == target[n])) / len(p)
