"""What the README files say is so: each command and each block of code is run as it stands there, every link leads
somewhere, and every list of names is the list of what there is."""

from __future__ import annotations

import csv
import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import optuna
import pytest
import yaml
from environments import OFFLINE, environment, variables
from mlflow.tracking import MlflowClient
from serving import free_port, served, taken

import chainrule as cr
from chainrule.config.nodes import config_folder

REPOSITORY = Path(__file__).parents[1]
README = REPOSITORY / "README.md"
READMES = [README, *(REPOSITORY / room / "README.md" for room in ("core", "plugins", "conf", "experiments", "tests"))]
TEXTS = [*READMES, REPOSITORY / "CHANGELOG.md"]
CLONED = (
    "core",
    "plugins",
    "conf",
    "experiments",
    "pyproject.toml",
    "README.md",
    "LICENSE",
    "CHANGELOG.md",
    "SECURITY.md",
)


def name(path: Path) -> str:
    return str(path.relative_to(REPOSITORY))


# ---- the blocks of the first page


@dataclass(frozen=True)
class Block:
    section: str
    language: str
    text: str
    file: str | None  # that the line above it names: "`chainrule-softsign/softsign.py`:"


def blocks(path: Path) -> list[Block]:
    found, section, above = [], "", ""
    lines = iter(path.read_text(encoding="utf-8").splitlines())
    for line in lines:
        if line.startswith("```"):
            text = "\n".join(iter(lambda: next(lines), "```"))
            named = re.search(r"`([\w./-]+\.\w+)`:$", above)
            found.append(Block(section, line.removeprefix("```"), text, named[1] if named else None))
        elif line.startswith("#"):
            section = line.lstrip("# ")
        if line.strip():
            above = line
    return found


BLOCKS = blocks(README)
FIRST, CHECKS, *OTHERS = BLOCKS
SECTIONS = list(dict.fromkeys(block.section for block in OTHERS))
SLOW = {*SECTIONS} - {"Install and train"}


