"""The pictures hold what they are given: asked of the figures' own artists, and of the pixels of the files."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import matplotlib.image
import numpy as np
import pytest

from chainrule import Data, Split
from chainrule.pictures import (
    array_metric,
    boundary,
    confusion,
    curves,
    drawing,
    page,
    predictions,
    reconstructions,
    regression,
)
from chainrule.pictures.page import PALETTE

NAN, INF = float("nan"), float("inf")
HISTORY = {
    "train/loss": [1.0, 0.5, 0.25],
    "train/accuracy": [0.5, 0.75, 1.0],
    "validation/loss": [1.2, 0.7, 0.9],
    "validation/accuracy": [0.4, 0.6, 0.8],
    "learning_rate": [0.1, 0.1, 0.1],
    "seconds": [0.1, 0.1, 0.1],
}


def image_data(n=40, shape=(8, 8), classes=3):
    """Random images whose first pixel is their class, over the number of classes."""
    x = np.random.default_rng(0).random((n, *shape))
    y = np.arange(n) % classes
    x.reshape(n, -1)[:, 0] = y / classes
    names = [f"kind {i}" for i in range(classes)]
    return Data(train=Split(x, y), test=Split(x[: n // 2], y[: n // 2]), task="multiclass", class_names=names)


def reader(wrong=(), classes=3, sure=0.8):
    """A network that reads the class off the first pixel, and errs on the batch's images of the given indices."""

    def predict(x):
        said = np.rint(x.reshape(len(x), -1)[:, 0] * classes).astype(int)
        said[list(wrong)] = (said[list(wrong)] + 1) % classes
        return np.where(np.eye(classes)[said] > 0, sure, (1 - sure) / (classes - 1))

    return predict


def xor_data():
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], float)
    return Data(train=Split(x, np.array([0, 1, 1, 0])), task="binary", class_names=["0", "1"])


def solved_xor(x):
    """One unit, near 1 between the two diagonals x1 + x2 = 0.5 and 1.5."""
    total = x.sum(axis=1, keepdims=True)
    return 1 / (1 + np.exp(-20 * (0.25 - (total - 1) ** 2)))


def blobs(classes, n=90):
    """Points around the corners of a polygon."""
    y = np.arange(n) % classes
    angle = 2 * np.pi * y / classes
    x = np.stack([np.cos(angle), np.sin(angle)], axis=1) + np.random.default_rng(1).normal(0, 0.2, (n, 2))
    names = [f"corner {i}" for i in range(classes)]
    return Data(Split(x[:60], y[:60]), "multiclass", test=Split(x[60:], y[60:]), class_names=names)


def nearest_corner(classes):
    angle = 2 * np.pi * np.arange(classes) / classes
    corners = np.stack([np.cos(angle), np.sin(angle)])

    def predict(x):
        z = np.exp(3 * x @ corners)
        return z / z.sum(axis=1, keepdims=True)

    return predict


def line_data(targets=1):
    x = np.linspace(-1, 1, 30)[:, None]
    y = x * np.arange(1, targets + 1)
    return Data(Split(x[::2], y[::2]), "regression", test=Split(x[1::2], y[1::2]), feature_names=["height [m]"])


def given_back(n=30, shape=(8, 7)):
    """Images that are their own targets, pixel by pixel in a row."""
    x = np.random.default_rng(0).random((n, *shape))
    rows = x.reshape(n, -1)
    return Data(Split(x[:10], rows[:10]), "regression", test=Split(x[10:], rows[10:]))


def blurred(x):
    """A network that gives half of each pixel's difference from grey."""
    return 0.25 + x.reshape(len(x), -1) / 2


def each_step(steps=2):
    """Tokens, each of which is to be said again: a class for each step."""
    x = np.arange(12).reshape(-1, steps) % 3
    return Data(Split(x, x), "multiclass", class_names="abc", token_names="abc")


def drawn(tmp_path, history, data, predict, arrays=None, title="a run"):
    """Name to pixels ``(height, width, 4)`` of every file, each of which is checked to be there and not blank."""
    paths = drawing.draw_all(tmp_path / "figures", history, data, predict, title, arrays or {})
    assert sorted(paths) == sorted((tmp_path / "figures").iterdir())
    pictures = {}
    for path in paths:
        assert path.read_bytes().startswith(b"\x89PNG")
        pictures[path.stem] = pixels = matplotlib.image.imread(path)
        height, width = pixels.shape[:2]
        assert 250 < height < 1300
        assert 350 < width < 1600
        assert np.mean(pixels[..., :3].min(axis=-1) < 0.9) > 0.005, f"{path.stem} is nearly blank"
    return pictures


