"""Tables in Parquet files."""

import io
from pathlib import Path

from chainrule import DataError
from chainrule_plugins.datasets._files import brief


def as_csv(path: Path, content: bytes | bytearray) -> tuple[bytes, str | None, list[str]]:
    """A Parquet file as text, which then goes the way of all tables: numbers keep every digit, durations are days. With
    it the name of its index, and the columns that are categories by their type."""
    import pandas
    from pyarrow import parquet

    try:
        stored = parquet.read_table(io.BytesIO(content))
        frame = stored.to_pandas()
    except Exception as error:  # of Arrow: damage has no end
        raise DataError(f"{path} is not a sound Parquet file: {brief(str(error))}") from None
    for name, column in frame.items():
        if column.dtype.kind == "m":
            frame[name] = column / pandas.Timedelta(days=1)
    named = frame.index.name is not None
    text: str = frame.to_csv(index=named or not isinstance(frame.index, pandas.RangeIndex))
    # Arrow keeps categories of numbers as numbers; what pandas wrote beside them still tells.
    told = (stored.schema.pandas_metadata or {}).get("columns", [])
    categories = [str(column["name"]) for column in told if column["pandas_type"] == "categorical"]
    categories += [str(name) for name, column in frame.items() if isinstance(column.dtype, pandas.CategoricalDtype)]
    return text.encode(), str(frame.index.name) if named else None, categories
