"""What `gossip query` does once its options are read: rows in four formats."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, time
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from gossip.flows.cli.lake import find_lake, storage_options
from gossip.schemas.errors import MisuseError

if TYPE_CHECKING:
    from gossip.connectors.lake.views import Answer
    from gossip.connectors.report.base import Output

_BY_EXTENSION = MappingProxyType(
    {".csv": "csv", ".json": "jsonl", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet", ".txt": "table"}
)


def run_query(
    sql: str, *, state: str | None, uri: str | None, fmt: str | None, output: str | None, options: Iterable[str]
) -> None:
    """Answer a query on stdout or in a file. Raises MisuseError for what was asked wrongly, and the lake's errors."""
    from gossip.connectors.lake.views import query
    from gossip.connectors.report.base import Output
    from gossip.connectors.state.folder import lake_of

    if (state is None) == (uri is None):
        raise MisuseError("name the lake: either --state DIR or --lake URI")
    chosen = fmt or default_format(output)
    if chosen == "parquet" and output is None and sys.stdout.isatty():
        raise MisuseError("parquet is no text for a terminal: give -o FILE")
    place = lake_of(state, storage_options(options)) if state is not None else find_lake(uri or "", options)
    answer = query(place, sql)
    out = Output(output)
    try:
        _WRITERS[chosen](answer, out)
        out.commit()
    except BrokenPipeError:
        # The reader has seen enough: no error. Python would complain when it flushes stdout at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except BaseException:
        out.abort()
        raise
    finally:
        answer.close()


def default_format(output: str | None) -> str:
    """The format that an output's extension names; of stdout, what suits it. Raises MisuseError."""
    if output is None or output == "-":
        return "table" if sys.stdout.isatty() else "jsonl"
    extension = os.path.splitext(output)[1].lower()
    if extension not in _BY_EXTENSION:
        raise MisuseError(
            f"{output}: no format is known by its extension; give --format, or {', '.join(_BY_EXTENSION)}"
        )
    return _BY_EXTENSION[extension]


def _write_jsonl(answer: Answer, out: Output) -> None:
    from gossip.connectors.report.display import json_utf8

    for row in answer.rows():
        record = {name: plain(value) for name, value in zip(answer.columns, row, strict=True)}
        out.write(json_utf8(record) + b"\n")


def _write_csv(answer: Answer, out: Output) -> None:
    import csv
    import io

    from gossip.connectors.report.csv_ import cell
    from gossip.connectors.report.display import utf8

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([cell(name) for name in answer.columns])
    for row in answer.rows():
        writer.writerow([cell("" if value is None else plain(value)) for value in row])
        out.write(utf8(text.getvalue()))
        text.seek(0)
        text.truncate()
    out.write(utf8(text.getvalue()))


def _write_table(answer: Answer, out: Output) -> None:
    import io

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from gossip.connectors.report.display import utf8, visible

    table = Table()
    for name in answer.columns:
        table.add_column(Text(visible(name)), overflow="fold")
    for row in answer.rows():
        table.add_row(*(Text("" if value is None else visible(str(plain(value)))) for value in row))
    text = io.StringIO()
    # Files and pipes get whole cells: a width is a property of a terminal.
    width = None if out.is_terminal else 10_000
    Console(file=text, width=width, force_terminal=False, color_system=None).print(table)
    out.write(utf8("\n".join(line.rstrip() for line in text.getvalue().splitlines()) + "\n"))


def _write_parquet(answer: Answer, out: Output) -> None:
    import pyarrow.parquet as pq

    batches: Iterator[Any] = answer.arrow()
    first = next(batches)
    with pq.ParquetWriter(_File(out), first.schema, compression="zstd") as writer:
        writer.write_batch(first)
        for batch in batches:
            writer.write_batch(batch)


_WRITERS: dict[str, Callable[[Any, Any], None]] = {
    "csv": _write_csv,
    "jsonl": _write_jsonl,
    "parquet": _write_parquet,
    "table": _write_table,
}


class _File:
    """An Output as the file that Arrow writes to."""

    closed = False

    def __init__(self, out: Output) -> None:
        self._out = out
        self._at = 0

    def write(self, data: Any) -> int:
        """Append bytes."""
        self._out.write(bytes(data))
        self._at += len(data)
        return len(data)

    def tell(self) -> int:
        """Bytes written."""
        return self._at

    def flush(self) -> None:
        """The Output does that in the end."""

    def close(self) -> None:
        """The Output's owner does that."""


def plain(value: Any) -> Any:
    """A value of Arrow as JSON can hold it: times in ISO 8601, whole decimals as integers, bytes in hex.

    >>> plain(Decimal(7)), plain(b"a"), plain([Decimal("1.5")])
    (7, '61', [1.5])
    """
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if value - value == 0 else str(value)
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
        return [plain(part) for part in value]
    if isinstance(value, dict):
        return {str(key): plain(part) for key, part in value.items()}
    return str(value)
