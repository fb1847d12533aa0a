"""What layers compute of each number, in loops that can be compiled: one pass, where NumPy takes several."""

from __future__ import annotations

from chainrule import Array, loops


@loops
def normalize(x_hat: Array, std: Array, gamma: Array, beta: Array, y: Array) -> None:
    """Divide what is centered by the deviation, in place, and write $gamma \\hat{x} + beta$; ``(n, features)``."""
    for n in range(len(x_hat)):
        for f in range(x_hat.shape[1]):
            x_hat[n, f] /= std[f]
            y[n, f] = x_hat[n, f] * gamma[f] + beta[f]


@loops
def slope_of_normalized(dy: Array, x_hat: Array, along: Array, mean: Array, scale: Array, dx: Array) -> None:
    """Write $(dy - (along \\hat{x} + mean)) scale$; ``(n, features)``."""
    for n in range(len(dy)):
        for f in range(dy.shape[1]):
            dx[n, f] = (dy[n, f] - (x_hat[n, f] * along[f] + mean[f])) * scale[f]


@loops
def drop(uniform: Array, x: Array, keep: float, kept: Array, mask: Array, y: Array) -> None:
    """Write into ``mask`` ``kept[0]`` or 0 for each number, and into ``y`` the number times that. All are flat."""
    for i in range(len(x)):
        mask[i] = kept[0] if uniform[i] < keep else 0
        y[i] = x[i] * mask[i]
