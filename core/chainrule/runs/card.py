"""A model card: what a trained network is, what it learned from, how well it does, and how to use it and make it again.

Its parts are those of Mitchell et al. (2019), "Model Cards for Model Reporting", FAT*; what only people can say, for
whom it is meant and what it must not be used for, is left for them to write.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.contract.columns import Column
from chainrule.contract.data import Data
from chainrule.contract.split import Split
from chainrule.errors import ChainruleError
from chainrule.markup import markdown_table
from chainrule.prediction.evaluation import HEADINGS, evaluate
from chainrule.runs.building import load_data
from chainrule.runs.folder import recorded_overrides
from chainrule.runs.measured import Report
from chainrule.runs.new_rows import is_image
from chainrule.runs.result import MODEL
from chainrule.runs.trained import Trained, trained
from chainrule.tracking.tags import (
    BLAS,
    COMMIT,
    DATASET_DIGEST,
    DIRTY,
    ENGINE,
    PROCESSOR,
    REMARKS,
    VERSION,
    components_of,
)
from chainrule.words import number, one_line, relative, sizes

COLUMNS = 40
"""Of a table, that are listed."""


def card(run: str, uri: str | None = None) -> str:
    """The model card of a run, as Markdown. Where its data can still be read, and is what it was, the results have
    bootstrap intervals; else a sentence says why not.

    Args:
        run: its id, or its folder.
        uri: the store; None for ``MLFLOW_TRACKING_URI``, else ``mlflow.db`` in the working directory.

    Raises:
        TrackingError: there is no such run or store, or its files are not there.
    """
    found = trained(run, uri)
    data, why_not = data_of(found)
    parts = {
        f"# {found.name}": [introduction(found), "## Intended use", INTENDED],
        "## Data": list(of_data(found, data)),
        "## Network": [f"```text\n{found.predictor.network.summary()}\n```"],
        "## Training": list(of_training(found)),
        "## Results": list(of_results(found, data, why_not)),
        "## Where it comes from": list(of_provenance(found)),
        "## Make it again": [reproduction(found)],
        "## Use it": [use(found)],
    }
    return "\n\n".join(text for heading, texts in parts.items() for text in (heading, *texts)) + "\n"


INTENDED = "*For whom this model is meant, and what it must not be used for, is for its makers to say.*"
USE = """\
```python
import chainrule as cr

trained = {load}
trained.predict(rows)  # {rows}
```

```bash
{commands}
```