def share_of(pixels, color, tolerance=0.02):
    """How much of a picture has a colour, given as ``#rrggbb``."""
    rgb = np.array([int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.mean(np.abs(pixels[..., :3] - rgb).max(axis=-1) < tolerance)


def texts(figure):
    import matplotlib.text

    return [text.get_text() for text in figure.findobj(matplotlib.text.Text) if text.get_text()]


def lines(axes):
    return {line.get_label(): line.get_xydata() for line in axes.lines}


# ---- which pictures


@pytest.mark.parametrize(
    ("data", "predict", "arrays", "expected"),
    [
        (image_data(), reader(), {"test/confusion_matrix": np.eye(3, dtype=int)},
         {"curves", "predictions", "confusion_matrix"}),
        (image_data(shape=(6, 5, 3)), reader([2]), {}, {"curves", "predictions"}),
        (image_data(shape=(6, 5, 1)), reader([2]), {}, {"curves", "predictions"}),
        (image_data(shape=(6, 5, 2)), reader([2]), {}, {"curves"}),
        (image_data(shape=(7,)), reader(), {}, {"curves"}),
        (xor_data(), solved_xor, {}, {"curves", "decision_boundary"}),
        (blobs(3), nearest_corner(3), {}, {"curves", "decision_boundary"}),
        (line_data(), lambda x: x, {}, {"curves", "fit", "predicted_vs_true"}),
        (line_data(3), lambda x: x * [1, 2, 3], {}, {"curves", "predicted_vs_true"}),
        (given_back(), blurred, {}, {"curves", "reconstructions"}),
        (given_back(shape=(6, 5, 3)), blurred, {}, {"curves", "reconstructions"}),
        (given_back(shape=(30,)), lambda x: x, {}, {"curves", "predicted_vs_true"}),
        (each_step(), lambda x: np.eye(3)[x], {}, {"curves"}),
    ],
)  # fmt: skip
def test_each_kind_of_data_gets_its_pictures(tmp_path, data, predict, arrays, expected):
    """Nothing more and nothing less."""
    assert drawn(tmp_path, HISTORY, data, predict, arrays).keys() == expected


def test_two_inputs_of_a_regression_get_no_plane(tmp_path):
    data = Data(Split(np.random.default_rng(0).random((20, 2)), np.arange(20.0)), "regression")
    assert drawn(tmp_path, HISTORY, data, lambda x: 20 * x[:, :1]).keys() == {"curves", "predicted_vs_true"}


@pytest.mark.parametrize("history", [{}, {"train/loss": []}])
def test_without_epochs_there_are_no_curves(tmp_path, history):
    assert "curves" not in drawn(tmp_path, history, image_data(), reader())


def test_the_files_are_the_same_to_the_last_byte(tmp_path):
    """Neither the clock nor another thread that draws changes a file."""
    data, arrays = blobs(4), {"test/confusion_matrix": np.arange(4).reshape(2, 2)}

    def draw(i):
        paths = drawing.draw_all(tmp_path / str(i), HISTORY, data, nearest_corner(4), "a run", arrays)
        return [path.read_bytes() for path in paths]

    alone = draw("alone")
    with ThreadPoolExecutor(3) as pool:
        assert all(together == alone for together in pool.map(draw, range(3)))


def test_matplotlib_is_imported_only_when_something_is_drawn():
    code = "import sys, chainrule.pictures.drawing; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_title_stands_on_each_picture_as_it_is():
    """Shortened where the page is too narrow; dollar signs are no formulas."""
    title = "loss=$x^{$ " + "optimizer.lr=0.001 " * 20
    arrays = {"test/confusion_matrix": np.eye(3, dtype=int)}
    for draw in drawing.figures(HISTORY, image_data(), reader(), title, arrays).values():
        figure = draw()
        shown = figure.texts[0].get_text()
        assert title.startswith(shown.removesuffix("…"))
        figure.draw_without_rendering()
        box = figure.texts[0].get_window_extent()
        assert box.x0 > 0
        assert box.x1 < figure.bbox.width


# ---- reconstructions


def test_images_stand_above_what_the_network_gives(tmp_path):
    """Of 16 test images, in pixels of the page: grey levels from the least to the largest of the targets."""
    data = given_back(n=40)
    figure = reconstructions.reconstructions(data, lambda x: 1 - x, "a run")
    assert "test: mean squared error" in figure.texts[1].get_text()
    [axes] = figure.axes
    page = axes.images[0].get_array()
    x = data.test.x
    error = np.mean((1 - 2 * x) ** 2)
    assert f"{error:.4g} a pixel" in figure.texts[1].get_text()
    dark = np.argwhere((page < 255).any(axis=-1))
    assert len(dark) > 0.6 * page.shape[0] * page.shape[1]
    height, width = 8 * 12, 7 * 12  # the longer side is 96 pixels
    for i, (row, column) in [(0, (0, 0)), (9, (1, 1))]:
        top, left = row * 2 * (height + 14), column * (width + 14) + 7
        shown = page[top : top + height : 12, left : left + width : 12, 0]
        below = page[top + height + 4 : top + 2 * height + 4 : 12, left : left + width : 12, 0]
        np.testing.assert_array_equal(shown, (255 * x[i]).astype(np.uint8))
        expected = 255 * np.clip(1 - x[i], data.test.y[:16].min(), data.test.y[:16].max())
        np.testing.assert_allclose(below, expected, atol=1)


def test_what_a_network_gives_beyond_the_targets_is_cut_off(tmp_path):
    pictures = drawn(tmp_path, {}, given_back(), lambda x: np.where(x < 0.5, np.nan, 1e200))
    assert set(pictures) == {"reconstructions"}


# ---- what goes wrong


@pytest.mark.parametrize("error", [ValueError("no\nway"), MemoryError(), UserWarning("a warning that became one")])
def test_a_picture_that_cannot_be_drawn_is_one_warning_and_the_others_are_there(tmp_path, caplog, error):
    """Here, because what it shows cannot be told; the curves do not ask."""

    def predict(x):
        raise error

    paths = drawing.draw_all(
        tmp_path, HISTORY, blobs(3), predict, "a run", {"test/confusion_matrix": np.eye(3, dtype=int)}
    )
    assert [path.name for path in paths] == ["curves.png", "confusion_matrix.png"]
    assert {*tmp_path.iterdir()} == {*paths}
    words = " ".join(f"{type(error).__name__}: {error}".rstrip(": ").split())
    assert caplog.messages == [f"decision_boundary.png is not drawn: {words}"]


@pytest.mark.parametrize(
    "array", [np.array([None, None]), np.array([1j, 2j]), np.ones((0, 3)), np.array([["a", "b"]]), np.array([10**400])]
)
def test_an_array_of_any_kind_fails_nothing(tmp_path, caplog, array):
    paths = drawing.draw_all(tmp_path, HISTORY, blobs(3), nearest_corner(3), "a run", {"test/odd": array})
    assert {path.stem for path in paths} - {"odd"} == {"curves", "decision_boundary"}
    assert len(caplog.messages) == ("odd" not in {path.stem for path in paths})


def test_a_folder_that_cannot_be_written_fails_nothing(tmp_path, caplog):
    (tmp_path / "figures").write_text("a file")
    assert drawing.draw_all(tmp_path / "figures", HISTORY, image_data(), reader(), "a run", {}) == []
    assert [message.split(":")[0] for message in caplog.messages] == [
        "curves.png is not drawn",
        "predictions.png is not drawn",
    ]


# ---- curves


def test_curves_are_the_history():
    """The loss first, then the other metrics; what is no metric of a split is left out."""
    figure = curves.curves(HISTORY, "a run")
    assert [axes.get_ylabel() for axes in figure.axes] == ["loss", "accuracy"]
    for axes, metric in zip(figure.axes, ["loss", "accuracy"]):
        for split in ("train", "validation"):
            points = lines(axes)[split]
            np.testing.assert_array_equal(points[:, 0], [1, 2, 3])
            np.testing.assert_array_equal(points[:, 1], HISTORY[f"{split}/{metric}"])


def test_the_lowest_validation_loss_is_marked_in_every_panel():
    loss, accuracy = curves.curves(HISTORY, "a run").axes
    np.testing.assert_array_equal(lines(loss)["lowest (epoch 2): 0.7"], [[2, 0.7]])
    np.testing.assert_array_equal(lines(accuracy)["lowest loss (epoch 2): 0.6"], [[2, 0.6]])


@pytest.mark.parametrize("epochs", [3, 12_345])
def test_no_legend_leaves_the_page(epochs):
    """The longest that there is: a metric of five digits and an exponent."""
    low = np.linspace(1, 1.2345e-5, epochs)
    history = {f"{split}/{name}": low for split in ("train", "validation") for name in ("loss", "error", "other")}
    figure = curves.curves(history, "a run")
    figure.draw_without_rendering()
    for axes, after in zip(figure.axes, [*figure.axes[1:], None]):
        end = after.get_window_extent().x0 if after else figure.bbox.width
        assert axes.get_legend().get_window_extent().x1 < end


def test_without_validation_nothing_is_marked():
    (axes,) = curves.curves({"train/loss": [3.0, 2.0]}, "a run").axes
    assert lines(axes).keys() == {"train"}


@pytest.mark.parametrize(
    ("losses", "scale"),
    [
        ([1, 0.1, 0.009], "log"),
        ([1, 0.1, 0.011], "linear"),
        ([1, 0.001, 0], "log"),
        ([1, 0.001, -1], "linear"),
        ([0, 0, 0], "linear"),
        ([NAN, 0.001, 1], "log"),
        ([INF, 0.1, 1], "linear"),
    ],
)
def test_the_loss_has_a_log_scale_over_more_than_two_decades(losses, scale):
    history = {"train/loss": losses, "train/accuracy": [1e-6, 0.5, 1.0]}
    loss, accuracy = curves.curves(history, "a run").axes
    assert loss.get_yscale() == scale
    assert accuracy.get_yscale() == "linear"


def test_what_is_not_finite_leaves_a_gap_and_is_said():
    history = {"train/loss": [1.0, NAN, 0.5, INF], "validation/loss": [NAN, INF, 2.0, 3.0]}
    (axes,) = curves.curves(history, "a run").axes
    np.testing.assert_array_equal(lines(axes)["train"][:, 1], [1.0, NAN, 0.5, NAN])
    assert axes.get_xlabel() == "epoch (not finite: train in 2, ...; validation in 1, ...)"
    assert "lowest (epoch 3): 2" in lines(axes)


def test_a_metric_without_a_finite_value_says_so():
    _, axes = curves.curves({"train/loss": [1.0, 0.5], "train/accuracy": [NAN, NAN]}, "a run").axes
    assert not axes.lines
    assert [text.get_text() for text in axes.texts] == ["no finite value"]


def test_thousands_of_epochs_are_thinned_from_the_first_to_the_last():
    losses = np.random.default_rng(0).random(25_000)
    (axes,) = curves.curves({"train/loss": losses.tolist()}, "a run").axes
    points = lines(axes)["train"]
    assert len(points) <= 1000
    assert points[0, 0] == 1
    assert points[-1, 0] == 25_000
    np.testing.assert_array_equal(points[:, 1], losses[points[:, 0].astype(int) - 1])


@pytest.mark.parametrize(
    "history",
    [
        {"train/loss": [0.7], "validation/loss": [0.8], "train/accuracy": [0.5]},
        {"train/loss": [NAN]},
        {"train/loss": [1e308, -1e308, 1e-300], "validation/loss": [1e308, 1e-300, NAN]},
        {"train/loss": [0.1, 0.1], "train/penalty": [0.0, 0.0], "train/a": [1, 2], "train/b": [1, 2]},
        {"validation/loss": [1.0, 0.5]},
        {"seconds": [1.0, 2.0]},
    ],
    ids=["one epoch", "only nan", "huge", "many metrics", "only validation", "no metric"],
)
def test_odd_histories_are_drawn_without_a_warning(tmp_path, history):
    data = Data(Split(np.zeros((3, 4)), np.array([0, 1, 0])), "binary", class_names=["a", "b"])
    assert drawn(tmp_path, history, data, lambda x: x[:, :1]).keys() == {"curves"}


# ---- predictions


def test_each_image_says_prediction_confidence_and_truth():
    """Row by row: the first 16 of the test images, then the mistakes, the surest first."""
    data = image_data()

    def predict(x):
        output = reader(wrong=[1, 17, 19])(x)
        output[[1, 17, 19]] *= np.array([[0.7], [1.2], [1.1]])
        return output

    figure = predictions.predictions(HISTORY, data, predict, "a run")
    said = [text.get_text() for text in figure.axes[0].texts]
    assert said[0] == "✓ kind 0 80%\ntrue: kind 0"
    assert said[1] == "✗ kind 2 56%\ntrue: kind 1"
    assert said[16:] == [
        "✗ kind 0 96%\ntrue: kind 2",
        "✗ kind 2 88%\ntrue: kind 1",
        "✗ kind 2 56%\ntrue: kind 1",
    ]
    caption = figure.texts[1].get_text()
    assert caption.startswith(
        "17 of 20 test images right (85.0%). Shown: the first 16, then the 3 surest of 3 mistakes."
    )


def test_the_page_holds_the_images_themselves():
    """Each pixel as a square of its own, framed in the colour of right or wrong."""
    data = image_data()
    figure = predictions.predictions(HISTORY, data, reader(wrong=[1]), "a run")
    page = np.asarray(figure.axes[0].images[0].get_array())
    for i, (text, color) in enumerate(zip(figure.axes[0].texts[:2], [(0x00, 0x72, 0xB2), (0xD5, 0x5E, 0x00)])):
        middle, top = text.get_position()[0], int(text.get_position()[1]) + 4
        left = int(middle) - 48
        cell = page[top : top + 96, left : left + 96]
        np.testing.assert_array_equal(cell[6::12, 6::12, 0], (255 * data.test.x[i]).astype(int))
        np.testing.assert_array_equal(cell, np.repeat(np.repeat(cell[::12, ::12], 12, axis=0), 12, axis=1))
        np.testing.assert_array_equal(page[top - 1, left], color)


def test_colours_of_an_image_stay_as_they_are():
    x = np.zeros((2, 4, 4, 3))
    x[0, ..., 1] = 1.0
    data = Data(Split(x, np.array([0, 1])), "binary", class_names=["green", "black"])
    page = np.asarray(
        predictions.predictions({}, data, lambda x: 1 - x[:, 0, 0, 1:2], "a run").axes[0].images[0].get_array()
    )
    assert (page == [0, 255, 0]).all(axis=-1).sum() == (page == [0, 0, 0]).all(axis=-1).sum() == 96 * 96


@pytest.mark.parametrize(
    ("n", "wrong", "words"),
    [
        (20, [], "the first 16; there are no mistakes."),
        (20, [3], "the first 16, then the only mistake."),
        (20, range(12), "the first 16, then the 8 surest of 12 mistakes."),
        (1, [], "all; there are no mistakes."),
        (1, [0], "all, then the only mistake."),
    ],
)
def test_the_caption_says_what_is_shown(n, wrong, words):
    figure = predictions.predictions({}, image_data(n * 2), reader(wrong), "a run")
    assert f"Shown: {words} Above" in figure.texts[1].get_text()
    assert len(figure.axes[0].texts) == min(n, 16) + min(len(wrong), 8)


def test_validation_or_training_images_stand_in_for_missing_test_images():
    x, y = image_data().train
    for data, name in [
        (Data(Split(x, y), "multiclass", class_names="abc"), "train"),
        (Data(Split(x, y), "multiclass", validation=Split(x, y), class_names="abc"), "validation"),
    ]:
        caption = predictions.predictions({}, data, reader(), "a run").texts[1].get_text()
        assert caption.startswith(f"40 of 40 {name} images right")


def test_one_sigmoid_unit_is_the_probability_of_class_1():
    x = np.zeros((2, 5, 5))
    data = Data(Split(x, np.array([1, 1])), "binary", class_names=["cat", "dog"])
    figure = predictions.predictions({}, data, lambda x: np.array([[0.9], [0.3]]), "a run")
    assert [text.get_text() for text in figure.axes[0].texts][:2] == ["✓ dog 90%\ntrue: dog", "✗ cat 70%\ntrue: dog"]


@pytest.mark.parametrize("shape", [(2, 60), (60, 2), (1, 1), (300, 200), (28, 28)])
def test_images_of_any_size_are_drawn(tmp_path, shape):
    """Values beyond 0 to 1, and outputs that are not numbers, included."""
    x = np.random.default_rng(0).normal(0, 9, (20, *shape))
    data = Data(Split(x, np.arange(20) % 2), "binary", class_names=["a class of a very long name", "$b_{$"])
    assert "predictions" in drawn(tmp_path, HISTORY, data, lambda x: np.full((len(x), 1), NAN))


# ---- decision boundary


def test_xor_shows_each_point_with_its_target_and_probability():
    figure = boundary.decision_boundary(xor_data(), solved_xor, "a run")
    axes = figure.axes[0]
    np.testing.assert_array_equal(axes.collections[-1].get_offsets(), xor_data().train.x)
    labels = [text.get_text() for text in axes.texts]
    assert labels[::2] == ["0", "1", "1", "0"]
    assert labels[1::2] == ["P(0) = 1.00", "P(1) = 0.99", "P(1) = 0.99", "P(0) = 1.00"]
    assert "accuracy: train 100.0%" in figure.texts[1].get_text()


def test_the_plane_has_the_colour_of_the_predicted_class_and_a_line_at_the_border(tmp_path):
    axes = boundary.decision_boundary(xor_data(), solved_xor, "a run").axes[0]
    image = np.asarray(axes.images[0].get_array())
    n = len(image)
    assert image[n // 2, n // 2, 0] > image[n // 2, n // 2, 2]  # (0.5, 0.5): class 1, orange
    assert image[0, 0, 2] > image[0, 0, 0]  # class 0, blue
    border = np.concatenate([path.vertices for c in axes.collections[:-1] for path in c.get_paths()])
    assert np.abs(np.abs(border.sum(axis=1) - 1) - 0.5).max() < 0.02

    pixels = drawn(tmp_path, HISTORY, xor_data(), solved_xor)["decision_boundary"]
    for color in PALETTE[:2]:
        assert share_of(pixels, color) > 0.001  # a filled circle
        full = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)])
        pale = "#" + "".join(f"{round(255 * 0.4 + 0.6 * c):02x}" for c in full)
        assert share_of(pixels, pale, 0.06) > 0.08  # its region