class Reader:
    """Somebody with a fresh copy of the repository, in it, who has activated a new environment without chainrule."""

    def __init__(self, home: Path) -> None:
        self.folder = home / "chainrule"
        self.folder.mkdir()
        for part in CLONED:
            source, target = REPOSITORY / part, self.folder / part
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, target)
        python = environment(home / "environment", hidden=("chainrule",))
        self.bin = python.parent
        self.variables = variables(python, OPENBLAS_NUM_THREADS="1", **OFFLINE)

    def does(self, block: Block) -> str:
        """Returns what the block prints."""
        if block.file:
            file = self.folder / block.file
            file.parent.mkdir(exist_ok=True)
            file.write_text(block.text + "\n", encoding="utf-8")
            return ""
        if block.text == "chainrule ui":
            return self.serves(block.text)
        if block.text == "chainrule serve latest":
            self.server = block.text  # it answers what comes next, in another terminal
            return ""
        if block.text.startswith("curl "):
            return self.asks(block.text)
        assert block.language in ("bash", "python"), f"what is one to do with {block}?"
        script = self.folder / f"block.{block.language}"
        script.write_text(block.text + "\n", encoding="utf-8")
        return self.runs([*{"bash": ["bash", "-e"], "python": ["python"]}[block.language], script.name])

    def runs(self, command: list[str]) -> str:
        # The command itself would be looked for along the PATH of this process, not along the reader's.
        whole = shutil.which(command[0], path=self.variables["PATH"])
        assert whole
        done = subprocess.run(
            [whole, *command[1:]], cwd=self.folder, env=self.variables, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def serves(self, command: str) -> str:
        """Returns the page. The command is the README's own unless somebody else has its port, 5000."""
        port = ["--port", str(free_port())] if taken(5000) else []
        whole = [str(self.bin / "chainrule"), *shlex.split(command)[1:], *port]
        with served(whole, self.folder, self.variables) as address, urlopen(address) as answer:
            assert port or address.startswith("http://127.0.0.1:5000/")
            page: str = answer.read().decode()
            return page

    def asks(self, command: str) -> str:
        """Returns the answer of the server that was started before. The commands are the README's own unless somebody
        else has its port, 5001."""
        port = free_port() if taken(5001) else 5001
        serve = [str(self.bin / "chainrule"), *shlex.split(self.server)[1:], *(["--port", str(port)] * (port != 5001))]
        with served(serve, self.folder, self.variables, "Model", "ping"):
            assert "127.0.0.1:5001/" in command
            return self.runs(shlex.split(command.replace(":5001/", f":{port}/")))


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    return Reader(tmp_path_factory.mktemp("reader"))


@pytest.fixture(scope="module")
def trained(reader: Reader) -> str:
    """What the README's first command prints: pip, then chainrule."""
    return reader.does(FIRST)


@pytest.fixture
def installed(reader: Reader, trained: str) -> Reader:
    """The reader after that first command."""
    return reader


def recorded(reader: Reader, experiment: str) -> list[Any]:
    """The runs that MLflow has of an experiment."""
    client = MlflowClient(f"sqlite:///{reader.folder}/mlflow.db")
    found = client.get_experiment_by_name(experiment)
    assert found is not None
    runs: list[Any] = client.search_runs([found.experiment_id])
    return runs


def test_the_first_command_installs_and_trains_xor_to_100_percent(reader: Reader, trained: str) -> None:
    assert FIRST.text == "python -m pip install -e . && chainrule train"
    assert (reader.bin / "chainrule").is_file()
    [row] = [line for line in trained.splitlines() if "binary accuracy" in line]
    assert [cell.strip() for cell in row.split("│")][2:5] == ["1", "1", "1"]
    [run] = recorded(reader, "xor")
    assert run.info.status == "FINISHED"
    [folder] = reader.folder.glob("outputs/xor/*")
    assert {"config.yaml", "figures", "model"} <= {path.name for path in folder.iterdir()}


@pytest.mark.parametrize(
    "section", [pytest.param(section, marks=pytest.mark.slow if section in SLOW else ()) for section in SECTIONS]
)
def test_the_blocks_of_a_section_run_one_after_the_other(installed: Reader, section: str) -> None:
    printed = [installed.does(block) for block in OTHERS if block.section == section]
    CLAIMS.get(section, lambda reader, printed: None)(installed, printed)


def shown_and_not_trained(reader: Reader, printed: list[str]) -> None:
    assert "dataset:\n  name: digits\n" in printed[0]
    assert len(list(reader.folder.glob("outputs/digits/*"))) == 2, "--cfg job trains nothing"
    assert all(f" {optimizer} " in printed[0] for optimizer in cr.registry().names("optimizer"))


def twelve_runs_compared(reader: Reader, printed: list[str]) -> None:
    """In the table of the page too: the same numbers, but for rounding on another processor."""
    lines = printed[0].splitlines()
    assert len([line for line in lines if re.match(r"\d+/12  optimizer=", line)]) == 12
    rows = [[cell.strip() for cell in line.strip("│").split("│")] for line in lines if line.startswith("│")]
    rows = [row for row in rows if row[2]]  # where a terminal is narrow, an interval takes two lines
    shown = table(README, "optimizer")
    assert [row[:3] for row in rows] == [row[:3] for row in shown]
    assert [float(row[3]) for row in rows] == pytest.approx([float(row[3]) for row in shown], rel=0.05)
    adam = [run for run in recorded(reader, "digits") if run.data.params["optimizer.name"] == "adam"]  # Train's, too
    before = [run for run in adam if run.data.params["seed"] != "3"]  # which the last block adds
    assert f"validation/accuracy of {len(before)} runs, higher is better" in printed[1]
    assert len(before) >= 6
    assert "jobs     16, 12 reused\n" in printed[2]
    assert [run.info.status for run in recorded(reader, "comparisons")] == ["FINISHED"] * 2
    assert finished(reader, printed[0]) == 12


def finished(reader: Reader, printed: str) -> int:
    """How many runs of the sweep that was named last have finished."""
    sweep = re.findall(r"^compare  chainrule compare (\S+)$", printed, re.MULTILINE)[-1]
    runs = [run for run in recorded(reader, "digits") if run.data.tags.get("sweep") == sweep]
    assert {run.info.status for run in runs} == {"FINISHED"}
    return len(runs)


def searched(reader: Reader, printed: list[str]) -> None:
    assert [finished(reader, one) for one in printed] == [6, 20]
    study = optuna.load_study(study_name="digits_optuna_mlp", storage=f"sqlite:///{reader.folder}/optuna.db")
    [said] = re.findall(r"from (0\.\d+) to (0\.\d+)", README.read_text(encoding="utf-8"))
    before, found = map(float, said)
    assert study.best_value < before
    assert study.best_value == pytest.approx(found, rel=0.1)  # rounding on another processor may lead elsewhere


def mlflows_page(reader: Reader, printed: list[str]) -> None:
    assert "<title>MLflow</title>" in printed[0]


def one_component_among_the_others(reader: Reader, printed: list[str]) -> None:
    assert "activation softsign, from chainrule-softsign 0.1.0 (chainrule-softsign:softsign)" in printed[-1]
    assert {run.data.params["model.activation"] for run in recorded(reader, "spirals")} >= {"tanh", "softsign"}


def a_table_answered_over_http(reader: Reader, printed: list[str]) -> None:
    """With the answers of the file that was written before, in its order."""
    with (reader.folder / "answers.csv").open(encoding="utf-8") as file:
        said = [row["prediction"] for row in csv.DictReader(file)]
    assert json.loads(printed[-1]) == {"predictions": said}
    assert len(said) == 28
    assert "on 28 rows of new.csv" in printed[1]
    assert [run.info.status for run in recorded(reader, "evaluations")] == ["FINISHED"]


CLAIMS: dict[str, Callable[[Reader, list[str]], None]] = {
    "Train": shown_and_not_trained,
    "Sweep and compare": twelve_runs_compared,
    "Sweep on all cores, search": searched,
    "Compare in MLflow": mlflows_page,
    "Your own data": a_table_answered_over_http,
    "Your own component": one_component_among_the_others,
}


def test_what_is_claimed_of_sections_is_of_sections_that_there_are() -> None:
    assert {*CLAIMS, *SLOW} <= set(SECTIONS)


def test_ci_runs_the_steps_of_the_second_command_in_its_order() -> None:
    install, *steps = CHECKS.text.split(" && ")
    ci = (REPOSITORY / ".ci" / "run").read_text(encoding="utf-8")
    assert install.replace("pip install", "pip install -q") in ci.replace('"$environment/bin/python"', "python")
    places = [re.search(rf"^{re.escape(step)}\b", ci, re.MULTILINE) for step in steps]
    assert all(places)
    assert places == sorted(places, key=lambda place: place.start() if place else 0)


@pytest.mark.slow
def test_the_steps_of_the_second_command_pass(installed: Reader) -> None:
    """All but its last, which is this."""
    install, *steps, tests = CHECKS.text.split(" && ")
    assert tests == "python -m pytest"
    installed.runs(shlex.split(install))
    for step in steps:
        done = subprocess.run(step, shell=True, cwd=REPOSITORY, env=installed.variables, capture_output=True, text=True)
        assert done.returncode == 0, f"{step}\n{done.stdout}\n{done.stderr}"


# ---- commands within sentences and tables

EXAMPLES = {"KIND": "layer", "NAME": "adam"}


def spans(path: Path) -> list[str]:
    """What stands between backticks, outside of blocks."""
    text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    return re.findall(r"`([^`]+)`", text.replace("\n", " "))


def commands(start: str, paths: list[Path]) -> list[str]:
    return sorted({span for path in paths for span in spans(path) if span.startswith(start)})


SERVE = "chainrule ui"
COMPARE = "chainrule compare"  # needs runs; it is run in its section
REPRODUCE = "chainrule reproduce RUN"  # so does this; the block above it does the same
RAY = "chainrule train -m launcher=ray seed=0,1"  # needs an extra that the tests do without
SENT = "chainrule resend"  # needs a file that there is only after MLflow did not answer
ANEW = "chainrule resend --anew"
ON_RUNS = ("chainrule runs", "chainrule resume", "chainrule runs rename RUN NAME", "chainrule runs delete --failed")
OF_USE = tuple(f"chainrule {use}" for use in ("card", "evaluate", "export", "predict", "serve"))
"""Of a run, which their sections train."""
NOT_ALONE = (SERVE, COMPARE, RAY, REPRODUCE, SENT, ANEW, *ON_RUNS, *OF_USE)


@pytest.mark.parametrize(
    "command",
    [
        # It takes minutes, and finds what test_conformance.py does.
        pytest.param(command, marks=pytest.mark.soak if command == "chainrule check" else ())
        for command in commands("chainrule ", TEXTS)
        if command not in NOT_ALONE
    ],
)
def test_a_command_in_a_sentence_runs(program: Callable[..., Any], command: str) -> None:
    done = program(*(EXAMPLES.get(word, word) for word in shlex.split(command)[1:]))
    assert done.status == 0, done.err


def test_the_commands_on_runs_run(program: Callable[..., Any], tmp_path: Path) -> None:
    assert set(ON_RUNS) <= set(commands("chainrule ", TEXTS))
    assert program("train", "experiment=xor", "trainer.epochs=2", "tracking.figures=false").status == 0
    client = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    [run] = client.search_runs(["1"])
    for command in ON_RUNS:
        client.update_run(run.info.run_id, "KILLED")
        words = [run.info.run_id if word == "RUN" else word for word in shlex.split(command)[1:]]
        done = program(*words, *(["--yes"] if "delete" in words else []))  # there nobody can be asked
        assert done.status == 0, done.err


def test_the_first_picture_stands_above_the_command_that_makes_it() -> None:
    """See test_figures.py, which runs it."""
    text = README.read_text(encoding="utf-8")
    below = r"^!\[[^]]+\]\(experiments/results/(\w+)\.png\)\s+\*[^`]*`[^`]*`[^`]*`python (.*?)`"
    [(picture, command)] = re.findall(below, text, flags=re.M)
    assert command == f"experiments/{picture}.py"
    assert (REPOSITORY / command).is_file()


OVERRIDES = sorted({span for path in READMES for span in spans(path) if re.fullmatch(r"([\w.]+=\S+ ?)+", span)})


@pytest.mark.parametrize("overrides", OVERRIDES)
def test_overrides_in_a_sentence_compose(program: Callable[..., Any], overrides: str) -> None:
    done = program("train", *overrides.split(), "--cfg", "job")
    assert done.status == 0, done.err


def test_completion_is_set_up_as_the_readme_says(installed: Reader) -> None:
    [line] = commands("eval ", [README])
    assert "chainrule" in installed.runs(["bash", "-e", "-c", f"{line}\ncomplete -p chainrule"])


@pytest.mark.slow
@pytest.mark.parametrize("command", commands("python ", [REPOSITORY / "tests" / "README.md"]))
def test_a_command_for_the_tests_finds_tests(command: str) -> None:
    words = f"{command} --collect-only -q -p no:cacheprovider"
    done = subprocess.run(words, shell=True, cwd=REPOSITORY, env=variables(), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_an_experiment_of_ones_own_is_written_as_conf_readme_says(program: Callable[..., Any], tmp_path: Path) -> None:
    experiment, preset = blocks(REPOSITORY / "conf" / "README.md")
    [place] = re.findall(r"# (model/[\w/]+\.yaml)", experiment.text)
    for file, text in {"experiment/mine.yaml": experiment.text, place: preset.text}.items():
        path = tmp_path / "configs" / file
        path.parent.mkdir(parents=True)
        path.write_text(text, encoding="utf-8")
    done = program("train", "--config-dir", "configs", "experiment=mine", "trainer.epochs=1", "tracking=none")
    assert done.status == 0, done.err
    assert done.out.startswith("mine")
    [config] = tmp_path.glob("outputs/mine/*/config.yaml")
    assert yaml.safe_load(config.read_text(encoding="utf-8"))["model"]["hidden"] == [16]


# ---- links and names


def test_the_tutorial_derives_every_number_of_a_step() -> None:
    names: dict[str, Any] = {}
    for block in blocks(REPOSITORY / "experiments" / "backpropagation.md"):
        exec(compile(block.text, block.section, "exec"), names)
    assert {"delta1", "delta2", "dW1", "promised", "history"} <= {*names}


def targets(path: Path) -> list[str]:
    return re.findall(r"\]\(([^)\s]+)\)", path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", TEXTS, ids=name)
def test_every_link_and_picture_is_there(path: Path) -> None:
    near = [target for target in targets(path) if not target.startswith(("https://", "#"))]
    assert [target for target in near if not (path.parent / target).exists()] == []


def test_the_first_page_links_to_every_other() -> None:
    assert {REPOSITORY / target for target in targets(README)} >= set(READMES[1:])


def table(path: Path, heading: str) -> list[list[str]]:
    """The cells of the table whose first heading it is."""
    lines = path.read_text(encoding="utf-8").splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith(f"| {heading} |"))
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


def test_the_experiments_of_the_first_page_are_those_that_there_are() -> None:
    named = [name for row in table(README, "experiment") for name in re.findall(r"`(\w+)`", row[0])]
    assert sorted(named) == sorted(path.stem for path in config_folder().glob("experiment/*.yaml"))


def test_the_built_in_components_are_those_that_are_registered() -> None:
    rows = table(REPOSITORY / "plugins" / "README.md", "kind")
    named = {kind: sorted(names.split(", ")) for kind, _, names in rows}
    own = [entry for entry in cr.registry() if entry.distribution == "chainrule"]
    assert named == {kind: sorted(entry.name for entry in own if entry.kind == kind) for kind in cr.KINDS}
    for _, where, _ in rows:
        assert (REPOSITORY / "plugins" / "chainrule_plugins" / where.strip("`")).exists()
