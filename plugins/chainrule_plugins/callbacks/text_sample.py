from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from chainrule import Array, Callback, ConfigError, FieldError, TrainedNetwork, Training, did_you_mean, stream


@dataclass
class TextSample(Callback):
    r"""Lets a network that predicts the next character, or word, write: what it has learned is there to be read.

    It begins with the prompt, and draws one token after another, from what the network gives for the place of the last
    one, $p$:

    $q_k = p_k^{1 / temperature} / \sum_j p_j^{1 / temperature}$

    The network sees at most as many tokens as it takes, the last ones; places behind the last one hold the first token,
    and must not matter: no step of the network may look ahead. The text is kept by the name ``sample``, in the run's
    folder and in MLflow, that of each epoch below the last one. Callbacks that change the weights at the end of a
    training, such as weight_average, stand before this one.

    Args:
        length: how many tokens are written after the prompt, at least 1; default 500.
        temperature: 0 or more; default 1.0: as the network gives it. Less is surer of itself, 0 takes the most probable
            token each time.
        prompt: what the text begins with: characters, or where tokens are longer, tokens between blanks; default null:
            the first token.
        every: after every how many epochs, at least 1; default null: only at the end.
        seed: of what is drawn, 0 or more; default 0. It changes nothing of the training.

    Raises:
        FieldError: a field is out of range, or the prompt holds what is no token.
        ConfigError: the network does not give a distribution over the tokens for each step.

    Reference:
        Graves (2013), "Generating Sequences With Recurrent Neural Networks", arXiv:1308.0850, section 2; temperature:
        Ackley, Hinton, Sejnowski (1985), "A Learning Algorithm for Boltzmann Machines", Cognitive Science 9.

    Example:
        >>> import chainrule as cr
        >>> cr.make("callback", "text_sample", length=200, temperature=0.8, every=5).prompt is None
        True
    """

    length: int = 500
    temperature: float = 1.0
    prompt: str | None = None
    every: int | None = None
    seed: int = 0

    check_examples = ({"length": 5}, {"length": 9, "every": 1, "temperature": 0.0, "prompt": "20"})
    check_tokens = 3

    def __post_init__(self) -> None:
        self.require("length", self.length >= 1, "at least 1")
        self.require("temperature", 0 <= self.temperature < math.inf, "a finite number, at least 0")
        self.require("prompt", self.prompt != "", "some text, or null for the first token")
        self.require("every", self.every is None or self.every >= 1, "at least 1, or null for the end alone")
        self.require("seed", self.seed >= 0, "at least 0")
        self.written: list[str] = []

    def on_train_start(self, trainer: Training) -> None:
        if trainer.epoch == 0:
            self.written = []  # of an earlier training
        self._prompt(names_of(trainer))  # refused now rather than after the training

    def on_epoch_end(self, trainer: Training) -> None:
        if self.every is not None and trainer.epoch % self.every == 0:
            self._write(trainer, f"after epoch {trainer.epoch}")

    def on_train_end(self, trainer: Training) -> None:
        self._write(trainer, f"at the end, after epoch {trainer.epoch}")

    def _write(self, trainer: Training, when: str) -> None:
        names, rng = names_of(trainer), stream(self.seed, f"text_sample {when}")
        ids = self._prompt(names)
        for _ in range(self.length):
            ids.append(self._drawn(following(trainer.network, ids), rng))
        text = between(names).join(names[k] for k in ids)
        self.written.append(f"--- {when}\n{text}\n")
        trainer.text("sample", "".join(self.written))

    def _drawn(self, p: Array, rng: np.random.Generator) -> int:
        """A token, from the probabilities of all of them."""
        if self.temperature == 0:
            return int(p.argmax())
        with np.errstate(divide="ignore"):  # of 0 the logarithm is minus infinity, and the power 0
            log_p = np.log(p.astype(np.float64)) / self.temperature
        up_to = np.cumsum(np.exp(log_p - log_p.max()))
        return min(int(np.searchsorted(up_to, rng.random() * up_to[-1], side="right")), len(p) - 1)

    def _prompt(self, names: Sequence[str]) -> list[int]:
        """The tokens of the prompt."""
        if self.prompt is None:
            return [0]
        ids = {name: k for k, name in enumerate(names)}
        tokens = self.prompt.split(between(names)) if between(names) else list(self.prompt)
        for token in tokens:
            if token not in ids:
                known = did_you_mean(token, names, ordered=True)
                raise FieldError(f'"{token}" is no token of the data. {known}', key="prompt")
        return [ids[token] for token in tokens]


def between(names: Sequence[str]) -> str:
    """What stands between tokens in a text: nothing between characters."""
    return "" if all(len(name) == 1 for name in names) else " "


def names_of(trainer: Training) -> Sequence[str]:
    """What the tokens are called; by number, where the data does not say.

    Raises:
        ConfigError: the network does not predict tokens from tokens.
    """
    taken, given, names = trainer.network.input_shape, trainer.network.output_shape, trainer.token_names
    one_each = isinstance(taken, tuple) and isinstance(given, tuple) and len(taken) == 1 and given[:-1] == taken
    if not one_each or (names and len(names) != given[-1]):
        raise ConfigError(
            f"text_sample takes networks that give a distribution over {len(names) or 'the'} tokens for each step of "
            f"their input, got one that makes of inputs of shape {taken} outputs of shape {given}: leave it out"
        )
    return names or [str(k) for k in range(given[-1])]


def following(network: TrainedNetwork, ids: Sequence[int]) -> Array:
    """The probabilities of the token after the last one."""
    seen = ids[-network.input_shape[0] :]
    x = np.zeros((1, *network.input_shape), np.int64)
    x[0, : len(seen)] = seen
    p: Array = network.predict(x)[0, len(seen) - 1]
    return p
