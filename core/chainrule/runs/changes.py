"""What differs between the environment of a recorded run, which its tags tell, and the one here."""

from __future__ import annotations

from collections.abc import Mapping

from chainrule.engine.use import Engine, usable_engine
from chainrule.process.threads import libraries_in
from chainrule.registry.registry import registry
from chainrule.tracking.tags import BLAS, COMMIT, DATASET_DIGEST, DIRTY, ENGINE, OF_THE_CALL, VERSION, components_of

WORDS = {DATASET_DIGEST: "data digest", COMMIT: "git commit", DIRTY: "uncommitted changes"}


def changes(recorded: Mapping[str, str], here: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """What is not the same in both, by words for people, each with its recorded value and the one here.

    Args:
        recorded: the tags of a run.
        here: those that the same run would have here; the components are looked up. What only one of both tells is
            left out: a record may be older than a tag.
    """
    found = {}
    for name in here.keys() & recorded.keys() - {BLAS, *OF_THE_CALL}:
        if recorded[name] != here[name]:
            found[WORDS.get(name, name.removesuffix(VERSION))] = (recorded[name], here[name])
    for name, then, now in zip(("BLAS", "BLAS kernels", "threads"), _libraries(recorded), _libraries(here)):
        # SciPy brings a library of its own: that it was loaded in one of the two processes alone is no difference.
        if not (then <= now or now <= then):
            found[name] = (", ".join(sorted(then)), ", ".join(sorted(now)))
    return dict(sorted({**found, **_packages(components_of(recorded))}.items()))


def threads_of(tags: Mapping[str, str]) -> int | None:
    """In how many threads matrices were multiplied, as far as it is known."""
    return max(map(int, _libraries(tags)[2]), default=None)


def engine_of(tags: Mapping[str, str]) -> Engine:
    """The engine that a run had, where it can be used here; else the one that always can."""
    return usable_engine(tags.get(ENGINE, ""))


def _libraries(tags: Mapping[str, str]) -> tuple[set[str], set[str], set[str]]:
    return libraries_in(tags.get(BLAS, ""))


def _packages(components: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """The packages that are installed in other versions, and the components that now come from another package."""
    found = {}
    for name, then in components.items():
        entry = registry().get(*name.split(".", 1))
        package, _, version = then.rpartition(" ")
        if package != entry.distribution:
            found[name] = (then, f"{entry.distribution} {entry.version}")
        elif version != entry.version:
            found[package] = (version, entry.version)
    return found
