"""Every registered component passes the conformance kit that third parties use."""

from collections.abc import Callable

import pytest

import chainrule as cr
from chainrule.testing import check_component, parametrize_with_checks

DOWNLOADED = ("mnist", "fashion_mnist")


@parametrize_with_checks([f"{entry.kind}.{entry.name}" for entry in cr.registry() if entry.name not in DOWNLOADED])
def test_check(check: Callable[[], None]) -> None:
    check()


def test_downloaded_data(data_folder, monkeypatch) -> None:
    """With the files at hand, every check applies; without them, those of the data say why they do not."""
    monkeypatch.setenv("CHAINRULE_DATA", str(data_folder))
    assert {outcome.status for outcome in check_component("mnist")} == {"passed"}


@pytest.mark.parametrize("name", DOWNLOADED)
def test_data_that_is_not_at_hand(name, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("CHAINRULE_DATA", str(tmp_path))
    outcomes = check_component(name)
    left_out = {outcome.check: outcome.message for outcome in outcomes if outcome.status == "not applicable"}
    assert set(left_out) >= {"loads", "splits_disjoint", "same_data_again"}
    assert set(left_out.values()) == {f"its files are not in {tmp_path / name}, and a check downloads nothing"}
    assert {outcome.status for outcome in outcomes} == {"passed", "not applicable"}
