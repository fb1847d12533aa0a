"""text_sample, with networks whose probabilities are known."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest

import chainrule as cr
from chainrule.training.encoding import decoded, encoded
from chainrule_plugins.callbacks import TextSample

LETTERS = ("a", "b", "c", "-")
RNG = np.random.default_rng(0)
X = RNG.integers(0, 4, (20, 6))
Y = np.roll(X, -1, axis=1)


@dataclass
class Chain(cr.Layer):
    """A Markov chain: the row of the last token; what stands elsewhere in x does not matter, and nothing is learned."""

    rows: Sequence[Sequence[float]] = ()
    input_dtype = "int64"

    def build(self, input_shape):
        self.seen = []
        return (*input_shape, len(self.rows))

    def forward(self, x, training):
        self.seen.append(x.copy())
        self.shape = x.shape
        return np.asarray(self.rows, self.dtype)[x]

    def backward(self, dy):
        return np.zeros(self.shape, dy.dtype)


def chain(rows, steps=6):
    return cr.Network([Chain(np.asarray(rows).tolist())], (steps,), "mse", dtype="float64", task="regression")


def gru(steps=6, tokens=4, seed=0):
    layers = [
        {"name": "embedding", "tokens": tokens, "units": 3},
        {"name": "gru", "units": 8, "sequences": True},
        {"name": "dense_per_step", "units": tokens, "activation": "softmax"},
    ]
    return cr.Network(layers, (steps,), "categorical_cross_entropy", seed, "float64", task="multiclass")


def trained(network, *callbacks, epochs=1, names=LETTERS, y=Y):
    trainer = cr.Trainer(network, {"name": "adam", "lr": 0.01}, batch_size=8)
    trainer.token_names = names
    steps = network.input_shape[0]
    trainer.fit((X[:, :steps], y[:, :steps]), epochs, callbacks=[*callbacks])
    return trainer


def sample(network, names=LETTERS, **fields):
    """The text alone, without its heading."""
    trainer = trained(network, TextSample(**fields), names=names, y=np.zeros((20, 6, len(network.layers[0].rows))))
    heading, _, text = trainer.texts["sample"].partition("\n")
    assert heading == "--- at the end, after epoch 1"
    return text.removesuffix("\n")


CYCLE = np.eye(4)[[1, 2, 3, 0]]


def test_what_is_certain_is_written():
    """Beyond what the network sees at once, too; from the first token, or from where the prompt ends."""
    assert sample(chain(CYCLE), length=15) == "abc-" * 4
    assert sample(chain(CYCLE), length=4, prompt="-ac") == "-ac-abc"


def test_the_network_is_shown_the_last_tokens_and_then_nothing():
    network = chain(CYCLE, steps=3)
    sample(network, length=5, prompt="ac")
    seen = [x[0].tolist() for x in network.layers[0].seen[-5:]]
    assert seen == [[0, 2, 0], [0, 2, 3], [2, 3, 0], [3, 0, 1], [0, 1, 2]]


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_tokens_are_drawn_by_their_probabilities(temperature):
    """Of 6,000, to within four standard deviations; p^(1 / T), scaled to 1."""
    p = np.array([0.6, 0.3, 0.1, 0.0])
    q = p ** (1 / temperature) / (p ** (1 / temperature)).sum()
    text = sample(chain(np.tile(p, (4, 1))), length=6000, temperature=temperature)[1:]
    counts = np.array([text.count(letter) for letter in LETTERS])
    assert np.all(np.abs(counts - 6000 * q) <= 4 * np.sqrt(6000 * q * (1 - q)))
    assert counts[3] == 0


def test_at_temperature_zero_the_most_probable_token_is_taken():
    rows = [[0.1, 0.2, 0.4, 0.3], [0.9, 0.1, 0, 0], [0.2, 0.5, 0.2, 0.1], [1, 0, 0, 0]]
    assert sample(chain(rows), length=6, temperature=0.0) == "acbacba"


def test_the_seed_alone_decides_and_the_training_is_as_without():
    def text(seed):
        return trained(gru(), TextSample(length=50, seed=seed, every=1), epochs=2)

    first, again, other = text(1), text(1), text(2)
    assert first.texts == again.texts != other.texts
    plain = trained(gru(), epochs=2)
    np.testing.assert_array_equal(first.network.parameters.theta, plain.network.parameters.theta)
    np.testing.assert_array_equal(other.network.parameters.theta, plain.network.parameters.theta)


def test_a_text_is_written_after_every_so_many_epochs_and_at_the_end():
    trainer = trained(gru(), TextSample(length=5, every=2), epochs=5)
    lines = trainer.texts["sample"].split("\n")
    assert [line for line in lines if line.startswith("---")] == [
        "--- after epoch 2",
        "--- after epoch 4",
        "--- at the end, after epoch 5",
    ]
    assert [len(line) for line in lines[1::2]] == [6, 6, 6]
    alone = trained(gru(), TextSample(length=5), epochs=5)
    assert trainer.texts["sample"].endswith(alone.texts["sample"])


def test_a_training_that_is_cut_leaves_the_same_texts():
    """Saved after any update, taken up by new instances."""
    states = []

    class Saving(cr.Callback):
        def state(self):
            return {}

        def on_batch_end(self, trainer):
            trainer.rest.when(lambda: states.append(encoded(trainer.state())))

    fields = {"length": 20, "every": 1}
    whole = trained(gru(), TextSample(**fields), Saving(), epochs=3)
    assert len(states) == 9
    for state in states:
        again = cr.Trainer(gru(), {"name": "adam", "lr": 0.01}, batch_size=8)
        again.token_names = LETTERS
        again.load_state(decoded(*state))
        again.fit((X, Y), 3, callbacks=[TextSample(**fields)])
        assert again.texts == whole.texts


def test_it_sees_what_a_callback_before_it_makes_of_the_weights():
    averaged = trained(gru(), "weight_average", TextSample(length=40, temperature=0.0), epochs=2)
    plain = trained(gru(), TextSample(length=40, temperature=0.0), epochs=2)
    after = cr.Trainer(averaged.network, "sgd")
    after.token_names = LETTERS
    again = TextSample(length=40, temperature=0.0)
    again.on_train_end(after)
    text = averaged.texts["sample"].partition("\n")[2]
    assert after.texts["sample"].partition("\n")[2] == text
    assert plain.texts.keys() == {"sample"}


def test_tokens_without_names_are_numbers_and_long_names_stand_apart():
    rows = np.eye(12)[[*range(1, 12), 0]]
    network = cr.Network([Chain(np.asarray(rows).tolist())], (6,), "mse", dtype="float64", task="regression")
    assert sample(network, names=(), length=3, prompt="9") == "9 10 11 0"
    words = [f"word{k}" for k in range(12)]
    network = cr.Network([Chain(np.asarray(rows).tolist())], (6,), "mse", dtype="float64", task="regression")
    assert sample(network, names=words, length=2, prompt="word0 word7") == "word0 word7 word8 word9"


def test_a_prompt_of_what_is_no_token_is_refused_before_training():
    network = gru()
    before = network.parameters.theta.copy()
    with pytest.raises(cr.FieldError) as refused:
        trained(network, TextSample(prompt="abx"))
    assert str(refused.value) == 'prompt: "x" is no token of the data. Known: a, b, c, -.'
    np.testing.assert_array_equal(network.parameters.theta, before)


def test_a_network_that_predicts_no_tokens_is_refused():
    network = cr.Network([{"name": "dense", "units": 2}], (3,), "mse")
    message = (
        "text_sample takes networks that give a distribution over the tokens for each step of their input, got one "
        "that makes of inputs of shape (3,) outputs of shape (2,): leave it out"
    )
    with pytest.raises(cr.ConfigError, match=re.escape(message)):
        cr.Trainer(network, "sgd").fit((np.zeros((4, 3)), np.zeros((4, 2))), 1, callbacks=[TextSample()])
    with pytest.raises(cr.ConfigError, match="a distribution over 3 tokens"):
        trained(gru(), TextSample(), names=("a", "b", "c"))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"length": 0}, "length: got 0, must be at least 1 (TextSample)"),
        ({"temperature": -0.5}, "temperature: got -0.5, must be a finite number, at least 0 (TextSample)"),
        ({"prompt": ""}, "prompt: got '', must be some text, or null for the first token (TextSample)"),
        ({"every": 0}, "every: got 0, must be at least 1, or null for the end alone (TextSample)"),
        ({"seed": -1}, "seed: got -1, must be at least 0 (TextSample)"),
    ],
)
def test_a_value_out_of_range_is_refused(fields, message):
    with pytest.raises(cr.FieldError) as refused:
        TextSample(**fields)
    assert str(refused.value) == message
