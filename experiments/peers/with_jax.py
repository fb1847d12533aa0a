"""JAX: one jitted function for the whole step, called once a batch."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from peers import EPOCHS, Peer, Work
from peers.floor import Floor

Tree = Any
ACTIVATIONS = {"relu": jax.nn.relu, "tanh": jnp.tanh}


class Jax:
    def __init__(self, work: Work) -> None:
        self.work = work
        self.rng = np.random.default_rng(0)
        network = work.network()
        layers = [layer for layer in work.layers if layer["name"] == "dense"]
        activations = [ACTIVATIONS.get(layer["activation"]) for layer in layers]
        values = [jnp.asarray(parameter.value.copy()) for parameter in network.parameters]
        theta = list(zip(values[::2], values[1::2]))
        binary = work.loss == "binary_cross_entropy"

        def mean_loss(theta: Tree, x: jax.Array, y: jax.Array) -> jax.Array:
            h = x.reshape(len(x), -1)
            for (W, b), activation in zip(theta, activations):
                h = h @ W + b
                h = activation(h) if activation else h
            if binary:
                z = h[:, 0]
                return jnp.mean(jax.nn.softplus(z) - z * y)
            return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(h), y[:, None], axis=1))

        def step(state: Tree, x: jax.Array, y: jax.Array) -> Tree:
            theta, moments, t = state
            theta, moments = update(theta, jax.grad(mean_loss)(theta, x, y), moments, t)
            return theta, moments, t + 1

        update = sgd(work.lr) if work.optimizer == "sgd" else adam(work.lr)
        zeros = jax.tree.map(jnp.zeros_like, theta)
        moments = () if work.optimizer == "sgd" else (zeros, jax.tree.map(jnp.zeros_like, theta))
        self.state = (theta, moments, jnp.ones((), jnp.float32))
        self.step = jax.jit(step, donate_argnums=0)
        self.mean_loss = jax.jit(mean_loss)

    def train(self, epochs: int = EPOCHS) -> None:
        x, y, size = self.work.x, self.work.y, self.work.batch_size
        for _ in range(epochs):
            order = self.rng.permutation(len(x))
            for start in range(0, len(x), size):
                rows = order[start : start + size]
                self.state = self.step(self.state, x[rows], y[rows])
        jax.block_until_ready(self.state)

    def loss(self) -> float:
        return float(self.mean_loss(self.state[0], self.work.x, self.work.y))


def sgd(lr: float) -> Any:
    def update(theta: Tree, grad: Tree, moments: Tree, t: jax.Array) -> Tree:
        return jax.tree.map(lambda p, g: p - lr * g, theta, grad), moments

    return update


def adam(lr: float, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8) -> Any:
    def update(theta: Tree, grad: Tree, moments: Tree, t: jax.Array) -> Tree:
        m = jax.tree.map(lambda m, g: beta1 * m + (1 - beta1) * g, moments[0], grad)
        v = jax.tree.map(lambda v, g: beta2 * v + (1 - beta2) * g * g, moments[1], grad)
        c = jnp.sqrt(1 - beta2**t)
        step = lr * c / (1 - beta1**t)
        return jax.tree.map(lambda p, m, v: p - step * m / (jnp.sqrt(v) + eps * c), theta, m, v), (m, v)

    return update


def jax_or_none(work: Work) -> Peer | None:
    return None if "conv2d" in work.kinds else Jax(work)


class Products:
    """Its matrix products, in one jitted function for a step, on arrays that are there."""

    def __init__(self, work: Work) -> None:
        self.floor = Floor(work)
        self.layers = [tuple(jnp.asarray(array) for array in (W, dy)) for _, _, W, _, dy, *_ in self.floor.layers]
        self.x = [jnp.asarray(layer.x[: work.batch_size]) for layer in self.floor.layers]

        def step(x: list[jax.Array], layers: list[tuple[jax.Array, ...]]) -> Tree:
            y = [rows @ W for rows, (W, _) in zip(x, layers)]
            dW = [rows.T @ dy for rows, (_, dy) in zip(x, layers)]
            return y, dW, [dy @ W.T for W, dy in layers[1:]]

        self.step = jax.jit(step)

    def train(self, epochs: int = EPOCHS) -> None:
        for _ in range(epochs * self.floor.batches):
            computed = self.step(self.x, self.layers)
        jax.block_until_ready(computed)

    def loss(self) -> float:
        return math.nan


def products_or_none(work: Work) -> Peer | None:
    return None if "conv2d" in work.kinds else Products(work)


PEERS = {"JAX": jax_or_none, "JAX products": products_or_none}