@pytest.mark.parametrize("classes", [3, 8, 12])
def test_every_class_has_its_region_points_and_name(classes):
    data = blobs(classes)
    figure = boundary.decision_boundary(data, nearest_corner(classes), "a run")
    axes = figure.axes[0]
    train, test = axes.collections[-2:]
    np.testing.assert_array_equal(train.get_offsets(), data.train.x)
    np.testing.assert_array_equal(test.get_offsets(), data.test.x)
    assert len(np.unique(train.get_facecolors(), axis=0)) == classes
    names = [text.get_text() for text in axes.get_legend().get_texts()]
    assert names == [*(f"class corner {i}" for i in range(classes)), "train", "test"]


def test_points_beside_each_other_keep_the_scale_of_the_plane():
    """All points lie inside with room around, and a unit is as long both ways."""
    data = blobs(5)
    figure = boundary.decision_boundary(data, nearest_corner(5), "a run")
    axes = figure.axes[0]
    x = np.concatenate([data.train.x, data.test.x])
    for (low, high), column in zip([axes.get_xlim(), axes.get_ylim()], x.T):
        assert low < column.min() - 0.05
        assert high > column.max() + 0.05
    box = axes.get_position()
    width, height = figure.get_size_inches() * (box.width, box.height)
    assert width / np.diff(axes.get_xlim()) == pytest.approx(height / np.diff(axes.get_ylim()))


