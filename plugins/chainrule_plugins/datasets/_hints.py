"""What is said of a table that is not what its owner takes it for, and what to type instead."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from chainrule import DataError, did_you_mean

MOST_NAMED = 20  # columns in a message
COMPRESSED = {b"BZh": "bzip2", b"\xfd7zXZ\x00": "xz", b"\x28\xb5\x2f\xfd": "zstd"}
"""By the bytes with which such a file begins."""
SPECIAL = frozenset("'\"=,[]{}()$`\\:#")  # what the shell or Hydra's grammar gives a meaning to


def what_it_is(content: bytes | bytearray) -> str | None:
    """What a file is that is no text, and what to do; None where it may be text."""
    if content[:2] == b"PK":
        return "an Excel workbook or a zip archive, not text; save the table as CSV"
    for begin, name in COMPRESSED.items():
        if content.startswith(begin):
            return f"compressed by {name}; unpack it, or compress it by gzip"
    return None


def option(field: str, name: str) -> str:
    """A column's name as it stands on a command line: the shell takes the outer quotes, Hydra the inner ones.

    >>> print(option("target", "'PID'"))
    "dataset.target='\\'PID\\''"
    """
    quoted = name.replace("'", "\\'")
    for sign in '"$`':
        quoted = quoted.replace(sign, f"\\{sign}")
    return f"\"dataset.{field}='{quoted}'\""


def no_column(name: str, columns: Sequence[str], field: str) -> str:
    """The end of a message about a column that is not there: the closest, all of few, and how an odd one is typed."""
    known = did_you_mean(name, columns, ordered=True)
    bare = [column for column in columns if column.strip("'\"[]() ") == name.strip("'\"[]() ")]
    odd = next((column for column in bare if SPECIAL & set(column)), None)
    if odd is None:
        return known
    return f"{known} To name it: {option(field, odd) if field == 'target' else list_option(field, [odd])}"


def list_option(field: str, names: Sequence[str]) -> str:
    """A list of names as it stands on a command line: the shell takes the outer quotes, Hydra the inner ones."""
    quoted = ",".join("'{}'".format(name.replace("'", "\\'")) for name in names)
    return f'"dataset.{field}=[{quoted}]"'


def missing_in(counts: Mapping[str, int], rows: int) -> str:
    """Which columns miss values, those that miss most first; nothing of a single cell."""
    most = sorted((name for name, count in counts.items() if count), key=lambda name: -counts[name])
    if sum(counts.values()) < 2:
        return ""
    told = ", ".join(f"{name} ({counts[name]:,})" for name in most[:MOST_NAMED])
    more = f", and {len(most) - MOST_NAMED} more" if len(most) > MOST_NAMED else ""
    return f". Of {rows:,} rows values are missing in {told}{more}; dataset.leave_out=[...] leaves columns out"


def remark_on_header(names: Sequence[str], numbers: int) -> list[str]:
    """What to say of a first line that may be the first row of a file without a header.

    Args:
        numbers: how many of the names are numbers.
    """
    if 2 * numbers <= len(names):
        return []
    shown = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
    return [
        f"most names of columns in the first line are numbers ({shown}): if the file has no header, its first row is "
        "lost; put a line with the columns' names before it"
    ]


def no_separator(separator: str, names: Sequence[str]) -> str:
    """What to say of a table with one column, whose name has blanks; nothing of others."""
    if len(names) != 1 or len(names[0].split()) < 2 or separator == " ":
        return ""
    option = separator_option(" ")
    return f" The first line has no {shown(separator)}, but blanks; where these separate the cells, give {option}"


def require_separator(path: Path, line: int, header: str, separator: str) -> None:
    """Refuse a file whose header shows that its cells are separated by something else."""
    bare = header.strip().strip('"')
    if bare.lower().startswith("sep="):
        given = bare[4:5] or separator
        option = "" if given == separator else f", and give {separator_option(given)}"
        raise DataError(f'{path}, line {line}: "sep=" is a word to Excel alone; delete the line{option}')
    other = next((other for other in ";\t|," if other in header), None)
    if other and separator not in header:
        raise DataError(
            f"{path}, line {line}: the header has no {shown(separator)}, but a {shown(other)}; where that "
            f"separates the cells, give {separator_option(other)}"
        )


def likelier_separator(header: str, separator: str) -> str:
    """What to say of a header in which another sign separates more cells; nothing of others."""
    other = max(";\t|", key=header.count)
    if header.count(other) <= header.count(separator):
        return ""
    return f"; where {shown(other)} separates the cells, give {separator_option(other)}"


def shown(separator: str) -> str:
    return "tab" if separator == "\t" else f'"{separator}"'


def separator_option(separator: str) -> str:
    """As it stands on a command line: the shell takes the outer quotes, Hydra the inner ones."""
    return "dataset.separator=tab" if separator == "\t" else f"\"dataset.separator='{separator}'\""
