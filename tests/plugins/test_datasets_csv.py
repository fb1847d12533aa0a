"""The user's own table."""

import gzip
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given
from hypothesis import strategies as st

import chainrule as cr
from chainrule_plugins.datasets import Csv, Npz
from chainrule_plugins.datasets._preparation import missing_class, scaling_for

ALL = {"validation_fraction": 0.0, "test_fraction": 0.0, "scale": "none"}  # every row for training, as it stands


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write ``data.csv`` into the working directory, which is an empty one."""
    monkeypatch.chdir(tmp_path)

    def write(content: str | bytes) -> str:
        Path("data.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
        return "data.csv"

    return write


def error_of(**fields) -> str:
    """The message that loading ends in."""
    with pytest.raises(cr.ChainruleError) as refused:
        Csv(path="data.csv", **{"target": "y", **fields}).load()
    return str(refused.value)


def rows_of(data: cr.Data) -> list[list[float]]:
    return data.train.x.tolist()


# What the table may look like


def test_features_are_the_other_columns_in_the_order_of_the_file(write):
    data = Csv(write("a,y,b\n1,0,2\n3,1,4.5\n-5,0,6e2\n"), target="y", **ALL).load()
    assert rows_of(data) == [[1, 2], [3, 4.5], [-5, 600]]
    assert list(data.feature_names) == ["a", "b"]
    assert data.train.y.tolist() == [0, 1, 0]
    assert (data.task, list(data.class_names)) == ("binary", ["0", "1"])


def test_features_may_be_chosen_and_others_may_hold_anything(write):
    content = "name,a,b,c,y\nAnna,1,2,,x\nOtto,3,4,?,y\n"
    data = Csv(write(content), target="y", features=["b", "a"], **ALL).load()
    assert rows_of(data) == [[2, 1], [4, 3]]
    assert list(data.feature_names) == ["b", "a"]


@pytest.mark.parametrize(
    "content",
    [
        "\ufeffa,y\n1,no\n2,yes\n",
        "a,y\r\n1,no\r\n2,yes\r\n",
        "a,y\r1,no\r2,yes",
        '"a","y"\n"1","no"\n"2","yes"\n',
        " a , y\n 1 , no\n2 ,yes \n",
        "a,y\n\n1,no\n   \n2,yes\n\n\n",
        '"a", "y"\n1, "no"\n2, "yes"\n',
    ],
    ids=["byte order mark", "CRLF", "CR", "quotes", "spaces", "blank lines", "quotes after spaces"],
)
def test_one_table_in_many_forms(write, content):
    data = Csv(write(content), target="y", **ALL).load()
    assert rows_of(data) == [[1], [2]]
    assert list(data.class_names) == ["no", "yes"]
    assert list(data.feature_names) == ["a"]


@pytest.mark.parametrize(("separator", "given"), [(";", ";"), ("\t", "\t"), ("\t", "tab"), ("|", "|"), (" ", " ")])
def test_other_separators(write, separator, given):
    data = Csv(write("a,y\n1,0\n2,1\n".replace(",", separator)), target="y", separator=given, **ALL).load()
    assert rows_of(data) == [[1], [2]]


def test_a_quoted_field_may_hold_separators_line_ends_and_quotes(write):
    data = Csv(write('a,y\n1,"one, or\nmore ""things"""\n2,none\n'), target="y", **ALL).load()
    assert list(data.class_names) == ["none", 'one, or\nmore "things"']


@pytest.mark.parametrize("separator", [",", ";"])
def test_names_may_be_quoted_and_hold_line_breaks_and_separators(write, separator):
    content = '"length\n(cm)","b, ""c""",y\n1,2,0\n3,4,1\n'.replace('",', f'"{separator}')
    for a, b in (("1,2,0", "3,4,1"),):
        content = content.replace(a, a.replace(",", separator)).replace(b, b.replace(",", separator))
    data = Csv(write(content), target="y", separator=separator, **ALL).load()
    assert list(data.feature_names) == ["length\n(cm)", 'b, "c"']
    assert rows_of(data) == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    "encode",
    [
        lambda text: text.encode("utf-16"),
        lambda text: gzip.compress(text.encode()),
        lambda text: text.encode("utf-8-sig"),
    ],
    ids=["UTF-16", "gzip", "UTF-8 with a mark"],
)
def test_what_excel_and_pandas_write(write, encode):
    data = Csv(write(encode("größe,y\r\n1,ja\r\n2,nein\r\n")), target="y", **ALL).load()
    assert (list(data.feature_names), rows_of(data), list(data.class_names)) == (["größe"], [[1], [2]], ["ja", "nein"])


