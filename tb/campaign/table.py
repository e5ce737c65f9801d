"""The rows of a campaign as Parquet and CSV."""

import io
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from tb.files import write

__all__ = ["write_tables"]


def write_tables(folder: Path, rows: list[dict]) -> None:
    """Write ``runs.parquet`` and ``runs.csv``, each in one step: a line a row, a column for every
    key of any, empty where a row has none.
    """
    names = list(dict.fromkeys(name for row in rows for name in row))
    table = pa.table({name: [row.get(name) for row in rows] for name in names})
    content = io.BytesIO()
    pyarrow.parquet.write_table(table, content)
    write(folder / "runs.parquet", content.getvalue())
    content = io.BytesIO()
    pyarrow.csv.write_csv(table, content)
    write(folder / "runs.csv", content.getvalue())
