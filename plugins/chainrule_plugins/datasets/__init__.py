"""The built-in datasets: generated, bundled, downloaded, and tables, arrays and texts of the user's own."""

from typing import Any

from chainrule import hookimpl
from chainrule_plugins.datasets.csv import Csv
from chainrule_plugins.datasets.digits import Digits
from chainrule_plugins.datasets.generated import Circles, Moons, Spirals, Xor
from chainrule_plugins.datasets.mnist import FashionMnist, Mnist
from chainrule_plugins.datasets.npz import Npz
from chainrule_plugins.datasets.sequences import Adding, Copy
from chainrule_plugins.datasets.text import Text

__all__ = [
    "Adding",
    "Circles",
    "Copy",
    "Csv",
    "Digits",
    "FashionMnist",
    "Mnist",
    "Moons",
    "Npz",
    "Spirals",
    "Text",
    "Xor",
]


@hookimpl
def register_components(registry: Any) -> None:
    for dataset in (Xor, Spirals, Moons, Circles, Adding, Copy, Digits, Mnist, FashionMnist, Text, Csv, Npz):
        registry.add(dataset)