def test_a_first_column_without_a_name_is_an_index(write):
    data = Csv(write(",a,y\nMazda,5,0.5\nFiat,6,1.5\n"), target="y", **ALL).load()
    assert rows_of(data) == [[5], [6]]
    assert data.remarks == ["the first column has no name and is left out, as pandas and R write an index so"]


def test_rows_that_miss_a_value_are_left_out_where_that_is_asked_for(write):
    path = write("a,b,y\n1,,p\n2,x,q\n,,p\n4,,NA\n5,z,p\n")
    data = Csv(path, target="y", leave_out=["b"], missing="drop", **ALL).load()
    assert (rows_of(data), data.train.y.tolist()) == ([[1], [2], [5]], [0, 1, 0])
    assert "2 of 5 rows miss a value and are left out" in data.remarks
    write("a,b,y\n1,,p\n2,?,q\n")
    none = "data.csv: each row misses a value; leave out columns that have few"
    assert error_of(missing="drop") == f"{none}. Of 2 rows values are missing in b (2); {LEAVE_OUT}"
    write("a,b,c,y\n1,,,p\n2,?,3,q\n3,4,5,p\n")
    assert error_of().endswith(f"{MISSING}. Of 3 rows values are missing in b (2), c (1); {LEAVE_OUT}")
    assert error_of(leave_out=["b"]).endswith(MISSING), "of one cell its place says it all"


def test_a_file_without_a_header_is_told_and_the_names_that_pandas_gives_are_taken(write):
    write("14.23,1.71,0\n13.2,1.78,1\n")
    assert error_of() == "data.csv, line 1: numbers alone are no header; put a line with the columns' names first"
    assert rows_of(Csv(write("0,1,2\n5,6,a\n7,8,b\n"), target="2", **ALL).load()) == [[5, 6], [7, 8]]


def test_a_first_row_that_may_have_been_taken_for_a_header_is_told(write):
    path = write("5.1,3.5,1.4,setosa\n4.9,3.0,1.3,setosa\n6.2,3.4,5.4,virginica\n")
    (remark, *_) = Csv(path, target="setosa", **ALL).load().remarks
    assert remark.startswith("most names of columns in the first line are numbers (5.1, 3.5, 1.4, setosa): if the file")
    remarks = Csv(write("a,b,2020,y\n1,2,3,p\n4,5,6,q\n"), target="y", **ALL).load().remarks
    assert "most names" not in " ".join(remarks)


@pytest.mark.parametrize(
    ("header", "fields", "message"),
    [
        ("c,a,b,y", {"target": "q"}, "Known: c, a, b, y."),
        ("'PID',b,y", {"target": "PID"}, """To name it: "dataset.target='\\'PID\\''\""""),
        ("[z],b,y", {"target": ["z"]}, """To name it: "dataset.target='[z]'\""""),
        ("'PID',b,y", {"leave_out": ["PID"]}, """To name it: "dataset.leave_out=['\\'PID\\'']\""""),
        ("a b y", {}, "blanks; where these separate the cells, give \"dataset.separator=' '\""),
    ],
)
def test_how_an_odd_name_of_a_column_is_typed(write, header, fields, message):
    write(f"{header}\n")
    row = ",".join("1" * (header.count(",") + 1))
    write(f"{header}\n{row}\n")
    assert error_of(**fields).endswith(message)


def test_classes_of_text_are_never_advised_to_be_quantities(write):
    rows = [f"{k},{name}" for k, name in enumerate("abcdefgh")]
    for lines, advised in ((rows, False), ([f"{k},{k}" for k in range(8)], True)):
        write("x,y\n" + "\n".join(lines) + "\n")
        assert ("dataset.task=regression" in error_of(task="multiclass")) is advised