Its files are in `{model}`: weights as safetensors, the architecture and the preparation of its data as JSON; nothing in
them is run. `cr.Predictor.load` takes that folder."""


def use(found: Trained) -> str:
    """How to ask it: from Python, and by the commands that take such data."""
    run, predictor = found.run_id or relative(found.folder), found.predictor
    data, rows = "data.csv", "a DataFrame, a list of dicts, or an array, as they come"
    if not predictor.preparation.columns:
        data = "FOLDER" if is_image(predictor.network.input_shape) else ""
        rows = f"an array (n, {sizes(predictor.network.input_shape)})" if data else "arrays, as the dataset gives them"
    measured = bool(predictor.preparation.targets) or not predictor.preparation.columns
    asked = ("predict", "evaluate") if measured else ("predict",)
    commands = [f"chainrule {command} {run} {data}" for command in asked if data]
    commands += [f"chainrule export {run} model.onnx", f"chainrule serve {run}"]
    model = relative(found.folder / MODEL)
    load = f'cr.load_run("{found.run_id}")' if found.run_id else f'cr.Predictor.load("{model}")'
    return USE.format(load=load, rows=rows, commands="\n".join(commands), model=model)


def introduction(found: Trained) -> str:
    network, preparation = found.predictor.network, found.predictor.preparation
    tasks = network.task.values() if isinstance(network.task, Mapping) else [network.task]
    what = " and ".join(dict.fromkeys(map(str, tasks)))
    targets = f" of `{'`, `'.join(preparation.targets)}`" if preparation.targets else ""
    recorded = f" Run `{found.run_id}`." if found.run_id else ""
    return f"A neural network, written and trained with chainrule, for a {what} task{targets}.{recorded}"


def data_of(found: Trained) -> tuple[Data | None, str]:
    """What it was trained on, read again; or why not."""
    try:
        _, data = load_data(found.config)
    except ChainruleError as error:
        return None, f"the data could not be read again: {one_line(error)}"
    recorded = found.tags.get(DATASET_DIGEST)
    if recorded is not None and recorded != data.digest:
        return None, "the data is not what it was when the network was trained"
    return data, ""


def of_data(found: Trained, data: Data | None) -> Iterator[str]:
    dataset = found.config["dataset"]
    digest = found.tags.get(DATASET_DIGEST)
    said = {name: value for name, value in dataset.items() if value not in (None, [])}
    rows = [[name, str(value)] for name, value in {**said, **({"SHA-256": digest} if digest else {})}.items()]
    yield markdown_table(["dataset", "setting"], rows, named_by=2)
    if data is not None:
        rows = [[name, f"{split.rows:,}", *shares(data, split)] for name, split in data.splits.items()]
        classes = class_names(data)
        yield markdown_table(["split", "samples", *classes], rows)
    columns = found.predictor.preparation.columns
    if columns:
        rows = [described(column) for column in columns[:COLUMNS]]
        yield markdown_table(["column", "holds", "becomes"], rows, named_by=3)
    if len(columns) > COLUMNS:
        yield f"And {len(columns) - COLUMNS} more columns."


def class_names(data: Data) -> Sequence[str]:
    """Those of a task whose shares are told; of few classes alone."""
    plain = not isinstance(data.task, Mapping) and data.task != "regression" and data.at_hand and data.train.y.ndim == 1
    return [str(name) for name in data.class_names] if plain and len(data.class_names) <= 12 else []


def shares(data: Data, split: Split) -> list[str]:
    """How many samples of each class there are."""
    names = class_names(data)
    return [f"{count:,}" for count in np.bincount(split.y, minlength=len(names))] if names else []


def described(column: Column) -> list[str]:
    """A column, what it holds, and what becomes of it."""
    fields = {k: v for k, v in column.as_json().items() if k not in ("kind", "name", "categories", "cycles")}
    if (fields.get("shift"), fields.get("width")) == (0.0, 1.0):
        del fields["shift"], fields["width"]
    told = [f"{k} {number(v) if isinstance(v, float) else v}" for k, v in fields.items() if v is not None]
    inputs = len(column.features)
    return [column.name, column.holds, f"{inputs} input{'s' if inputs > 1 else ''}: {', '.join(told) or 'as it is'}"]


def of_training(found: Trained) -> Iterator[str]:
    config = found.config
    chosen = {name: config.get(name) for name in ("loss", "optimizer", "schedule", "regularizer", "trainer")}
    rows = [[name, shown(value)] for name, value in chosen.items() if value]
    rows += [["seed", str(config["seed"])], ["dtype", str(config["dtype"])]]
    yield markdown_table(["", "setting"], rows, named_by=2)
    if found.tags.get(REMARKS):
        yield "\n".join(f"- {remark}" for remark in found.tags[REMARKS].splitlines())


def shown(value: Mapping[str, Any]) -> str:
    """The settings of a component, or of the trainer, on a line."""
    settings = ", ".join(f"{k} {v}" for k, v in value.items() if k != "name" and v is not None)
    return f"{value['name']}: {settings}" if "name" in value and settings else str(value.get("name", settings))


def of_results(found: Trained, data: Data | None, why_not: str) -> Iterator[str]:
    if found.metrics:
        yield Report(found.name, found.metrics, found.config["objective"]).markdown()
    if data is None:
        yield f"Without intervals: {why_not}."
        return
    name = next(name for name in ("test", "validation", "train") if name in data.splits)
    split = data.splits[name]
    if not isinstance(split, Split):
        yield "Without intervals: the data is a stream."
        return
    evaluation = evaluate(found.predictor.network, split)
    yield f"Of the {split.rows:,} {name} samples, with intervals by the bootstrap (percentiles, 1,000 resamples):"
    yield markdown_table([name, *HEADINGS[1:]], evaluation.cells())


def of_provenance(found: Trained) -> Iterator[str]:
    tags = found.tags
    known = {
        "commit": f"{tags[COMMIT]}{', with changes' if tags.get(DIRTY) == 'true' else ''}" if COMMIT in tags else None,
        **{name.removesuffix(VERSION): text for name, text in sorted(tags.items()) if name.endswith(VERSION)},
        "matrix products": tags.get(BLAS),
        "engine": tags.get(ENGINE),
        "processor": tags.get(PROCESSOR),
    }
    rows = [[name, text] for name, text in known.items() if text]
    if rows:
        yield markdown_table(["", "with which it was trained"], rows, named_by=2)
    supplied = components_of(tags) or found.predictor.network.provenance()
    packages: dict[str, list[str]] = {}
    for component, package in supplied.items():
        packages.setdefault(package, []).append(component)
    rows = [[package, ", ".join(names)] for package, names in sorted(packages.items())]
    yield markdown_table(["package", "components"], rows, named_by=2)


def reproduction(found: Trained) -> str:
    overrides = recorded_overrides(found.folder)
    command = shlex.join(["chainrule", "train", *overrides])
    again = f"chainrule reproduce {found.run_id}\n" if found.run_id else ""
    equal = "The first says whether the result is the same to the last bit, and if not, what differs.\n\n"
    return f"{equal if again else ''}```bash\n{again}{command}\n```"
