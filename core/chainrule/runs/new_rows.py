"""New rows for a trained network: from a file like its own, standard input, or a folder of images."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.contract.arguments import require_path
from chainrule.contract.arrays import Array, Shape
from chainrule.contract.preparation import UNNAMED
from chainrule.contract.rows import Rows
from chainrule.contract.split import Split
from chainrule.errors import DataError, ExportError
from chainrule.prediction.predictor import labels
from chainrule.runs.trained import Trained
from chainrule.words import cut, listed, one_line

STDIN = "-"
SUFFIX = ".png"


@dataclass(frozen=True)
class NewRows:
    """Rows as they came.

    ``table``: as ``Predictor.predict`` takes it; ``index``: what says which row each is, with a name, None for nothing;
    ``answers``: where an array or a folder has them, ``(n,)`` or ``(n, targets)``, as a network takes them.
    """

    table: Any
    index: tuple[str, Sequence[str]] | None = None
    answers: Array | None = None


def read_rows(trained: Trained, source: str) -> NewRows:
    """The rows of a file, of standard input, which is ``-``, or of a folder of images.

    Raises:
        DataError: it is not there, or is no such file. ExportError: the dataset does not say how its files are read.
    """
    path = require_path("data", source)
    if source != STDIN and path.is_dir():
        return images(path, trained)
    if source == STDIN:
        content, name = sys.stdin.buffer.read(), "standard input"
    else:
        try:
            content, name = path.read_bytes(), str(path)
        except FileNotFoundError:
            raise DataError(f"there is no file {path} (looked for from {Path.cwd()})") from None
        except OSError as error:
            raise DataError(f"{path} cannot be read: {error.strerror}") from None
    try:
        given = trained.dataset.read(content, name)
    except ExportError as error:
        if trained.predictor.preparation.columns:
            given = as_csv(content, name)
        else:
            shape = trained.predictor.network.input_shape
            way = "give a folder of images" if is_image(shape) else "from Python, load_run(RUN).predict takes arrays"
            raise ExportError(f"{error}; {way}") from None
    if isinstance(given, tuple):
        return NewRows(given[0], answers=given[1])
    if not isinstance(given, Rows):
        return NewRows(given)
    kept = trained.predictor.preparation.index
    index = next((name for name in (kept, UNNAMED) if name is not None and name in given.columns), None)
    return NewRows(given, None if index is None else (index, [str(cell) for cell in given.columns[index]]))


def as_csv(content: bytes, name: str) -> Rows:
    """The rows of a file with commas between its cells, for a dataset with columns that says nothing of files.

    Raises:
        DataError: it is no such file.
    """
    import pandas

    try:
        frame = pandas.read_csv(io.BytesIO(content), dtype=str, keep_default_na=False)
    except (ValueError, pandas.errors.ParserError) as error:
        raise DataError(f"{name} is no CSV file: {cut(one_line(error), 200)}") from None
    return Rows({str(column): frame[column].to_numpy(object) for column in frame.columns}, f"{name}, row {{}}".format)


def samples_of(trained: Trained, rows: NewRows) -> Split:
    """The same as inputs with their targets, to be measured by.

    Raises:
        DataError: the rows have no targets, or none that the network knows.
    """
    predictor = trained.predictor
    if rows.answers is not None:
        return Split(predictor.preparation.inputs(rows.table), rows.answers)
    if not isinstance(rows.table, Rows):
        raise DataError("the data has no answers to measure by")
    return predictor.samples(rows.table)


def is_image(shape: Any) -> bool:
    """Whether samples of this shape are images."""
    return isinstance(shape, tuple) and (len(shape) == 2 or (len(shape) == 3 and shape[2] in (1, 3)))


def images(folder: Path, trained: Trained) -> NewRows:
    """The PNG files of a folder, in the order of their names; of folders in it, each of which has the name of a class,
    with that class.

    Raises:
        DataError: the network takes no images, there are none, or one is of another size.
    """
    shape = trained.predictor.network.input_shape
    if not is_image(shape):
        raise DataError(f"{folder} is a folder, and the network takes no images: give a file")
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() == SUFFIX)
    answers = None
    if not files:
        names = [str(name) for name in labels(trained.predictor.preparation.class_names)]
        inside = sorted(path for path in folder.glob("*/*") if path.suffix.lower() == SUFFIX)
        unknown = sorted({path.parent.name for path in inside} - {*names})
        if not inside or unknown:
            found = f"of the folders in {folder}, {listed(unknown, 8)} are no classes" if unknown else "there are none"
            raise DataError(
                f"{folder} must hold PNG files, or folders of them named by classes ({listed(names, 8)}); {found}"
            )
        files, answers = inside, np.array([names.index(path.parent.name) for path in inside])
    pixels = np.stack([image(file, shape) for file in files])
    return NewRows(pixels, ("file", [str(file.relative_to(folder)) for file in files]), answers)


def image(file: Path, shape: Shape) -> Array:
    """One image as bytes, of that shape: grey, or red, green and blue; 0 is black."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(file, formats=["PNG"]) as opened:
            pixels: Array = np.asarray(opened.convert("RGB" if shape[2:] == (3,) else "L"))
    except (OSError, UnidentifiedImageError, SyntaxError, ValueError) as error:
        raise DataError(f"{file} is no sound PNG image: {cut(str(error), 80)}") from None
    if pixels.shape[:2] != shape[:2]:
        height, width = pixels.shape[:2]
        raise DataError(f"{file} is {width} x {height} pixels, and the network takes {shape[1]} x {shape[0]}")
    return pixels.reshape(shape)