def test_a_column_that_counts_the_rows_is_told(write):
    path = write("row,a,y\n" + "".join(f"{i + 1},{i * i},{i / 2}\n" for i in range(9)))
    (remark,) = Csv(path, target="y", **ALL).load().remarks
    ways = """"dataset.index='row'", or "dataset.leave_out=['row']\""""
    assert remark == f'column "row" counts the rows: if it is an index, give {ways}'
    assert Csv(path, target="y", leave_out=["row"], **ALL).load().feature_names == ["a"]
    assert error_of(leave_out=["rows"]).startswith('leave_out: data.csv has no column "rows"')
    assert error_of(leave_out=["a"], features=["a"]) == 'features: "a" is to be left out; it cannot be a feature too'


def test_the_names_of_a_wide_table_are_looked_up_not_searched(write):
    """Else these take minutes."""
    names = [f"gene {i}" for i in range(20_000)]
    row = ",".join(map(str, range(20_000)))
    path = write(",".join([*names, "y"]) + f"\n{row},a\n{row},b\n")
    data = Csv(path, target="y", features=names, **ALL).load()
    assert rows_of(data) == [list(range(20_000))] * 2


def test_the_home_directory(write, tmp_path, monkeypatch):
    write("a,y\n1,0\n2,1\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert rows_of(Csv("~/data.csv", target="y", **ALL).load()) == [[1], [2]]


# Task and classes


@pytest.mark.parametrize(
    ("cells", "task", "names", "y"),
    [
        ("b a b", "binary", ["a", "b"], [1, 0, 1]),
        ("c a b", "multiclass", ["a", "b", "c"], [2, 0, 1]),
        ("10 9 10", "binary", ["9", "10"], [1, 0, 1]),
        ("3 -1 7 " * 5, "multiclass", ["-1", "3", "7"], [1, 0, 2] * 5),
        ("3 -1 7", "regression", [], [3, -1, 7]),
        ("1990 2010 1990", "binary", ["1990", "2010"], [0, 1, 0]),
        ("1990 2000 2010 " * 9, "regression", [], [1990, 2000, 2010] * 9),
        ("1.0 2.0 3.0 " * 5, "multiclass", ["1", "2", "3"], [0, 1, 2] * 5),
        ("1.0 2.0 1.0", "binary", ["1", "2"], [0, 1, 0]),
        ("0.5 1 2", "regression", [], [0.5, 1, 2]),
        ("True False True", "binary", ["False", "True"], [1, 0, 1]),
        (" ".join(map(str, range(15))), "regression", [], list(range(15))),  # as many values as rows
        (" ".join(map(str, range(20))) + " 7" * 80, "multiclass", [*map(str, range(20))], [*range(20)] + [7] * 80),
        (" ".join(map(str, range(20))) + " 7" * 79, "regression", [], [*range(20)] + [7] * 79),
        (" ".join(map(str, range(21))) + " 7" * 99, "regression", [], [*range(21)] + [7] * 99),
    ],
)
def test_the_task_is_read_off_the_target(write, cells, task, names, y):
    data = Csv(write("a,y\n" + "".join(f"1,{cell}\n" for cell in cells.split())), target="y", **ALL).load()
    assert (data.task, list(data.class_names), data.train.y.tolist()) == (task, names, y)


@pytest.mark.parametrize(
    ("cells", "task", "names", "y"),
    [
        ("0 1 0", "regression", [], [0.0, 1.0, 0.0]),
        ("0 1 0", "multiclass", ["0", "1"], [0, 1, 0]),
        (" ".join(map(str, range(30))), "multiclass", list(map(str, range(30))), list(range(30))),
        ("1 2 other", "multiclass", ["1", "2", "other"], [0, 1, 2]),
        ("1 x 1", "binary", ["1", "x"], [0, 1, 0]),
    ],
)
def test_a_task_that_is_given_is_kept(write, cells, task, names, y):
    data = Csv(write("a,y\n" + "".join(f"1,{c}\n" for c in cells.split())), target="y", task=task, **ALL).load()
    assert (data.task, list(data.class_names), data.train.y.tolist()) == (task, names, y)
    assert data.train.y.dtype == (np.float64 if task == "regression" else np.int64)


def test_several_targets_are_a_regression_with_as_many_outputs(write):
    data = Csv(write("a,u,v\n1,2,3\n4,5,6\n"), target=["v", "u"], **ALL).load()
    assert (data.task, data.classes) == ("regression", 2)
    assert data.train.y.tolist() == [[3, 2], [6, 5]]
    assert rows_of(data) == [[1], [4]]


def test_one_target_in_a_list_is_one_target(write):
    data = Csv(write("a,y\n1,p\n4,q\n"), target=["y"], **ALL).load()
    assert (data.task, data.train.y.tolist()) == ("binary", [0, 1])


# Splits and scaling

NUMBERS = "".join(f"{i},{i * i},7,{i % 2}\n" for i in range(100))


def test_parts_have_their_fractions_and_the_seed_decides(write):
    path = write("a,b,c,y\n" + NUMBERS)
    data = Csv(path, target="y", validation_fraction=0.25, test_fraction=0.2).load()
    assert [len(part.x) for part in data.splits.values()] == [60, 20, 20]
    assert Csv(path, target="y", seed=1).load().digest == Csv(path, target="y", seed=1).load().digest
    assert Csv(path, target="y", seed=1).load().digest != Csv(path, target="y", seed=2).load().digest


@pytest.mark.parametrize("scale", ["standard", "minmax"])
def test_scaling_is_fitted_on_the_training_rows_only(write, scale):
    path = write("a,b,c,y\n" + NUMBERS)
    raw, data = Csv(path, target="y", scale="none").load(), Csv(path, target="y", scale=scale).load()
    train = raw.train.x
    if scale == "standard":
        shift, width = train.mean(axis=0), train.std(axis=0)
        np.testing.assert_allclose(data.train.x[:, :2].mean(axis=0), 0, atol=1e-12)
        np.testing.assert_allclose(data.train.x[:, :2].std(axis=0), 1)
    else:
        shift, width = train.min(axis=0), np.ptp(train, axis=0)
        assert (data.train.x[:, :2].min(axis=0) == 0).all()
        assert (data.train.x[:, :2].max(axis=0) == 1).all()
    width[2] = 1  # the third column is constant
    for name, part in data.splits.items():
        np.testing.assert_allclose(part.x, (raw.splits[name].x - shift) / width)


def test_an_outlier_among_the_test_rows_changes_nothing_in_training(write):
    rows = [f"{i},{i % 2}" for i in range(50)]
    quiet = Csv(write("a,y\n" + "\n".join(rows)), target="y").load()
    in_test = cr.split_indices(50, [0.2], seed=0)[0][0]
    rows[in_test] = f"1e6,{in_test % 2}"
    loud = Csv(write("a,y\n" + "\n".join(rows)), target="y").load()
    assert np.array_equal(quiet.train.x, loud.train.x)
    assert loud.test.x.max() > 1e4


@given(value=st.floats(-1e4, 1e4), scale=st.sampled_from(["standard", "minmax"]), dtype=st.sampled_from(["f4", "f8"]))
def test_a_constant_feature_becomes_zero(value, scale, dtype):
    """Also where rounding makes its mean another number and its deviation not quite 0."""
    x = np.full((37, 1), value, dtype)
    scaled = scaling_for(scale, x).encode(x)
    np.testing.assert_allclose(scaled, 0, atol=1e-6 * max(abs(value), 1) if dtype == "f4" else 1e-11)
    assert scaled.dtype == x.dtype


def test_targets_of_a_regression_keep_their_unit(write):
    data = Csv(write("a,y\n" + "".join(f"{i},{100.5 + i}\n" for i in range(20))), target="y").load()
    assert sorted(y for part in data.splits.values() for y in part.y) == [100.5 + i for i in range(20)]


@given(st.lists(st.integers(0, 6), min_size=1), st.integers(1, 7))
def test_the_missing_class_is_the_first_that_is_not_there(labels, classes):
    expected = next((k for k in range(classes) if k not in labels), None)
    assert missing_class(np.array(labels), classes) == expected


# Errors, each naming the place

LEAVE_OUT = "dataset.leave_out=[...] leaves columns out"
DROP = "fill it in, leave such rows out with dataset.missing=drop"
MISSING = f"the value is missing; {DROP}, or take the mean for it with dataset.missing=mean"
NO_TARGET = "the value is missing; fill it in, or leave such rows out with dataset.missing_target=drop"
TOO_LARGE = "is too large: values go to 1e+19 at most, as float32 must hold their squares; take a larger unit"
DECIMAL_COMMA = "if it is a decimal comma, else leave it out"
NOT_A_NUMBER = (
    "is not a finite number, as others are; mend it, leave the column out, or for categories give "
    """"dataset.categories=['a']\""""
)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a,y\n1,0\n,1\n", 'data.csv, line 3, column "a": ' + MISSING),
        ("a,y\n1,0\n2,\n", 'data.csv, line 3, column "y": ' + NO_TARGET),
        ("a,y\n1,0\n1e200,1\n", 'data.csv, line 3, column "a": 1e200 ' + TOO_LARGE),
        ("a,y\n1,0.5\n1,-2e19\n", 'data.csv, line 3, column "y": -2e19 ' + TOO_LARGE),
        ('a,y\n1,p\n"0,5",q\n', f'data.csv, line 3, column "a": "0,5" has a comma; write 0.5 {DECIMAL_COMMA}'),
        ('a,y\n1,p\n"-1.234,5",q\n', 'data.csv, line 3, column "a": '
         f'"-1.234,5" has a comma; write -1234.5 {DECIMAL_COMMA}'),
        ('a,y\n1,p\n"1,234.5",q\n', 'data.csv, line 3, column "a": "1,234.5" is no plain number; write 1234.5, or for '
         """categories give "dataset.categories=['a']\""""),
        ('a,y\n1,"0,5"\n2,"1,5"\n', f'data.csv, line 2, column "y": "0,5" has a comma; write 0.5 {DECIMAL_COMMA}'),
        ('a,y\n1,2\n2,"1,5"\n', f'data.csv, line 3, column "y": "1,5" has a comma; write 1.5 {DECIMAL_COMMA}'),
        (
            "a,y\n1,0\ninf,1\n",
            'data.csv, line 3, column "a": "inf" ' + NOT_A_NUMBER,
        ),
        (
            "a,y\n1_000,0\n2,1\n",
            'data.csv, line 2, column "a": "1_000" ' + NOT_A_NUMBER,
        ),
        (
            'a,b,y\n1,2,"p\nq"\n\n1,x,r\n',
            f'data.csv, line 5, column "b": "x" {NOT_A_NUMBER}'.replace("['a']", "['b']"),
        ),
        (
            "name,sex,y\nAnna,f,0\nOtto,m,1\nEva,f,1\nUwe,m,0\n",
            "data.csv: texts that differ from row to row tell nothing: of 4 rows, name (4). To predict without the "
            """column: "dataset.leave_out=['name']"; to take them for categories all the same: """
            """"dataset.categories=['name']\"""",
        ),
        ('"a\nb;c";y\n1;0\n', 'data.csv, line 1: the header has no ",", but a ";"; where that separates the cells, '
         """give "dataset.separator=';'\""""),
        (b"BZh91AY", "data.csv is compressed by bzip2; unpack it, or compress it by gzip"),
        (b"\xfd7zXZ\x00", "data.csv is compressed by xz; unpack it, or compress it by gzip"),
        (b"\x28\xb5\x2f\xfd", "data.csv is compressed by zstd; unpack it, or compress it by gzip"),
        (b"PK\x03\x04", "data.csv is an Excel workbook or a zip archive, not text; save the table as CSV"),
        (b"\x1f\x8b\x08", "data.csv is truncated: its compressed data ends too early"),
        ("a,y\n1,0\n2\n", "data.csv, line 3: the row has 1 cells, the header has 2"),
        ("a,y\n1,0\n\n2,1,3\n", "data.csv, line 4: the row has 3 cells, the header has 2"),
        ('a,y\n1,0\n2,"open\n\n', "data.csv, line 3: unexpected end of data"),
        ('a,y\n1,"0"1\n', "data.csv, line 2: ',' expected after '\"'"),
        (b"a,y\n1,0\n2,caf\xe9\n", "data.csv, line 3: not UTF-8; save the file in that encoding"),
        ("", "data.csv is empty"),
        ("\n  \n", "data.csv is empty"),
        ("a,y\n", "data.csv has a header, but no rows"),
        ("y,\n0,1\n", "data.csv, line 1: column 2 has no name; name it or leave it out"),
        (
            "a;b;y\n0,5;1;0\n",
            'data.csv, line 1: the header has no ",", but a ";"; where that separates the cells, '
            """give "dataset.separator=';'\"""",
        ),
        (
            '\n"a"\t"y"\n1\t0\n',
            'data.csv, line 2: the header has no ",", but a tab; where that separates the cells, '
            "give dataset.separator=tab",
        ),
        (
            "sep=;\na;y\n1;0\n",
            'data.csv, line 1: "sep=" is a word to Excel alone; delete the line, '
            """and give "dataset.separator=';'\"""",
        ),
        ("sep=,\na,y\n1,0\n", 'data.csv, line 1: "sep=" is a word to Excel alone; delete the line'),
        ("a,y,a\n0,1,2\n", 'data.csv, line 1: two columns have the name "a"'),
        ("y\n1\n0\n", "data.csv has no column beside the target. Is the separator right?"),
        (
            "a,y\n1,3.5\n2,cheap\n",
            'data.csv, line 3, column "y": "cheap" is not a number, as others are; for classes give task=multiclass',
        ),
        ("a,y\n1,p\n2,p\n", 'data.csv, column "y" holds one class only, p: there is nothing to tell apart'),
        ("a,y\n1,4\n2,4\n", 'data.csv, column "y" holds one class only, 4: there is nothing to tell apart'),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_by_line_and_column(write, content, message):
    write(content)
    assert error_of() == message


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"target": "prize"},
            'target: data.csv has no column "prize" in its first line. Did you mean "price"? Known: a, b, price.',
        ),
        ({"target": ["a", "q"]}, 'target: data.csv has no column "q" in its first line. Known: a, b, price.'),
        (
            {"target": "b", "features": ["aa"]},
            'features: data.csv has no column "aa" in its first line. Did you mean "a"? Known: a, b, price.',
        ),
        ({"target": "b", "features": ["a", "b"]}, 'features: "b" is the target; it cannot be a feature too'),
        ({"target": "b", "features": ["a", "price", "a"]}, 'features: "a" is there twice'),
        ({"target": ["b", "b"]}, 'target: "b" is there twice'),
        ({"target": ["a", "b"], "task": "binary"}, "target: got 2 columns, a binary task has one"),
        (
            {"target": "price", "task": "binary"},
            'data.csv, column "price" holds 3 classes, a binary task has 2; give task=multiclass',
        ),
        (
            {"target": "b", "task": "multiclass"},
            'data.csv, line 3, column "b": "2.5" is not a class; classes are text or whole numbers',
        ),
    ],
)
def test_fields_that_do_not_fit_the_table(write, fields, message):
    write("a,b,price\n1,2,10\n2,2.5,20\n3,3,30\n")
    assert error_of(**fields) == message


