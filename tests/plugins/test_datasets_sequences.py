"""adding and copy: what a sequence holds is counted out step by step."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import chainrule as cr
from chainrule_plugins.datasets import Adding, Copy


def everything(data: cr.Data) -> list[np.ndarray]:
    """Inputs, targets, weights and masks of all parts; what is not there is left out."""
    parts = [[part.x, part.y, part.weight, part.mask] for part in data.splits.values()]
    return [np.concatenate(arrays) for arrays in zip(*parts) if arrays[0] is not None]


@given(length=st.integers(2, 12), seed=st.integers(0, 100))
def test_adding_asks_for_the_sum_of_one_number_of_each_half(length, seed):
    x, y = everything(Adding(length=length, samples=30, seed=seed).load())
    assert x.shape == (30, length, 2)
    assert (x.dtype, y.dtype) == (np.float32, np.float32)
    for sequence, target in zip(x.tolist(), y.tolist()):
        marked = [t for t, (_, mark) in enumerate(sequence) if mark]
        first, second = marked
        assert first < length // 2 <= second
        assert {mark for _, mark in sequence} <= {0, 1}
        assert all(0 <= number < 1 for number, _ in sequence)
        assert target == pytest.approx(sequence[first][0] + sequence[second][0], rel=1e-6)


def test_marks_and_numbers_are_spread_evenly():
    """Of 20,000 sequences each place is marked as often, to within four standard deviations; y has the variance 1/6."""
    x, y = everything(Adding(length=8, samples=20_000).load())
    marked = x[..., 1].sum(axis=0)
    assert np.abs(marked - 5000).max() < 4 * np.sqrt(20_000 * 1 / 4 * 3 / 4)
    assert x[..., 0].mean() == pytest.approx(0.5, abs=0.005)
    assert y.var() == pytest.approx(1 / 6, rel=0.05)


def test_shorter_sequences_end_in_zeros_that_are_masked():
    x, y, mask = everything(Adding(length=9, shortest=3, samples=2000).load())
    lengths = mask.sum(axis=1)
    assert mask.dtype == bool
    assert set(lengths.tolist()) == set(range(3, 10))
    for sequence, target, length in zip(x, y, lengths):
        assert (sequence[length:] == 0).all()
        first, second = np.flatnonzero(sequence[:, 1])
        assert first < length // 2 <= second < length
        assert target == sequence[first, 0] + sequence[second, 0]
    assert (mask == (np.arange(9) < lengths[:, None])).all()


def in_letters(data: cr.Data, name: str = "train") -> list[tuple[str, str]]:
    """Each sequence as it is shown, and what is to be said."""
    part, names = data.splits[name], data.token_names
    return [tuple("".join(names[k] for k in ids) for ids in pair) for pair in zip(part.x, part.y)]


@given(
    delay=st.integers(1, 9),
    copied=st.integers(1, 5),
    letters=st.integers(2, 26),
    scored=st.sampled_from(["letters", "all"]),
)
def test_copy_asks_for_the_letters_after_the_colon(delay, copied, letters, scored):
    data = Copy(delay=delay, copied=copied, letters=letters, scored=scored, samples=20).load()
    alphabet = "abcdefghijklmnopqrstuvwxyz"[:letters]
    assert list(data.class_names) == [*alphabet, "-"]
    assert list(data.token_names) == [*alphabet, "-", ":"]
    for shown, said in in_letters(data):
        word = shown[:copied]
        assert set(word) <= set(alphabet)
        assert shown == word + "-" * (delay - 1) + ":" + "-" * copied
        assert said == "-" * (copied + delay) + word
    weight = data.train.weight
    if scored == "all":
        assert weight is None
    else:
        assert (weight == [[0] * (copied + delay) + [1] * copied]).all()


def test_delays_differ_where_a_shortest_one_is_given():
    data = Copy(delay=5, shortest=2, copied=3, letters=4, samples=1000).load()
    delays = set()
    for (shown, said), counts, weight in zip(in_letters(data), data.train.mask, data.train.weight):
        delay = shown.index(":") - 3 + 1
        delays.add(delay)
        end = 3 + delay + 3
        assert shown[end:] == said[end:] == "-" * (11 - end)
        assert said[end - 3 : end] == shown[:3]
        assert counts.tolist() == [True] * end + [False] * (11 - end)
        assert weight.tolist() == [0] * (end - 3) + [1] * 3 + [0] * (11 - end)
    assert delays == {2, 3, 4, 5}


def test_letters_are_drawn_evenly():
    x = everything(Copy(copied=4, letters=5, samples=5000).load())[0]
    counts = np.bincount(x[:, :4].ravel(), minlength=5)
    assert np.abs(counts - 4000).max() < 4 * np.sqrt(20_000 * 1 / 5 * 4 / 5)


@pytest.mark.parametrize("dataset", [Adding, Copy])
def test_the_seed_alone_decides(dataset):
    assert dataset(samples=50, seed=1).load().digest == dataset(samples=50, seed=1).load().digest
    assert dataset(samples=50, seed=1).load().digest != dataset(samples=50, seed=2).load().digest


@pytest.mark.parametrize("dataset", [Adding, Copy])
def test_parts_have_their_fractions_with_weights_and_masks_of_their_own_rows(dataset):
    data = dataset(samples=100, shortest=2, test_fraction=0.3, validation_fraction=0.5).load()
    assert [len(part.x) for part in data.splits.values()] == [35, 35, 30]
    for part in data.splits.values():
        assert (part.mask[:, :-1] >= part.mask[:, 1:]).all()
        assert len(np.unique(part.x[~part.mask])) <= 1, "nothing but zeros, or blanks, after the end of a sequence"
        if dataset is Copy:
            assert ((part.weight > 0) <= part.mask).all()
            assert (part.weight.sum(axis=1) == 10).all()
    assert list(dataset(samples=50, validation_fraction=0.0, test_fraction=0.0).load().splits) == ["train"]


def test_a_mean_squared_error_of_a_sixth_is_what_one_number_for_all_comes_to():
    """And a network that is trained on it does better: gradients reach the marked steps."""
    data = Adding(length=4, samples=400).load()
    network = cr.Network([{"name": "gru", "units": 16}, {"name": "dense", "units": 1}], (4, 2), "mse")
    trainer = cr.Trainer(network, {"name": "adam", "lr": 0.01})
    history = trainer.fit(data.train, 30, data.validation)
    assert float(((data.test.y - 1) ** 2).mean()) == pytest.approx(1 / 6, rel=0.5)
    assert history["validation/loss"][-1] < 1 / 60


def test_the_loss_of_a_copy_is_of_its_letters_alone():
    """A network that says nothing but blanks is as wrong as can be there, and right everywhere else."""
    data = Copy(delay=3, copied=2, letters=4, samples=40).load()
    layers = [
        {"name": "embedding", "tokens": 6, "units": 3},
        {"name": "dense_per_step", "units": 5, "activation": "softmax"},
    ]
    network = cr.Network(layers, data.input_shape, "categorical_cross_entropy", task="multiclass")
    network.parameters.theta[:] = 0
    network.parameters["1.dense_per_step.b"].value = [0, 0, 0, 0, 5]
    measured = cr.Trainer(network, "sgd", metrics=["accuracy"]).evaluate_split(data.train)
    assert measured["accuracy"] == 0
    assert measured["loss"] == pytest.approx(np.log(4 + np.exp(5)), rel=1e-6)


@pytest.mark.parametrize(
    ("dataset", "fields", "message"),
    [
        (Adding, {"length": 1}, "length: got 1, must be at least 2 (Adding)"),
        (
            Adding,
            {"shortest": 51},
            "shortest: got 51, must be from 2 to length, which is 50, or null for that one alone (Adding)",
        ),
        (Adding, {"samples": 9}, "samples: got 9, must be at least 10 (Adding)"),
        (Adding, {"seed": -1}, "seed: got -1, must be at least 0 (Adding)"),
        (Copy, {"delay": 0}, "delay: got 0, must be at least 1 (Copy)"),
        (
            Copy,
            {"shortest": 0},
            "shortest: got 0, must be from 1 to delay, which is 20, or null for that one alone (Copy)",
        ),
        (Copy, {"copied": 0}, "copied: got 0, must be at least 1 (Copy)"),
        (Copy, {"letters": 27}, "letters: got 27, must be from 2 to 26 (Copy)"),
        (Copy, {"samples": 0}, "samples: got 0, must be at least 10 (Copy)"),
        (Copy, {"test_fraction": 1.0}, "test_fraction: got 1.0, must be at least 0 and less than 1 (Copy)"),
    ],
)
def test_a_value_out_of_range_is_refused(dataset, fields, message):
    with pytest.raises(cr.FieldError) as refused:
        dataset(**fields)
    assert str(refused.value) == message
