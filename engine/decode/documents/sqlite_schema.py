"""Names of tables and columns, from the text of CREATE TABLE."""

from __future__ import annotations

import re
from typing import NamedTuple

from gossip.engine.decode.documents.limits import NAME_CHARS_MAX, SQLITE_COLUMNS_MAX
from gossip.engine.decode.documents.sqlite_pages import Value

_SQL_BYTES_MAX = 64 * 1024
"""Text of one CREATE TABLE that is looked at."""

_TOKEN = re.compile(
    r"--[^\n]*+|/\*.*?\*/|'(?:[^']|'')*+'|\"((?:[^\"]|\"\")*+)\"|`([^`]*+)`|\[([^\]]*+)\]|([\w$]++)|([(),])", re.DOTALL
)
_CONSTRAINTS = frozenset({"CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"})


class Table(NamedTuple):
    """A table as its rows are shown."""

    name: str
    columns: tuple[str, ...]
    """In the order of the record; fewer than there are if the text could not be read."""


def table_of(row: tuple[Value, ...]) -> tuple[int, Table] | None:
    """Root page and table that a row of the schema describes; None for what has no rows of its own."""
    if len(row) < 5 or row[0] != b"table":
        return None
    name, root, sql = row[1], row[3], row[4]
    if not isinstance(name, bytes) or not isinstance(root, int) or root < 1:
        return None
    text = sql.decode("utf-8", "replace") if isinstance(sql, bytes) else ""
    return root, Table(name.decode("utf-8", "replace")[:NAME_CHARS_MAX], columns(text))


def columns(sql: str) -> tuple[str, ...]:
    """Names of the columns of `CREATE TABLE name (column type, ...)`, in their order. A table WITHOUT ROWID keeps its
    primary key first, which this does not know.
    """
    found: list[str] = []
    depth, first = 0, False
    # A comment or quote without end is quadratic to look for, so only the beginning of a long text is read.
    for token in _TOKEN.finditer(sql[:_SQL_BYTES_MAX]):
        quoted = token[1] if token[1] is not None else token[2] if token[2] is not None else token[3]
        mark, word = token[5], token[4] if quoted is None else quoted
        if mark == "(":
            depth += 1
            first = depth == 1
        elif mark == ")":
            depth -= 1
            if depth == 0:
                break
        elif mark == ",":
            first = depth == 1
        elif word is not None and depth == 1 and first:
            first = False
            if quoted is not None or word.upper() not in _CONSTRAINTS:
                found.append(word[:NAME_CHARS_MAX])
    return tuple(found[:SQLITE_COLUMNS_MAX])