@pytest.mark.parametrize("mark", ["NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "NULL", "null", "None", "?", "-"])
def test_a_missing_value_is_known_by_its_mark_in_features_and_in_text(write, mark):
    missing, other = f'"{mark}" marks a missing value; {DROP}', "or use another word for a value"
    no_target = missing.replace("dataset.missing", "dataset.missing_target")
    write(f"a,y\n1,cat\n2,{mark}\n3,dog\n")
    assert error_of() == f'data.csv, line 3, column "y": {no_target}, {other}'
    write(f"a,y\n{mark},cat\n2,dog\n")
    mean = "take the mean for it with dataset.missing=mean"
    assert error_of() == f'data.csv, line 2, column "a": {missing}, {mean}, {other}'


def test_the_separator_that_was_given_is_not_that_of_the_file(write):
    write("a,y\n1,0\n")
    assert error_of(separator=";") == (
        'data.csv, line 1: the header has no ";", but a ","; where that separates the cells, '
        """give "dataset.separator=','\""""
    )


def test_a_header_may_hold_other_separators_too(write):
    data = Csv(write("a;b,y|z\n1,0\n2,1\n"), target="y|z", **ALL).load()
    assert list(data.feature_names) == ["a;b"]


@pytest.mark.parametrize("command", ["dataset.separator=';'", "dataset.features=['sepal length (cm)']"])
def test_the_quotes_that_messages_and_documentation_show_are_those_that_the_command_line_takes(write, command):
    """Without the outer quotes, which are the shell's."""
    write("sepal length (cm);width;y\n" + "".join(f"{i};1;{i % 2}\n" for i in range(20)))
    options = OverridesParser.create().parse_overrides(["dataset.separator=';'", command])
    fields = {option.key_or_group.removeprefix("dataset."): option.value() for option in options}
    assert Csv("data.csv", target="y", **fields).load().input_shape == (1 if "features" in fields else 2,)
    assert f'"{command}"' in (Csv.__doc__ or "")


@pytest.mark.parametrize("scale", ["standard", "minmax"])
def test_the_names_of_scaled_features_say_so(write, scale):
    data = Csv(write("a,b,y\n" + "".join(f"{i},1,{i % 2}\n" for i in range(20))), target="y", scale=scale).load()
    assert list(data.feature_names) == ["a (scaled)", "b (scaled)"]


def test_the_largest_value_is_still_computed_with(write):
    data = Csv(write("a,y\n" + "".join(f"{i}e18,{i % 2}\n" for i in range(-10, 11))), target="y").load()
    assert np.abs(data.train.x).max() < 3


def test_text_where_a_regression_is_asked_for(write):
    write("a,y\n1,high\n2,low\n")
    assert error_of(task="regression").startswith('data.csv, line 2, column "y": "high" is not a finite number')


def test_each_part_has_its_share_of_every_class_whatever_the_seed(write):
    path = write("a,y\n" + "".join(f"{i},{'abc'[(i > 49) + (i > 89)]}\n" for i in range(100)))
    for seed in range(20):
        parts = Csv(path, target="y", scale="none", seed=seed).load().splits
        counts = np.array([np.bincount(part.y, minlength=3) for part in parts.values()])
        assert np.abs(counts - [[32, 25.6, 6.4], [8, 6.4, 1.6], [10, 8, 2]]).max() <= 1
        assert counts.sum(axis=1).tolist() == [64, 16, 20]
        assert sorted(x for part in parts.values() for x in part.x[:, 0]) == list(range(100))


def test_the_test_rows_do_not_depend_on_the_validation_fraction(write):
    path = write("a,y\n" + "".join(f"{i},{'abc'[i % 3]}\n" for i in range(100)))
    one, other = (Csv(path, target="y", scale="none", validation_fraction=f).load() for f in (0.1, 0.5))
    assert one.test.x.tolist() == other.test.x.tolist()


def test_a_class_of_one_row_or_two_is_trained_whatever_the_seed(write):
    path = write("a,y\n" + "".join(f"{i * i},common\n" for i in range(20)) + "0,rare\n1,twice\n2,twice\n")
    for seed in range(20):
        data = Csv(path, target="y", seed=seed).load()
        assert set(data.train.y) == {0, 1, 2}
    assert data.remarks[:1] == [
        "1 of 3 classes have a single sample (rare), which is trained on: nothing tells how well it was learned"
    ]
    absent = {
        f"the {name} data has no sample of twice: nothing in it tells how well that is learned"
        for name, part in (("validation", data.validation), ("test", data.test))
        if 2 not in part.y
    }
    assert {remark for remark in data.remarks if "no sample" in remark} == absent != set()


def test_as_many_classes_as_rows_leave_nothing_to_measure_by(write):
    write("a,y\n" + "".join(f"{i},name {i}\n" for i in range(20)))
    assert error_of().startswith("20 samples of 20 classes are too few: the training data gets one of each class,")


def test_what_whole_numbers_were_taken_for_is_said(write):
    path = write("a,y\n" + "".join(f"{i * i},{i % 3}\n" for i in range(30)))
    said = 'column "y" holds 3 different whole numbers in 30 samples, taken for'
    as_classes = "dataset.task=multiclass takes them for classes"
    assert Csv(path, target="y").load().remarks == [
        f"{said} classes: dataset.task=regression takes them for quantities"
    ]
    assert Csv(path, target="y", task="regression").load().remarks == []
    write("a,y\n" + "".join(f"{i * i},{2000 + i % 3}\n" for i in range(30)))
    assert Csv(path, target="y").load().remarks == [f"{said} quantities: {as_classes}"]
    write("a,y\n" + "".join(f"{i * i},{i % 2}\n" for i in range(30)))
    assert Csv(path, target="y").load().remarks == []


def test_too_few_rows_for_a_part(write):
    write("a,y\n1,0\n2,1\n")
    assert error_of() == (
        "2 samples are too few: with test_fraction=0.2 and validation_fraction=0.2 there are none for the test data"
    )


def test_a_file_that_is_not_there(write, tmp_path):
    assert error_of() == f"there is no file data.csv (looked for from {tmp_path})"


def test_a_folder_in_its_place(write):
    Path("data.csv").mkdir()
    assert error_of() == "data.csv is no file, but a folder, a pipe or a device"


@pytest.mark.parametrize("dataset", [Csv, Npz])
@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("data\0.csv", r"'data\x00.csv' leads to no file: no path holds a zero byte"),
        ("a" * 5000, "leads to no file: File name too long"),
        ("\ud800", r"'\ud800' leads to no file: 'utf-8' codec can't encode"),
        ("~nobody_of_that_name/x.csv", "leads to no file: Could not determine home directory"),
        ("/dev/zero", "/dev/zero is no file, but a folder, a pipe or a device"),
    ],
)
def test_a_path_that_leads_to_no_file(dataset, path, message):
    with pytest.raises(cr.DataError) as refused:
        dataset(path=path, **({"target": "y"} if dataset is Csv else {})).load()
    assert message in str(refused.value)
    assert len(str(refused.value)) < 200