@pytest.mark.parametrize(
    "predict",
    [
        lambda x: np.full((len(x), 1), 0.5),
        lambda x: np.full((len(x), 1), NAN),
        lambda x: np.where(x[:, :1] > 0.5, NAN, 0.2),
        lambda x: np.full((len(x), 1), 1e30),
        lambda x: x.astype(np.float32)[:, :1],
    ],
    ids=["flat", "nan", "partly nan", "no probability", "float32"],
)
def test_odd_outputs_over_the_plane_are_drawn_without_a_warning(tmp_path, predict):
    assert "decision_boundary" in drawn(tmp_path, {}, xor_data(), predict)


def test_a_constant_feature_and_unequal_scales_are_drawn(tmp_path):
    x = np.stack([np.linspace(-1e4, 1e4, 40), np.full(40, 3.0)], axis=1)
    names = {"class_names": ["_a", "$b"], "feature_names": ["$mass$ [kg]", "_"]}
    data = Data(Split(x, np.arange(40) % 2), "binary", **names)
    assert "decision_boundary" in drawn(tmp_path, {}, data, lambda x: (x[:, :1] > 0) * 1.0)
    axes = boundary.decision_boundary(data, lambda x: (x[:, :1] > 0) * 1.0, "a run").axes[0]
    assert axes.get_xlabel() == "$mass$ [kg]"


