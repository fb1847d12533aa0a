"""The floor: the matrix products of a training step, and nothing else.

A layer with weights has three: $x W$, $x^T dy$ and, but for the first one, $dy W^T$. Those of a convolution are of its
image laid out as a matrix, which here lies there ready, as many images at a time as stay in the cache.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

import chainrule as cr
from peers import EPOCHS, Work

CACHE = 2**18  # numbers in a matrix of laid-out images: 1 MiB


class Products(NamedTuple):
    """Those of one layer: how often, and their arrays."""

    times: int
    x: cr.Array  # (rows, fan_in), or (batches * rows, fan_in): the data
    W: cr.Array  # (fan_in, fan_out)
    y: cr.Array  # (rows, fan_out)
    dy: cr.Array
    dW: cr.Array
    dx: cr.Array | None


class Floor:
    def __init__(self, work: Work) -> None:
        self.batches = len(work.x) // work.batch_size
        self.layers = _layers(work)

    def train(self) -> None:
        for step in range(EPOCHS * self.batches):
            for times, x, W, y, *_ in self.layers:
                rows = _rows(x, len(y), step)
                for _ in range(times):
                    np.dot(rows, W, out=y)
            for times, x, W, _, dy, dW, dx in reversed(self.layers):
                rows = _rows(x, len(dy), step)
                for _ in range(times):
                    np.dot(rows.T, dy, out=dW)
                    if dx is not None:
                        np.dot(dy, W.T, out=dx)


def _rows(x: cr.Array, count: int, step: int) -> cr.Array:
    """The batch of that step where ``x`` is all data, else all of ``x``."""
    start = step * count % len(x)
    return x[start : start + count]


def _layers(work: Work) -> list[Products]:
    network = work.network()
    shapes = dict(zip(network.names, network.shapes))
    rng = np.random.default_rng(0)
    found: list[Products] = []
    for parameter in network.parameters:
        if len(parameter.shape) < 2:
            continue  # a bias
        W = parameter.value.reshape(-1, parameter.shape[-1])
        places = math.prod(shapes[parameter.name.rpartition(".")[0]][:-1])  # of an image; 1 for a dense layer
        images = 1 if places > 1 else work.batch_size
        while work.batch_size % (2 * images) == 0 and 2 * images * places * len(W) <= CACHE:
            images *= 2
        rows = images * places
        flat = work.x.reshape(len(work.x), -1)
        data = not found and places == 1
        found.append(
            Products(
                times=work.batch_size // images,
                x=flat if data else rng.random((rows, len(W)), np.float32),
                W=W,
                y=np.empty((rows, W.shape[1]), np.float32),
                dy=rng.random((rows, W.shape[1]), np.float32),
                dW=np.empty_like(W),
                dx=None if not found else np.empty((rows, len(W)), np.float32),
            )
        )
    return found