def test_what_unpacks_to_more_than_the_memory_is_refused_while_it_is_unpacked(write, monkeypatch):
    write(gzip.compress(b"a,y\n" + b"0" * 50_000_000))
    monkeypatch.setattr("chainrule_plugins.datasets._files.free_memory", lambda: 10_000_000)
    tracemalloc.start()
    assert error_of() == "data.csv is too large: unpacked it takes more memory than is free"
    assert tracemalloc.get_traced_memory()[1] < 20_000_000
    tracemalloc.stop()


def test_messages_quote_the_beginning_of_what_is_long(write):
    names = [f"column_{k}" for k in range(5000)]
    for header, row in ((["a" * 100_000, "b"], "1,2"), (names, ",".join(["1"] * len(names)))):
        write(",".join(header) + f"\n{row}\n")
        assert len(error_of(target="zzz")) < 1000
    write("a,y\n1,0\n" + "x" * 100_000 + ",1\n")
    assert len(error_of(features=["a"])) < 300


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"separator": ", "}, "separator: got ', ', must be one character, or \"tab\" (Csv)"),
        ({"separator": "\n"}, "separator: got '\\n', must be one character, or \"tab\" (Csv)"),
        ({"target": []}, "target: got [], must be the name of a column, or a list of names (Csv)"),
        ({"features": []}, "features: got [], must be a list of columns, or null for all (Csv)"),
        ({"test_fraction": 1.5}, "test_fraction: got 1.5, must be at least 0 and less than 1 (Csv)"),
        ({"validation_fraction": 1.0}, "validation_fraction: got 1.0, must be at least 0 and less than 1 (Csv)"),
        ({"seed": -1}, "seed: got -1, must be at least 0 (Csv)"),
    ],
)
def test_a_value_out_of_range_is_refused(fields, message):
    with pytest.raises(cr.FieldError) as refused:
        Csv(**{"path": "data.csv", "target": "y", **fields})
    assert str(refused.value) == message