# ---- regression


def test_the_fit_is_the_prediction_along_the_input():
    data = line_data()
    axes = regression.fitted_line(data, np.tanh, "a run").axes[0]
    shown = lines(axes)
    np.testing.assert_array_equal(shown["train"], np.hstack(data.train))
    np.testing.assert_array_equal(shown["test"], np.hstack(data.test))
    np.testing.assert_allclose(shown["prediction"][:, 1], np.tanh(shown["prediction"][:, 0]))
    assert shown["prediction"][0, 0] < -1
    assert shown["prediction"][-1, 0] > 1
    assert axes.get_xlabel() == "height [m]"


def test_predictions_stand_over_their_targets_with_the_diagonal():
    data = line_data()
    figure = regression.predicted_vs_true(data, lambda x: x + 0.5, "a run")
    shown = lines(figure.axes[0])
    np.testing.assert_array_equal(shown["test sample"], np.hstack([data.test.y, data.test.x + 0.5]))
    assert (shown["perfect"][:, 0] == shown["perfect"][:, 1]).all()
    assert figure.texts[1].get_text() == "test: root mean squared error 0.5"


def test_each_column_of_targets_has_its_points():
    data = line_data(2)
    shown = lines(regression.predicted_vs_true(data, lambda x: x * [1, 3], "a run").axes[0])
    np.testing.assert_array_equal(shown["target 2"], np.stack([data.test.y[:, 1], data.test.x[:, 0] * 3], axis=1))


