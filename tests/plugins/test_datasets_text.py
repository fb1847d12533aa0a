"""text: windows over parts of a text that do not touch, from a file or from Python's help."""

import gzip
import hashlib
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import chainrule as cr
from chainrule_plugins.datasets import Text

POEM = "0123456789 " + "".join(f"{k} green bottles, hanging on the wall;\n" for k in range(200))


@pytest.fixture
def poem(tmp_path):
    path = tmp_path / "poem.txt"
    path.write_bytes(POEM.encode())
    return path


def said(data: cr.Data, ids: np.ndarray) -> str:
    return "".join(data.token_names[k] for k in ids)


def test_windows_are_the_text_and_what_comes_next(poem):
    data = Text(path=str(poem), length=7, validation_fraction=0.0, test_fraction=0.0).load()
    assert list(data.splits) == ["train"]
    assert list(data.token_names) == list(data.class_names) == sorted(set(POEM))
    assert (data.train.x.dtype, data.task) == (np.int64, "multiclass")
    windows = [POEM[start : start + 7] for start in range(0, len(POEM) - 7, 7)]
    following = [POEM[start + 1 : start + 8] for start in range(0, len(POEM) - 7, 7)]
    assert [said(data, ids) for ids in data.train.x] == windows
    assert [said(data, ids) for ids in data.train.y] == following


@given(
    length=st.integers(1, 20),
    stride=st.none() | st.integers(1, 30),
    validation=st.sampled_from([0.0, 0.25, 0.5]),
    test=st.sampled_from([0.0, 0.2, 0.4]),
)
def test_parts_follow_one_another_and_share_no_character(tmp_path_factory, length, stride, validation, test):
    """Each window lies where it should, and the last one, with the character after it, ends within its part."""
    text = POEM[:1000]
    path = tmp_path_factory.mktemp("text") / "poem.txt"
    path.write_text(text, encoding="utf-8")
    data = Text(str(path), length, stride, validation, test).load()
    cuts = {"train": (0, round(1000 * (1 - test) * (1 - validation)))}
    cuts["validation"] = (cuts["train"][1], round(1000 * (1 - test)))
    cuts["test"] = (cuts["validation"][1], 1000)
    assert {*data.splits} == {name for name, (start, end) in cuts.items() if end > start}
    step = stride or length
    for name, (x, y) in data.splits.items():
        start, end = cuts[name]
        assert len(x) == len(range(start, end - length, step))
        for window, after, at in zip(x, y, range(start, end - length, step)):
            assert said(data, window) == text[at : at + length]
            assert said(data, after) == text[at + 1 : at + 1 + length]


def test_characters_that_are_not_trained_on_are_left_out_and_told(tmp_path):
    path = tmp_path / "end.txt"
    path.write_text("ab" * 50 + "aäbä" + "ba" * 50 + "öabab", encoding="utf-8")
    data = Text(path=str(path), length=4, validation_fraction=0.2, test_fraction=0.4).load()
    assert list(data.token_names) == ["a", "b"]
    assert list(data.remarks) == [
        "3 characters for validation and testing are none of the training part, and are left out: 'ä', 'ö'"
    ]
    plain = Text(path=str(path), length=4, validation_fraction=0.0, test_fraction=0.0).load()
    assert list(plain.token_names) == ["a", "b", "ä", "ö"]
    assert list(plain.remarks) == []


@pytest.mark.parametrize("content", [gzip.compress(POEM.encode()), POEM.replace("\n", "\r\n").encode("utf-8-sig")])
def test_a_file_may_be_compressed_or_come_from_windows(tmp_path, poem, content):
    path = tmp_path / "other"
    path.write_bytes(content)
    assert Text(path=str(path)).load().digest == Text(path=str(poem)).load().digest


def test_fields_and_text_alone_decide(poem, tmp_path):
    fields = [{}, {"length": 5}, {"stride": 5}, {"validation_fraction": 0.2}, {"test_fraction": 0.2}]
    copied = tmp_path / "copied.txt"
    copied.write_text(POEM, encoding="utf-8")
    other = tmp_path / "other.txt"
    other.write_text(POEM.replace("wall", "hall"), encoding="utf-8")
    digests = [Text(path=str(poem), **given).load().digest for given in fields]
    assert len({*digests, Text(path=str(other)).load().digest}) == 6
    assert Text(path=str(copied)).load().digest == digests[0]


def test_without_a_path_it_is_what_pythons_help_says_once(capsys):
    """As ``help("assert")`` prints it; no paragraph comes twice."""
    data = Text(length=50, validation_fraction=0.0, test_fraction=0.0).load()
    text = "".join(said(data, ids) for ids in data.train.x)
    help("assert")
    shown = capsys.readouterr().out.strip("\n").split("\n\n")
    assert len(shown) > 3
    assert all(paragraph in text for paragraph in shown)
    assert len(text) > 300_000
    paragraphs = [paragraph.strip("\n") for paragraph in text.split("\n\n")]
    long = [paragraph for paragraph in paragraphs if paragraph]
    assert len(long) == len(set(long))
    assert re.search(r"\n{3}", text) is None


def test_the_help_is_the_same_text_each_time():
    first, second = (Text().load() for _ in range(2))
    assert first.digest == second.digest
    assert first.digest != hashlib.sha256(b"").hexdigest()
    assert {*first.splits} == {"train", "validation", "test"}


def test_a_python_without_its_help_is_told(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "pydoc_data.topics", None)
    with pytest.raises(cr.DataError) as refused:
        Text().load()
    assert str(refused.value) == ("this Python comes without its help (pydoc_data): give dataset.path, a text of yours")


@pytest.mark.parametrize(
    ("content", "fields", "message"),
    [
        (
            b"abcd" * 20,
            {"validation_fraction": 0.0, "test_fraction": 0.2},
            "{path} has 80 characters, and 64 of them for the train data: too few for a window of 65 and the character",
        ),
        (b"ab" * 50, {"length": 9}, "{path} has 100 characters, and 9 of them for the validation data: too few for a"),
        (b"", {}, "{path} is no text to learn: it has 0 different characters, and two are needed"),
        (b"aaaa", {}, "{path} is no text to learn: it has 1 different characters, and two are needed"),
        (b"ab\nc\xff", {}, "{path}, line 2: not UTF-8; save the file in that encoding"),
        (b"PK\x03\x04", {}, "{path} is an Excel workbook or a zip archive, not text"),
    ],
)
def test_a_file_that_is_no_text_to_learn_from_is_refused(tmp_path, content, fields, message):
    path = tmp_path / "text.txt"
    path.write_bytes(content)
    with pytest.raises(cr.DataError) as refused:
        Text(path=str(path), **{"length": 65, **fields}).load()
    assert message.format(path=path) in str(refused.value)


def test_a_path_that_leads_nowhere_is_told(tmp_path):
    with pytest.raises(cr.DataError, match=r"there is no file .*missing\.txt"):
        Text(path=str(tmp_path / "missing.txt")).load()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"length": 0}, "length: got 0, must be at least 1 (Text)"),
        ({"stride": 0}, "stride: got 0, must be at least 1, or null for length (Text)"),
        ({"validation_fraction": 1}, "validation_fraction: got 1.0, must be at least 0 and less than 1 (Text)"),
        ({"test_fraction": -0.1}, "test_fraction: got -0.1, must be at least 0 and less than 1 (Text)"),
    ],
)
def test_a_value_out_of_range_is_refused(fields, message):
    with pytest.raises(cr.FieldError) as refused:
        Text(**fields)
    assert str(refused.value) == message
