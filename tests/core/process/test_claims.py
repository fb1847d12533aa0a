"""A folder is one's own while one works in it, and free when one has ended, however that came."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from chainrule import ConfigError
from chainrule.process.claims import claimed

HOLDING = """
import pathlib, sys, time
from chainrule.process.claims import claimed
with claimed(pathlib.Path(sys.argv[1]), "run", "hydra.run.dir"):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds ``folder`` below."""
    with subprocess.Popen([sys.executable, "-c", HOLDING, tmp_path / "folder"], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


def test_a_folder_that_another_process_holds_is_refused_until_it_has_ended(holder, tmp_path):
    folder = tmp_path / "folder"
    with pytest.raises(ConfigError) as caught, claimed(folder, "run", "hydra.run.dir"):
        pass
    who = f"process {holder.pid} on {socket.gethostname()}"
    assert str(caught.value) == (
        f"hydra.run.dir: the folder {folder} is in use by a run that has not ended ({who}): give each run a folder of "
        "its own, as the default does, or wait for the end of that one"
    )
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert (folder / ".run.lock").exists()
    with claimed(folder, "run", "hydra.run.dir"):
        pass
    assert list(folder.iterdir()) == []


def test_within_one_process_too_and_each_sort_for_itself(tmp_path):
    with claimed(tmp_path, "sweep", "hydra.sweep.dir"), claimed(tmp_path, "run", "hydra.sweep.subdir"):
        again = claimed(tmp_path, "run", "hydra.sweep.subdir")
        with pytest.raises(ConfigError, match=r"^hydra.sweep.subdir: .* in use by a run"), again:
            pass
    with claimed(tmp_path, "run", "hydra.sweep.subdir"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_who_is_patient_waits_until_it_is_free(tmp_path, caplog):
    order = []

    def wait() -> None:
        with claimed(tmp_path, "run", "hydra.sweep.subdir", patient=True):
            order.append("the second begins")

    waiting = threading.Thread(target=wait)
    with claimed(tmp_path, "run", "hydra.sweep.subdir"):
        waiting.start()
        while "whose end is waited for" not in caplog.text:
            time.sleep(0.01)
        order.append("the first ends")
    waiting.join()
    assert order == ["the first ends", "the second begins"]
    assert f"process {os.getpid()} on " in caplog.text
