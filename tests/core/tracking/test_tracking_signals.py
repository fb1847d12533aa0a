"""However a run ends, it gets its status."""

import signal
import subprocess
import sys
import threading

import pytest
from mlflow.tracking import MlflowClient

from chainrule.process.signals import Terminated, ended_by_signals, signals_wait
from chainrule.tracking.store import prepare_store
from chainrule.tracking.tracking import Tracking

# MLflow's own models use a loader strategy that SQLAlchemy 2.1 deprecates.
pytestmark = [
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning"),
    pytest.mark.usefixtures("signals_at_default"),
]


@pytest.fixture(scope="module")
def uri(tmp_path_factory):
    uri = f"sqlite:///{tmp_path_factory.mktemp('store')}/mlflow.db"
    prepare_store(uri, "xor")
    return uri


TRAINING = """
import sys, time
from pathlib import Path
from chainrule.tracking.tracking import Tracking
with Tracking(sys.argv[1], "xor").run(name="n", params={}, tags={}, dataset=("xor", "d"), folder=Path(".")) as run:
    run.log({"loss": 1.0}, step=1)
    print(run.run_id, flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_ends_a_run_as_killed(uri, tmp_path, number):
    command = [sys.executable, "-c", TRAINING, uri]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        run_id = process.stdout.readline().strip()
        for _ in range(3):  # a second one must not stop the first one's work
            process.send_signal(number)
        process.wait()
    run = MlflowClient(uri).get_run(run_id)
    assert run.info.status == "KILLED"
    assert run.data.metrics == {"loss": 1.0}


def test_a_signal_as_the_block_ends_ends_it_as_killed(uri, tmp_path):
    """Before the first line of contextlib's __exit__: all that the run then hears of is that its generator goes."""
    told = {"name": "n", "params": {}, "tags": {}, "dataset": ("xor", "d"), "folder": tmp_path}
    context = Tracking(uri, "xor").run(**told)
    run = context.__enter__()
    context.gen.close()
    recorded = MlflowClient(uri).get_run(run.run_id)
    assert (recorded.info.status, recorded.data.tags["error"]) == ("KILLED", "KeyboardInterrupt")


def test_a_signal_raises_and_handlers_are_restored():
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)}
    with pytest.raises(Terminated, match="SIGTERM"), ended_by_signals():
        signal.raise_signal(signal.SIGTERM)
    assert {number: signal.getsignal(number) for number in before} == before


def test_handlers_of_others_stay():
    came = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: came.append(number))
    ignored = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        with ended_by_signals():
            signal.raise_signal(signal.SIGTERM)
            signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGTERM, before)
        signal.signal(signal.SIGHUP, ignored)
    assert came == [signal.SIGTERM]


def test_a_signal_waits_until_the_work_is_done():
    done = []

    def work():
        with signals_wait():
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
            done.append(True)

    with pytest.raises(KeyboardInterrupt):
        work()
    assert done == [True]


def test_in_another_thread_nothing_is_handled():
    errors = []

    def work():
        try:
            with ended_by_signals(), signals_wait():
                pass
        except ValueError as error:  # "signal only works in main thread"
            errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert errors == []
