"""In a real kernel, as a notebook has it: what a cell shows, a mistake in two lines, no warning at the first run."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import start_new_kernel

Cell = Callable[[str], list[dict[str, Any]]]


@pytest.fixture(scope="module")
def cell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cell]:
    """``cell("1 + 1")`` runs a cell, and gives the contents of the messages with which the kernel answers."""
    folder: Path = tmp_path_factory.mktemp("notebook")
    manager, client = start_new_kernel(kernel_name="python3", cwd=str(folder))
    assert isinstance(client, BlockingKernelClient)

    def run(code: str) -> list[dict[str, Any]]:
        told: list[dict[str, Any]] = []
        client.execute_interactive(code, timeout=120, output_hook=lambda message: told.append(message["content"]))
        return [content for content in told if "execution_state" not in content and "code" not in content]

    run("import chainrule as cr")
    run("network = cr.Network([{'name': 'dense', 'units': 3}], (2,), 'mse')")
    yield run
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def test_a_summary_is_shown_once_and_whole(cell: Cell) -> None:
    (shown,) = cell("network.summary()")
    assert shown["data"]["text/plain"].splitlines()[0].split() == ["layer", "output", "parameters"]
    assert shown["data"]["text/plain"].splitlines()[-1] == "9 parameters, float32, loss mse"
    (printed,) = cell("print(network.summary())")
    assert printed["text"] == shown["data"]["text/plain"] + "\n"


def test_a_mistake_is_told_in_two_lines(cell: Cell) -> None:
    (error,) = cell("x = 1\ncr.make('optimizer', 'admm')")
    assert error["traceback"][0] == "line 2: cr.make('optimizer', 'admm')"
    assert error["traceback"][1].startswith('UnknownName: there is no optimizer "admm". Did you mean "adam"?')
    (error,) = cell("cr.train(['experiment=xro'])")
    assert [line.partition(":")[0] for line in error["traceback"]] == ["line 1", "UnknownName"]
    (error,) = cell("%env CHAINRULE_DEBUG=1\ncr.train(['experiment=xro'])")[-1:]
    assert "hydra" in "\n".join(error["traceback"])
    cell("del __import__('os').environ['CHAINRULE_DEBUG']")


MADE = {
    "Network": "network",
    "History": "cr.History.of({'train/loss': [0.5, 0.25], 'validation/loss': [0.75, 0.5]}, 2)",
    "Result": "cr.Result('a < b', None, {'test/loss': 0.25}, network, cr.History(), Path('out'), 1.0, None, None)",
    "Comparison": "Comparison('all', 'loss', 'loss', (), cr.Goal.MIN, (), (), (), (group,), (), 0)",
}


@pytest.mark.parametrize("name", MADE)
def test_what_a_network_and_a_run_gave_is_shown_as_tables(cell: Cell, name: str) -> None:
    cell(
        "from pathlib import Path\n"
        "from chainrule.comparison import Comparison, Group, StoredRun, summary\n"
        "run = StoredRun('abc', '1', 'FINISHED', 0, '0', {}, {'loss': 0.25}, {}, None)\n"
        "group = Group({}, (run, run), (0.25, 0.5), summary((0.25, 0.5)), (), (), {})"
    )
    (shown,) = cell(MADE[name])
    assert {"text/plain", "text/html"} <= {*shown["data"]}
    html = shown["data"]["text/html"]
    assert html.startswith("<table><caption")
    assert ("<svg" in html) == (name == "History")
    assert "a < b" not in html


@pytest.mark.slow
def test_a_run_warns_of_nothing_and_an_interrupted_one_leaves_the_kernel_usable(cell: Cell) -> None:
    (shown,) = cell("cr.train(['trainer.epochs=2', 'callbacks=[]', 'tracking.figures=false'])")
    assert re.match(
        r"<Result xor: test/loss \S+, test/binary_accuracy \S+; 2 epochs, run ", shown["data"]["text/plain"]
    )
    assert "<dt>MLflow</dt><dd>chainrule ui " in shown["data"]["text/html"]
    cell(
        "class Interrupt(cr.Callback):\n"
        "    def on_epoch_end(self, trainer):\n"
        "        if trainer.epoch == 3: __import__('signal').raise_signal(2)\n"
        "from chainrule.runs import run\n"
        "made = run.build_callbacks\n"
        "run.build_callbacks = lambda *given, **more: [*made(*given, **more), Interrupt()]"
    )
    (error,) = cell("cr.train(['trainer.epochs=9000', 'callbacks=[]'])")
    assert error["ename"] == "KeyboardInterrupt"
    assert "hydra/_internal" not in "".join(error["traceback"])  # its way through Hydra
    cell("run.build_callbacks = made")
    cell("from chainrule.tracking.store import connect\nfrom chainrule.tracking.uris import resolved")
    (shown,) = cell("[run.info.status for run in connect(resolved(None)).search_runs(['1'])]")
    assert shown["data"]["text/plain"] == "['KILLED', 'FINISHED']"
    assert cell("cr.train(['trainer.epochs=2', 'callbacks=[]'])")[0]["data"]
