"""What of a config can change a result."""

from chainrule.registry.effects import without_effect

PARAMS = {
    "name": "xor",
    "objective": "validation/loss",
    "tracking.uri": "sqlite:///here.db",
    "seed": "0",
    "trainer.epochs": "3",
    "trainer.threads": "None",
    "callbacks.bar.name": "progress",
    "callbacks.bar.every": "1",
    "callbacks.nan_guard.name": "nan_guard",
    "callbacks.progress.name": "early_stopping",  # what it is called in the config says nothing
    "callbacks.progress.patience": "3",
    "optimizer.name": "progress",  # no callback
}


def test_names_records_threads_and_what_only_shows_have_none():
    shown = {"callbacks.bar.name", "callbacks.bar.every"}
    assert without_effect(PARAMS) == {"name", "objective", "tracking.uri", "trainer.threads"} | shown


def test_no_callbacks_are_as_good_as_those_that_only_show():
    assert without_effect({"callbacks": "{}", "seed": "0"}) == {"callbacks"}
