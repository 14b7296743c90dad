"""SQLite databases, read page by page from the bytes.

Not by the library: it would run the database's own schema, needs the file on disk or a copy of it in memory, and does
not show what was deleted. Rows that are gone stay in the file until something needs the space, and so do tokens.
"""

from __future__ import annotations

from gossip.engine.decode.documents.limits import SQLITE_BLOB_PART_BYTES, SQLITE_CELLS_MAX
from gossip.engine.decode.documents.parts import Output
from gossip.engine.decode.documents.sqlite_pages import Pages, Value, carve, gaps, values
from gossip.engine.decode.documents.sqlite_schema import Table, table_of
from gossip.engine.decode.documents.sweep import printable_runs

_GROUP_BYTES = 256 * 1024
"""Lines of rows that are held before they become a part."""

_TABLE_LEAF, _TABLE_INTERIOR, _INDEX_LEAF, _INDEX_INTERIOR = 13, 5, 10, 2
_PAIR_FIELDS = frozenset({"content", "data", "secret", "val", "value"})
_DELETED = "deleted"
_COLUMNS_GUESSED = 32
"""Columns that a deleted row of an unknown table may have."""


def extract_sqlite(data: bytes, out: Output, _name: str) -> None:
    """Parts, labelled with the table (`users`, or `users.token` if only one column has text): per page of the file, a
    line `token = "..."` per text value, row by row; BLOBs that are not small are parts of their own, as bytes. Where
    a row is a name and a value, the line is `name = "value"`. Then the remains of deleted rows, labelled `deleted` or
    with the table and `deleted`. Spans are those of pages, also for rows that continue elsewhere.

    Indexes are skipped, as they repeat what is in tables. A database whose header is damaged is swept for printable
    runs.
    """
    pages = Pages.of(data)
    if pages is None:
        out.damaged("the header of the database is damaged")
        out.add(printable_runs(data), "remains")
        return
    reader = _Reader(pages, out)
    try:
        reader.tables()
        reader.unreached()
    finally:
        if pages.damaged:
            out.damaged("a page or row of the database is damaged")


class _Reader:
    """Walks the trees of a database and hands over their rows."""

    def __init__(self, pages: Pages, out: Output) -> None:
        self._pages = pages
        self._out = out
        self._seen: set[int] = set()
        self._cells = 0
        self._schema: list[tuple[Value, ...]] = []

    def tables(self) -> None:
        """Hand over the rows of the schema and of every table."""
        self._walk(1, Table("schema", ("type", "name", "tbl_name", "rootpage", "sql")))
        tables = [found for row in self._schema if (found := table_of(row)) is not None]
        for root, table in tables:
            self._walk(root, table)
        # What remains of indexes' pages is no news; marking them leaves those that belong to nothing.
        for row in self._schema:
            if row[0] == b"index" and len(row) > 3 and isinstance(row[3], int):
                self._walk(row[3], None)

    def unreached(self) -> None:
        """Hand over what can be read of pages that belong to no tree: freed ones, and those whose tree is damaged."""
        for number in range(1, self._pages.count + 1):
            if number not in self._seen and number not in self._pages.followed:
                start, end = self._pages.span(number)
                if self._pages.kind(number) == _TABLE_LEAF:
                    self._rows(number, Table(_DELETED, ()))
                else:
                    self._out.add(self._runs(start, end), _DELETED, start, end)

    def _walk(self, root: int, table: Table | None) -> None:
        """Visit every page of one tree; of an index, for which `table` is None, without reading rows."""
        todo = [root]
        while todo:
            number = todo.pop()
            if number in self._seen or not 1 <= number <= self._pages.count:
                continue
            self._seen.add(number)
            kind = self._pages.kind(number)
            if kind in {_TABLE_INTERIOR, _INDEX_INTERIOR}:
                todo += reversed(self._pages.children(number))
            if table is not None:
                self._rows(number, table)

    def _rows(self, number: int, table: Table) -> None:
        """Hand over the live rows of one page, then what remains of deleted ones."""
        kind = self._pages.kind(number)
        group = _Group(self._out, table, self._pages.span(number))
        if kind in {_TABLE_LEAF, _INDEX_LEAF, _INDEX_INTERIOR}:
            for payload in self._pages.payloads(number):
                self._cells += 1
                if self._cells > SQLITE_CELLS_MAX:
                    group.flush()
                    self._out.stop()
                row = values(payload, self._pages.charset)
                if table.name == "schema":
                    self._schema.append(row)
                group.add(row)
        group.flush()
        if kind in {_TABLE_LEAF, _INDEX_LEAF}:
            self._remains(number, table)

    def _remains(self, number: int, table: Table) -> None:
        """Hand over rows, or at least printable runs, from the parts of a page that nothing refers to."""
        label = _DELETED if table.name == _DELETED else f"{table.name} ({_DELETED})"
        group = _Group(self._out, Table(label, table.columns), self._pages.span(number))
        runs = []
        for start, end in gaps(self._pages, number):
            row = carve(self._pages, start, end, len(table.columns) or _COLUMNS_GUESSED)
            if row:
                # The first column may be lost with the overwritten bytes; names would be a guess.
                group.add((None,) * max(0, len(table.columns) - len(row)) + row)
            else:
                runs.append(self._runs(start, end))
        group.flush()
        start, end = self._pages.span(number)
        self._out.add(b"".join(runs), label, start, end)

    def _runs(self, start: int, end: int) -> bytes:
        """Printable runs of a span."""
        if self._pages.charset == "utf-8":
            return printable_runs(self._pages.data, start, end)
        # What is ASCII is text once its zeros are gone.
        return printable_runs(self._pages.data[start:end].replace(b"\0", b""))


class _Group:
    """The lines of one page."""

    def __init__(self, out: Output, table: Table, span: tuple[int, int]) -> None:
        self._out = out
        self._table = table
        self._span = span
        self._lines: list[bytes] = []
        self._size = 0
        self._columns: set[str] = set()

    def add(self, row: tuple[Value, ...]) -> None:
        """Take the texts and BLOBs of a row."""
        names = self._table.columns
        pair = self._pair(row)
        for index, value in enumerate(row):
            if not isinstance(value, (bytes, bytearray)) or not value:
                continue
            name = names[index] if index < len(names) else f"column {index + 1}"
            if isinstance(value, bytearray) and len(value) >= SQLITE_BLOB_PART_BYTES:
                self._out.add(bytes(value), f"{self._table.name}.{name}", *self._span)
                continue
            self._columns.add(name)
            key = pair.encode() if pair and index == 1 else name.encode()
            self._lines.append(key + b' = "' + value + b'"\n')
            self._size += len(self._lines[-1])
        if self._size > _GROUP_BYTES:
            self.flush()

    def flush(self) -> None:
        """Make a part of the lines."""
        label = self._table.name
        if len(self._columns) == 1:
            label += f".{next(iter(self._columns))}"
        self._out.add(b"".join(self._lines), label, *self._span)
        self._lines.clear()
        self._columns.clear()
        self._size = 0

    def _pair(self, row: tuple[Value, ...]) -> str:
        """The name that a row of two columns gives to its value, if it is such a row."""
        columns = self._table.columns
        if len(row) != 2 or len(columns) < 2 or columns[1].lower() not in _PAIR_FIELDS:
            return ""
        name = row[0].decode("utf-8", "replace") if isinstance(row[0], bytes) else ""
        return name if len(name) <= 64 and name.replace("-", "_").replace(".", "_").isidentifier() else ""
