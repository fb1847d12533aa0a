"""The built-in datasets: generated, bundled, downloaded, and tables, arrays and texts of the user's own."""

from typing import Any

from chainrule import hookimpl
from chainrule_plugins.datasets.characters import Characters
from chainrule_plugins.datasets.csv import Csv
from chainrule_plugins.datasets.digits import Digits
from chainrule_plugins.datasets.generated import Circles, Moons, Spirals, Xor
from chainrule_plugins.datasets.mnist import FashionMnist, Mnist
from chainrule_plugins.datasets.npz import Npz
from chainrule_plugins.datasets.sequences import Adding, Copy

__all__ = [
    "Adding",
    "Characters",
    "Circles",
    "Copy",
    "Csv",
    "Digits",
    "FashionMnist",
    "Mnist",
    "Moons",
    "Npz",
    "Spirals",
    "Xor",
]


@hookimpl
def register_components(registry: Any) -> None:
    for dataset in (Xor, Spirals, Moons, Circles, Adding, Copy, Digits, Mnist, FashionMnist, Characters, Csv, Npz):
        registry.add(dataset)
