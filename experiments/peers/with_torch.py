"""PyTorch: eager, with its default optimizers; and compiled, with its fused ones, the fastest that it has."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import nn

from peers import EPOCHS, Peer, Work
from peers.floor import Floor

ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh}


class Eager:
    """The usual loop over shuffled batches."""

    compiled = False

    def __init__(self, work: Work) -> None:
        self.work = work
        self.model = model_of(work)
        self.x = torch.from_numpy(work.x)
        y = torch.from_numpy(work.y)
        if "conv2d" in work.kinds:
            self.x = self.x.reshape(len(self.x), 1, *self.x.shape[1:])  # channels come second
        if work.loss == "binary_cross_entropy":
            criterion: Callable[..., torch.Tensor] = nn.BCEWithLogitsLoss()
            self.y = y.to(torch.float32).reshape(-1, 1)
        else:
            criterion = nn.CrossEntropyLoss()
            self.y = y.to(torch.int64)
        make = torch.optim.SGD if work.optimizer == "sgd" else torch.optim.Adam
        self.optimizer = make(self.model.parameters(), lr=work.lr, fused=self.compiled or None)
        self.whole = lambda x, y: criterion(self.model(x), y)
        if self.compiled:
            torch.compiler.reset()  # it gives up on one function that it has compiled for many networks
        self.batch_loss = torch.compile(self.whole, dynamic=False) if self.compiled else self.whole

    def train(self, epochs: int = EPOCHS) -> None:
        for _ in range(epochs):
            for rows in torch.randperm(len(self.x)).split(self.work.batch_size):
                loss = self.batch_loss(self.x[rows], self.y[rows])
                self.optimizer.zero_grad()
                loss.backward()
                self.optimizer.step()

    def loss(self) -> float:
        with torch.no_grad():
            return float(self.whole(self.x, self.y))


class Compiled(Eager):
    compiled = True


class Products:
    """Its matrix products, on arrays that are there; of images its convolutions, forward and backward."""

    def __init__(self, work: Work) -> None:
        self.floor = Floor(work)
        self.size = work.batch_size
        self.convolutions = _convolutions(work)
        dense = self.floor.layers[len(self.convolutions) :]
        self.layers = [[None if array is None else torch.from_numpy(array) for array in layer[1:]] for layer in dense]

    def train(self, epochs: int = EPOCHS) -> None:
        with torch.no_grad():
            for step in range(epochs * self.floor.batches):
                for x, W in self.convolutions:
                    nn.functional.conv2d(x, W)
                for x, W, y, *_ in self.layers:
                    torch.mm(self._rows(x, step), W, out=y)
                for x, W, _, dy, dW, dx in reversed(self.layers):
                    torch.mm(self._rows(x, step).T, dy, out=dW)
                    if dx is not None:
                        torch.mm(dy, W.T, out=dx)
                for position, (x, W) in reversed([*enumerate(self.convolutions)]):
                    dy = torch.ones(self.size, len(W), *(n - k + 1 for n, k in zip(x.shape[2:], W.shape[2:])))
                    wanted = [position > 0, True, False]
                    torch.ops.aten.convolution_backward(
                        dy, x, W, None, [1, 1], [0, 0], [1, 1], False, [0, 0], 1, wanted
                    )

    def _rows(self, x: torch.Tensor, step: int) -> torch.Tensor:
        start = step * self.size % len(x)
        return x[start : start + self.size]

    def loss(self) -> float:
        return math.nan


def _convolutions(work: Work) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """The images that each convolution is given, channels first, and its filters."""
    found = []
    network = work.network()
    shape = network.input_shape if len(network.input_shape) == 3 else (*network.input_shape, 1)
    for name, after in zip(network.names, network.shapes):
        if name.endswith(".conv2d"):
            W = torch.from_numpy(network.parameters[f"{name}.W"].value.copy()).permute(3, 2, 0, 1).contiguous()
            found.append((torch.rand(work.batch_size, shape[2], *shape[:2]), W))
        shape = after
    return found


def model_of(work: Work) -> nn.Sequential:
    """The network without its last activation, which PyTorch's losses take over, with chainrule's initial weights."""
    network = work.network()
    modules: list[nn.Module] = []
    shape = network.input_shape
    image: tuple[int, ...] | None = None  # (rows, columns, channels), where a flatten has just been
    for position, layer in enumerate(work.layers):
        name = f"{position}.{layer['name']}"
        if layer["name"] in ("conv2d", "dense"):
            W = torch.from_numpy(network.parameters[f"{name}.W"].value.copy())
            made: nn.Module
            if layer["name"] == "conv2d":
                made = nn.Conv2d(W.shape[2], W.shape[3], tuple(W.shape[:2]))
                W = W.permute(3, 2, 0, 1)
            else:
                made = nn.Linear(*W.shape)
                if image is not None:  # it flattens channels first
                    W = W.reshape(*image, -1).permute(2, 0, 1, 3).reshape(math.prod(image), -1)
                W = W.T
            made.weight.data, image = W.contiguous().clone(), None
            made.bias.data = torch.from_numpy(network.parameters[f"{name}.b"].value.copy())
            modules.append(made)
        elif layer["name"] == "max_pool2d":
            modules.append(nn.MaxPool2d(2))
        elif layer["name"] == "dropout":
            modules.append(nn.Dropout(layer["rate"]))
        elif layer["name"] == "flatten":
            image = shape if len(shape) == 3 else None
            modules.append(nn.Flatten())
        shape = network.shapes[network.names.index(name)]
        activation = layer.get("activation")
        activation = activation["name"] if isinstance(activation, dict) else activation
        if activation in ACTIVATIONS:
            modules.append(ACTIVATIONS[activation]())
    return nn.Sequential(*modules)


PEERS: dict[str, type[Peer]] = {"PyTorch": Eager, "PyTorch compiled": Compiled, "PyTorch products": Products}
