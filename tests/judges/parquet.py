"""Reads Parquet files with pyarrow or polars.

    parquet.py pyarrow FOLDER
    parquet.py polars FOLDER

Writes the rows of each FILE.parquet to FILE.rows: a line with the name and the type of each column, and a line for
each row. Fields are separated by tabs. Null is an empty field, a time is a number of nanoseconds, and a decimal has
all its decimal places.
"""

import decimal
import pathlib
import sys


def by_pyarrow(path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = {pa.uint64(): "whole", pa.timestamp("ns", "UTC"): "time", pa.string(): "text", pa.bool_(): "flag"}
    table = pq.read_table(path)
    columns = []
    for field in table.schema:
        kind = names.get(field.type) or f"decimal{field.type.precision, field.type.scale}"
        values = table[field.name]
        values = values.cast(pa.int64()) if kind == "time" else values
        kind += " or null" if field.nullable else ""
        columns.append((field.name, kind, values.to_pylist()))
    return columns


def by_polars(path):
    import polars as pl

    names = {pl.UInt64: "whole", pl.Datetime("ns", "UTC"): "time", pl.String: "text", pl.Boolean: "flag"}
    columns = []
    for values in pl.read_parquet(path):
        kind = names.get(values.dtype) or f"decimal{values.dtype.precision, values.dtype.scale}"
        if kind == "time":
            values = values.cast(pl.Int64)
        # polars does not say which columns may have nulls.
        columns.append((values.name, kind, values.to_list()))
    return columns


def text(value):
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return format(value, "f") if isinstance(value, decimal.Decimal) else str(value)


reader, folder = sys.argv[1:]
read = {"pyarrow": by_pyarrow, "polars": by_polars}[reader]
for path in sorted(pathlib.Path(folder).glob("*.parquet")):
    columns = read(path)
    with open(path.with_suffix(".rows"), "w") as out:
        print(*(f"{name}: {kind}" for name, kind, _ in columns), sep="\t", file=out)
        for row in zip(*(map(text, values) for _, _, values in columns)):
            print(*row, sep="\t", file=out)