@pytest.mark.parametrize(
    "predict",
    [lambda x: np.full((len(x), 1), NAN), lambda x: x * 1e200, lambda x: x * 0, lambda x: np.exp(x.astype("float32"))],
    ids=["nan", "huge", "constant", "float32"],
)
def test_odd_regressions_are_drawn_without_a_warning(tmp_path, predict):
    data = Data(Split(np.ones((1, 1)), np.ones(1)), "regression", test=Split(np.zeros((1, 1)), np.zeros(1)))
    assert drawn(tmp_path, {}, data, predict).keys() == {"fit", "predicted_vs_true"}


def test_more_targets_than_colours_are_drawn(tmp_path):
    data = line_data(11)
    assert "predicted_vs_true" in drawn(tmp_path, {}, data, lambda x: x * np.arange(11))


# ---- array metrics


def test_the_confusion_matrix_shows_counts_shares_and_accuracy():
    counts = np.array([[30, 10], [0, 2000]])
    figure = confusion.confusion_matrix(counts, ["cat", "dog"], "a run", "test")
    axes = figure.axes[0]
    np.testing.assert_array_equal(axes.images[0].get_array().filled(NAN), [[NAN, 0.25], [NAN, NAN]])
    cells = {text.get_position(): text.get_text() for text in axes.texts}
    recall = {(1.02, 1.01): "recall, %", (1.02, 0): "75.0", (1.02, 1): "100.0"}
    assert cells == {(0, 0): "30", (1, 0): "10", (1, 1): "2,000"} | recall
    assert [label.get_text() for label in axes.get_yticklabels()] == ["cat", "dog"]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["cat", "dog"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted class", "true class")
    assert figure.texts[1].get_text() == "test accuracy 99.5% (2,030 of 2,040)"


@pytest.mark.parametrize(("n", "numbers"), [(2, True), (20, True), (21, False), (100, False)])
def test_up_to_20_classes_have_numbers(n, numbers):
    """Of mistakes that were not made there is none; the diagonal has its zeros."""
    counts = np.tri(n, dtype=int) - np.eye(n, dtype=int)
    figure = confusion.confusion_matrix(counts, [], "a run")
    in_cells = [text.get_text() for text in figure.axes[0].texts if text.get_position()[0] != 1.02]
    assert sorted(in_cells) == (["0"] * n + ["1"] * (n * (n - 1) // 2) if numbers else [])
    assert max(figure.get_size_inches()) < 12


@pytest.mark.parametrize("n", [2, 10, 100])
def test_mistakes_are_what_one_sees_in_a_confusion_matrix(tmp_path, n):
    """Also where one in a thousand is wrong, and beside a class that is always wrong: full colours are theirs alone."""
    counts = np.diag(np.full(n, 1000))
    counts[0, 1] = 1

    def vivid(counts):
        confusion_matrix = confusion.confusion_matrix(counts, [], "a run", "test")
        confusion_matrix.axes[-1].set_visible(n < 0)  # the colour bar
        page.save(lambda: confusion_matrix, tmp_path / "matrix.png")
        pixels = matplotlib.image.imread(tmp_path / "matrix.png")[..., :3]
        return np.mean(np.ptp(pixels, axis=-1) > 0.2) * np.prod(pixels.shape[:2]) / 1e4  # square inches

    cell = {2: 1.3**2, 10: 0.55**2, 100: 0.065**2}[n]
    assert vivid(counts) == pytest.approx(cell, rel=0.25)
    if n > 2:
        counts[1] = np.roll(counts[1], 1)
        assert vivid(counts) == pytest.approx(2 * cell, rel=0.25)


def test_without_a_mistake_nothing_is_coloured():
    figure = confusion.confusion_matrix(np.diag([3, 0, 5]), ["a", "b", "c"], "a run", "test")
    assert len(figure.axes) == 1
    assert figure.axes[0].images[0].get_array().mask.all()
    assert [text.get_text() for text in figure.axes[0].texts][-3:] == ["100.0", "-", "100.0"]


def test_of_many_classes_the_most_frequent_mistake_is_said():
    counts = np.diag(np.full(30, 9))
    counts[7, 3] = 1_200
    caption = confusion.confusion_matrix(counts, [f"kind {k}" for k in range(30)], "a run", "test").texts[1].get_text()
    assert caption == "test accuracy 18.4% (270 of 1,470); most often kind 7 is taken for kind 3, 1,200 times"


@pytest.mark.parametrize("names", [["a", "b"], ["W" * 40, "$_{$"], ["_", "猫" * 40]])
def test_no_class_name_leaves_the_page(names):
    figure = confusion.confusion_matrix(np.zeros((2, 2), int), names, "a run", "test")
    figure.draw_without_rendering()
    axes = figure.axes[0]
    for label in [*axes.get_xticklabels(), *axes.get_yticklabels(), axes.xaxis.label, axes.yaxis.label]:
        box = label.get_window_extent()
        assert box.x0 > 0
        assert box.y0 > 0
        assert box.x1 < figure.bbox.width


def test_of_several_splits_the_test_is_shown(tmp_path):
    """Under the metric's own name."""
    arrays = {"test/confusion_matrix": np.eye(2, dtype=int), "validation/confusion_matrix": np.ones((2, 2), int)}
    named = drawing.figures({}, xor_data(), solved_xor, "a run", arrays)
    assert named["confusion_matrix"]().texts[1].get_text() == "test accuracy 100.0% (2 of 2)"


def test_any_other_array_is_shown_too(tmp_path):
    arrays = {"test/class_recall": np.array([0.5, 1.0]), "test/lift": np.arange(5.0), "test/table": np.ones((3, 2))}
    pictures = drawn(tmp_path, {}, xor_data(), solved_xor, arrays)
    assert pictures.keys() == {"decision_boundary", "class_recall", "lift", "table"}
    bars = array_metric.array_metric(arrays["test/class_recall"], ["cat", "dog"], "a run", "test class recall").axes[0]
    assert [bar.get_height() for bar in bars.patches] == [0.5, 1.0]
    assert [label.get_text() for label in bars.get_xticklabels()] == ["cat", "dog"]
    table = array_metric.array_metric(np.array([[1, 2], [3, 4]]), [], "a run", "test table").axes[0]
    np.testing.assert_array_equal(table.images[0].get_array(), [[1, 2], [3, 4]])
