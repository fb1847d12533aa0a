"""The network tried out in the page, in a real browser: whatever is changed there, NumPy says the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from explained import Doubled
from playwright.sync_api import Page

import chainrule as cr

pytestmark = pytest.mark.slow

X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
Y = np.array([0, 1, 1, 0])
UNNAMED = """
[...document.querySelectorAll("#try button, #try canvas, #try input, #try select")]
  .filter((e) => !(e.getAttribute("aria-label") || e.innerText || e.labels?.length)).length
"""


def dense(units: int, activation: str | None = None) -> dict[str, Any]:
    return {"name": "dense", "units": units, **({"activation": activation} if activation else {})}


@pytest.fixture
def tried(opened: Any) -> Any:
    """Opens the view of an explanation in which its network is tried out."""

    def open_(explanation: cr.Explanation) -> Page:
        page = opened(explanation)
        page.locator("#tab-try").click()
        page.wait_for_selector("#try h2")
        settle(page)
        return page  # type: ignore[no-any-return]

    return open_


def settle(page: Page) -> None:
    """Until what was changed is on the screen."""
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def probabilities(page: Page) -> list[float]:
    settle(page)
    rows = page.locator("#try .bars tr")
    return [float(value) for value in rows.evaluate_all("rows => rows.map((row) => row.dataset.value)")]


def xor(**more: Any) -> cr.Explanation:
    network = cr.Network([dense(3, "tanh"), dense(1, "sigmoid")], (2,), "binary_cross_entropy", seed=1)
    return cr.explain(network, X, Y, {"name": "adam", "lr": 0.05}, **more)


def images(units: int = 10) -> cr.Explanation:
    layers = [{"name": "conv2d", "filters": 3, "activation": "relu"}, "max_pool2d", "flatten", dense(units, "softmax")]
    network = cr.Network(layers, (28, 28), "categorical_cross_entropy", seed=2)
    x = np.zeros((3, 28, 28))
    x[:, 4:24, 6:22] = np.random.default_rng(0).random((3, 20, 16))  # drawn as large as in MNIST
    return cr.explain(network, x, np.array([3, 1, 4]), "sgd", class_names=[f"digit {k}" for k in range(units)])


def test_the_page_says_how_far_it_and_numpy_are_apart_and_gives_each_class_a_number_and_a_bar(tried: Any) -> None:
    explanation = xor(class_names=["same", "other"])
    page = tried(explanation)
    assert float(page.locator("#agreement").get_attribute("data-difference")) < 1e-6
    for example in range(4):
        page.locator("#try-example").select_option(str(example))
        p = float(explanation.network.predict(X[example : example + 1])[0, 0])
        assert np.allclose(probabilities(page), [1 - p, p], atol=1e-6)
        best = "other" if p > 0.5 else "same"
        assert page.locator("#try .predicted").inner_text().startswith(f"{best}, 0.")
        assert page.locator("#try .best th").inner_text() == f"▸ {best}"
    assert page.locator("#try .bar").count() == 2


def test_a_point_is_moved_by_pointer_keys_and_numbers(tried: Any) -> None:
    explanation = xor()
    page = tried(explanation)
    network, plane, fields = explanation.network, page.locator("#try .plane"), page.locator("#try .editor input")

    def require_same() -> tuple[float, float]:
        at = float(fields.nth(0).input_value()), float(fields.nth(1).input_value())
        assert probabilities(page)[1] == pytest.approx(float(network.predict([at])[0, 0]), abs=2e-4)
        return at

    plane.scroll_into_view_if_needed()
    box = plane.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.75, box["y"] + box["height"] / 4)
    page.mouse.up()
    assert require_same() == pytest.approx((0.875, 0.875), abs=0.01)
    plane.press("ArrowLeft")
    plane.press("ArrowDown")
    assert require_same() == pytest.approx((0.845, 0.845), abs=0.01)
    fields.nth(0).fill("-0.5")
    assert require_same()[0] == -0.5
    assert "the point, at -0.5, 0.84" in plane.get_attribute("aria-label")


def test_a_weight_changed_by_hand_changes_prediction_and_loss_and_is_set_back(tried: Any) -> None:
    explanation = xor()
    page, network = tried(explanation), explanation.network
    loss = page.locator("#batch-loss")
    before = network.evaluate(X, Y)["loss"]
    assert float(loss.get_attribute("data-before")) == pytest.approx(before, rel=1e-5)
    first = probabilities(page)
    page.locator("#weight-of").select_option("1.dense.W")
    page.locator("#weight-entry").fill("2")
    page.locator("#weight-value").fill("-2.5")
    assert "[2, 0] of 1.dense.W" in page.locator("#try").inner_text()
    assert "1 number changed" in page.locator("#try").inner_text()
    changed = network.copy()
    changed.parameters["1.dense.W"].value[2, 0] = -2.5
    assert probabilities(page)[1] == pytest.approx(float(changed.predict(X[:1])[0, 0]), abs=1e-6)
    after = changed.evaluate(X, Y)["loss"]
    assert float(loss.get_attribute("data-after")) == pytest.approx(after, rel=1e-5)
    assert loss.inner_text().endswith("less." if after < before else "more.")
    page.locator('#try [data-index="0"]').click()  # in the table of the parameter
    assert page.locator("#weight-entry").input_value() == "0"
    page.locator('#try input[type="range"]').fill("0.5")
    changed.parameters["1.dense.W"].value[0, 0] = 0.5
    assert probabilities(page)[1] == pytest.approx(float(changed.predict(X[:1])[0, 0]), abs=1e-3)
    page.get_by_role("button", name="all as they were").click()
    assert probabilities(page) == first
    assert loss.get_attribute("data-after") == loss.get_attribute("data-before")


SEEN = """
(canvas) => {
  const { data, width, height } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  return Array.from({ length: width * height }, (_, k) => data[4 * k] / 255);
}
"""


def test_what_is_drawn_is_what_the_network_sees(tried: Any) -> None:
    explanation = images()
    page, network = tried(explanation), explanation.network
    pad, seen = page.locator("#try .pad"), page.locator("#try .seen")
    assert np.allclose(probabilities(page), network.predict(explanation.step.x[:1])[0], atol=1e-6)
    pad.scroll_into_view_if_needed()
    box = pad.bounding_box()
    corner = box["x"] + 20, box["y"] + 30
    page.mouse.move(*corner)
    page.mouse.down()
    page.mouse.move(corner[0] + 60, corner[1], steps=4)
    page.mouse.move(corner[0] + 20, corner[1] + 120, steps=4)
    page.mouse.up()
    found = probabilities(page)
    image = np.array(seen.evaluate(SEEN)).reshape(28, 28)
    assert np.allclose(found, network.predict(image[None])[0], atol=1e-3)  # of 256 shades of grey
    rows, columns = (np.flatnonzero(image.any(axis=axis)) for axis in (1, 0))
    assert rows[-1] - rows[0] + 1 == 20  # as large as the images of the batch are drawn
    mass = image.sum()
    for axis, places in ((1, rows), (0, columns)):
        assert abs((image.sum(axis=axis) * np.arange(28)).sum() / mass - 14) <= 0.5, places
    page.get_by_role("button", name="clear").click()
    assert np.allclose(probabilities(page), network.predict(np.zeros((1, 28, 28)))[0], atol=1e-6)
    for key in (" ", "ArrowDown", "ArrowDown", "ArrowRight", " ", "ArrowUp"):
        pad.press(key)
    drawn = np.array(seen.evaluate(SEEN))
    assert drawn.max() == 1
    assert np.allclose(probabilities(page), network.predict(drawn.reshape(1, 28, 28))[0], atol=1e-3)
    page.get_by_role("button", name="as it is").click()
    assert np.allclose(probabilities(page), network.predict(explanation.step.x[:1])[0], atol=1e-6)


def test_other_inputs_are_numbers_where_they_are_few(tried: Any) -> None:
    layers = [{"name": "embedding", "tokens": 6, "units": 4}, "mean_over_steps", dense(2)]
    network = cr.Network(layers, (3,), "mse")
    page = tried(cr.explain(network, [[1, 2, 3], [4, 5, 0]], [[0.5, 2.0], [1.0, 3.0]], "sgd"))
    fields = page.locator("#try .editor input")
    assert [field.input_value() for field in fields.all()] == ["1", "2", "3"]
    fields.nth(1).fill("5")
    settle(page)
    found = [float(one.get_attribute("data-value")) for one in page.locator("#try .values li").all()]
    assert np.allclose(found, network.predict([[1, 5, 3]])[0], atol=1e-6)
    fields.nth(1).fill("6")  # there are 0 to 5
    assert fields.nth(1).get_attribute("aria-invalid") == "true"


def test_several_inputs_and_outputs_are_each_by_name(tried: Any) -> None:
    heads = {"name": "heads", "heads": {"up": [dense(1, "relu")], "kind": [dense(3, "softmax")]}}
    loss = {"name": "by_output", "losses": {"up": "mse", "kind": "categorical_cross_entropy"}}
    network = cr.Network(["join", heads], {"a": (2,), "b": (70,)}, loss)
    x = {"a": np.ones((2, 2)), "b": np.random.default_rng(0).random((2, 70))}
    y = {"up": np.array([[1.5], [2.5]]), "kind": np.array([0, 2])}
    page = tried(cr.explain(network, x, y, "sgd"))
    page.locator('[aria-label="a, number 1"]').fill("-3")
    expected = network.predict({"a": np.array([[1.0, -3.0]]), "b": x["b"][:1]})
    assert np.allclose(probabilities(page), expected["kind"][0], atol=1e-6)
    assert "70 numbers, too many" in page.locator("#try").inner_text()
    assert float(page.locator("#batch-loss").get_attribute("data-before")) == pytest.approx(
        network.evaluate(x, y)["loss"], rel=1e-5
    )
    told = page.evaluate("x => chainrule.predict(x)", {"a": [1, -3], "b": x["b"][0].tolist()})
    assert np.allclose(told["up"], expected["up"][0], atol=1e-6)


def test_what_each_step_gives_is_there_to_be_unfolded(tried: Any) -> None:
    explanation = xor()
    page = tried(explanation)
    page.locator("#try details > summary").click()
    settle(page)
    values = page.locator('#try .array:has(h3:text-is("y of 0.dense.tanh")) td').all_inner_texts()
    expected = dict(explanation.network.trace(X[:1]))["0.dense.tanh"][0]
    assert np.allclose([float(value) for value in values if value], expected, rtol=1e-3)


# ---- what others wrote


class Exported(Doubled):
    def to_onnx(self, graph: cr.Graph, x: str) -> str:
        return graph.add("Mul", x, 2.0)


class Wrong(Doubled):
    def to_onnx(self, graph: cr.Graph, x: str) -> str:
        return graph.add("Mul", x, 3.0)


class Strange(Doubled):
    def to_onnx(self, graph: cr.Graph, x: str) -> str:
        return graph.add("Double", x)


class Failing(Doubled):
    def to_onnx(self, graph: cr.Graph, x: str) -> str:
        return graph.add("Mul", "nothing", 2.0)


def around(activation: cr.Activation, loss: Any = "mse") -> cr.Explanation:
    network = cr.Network([dense(3), activation, dense(1)], (2,), loss)
    return cr.explain(network, X, Y[:, None].astype(float), "sgd")


def test_a_third_partys_component_takes_part_as_ours_do(tried: Any) -> None:
    explanation = around(Exported())
    page = tried(explanation)
    assert np.allclose(page.evaluate("chainrule.predict([0.3, -2])"), explanation.network.predict([[0.3, -2]])[0])


@pytest.mark.parametrize(
    ("activation", "words"),
    [
        (Doubled(), "Doubled does not say its forward pass as operators: it has no to_onnx."),
        (Strange(), "1.strange is made of an operator, Double, that this page does not know."),
        (Wrong(), "apart, as to_onnx of a component says another function than its forward."),
        (Failing(), "1.failing reads a value 'nothing', which nothing gives."),
    ],
)
def test_of_one_that_does_not_the_page_says_so(tried: Any, activation: cr.Activation, words: str) -> None:
    page = tried(around(activation))
    told = page.locator("#try .cannot").inner_text()
    assert told.startswith("This network cannot be computed in the page: ")
    assert told.endswith(words)
    assert page.locator("#stage h2").inner_text().startswith("Forward")  # the rest is there


def test_a_loss_that_does_not_say_itself_leaves_the_prediction(tried: Any) -> None:
    network = cr.Network([dense(2)], (2,), {"name": "triplet", "dimensions": 2})
    page = tried(cr.explain(network, X, Y, "sgd"))
    assert page.locator("#batch-loss").inner_text() == (
        "The loss of this batch cannot be computed here: Triplet does not say its loss as operators: it has no to_onnx."
    )
    assert page.locator("#try .bars tr").count() == 2


@dataclass
class StrangeLoss(cr.Loss):
    """The mean absolute error, by an operator of its own."""

    def output(self, task: cr.Task, classes: int) -> tuple[int, str]:
        return classes, "linear"

    def forward(self, prediction: Any, target: Any) -> float:
        self.error = prediction - target
        return float(np.abs(self.error).mean())

    def backward(self) -> Any:
        return np.sign(self.error) / self.error.size

    def to_onnx(self, graph: cr.Graph, prediction: str, target: str) -> str:
        return graph.add("Distance", prediction, target)


def test_a_loss_of_an_operator_that_is_not_known_leaves_the_prediction_too(tried: Any) -> None:
    page = tried(around(Exported(), StrangeLoss()))
    assert page.locator("#batch-loss").inner_text() == (
        "The loss of this batch cannot be computed here: "
        "loss is made of an operator, Distance, that this page does not know."
    )


def test_weighted_samples_have_no_loss_here(tried: Any) -> None:
    page = tried(xor(weight=[1.0, 2.0, 1.0, 1.0]))
    assert "its samples have weights or a mask" in page.locator("#batch-loss").inner_text()


# ---- for everyone


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone_and_all_that_is_to_be_used_has_a_name(tried: Any, scheme: Any) -> None:
    for explanation in (xor(), images()):
        page = tried(explanation)
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": 360, "height": 740})
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        assert page.evaluate(UNNAMED) == 0


# ---- whole experiments


@pytest.mark.parametrize("name", ["xor", "spirals", "digits", "mnist_cnn", "mnist_rows", "text_gpt"])
def test_whole_experiments_are_computed_as_in_numpy(tried: Any, name: str) -> None:
    from chainrule.runs.explaining import explain_experiment

    explanation = explain_experiment([f"experiment={name}"], examples=3)
    page = tried(explanation)
    x = explanation.step.x
    for example, expected in enumerate(explanation.network.predict(x)):
        found = np.array(page.evaluate("x => chainrule.predict(x)", x[example].ravel().tolist()))
        assert np.abs(found - expected.ravel()).max() <= 1e-5


def test_images_of_mnist_are_told_as_in_python_and_their_pixels_are_normalised_to_themselves(tried: Any) -> None:
    data: Any = cr.make("dataset", "mnist").load()
    network = cr.Network(["flatten", dense(32, "relu"), dense(10, "softmax")], (28, 28), "categorical_cross_entropy")
    cr.Trainer(network, "adam").fit((data.train.x[:6000], data.train.y[:6000]), epochs=2)
    page = tried(cr.explain(network, data.train.x[:2], data.train.y[:2], "adam"))
    x = np.asarray(data.test.x[:200], np.float64)
    told = np.array(page.evaluate("images => images.map((x) => chainrule.predict(x))", x.reshape(200, -1).tolist()))
    expected = network.predict(x)
    assert np.abs(told - expected).max() <= 1e-5
    assert (told.argmax(axis=1) == expected.argmax(axis=1)).all()
    seen = page.evaluate("images => images.map((x) => chainrule.normalised(x, 28, 28))", x.reshape(200, -1).tolist())
    seen = np.array(seen).reshape(200, 28, 28)
    told = np.array(page.evaluate("images => images.map((x) => chainrule.predict(x))", seen.reshape(200, -1).tolist()))
    assert np.abs(told - network.predict(seen)).max() <= 1e-5
    assert np.abs(seen - x).max() <= 1e-9
    # Ten times as large, as on the pad, and off the middle, it is almost the same image again.
    large = np.pad(np.kron(x[:20], np.ones((10, 10))), [(0, 0), (17, 3), (0, 20)])
    again = page.evaluate(
        "images => images.map((x) => chainrule.normalised(x, 300, 300, 28, 28))", large.reshape(20, -1).tolist()
    )
    assert np.abs(np.array(again).reshape(20, 28, 28) - x[:20]).max() <= 1e-9
