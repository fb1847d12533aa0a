"""What the jobs of a sweep and their parent tell each other: files in a folder that all of them see.

A launcher may run a job in this process, in another one or on another machine, and gives results back when the last job
has ended, or never. So the parent leaves each job's config here before the first one starts, and each job leaves here
how it ended. The folder is gone at the end of the sweep: what is worth keeping stands in the folders of the runs.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import shutil
import socket
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from chainrule.errors import ConfigError
from chainrule.process.claims import is_claimed
from chainrule.process.liveness import is_gone, process

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
MAILBOX, OWNER = ".mailbox", "owner"
ENDS, ENDING = "ends", ".json"


@dataclass(frozen=True)
class Ended:
    """How a job ended.

    ``overrides``: those in which it differs from the others. ``failed``: why it did not come to its end, None where it
    did; ``trace``: where. ``folder``: its files'. The others are those of ``jobs.Done``.
    """

    number: int
    overrides: tuple[str, ...]
    text: str = ""
    figures: dict[str, float] = field(default_factory=dict)
    judged: str | None = None
    run_id: str | None = None
    reused: bool = False
    folder: str = ""
    failed: str | None = None
    trace: str = ""

    @property
    def objective(self) -> float | None:
        """The value of the metric by which it is judged."""
        return self.figures.get(self.judged) if self.judged is not None else None

    def __float__(self) -> float:
        """The objective: a search takes what a job returns for a number, and tells why it is none."""
        if self.objective is None:
            raise RuntimeError(self.failed or "it measured no objective")
        return self.objective


class Mailbox:
    """The folder of one sweep; ``folder`` is the sweep's own, in which it lies."""

    def __init__(self, folder: Path) -> None:
        self.sweep = folder.name
        self._folder = folder / MAILBOX
        self._ends = self._folder / ENDS

    def open(self) -> None:
        """Begin with an empty one, whatever an earlier sweep into the same folder left."""
        self.close()
        self._folder.mkdir(parents=True, mode=0o700)  # a config may hold what nobody else is to read
        self._ends.mkdir()
        self._write(self._folder / OWNER, process())

    def is_open(self) -> bool:
        """Whether it is there, and seen from here."""
        return self._folder.is_dir()

    def close(self) -> None:
        """Remove it."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def keep(self, overrides: Sequence[str], config: Any) -> None:
        """Leave the config of the job with these overrides, as plain containers, for ``kept``."""
        self._write(self._place(overrides), yaml.dump(config, Dumper=DUMPER, sort_keys=False))

    def kept(self, overrides: Sequence[str]) -> Any:
        """The config of the job with these overrides; None if nobody kept it."""
        place = self._place(overrides)
        return yaml.load(place.read_text(encoding="utf-8"), Loader=LOADER) if place.exists() else None

    def take(self, folder: Path, number: int) -> bool:
        """Note that a job writes into a folder; whether it had begun before, on a node that was lost.

        Raises:
            ConfigError: another job of the sweep does, or this process does not see the folder of the sweep.
        """
        if not self.is_open():
            raise ConfigError(
                f"{socket.gethostname()} does not see {self._folder}: the sweep has ended, or its jobs do not share a "
                "file system with it",
                key="hydra.sweep.dir",
            )
        place = self._folder / f"folder-{hashlib.sha256(str(folder).encode()).hexdigest()}"
        with contextlib.suppress(FileExistsError), place.open("x", encoding="utf-8") as file:
            file.write(str(number))
            return False
        if place.read_text(encoding="utf-8") != str(number):
            raise one_folder(folder)
        return True

    def tell(self, ended: Ended) -> float | Ended:
        """Leave how a job ended, for ``told``; its objective, where it has one."""
        self._write(self._ending(ended.number), json.dumps(dataclasses.asdict(ended)))
        return ended if ended.objective is None else ended.objective

    def told_of(self, number: int) -> Ended | None:
        """How the job of that number ended; None where it has not."""
        place = self._ending(number)
        return _read(place) if place.exists() else None

    def told(self, known: set[int]) -> Iterator[Ended]:
        """How jobs ended whose numbers are not among the known ones, to which they are added."""
        new = {}
        with contextlib.suppress(FileNotFoundError), os.scandir(self._ends) as there:
            for entry in there:  # of thousands, and every moment: so no more is asked of those that are known
                stem, ending, _ = entry.name.partition(ENDING)
                if ending and stem.isdecimal() and int(stem) not in known:
                    new[int(stem)] = Path(entry)
        for number, path in sorted(new.items(), key=lambda found: found[1].stat().st_mtime_ns):
            known.add(number)
            yield _read(path)

    def _ending(self, number: int) -> Path:
        return self._ends / f"{number}{ENDING}"

    def _place(self, overrides: Sequence[str]) -> Path:
        name = hashlib.sha256(json.dumps(list(overrides)).encode()).hexdigest()
        return self._folder / f"{name}.yaml"

    def _write(self, place: Path, text: str) -> None:
        """Whole or not at all: somebody may be looking."""
        new = place.with_name(f".{place.name}.{uuid.uuid4().hex}.new")
        with contextlib.suppress(FileNotFoundError):  # the parent is gone, and its folder: nobody hears
            new.write_text(text, encoding="utf-8")
            new.replace(place)


def _read(place: Path) -> Ended:
    said = json.loads(place.read_text(encoding="utf-8"))
    return Ended(**{**said, "overrides": tuple(said["overrides"])})


def remove_left(sweeps: Path) -> None:
    """Remove what sweeps below this folder left whose process was killed, and of which no job goes on elsewhere."""
    for owner in sweeps.glob(f"*/{MAILBOX}/{OWNER}"):
        sweep = owner.parents[1]
        with contextlib.suppress(OSError):  # another process removes it, too
            jobs_go_on = any(is_claimed(place.parent, "run") for place in sweep.glob("*/.run.lock"))
            if is_gone(owner.read_text(encoding="utf-8")) and not jobs_go_on:
                shutil.rmtree(owner.parent)


def one_folder(folder: Path | str) -> ConfigError:
    """Two jobs were given it."""
    return ConfigError(
        f"two jobs would have one folder, {folder}: leave this key out, or let it hold what differs, as "
        "'hydra.sweep.subdir=${hydra.job.num}'",
        key="hydra.sweep.subdir",
    )
