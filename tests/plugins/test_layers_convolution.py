"""conv2d against its definition as nested loops, forwards and backwards, and against finite differences."""

import inspect
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chainrule as cr
from chainrule_plugins.layers import Conv2d


def sample(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def built(layer, input_shape, dtype="float64"):
    """The layer in a network, as (layer, output_shape)."""
    network = cr.Network([layer], input_shape, "mse", dtype=dtype)
    return network.layers[0], network.output_shape


@dataclass
class Direct:
    """Convolution by its definition, one product after another."""

    W: Any
    b: Any
    stride: int
    dilation: int
    padding: str

    def geometry(self, length, size):
        """The number of places, and the number of zeros before the first pixel."""
        reach = self.dilation * (size - 1) + 1
        if self.padding == "valid":
            return int(np.floor((length - reach) / self.stride)) + 1, 0
        places = int(np.ceil(length / self.stride))
        return places, max((places - 1) * self.stride + reach - length, 0) // 2

    def meetings(self, x):
        """Each pixel that meets an element of the kernel: the indices of y (without filter), x and W (likewise)."""
        n, height, width, channels = x.shape
        rows, top = self.geometry(height, self.W.shape[0])
        columns, left = self.geometry(width, self.W.shape[1])
        for image, i, j, u, v, c in np.ndindex(n, rows, columns, *self.W.shape[:2], channels):
            p = self.stride * i + self.dilation * u - top
            q = self.stride * j + self.dilation * v - left
            if 0 <= p < height and 0 <= q < width:
                yield (image, i, j), (image, p, q, c), (u, v, c)

    def forward(self, x):
        rows, columns = self.geometry(x.shape[1], self.W.shape[0])[0], self.geometry(x.shape[2], self.W.shape[1])[0]
        y = np.zeros((len(x), rows, columns, self.W.shape[-1])) + self.b
        for at_y, at_x, at_W in self.meetings(x):
            for f in range(self.W.shape[-1]):
                y[(*at_y, f)] += x[at_x] * self.W[(*at_W, f)]
        return y

    def backward(self, x, dy):
        dx, dW = np.zeros_like(x), np.zeros_like(self.W)
        for at_y, at_x, at_W in self.meetings(x):
            for f in range(self.W.shape[-1]):
                dx[at_x] += dy[(*at_y, f)] * self.W[(*at_W, f)]
                dW[(*at_W, f)] += dy[(*at_y, f)] * x[at_x]
        return dx, dW, np.array([dy[..., f].sum() for f in range(dy.shape[-1])])


def compared(layer, x, rtol=1e-12):
    """Both passes of the built layer are those of the definition."""
    direct = Direct(layer.W.value, 0 if layer.b is None else layer.b.value, layer.stride, layer.dilation, layer.padding)
    y = layer.forward(x, True)
    np.testing.assert_allclose(y, direct.forward(x), rtol=rtol, atol=rtol)
    dy = sample(*y.shape, seed=1).astype(x.dtype)
    dx, dW, db = direct.backward(x, dy)
    np.testing.assert_allclose(layer.backward(dy), dx, rtol=rtol, atol=rtol)
    np.testing.assert_allclose(layer.W.grad, dW, rtol=rtol, atol=rtol)
    if layer.b is not None:
        np.testing.assert_allclose(layer.b.grad, db, rtol=rtol, atol=rtol)
    return True


GEOMETRIES = st.fixed_dictionaries(
    {
        "height": st.integers(2, 9),
        "width": st.integers(2, 9),
        "channels": st.integers(1, 3),
        "kernel": st.tuples(st.integers(1, 4), st.integers(1, 4)),
        "stride": st.integers(1, 3),
        "dilation": st.integers(1, 3),
        "padding": st.sampled_from(["valid", "same"]),
        "filters": st.integers(1, 2),
    }
)


@settings(max_examples=60, deadline=None)
@given(GEOMETRIES)
def test_both_passes_are_the_nested_loops(geometry):
    height, width, channels = (geometry.pop(name) for name in ("height", "width", "channels"))
    layer = Conv2d(**geometry)
    reach = [layer.dilation * (size - 1) + 1 for size in layer.kernel]
    if layer.padding == "valid" and (reach[0] > height or reach[1] > width):
        with pytest.raises(cr.ShapeError, match="take a smaller kernel or dilation"):
            built(layer, (height, width, channels))
        return
    layer, output_shape = built(layer, (height, width, channels))
    layer.b.value = sample(layer.filters)
    x = sample(2, height, width, channels)
    assert layer.forward(x, False).shape == (2, *output_shape)
    assert compared(layer, x)


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(("channels", "filters"), [(1, 5), (24, 3)])
def test_a_batch_that_is_taken_in_several_parts(padding, channels, filters, monkeypatch):
    """Images that are laid out along rows and along windows; the last part is smaller than the others."""
    monkeypatch.setattr("chainrule_plugins.layers._im2col.CACHE", 20_000)
    layer, _ = built(Conv2d(filters, padding=padding), (6, 7, channels))
    assert compared(layer, sample(5, 6, 7, channels))


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_batches_of_different_sizes_in_turn(padding):
    layer, _ = built(Conv2d(2, padding=padding), (5, 4, 2))
    for turn, size in enumerate([2, 5, 1, 3]):
        assert compared(layer, sample(size, 5, 4, 2, seed=turn))


def test_float32_stays_float32():
    layer, _ = built(Conv2d(2, padding="same", stride=2), (5, 4, 2), "float32")
    x = sample(3, 5, 4, 2).astype("float32")
    y = layer.forward(x, True)
    assert (y.dtype, layer.backward(y).dtype) == (np.float32, np.float32)
    assert compared(layer, x, rtol=2e-5)


def test_without_a_bias_and_without_a_gradient_for_the_input():
    layer, _ = built(Conv2d(2, bias=False), (4, 4, 1))
    x = sample(3, 4, 4, 1)
    assert layer.b is None
    assert compared(layer, x)
    dW = layer.W.grad.copy()
    layer.backward_parameters(np.ones_like(layer.forward(x, True)))
    assert (layer.W.grad != dW).any()


def test_an_image_without_channels_has_one():
    with_channel, without = built(Conv2d(2), (5, 4, 1))[0], built(Conv2d(2), (5, 4))[0]
    x = sample(3, 5, 4)
    y = without.forward(x, True)
    np.testing.assert_array_equal(y, with_channel.forward(x[..., None], True))
    dx = without.backward(y)
    assert dx.shape == x.shape
    np.testing.assert_array_equal(dx[..., None], with_channel.backward(y))


def test_a_kernel_of_one_pixel_is_a_dense_layer_for_each_pixel():
    layer, _ = built(Conv2d(4, kernel=1), (3, 3, 2))
    x = sample(2, 3, 3, 2)
    np.testing.assert_allclose(layer.forward(x, True), x @ layer.W.value[0, 0], rtol=1e-12)


def test_a_kernel_as_large_as_the_image_is_a_dense_layer():
    layer, output_shape = built(Conv2d(4, kernel=(3, 2)), (3, 2, 2))
    x = sample(5, 3, 2, 2)
    assert output_shape == (1, 1, 4)
    np.testing.assert_allclose(layer.forward(x, True)[:, 0, 0], x.reshape(5, -1) @ layer.W.value.reshape(-1, 4))


@pytest.mark.parametrize(
    ("length", "kernel", "stride", "before", "after"),
    [(5, 3, 1, 1, 1), (5, 2, 1, 0, 1), (6, 3, 2, 0, 1), (7, 3, 2, 1, 1), (28, 5, 1, 2, 2), (4, 1, 3, 0, 0)],
)
def test_same_padding_is_that_of_tensorflow(length, kernel, stride, before, after):
    """ceil(length / stride) places, and an odd zero comes last. A kernel with a single 1 shows what lies under it."""
    layer, (rows, _, _) = built(Conv2d(1, (kernel, 1), stride, "same", initializer="zeros"), (length, 1))
    assert rows == -(-length // stride)
    image = np.arange(1.0, length + 1)
    padded = np.concatenate([np.zeros(before), image, np.zeros(after)])
    for u in range(kernel):
        layer.W.value[...] = 0
        layer.W.value[u] = 1
        y = layer.forward(image.reshape(1, length, 1), False)
        assert y.ravel().tolist() == [padded[stride * i + u] for i in range(rows)]


@pytest.mark.parametrize("fields", [{}, {"padding": "same", "stride": 2}, {"dilation": 2, "bias": False}])
def test_gradient_check(fields):
    layers = [
        Conv2d(3, activation="tanh", **fields),
        Conv2d(2, kernel=(2, 1)),
        "flatten",
        {"name": "dense", "units": 2},
    ]
    network = cr.Network(layers, (6, 7, 2), "mse", dtype="float64")
    assert max(cr.gradient_check(network, sample(3, 6, 7, 2), sample(3, 2)).values()) < 1e-6


def test_weights_decay_and_biases_do_not():
    layer, _ = built(Conv2d(2), (4, 4))
    assert (layer.W.decay, layer.b.decay) == (True, False)


def test_an_initializer_sees_the_fans_of_the_window():
    """Glorot's limit: a filter has 5 * 5 * 2 inputs, and a pixel reaches 5 * 5 * 20 outputs."""
    layer, _ = built(Conv2d(20, kernel=5), (8, 8, 2))
    assert np.abs(layer.W.value).max() == pytest.approx(np.sqrt(6 / (50 + 500)), rel=0.02)


def test_work_arrays_do_not_grow_with_the_batch():
    """X, the largest of them, takes a megabyte; y and dx are the layer's output."""
    layer, _ = built(Conv2d(8, kernel=5, padding="same"), (28, 28, 8), "float32")
    x = sample(64, 28, 28, 8).astype("float32")
    layer.backward(layer.forward(x, True))
    kept = {name: array.nbytes for name, array in layer._work.items()}
    outputs = ("y", "dx", "padded_x", "padded_dx")
    assert 0 < sum(size for name, size in kept.items() if name not in outputs) < 2 * 2**20


def stated_numbers(**sizes):
    """How many numbers the docstring says are kept, by each of its formulas."""
    stated = inspect.getdoc(Conv2d).partition("keeps these arrays")[2].partition("Here m is")[0]
    formulas = re.findall(r": \$(.+)\$$", stated, re.MULTILINE)
    return [eval(formula.replace(r"\cdot", "*").replace("\\", ""), sizes) for formula in formulas]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(
    ("n", "image", "fields"),
    [
        (64, (12, 10, 3), {"filters": 8}),  # X of some images at a time, not of all
        (3, (12, 10, 3), {"filters": 8, "kernel": (2, 5), "stride": 2}),  # of all at once
        (2, (60, 70, 8), {"filters": 2, "kernel": 7, "dilation": 2}),  # an X that is larger than the cache
    ],
)
def test_what_is_kept_takes_the_memory_that_the_docstring_states(n, image, fields, padding, dtype):
    layer, (rows, columns, filters) = built(Conv2d(padding=padding, **fields), image, dtype)
    x = sample(n, *image).astype(dtype)
    y = layer.forward(x, True)
    layer.backward(y.copy())
    found = [array for array in [*vars(layer).values(), *layer._work.values()] if isinstance(array, np.ndarray)]
    owners = {id(owner): owner for owner in (array if array.base is None else array.base for array in found)}
    kept = sum(owner.nbytes for owner in owners.values() if owner is not x)

    (height, width, channels), (kernel_height, kernel_width) = image, layer.W.shape[:2]
    reach = [layer.dilation * (size - 1) + 1 for size in (kernel_height, kernel_width)]
    padded_height, padded_width = (
        max(length, (places - 1) * layer.stride + r) if padding == "same" else length
        for length, places, r in zip((height, width), (rows, columns), reach)
    )

    def images(numbers):
        return min(n, max(1, 2**20 // (numbers * x.itemsize)))

    places = rows * columns
    sizes = {
        "n": n,
        "m": images(places * kernel_height * kernel_width * channels),
        "k": images(padded_height * padded_width * channels + places * (filters + channels)),
        "height": height, "width": width, "channels": channels, "rows": rows, "columns": columns, "filters": filters,
        "kernel_height": kernel_height, "kernel_width": kernel_width,
        "padded_height": padded_height, "padded_width": padded_width,
    }  # fmt: skip
    *always, with_zeros = stated_numbers(**sizes)
    assert kept == (sum(always) + (with_zeros if padding == "same" else 0)) * x.itemsize


@pytest.mark.parametrize("shape", [(5,), (2, 3, 4, 5), ()])
def test_what_is_no_image_is_refused(shape):
    with pytest.raises(cr.ShapeError) as caught:
        built(Conv2d(2), shape)
    assert str(caught.value) == (
        "layers.0: conv2d takes images, of shape (height, width, channels) or (height, width), got input of shape "
        f"{shape}"
    )


def test_a_kernel_larger_than_the_image_is_refused():
    with pytest.raises(cr.ShapeError) as caught:
        built(Conv2d(2, kernel=(3, 2), dilation=3), (6, 6))
    assert str(caught.value) == (
        "layers.0: the kernel reaches over 7 by 4 pixels, and the image has only 6 by 6: take a smaller kernel or "
        'dilation, or padding "same"'
    )


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"filters": 0}, "filters: got 0, must be at least 1 (Conv2d)"),
        ({"kernel": 0}, "kernel: got 0, must be at least 1: a number, or height and width (Conv2d)"),
        ({"kernel": (3, 3, 3)}, "kernel: got [3, 3, 3], must be at least 1: a number, or height and width (Conv2d)"),
        ({"stride": 0}, "stride: got 0, must be at least 1 (Conv2d)"),
        ({"padding": "full"}, 'padding: got "full", expected "valid" or "same" (Conv2d)'),
        ({"dilation": 0}, "dilation: got 0, must be at least 1 (Conv2d)"),
    ],
)
def test_bad_fields_are_refused(fields, message):
    with pytest.raises(cr.FieldError) as caught:
        Conv2d(**{"filters": 1, **fields})
    assert str(caught.value) == message


def test_a_kernel_of_an_empty_list_is_refused():
    with pytest.raises(cr.FieldError, match=r"^kernel: got \[\], must be"):
        Conv2d(1, kernel=())


def test_a_saved_network_computes_the_same(tmp_path):
    layers = [Conv2d(3, kernel=[2, 3], padding="same", activation="relu"), "max_pool2d", "global_average_pool2d"]
    network = cr.Network(layers, (6, 6), "mse", seed=3)
    network.save(tmp_path / "net.safetensors")
    x = sample(4, 6, 6)
    np.testing.assert_array_equal(cr.load_network(tmp_path / "net.safetensors").predict(x), network.predict(x))
