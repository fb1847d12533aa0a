"""Whatever is handed over as a config file or a command line ends well, or in an error that says what is wrong."""

import tempfile
from pathlib import Path

import fuzzed
import pytest
from hypothesis import given, settings


def run_file(program_in, text):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "conf" / "experiment").mkdir(parents=True)
        (folder / "conf" / "experiment" / "fuzzed.yaml").write_text(text, encoding="utf-8", errors="surrogatepass")
        ran = program_in("train", "--config-dir", "conf", "experiment=fuzzed", *fuzzed.ALWAYS, folder=folder)
    assert fuzzed.escaped(ran) is None, ran.err


def run_line(program_in, line):
    with tempfile.TemporaryDirectory() as name:
        ran = program_in("train", *line, *fuzzed.ALWAYS, folder=Path(name))
    assert fuzzed.escaped(ran) is None, ran.err


@settings(max_examples=3)
@given(text=fuzzed.files)
def test_a_file_runs_or_is_told(program_in, text):
    run_file(program_in, text)


@settings(max_examples=3)
@given(line=fuzzed.lines)
def test_a_line_runs_or_is_told(program_in, line):
    run_line(program_in, line)


@pytest.mark.soak  # of each some 100 ms
@settings(max_examples=1000)
@given(text=fuzzed.files)
def test_many_files_run_or_are_told(program_in, text):
    run_file(program_in, text)


@pytest.mark.soak
@settings(max_examples=1000)
@given(line=fuzzed.lines)
def test_many_lines_run_or_are_told(program_in, line):
    run_line(program_in, line)
