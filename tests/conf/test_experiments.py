"""Each shipped experiment runs, cut short; what they reach is shown by the studies in experiments/."""

import pytest

from chainrule.config.nodes import config_folder

pytestmark = pytest.mark.slow

EXPERIMENTS = sorted(path.stem for path in config_folder().glob("experiment/*.yaml"))
ON_MNIST = [name for name in EXPERIMENTS if name.startswith("mnist")]
SHORT = ("trainer.epochs=2", "callbacks=[nan_guard]")
LESS = {"adding": ("dataset.samples=200",), "text_gpt": ("dataset.stride=2000",)}
"""What makes those quick that would take long for two epochs."""


def ran_well(ran, folder):
    assert ran.status == 0, ran.err
    assert ran.err == ""
    [run] = folder.glob("outputs/*/*")
    assert (run / "model" / "weights.safetensors").is_file()
    assert {path.name for path in (run / "figures").iterdir()} >= {"curves.png"}
    return True


@pytest.mark.parametrize("name", sorted({*EXPERIMENTS} - {*ON_MNIST}))
def test_an_experiment_runs_without_a_download(program, tmp_path, name):
    given = ["tracking=none", *SHORT, *LESS.get(name, ())]
    ran = program("train", f"experiment={name}", *given, CHAINRULE_MIRROR="http://127.0.0.1:1")
    assert ran_well(ran, tmp_path)


def test_a_network_of_characters_leaves_what_it_writes(program, tmp_path):
    given = ["callbacks=[text_sample]", "callbacks.text_sample.length=30", "callbacks.text_sample.prompt='The '"]
    ran = program("train", "experiment=text_gpt", "tracking=none", "trainer.epochs=1", *given, *LESS["text_gpt"])
    assert ran_well(ran, tmp_path)
    [path] = tmp_path.glob("outputs/text_gpt/*/texts/sample.txt")
    heading, _, text = path.read_text(encoding="utf-8").partition("\n")
    assert heading == "--- at the end, after epoch 1"
    assert text.startswith("The ")
    assert len(text) == 4 + 30 + 1


def marked(name):
    """Convolutions take long, even to measure: of 10,000 test images."""
    return pytest.param(name, marks=pytest.mark.slow) if "cnn" in name or "resnet" in name else name


@pytest.mark.parametrize("name", [marked(name) for name in ON_MNIST])
def test_an_experiment_runs_on_a_part_of_mnist(program, tmp_path, data_folder, name):
    ran = program(
        *("train", f"experiment={name}", "tracking=none", "dataset.train_size=500", "dataset.validation_size=100"),
        *SHORT,
        CHAINRULE_DATA=str(data_folder),
    )
    assert ran_well(ran, tmp_path)
