"""What a run prints at its end."""

import pytest

from chainrule.config.mailbox import Ended
from chainrule.runs.measured import Report, in_line
from chainrule.runs.sweep import job_name


def cells(capsys, metrics):
    """The printed table, row by row."""
    Report("mine", metrics).table()
    title, _, heading, _, *rows, _ = capsys.readouterr().out.splitlines()
    assert title.strip() == "mine"
    return [[cell.strip() for cell in row.strip("┃│").replace("┃", "│").split("│")] for row in (heading, *rows)]


def test_a_table_has_a_row_for_each_metric_and_a_column_for_each_split(capsys):
    assert cells(
        capsys,
        {
            "train/loss": 0.1,
            "train/accuracy": 0.95,
            "train/penalty": 0.25,
            "validation/loss": 0.2,
            "validation/accuracy": 0.9,
            "learning_rate": 0.01,
            "best/validation/loss": 0.15,
            "best_epoch/validation/loss": 7.0,
            "best/validation/accuracy": 0.91,
            "best_epoch/validation/accuracy": 12.0,
            "test/loss": 0.3,
            "test/accuracy": 0.85,
        },
    ) == [
        ["", "train", "validation", "test", "best validation (epoch)"],
        ["loss", "0.1", "0.2", "0.3", "0.15 (7)"],
        ["accuracy", "0.95", "0.9", "0.85", "0.91 (12)"],
        ["penalty", "0.25", "", "", ""],
    ]


def test_a_split_that_is_not_there_has_no_column(capsys):
    assert cells(capsys, {"train/loss": 0.1}) == [["", "train"], ["loss", "0.1"]]


def test_names_are_written_as_words(capsys):
    assert cells(capsys, {"train/mean_absolute_error": 1.5})[1] == ["mean absolute error", "1.5"]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.00012345, "0.0001234"),
        (0.999949, "0.9999"),
        (1.0, "1"),
        (1234.5678, "1235"),
        (2e30, "2e+30"),
        (-12345.678, "-1.235e+04"),
    ],
)
def test_numbers_have_four_digits(capsys, value, shown):
    assert cells(capsys, {"test/loss": value})[1] == ["loss", shown]


def line(metrics, objective=None):
    return in_line(Report("seed=1", metrics, objective).figures)


def test_the_line_of_a_job_has_what_was_measured_on_the_last_split():
    metrics = {"train/loss": 0.1, "validation/loss": 0.2, "test/loss": 0.3, "test/accuracy": 0.85, "seconds": 1.0}
    assert line(metrics) == "test/loss 0.3  test/accuracy 0.85"
    assert line({"train/loss": 0.1, "validation/loss": 0.2}) == "validation/loss 0.2"
    assert line({"train/loss": 0.1}) == "train/loss 0.1"


def test_a_metric_of_another_split_is_left_out_of_the_line():
    assert line({"train/loss": 0.1, "train/penalty": 0.2, "test/loss": 0.3}) == "test/loss 0.3"


@pytest.mark.parametrize(
    ("objective", "shown"),
    [
        ("validation/loss", "validation/loss 0.2  test/loss 0.3  test/accuracy 0.85"),
        ("best/validation/loss", "best/validation/loss 0.15  test/loss 0.3  test/accuracy 0.85"),
        ("test/accuracy", "test/accuracy 0.85  test/loss 0.3"),
        ("validation/accuracy", "train/accuracy 0.95  test/loss 0.3  test/accuracy 0.85"),
        (None, "test/loss 0.3  test/accuracy 0.85"),
    ],
)
def test_what_a_job_is_judged_by_stands_first_and_once(objective, shown):
    """What was not measured is that of training in its place, never that of test data."""
    metrics = {"train/loss": 0.1, "train/accuracy": 0.95, "validation/loss": 0.2, "best/validation/loss": 0.15}
    assert line({**metrics, "test/loss": 0.3, "test/accuracy": 0.85}, objective) == shown


def test_long_overrides_are_cut_and_told_apart():
    lists = [f"model.hidden=[{','.join(['8'] * 500)},{width},{','.join(['8'] * 500)}]" for width in (1, 2)]
    names = [job_name(Ended(0, (hidden, "seed=0"))) for hidden in lists]
    assert names[0] != names[1]
    assert all(name.startswith("model.hidden=[8,8,") and name.endswith("8],seed=0") for name in names)
    assert max(map(len, names)) < 80
