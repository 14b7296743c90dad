"""The findings of a lake that somebody asks for: one row a secret, with all its places, oldest first.

Two steps, both in DuckDB. The first computes for every finding what filters and order need, and numbers those that are
wanted. The second computes the rest, for the rows that are shown. So the first page of a large lake is as fast as its
narrowest columns; nothing here goes through rows in Python.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Self

from gossip.connectors.lake.views import ROWS_PER_BATCH, Explained, connect
from gossip.schemas.errors import MisuseError

if TYPE_CHECKING:
    from gossip.connectors.lake.storage import Location

ID_CHARS = 64
ID_CHARS_MIN = 8
"""How much of an id names a finding, if it is the only one."""
_LISTED_MAX = 1000
"""Up to so many rows are named one by one to the second step, which then reads their rows of the tables only."""

_COLUMNS = """
finding_id rule_id description level confidence status reason until decided_by decided_at state introduced first_seen
last_seen removed_commit target secret_hash preview secret_bytes validation unreachable rule_fingerprint places paths
occurrences
"""
_PLACE_FIELDS = """
occurrence_id path line column end_line end_column commit author email date object_id presence presence_commit
unreachable decode_path container_path
"""
COLUMNS = tuple(_COLUMNS.split())
"""Columns of a row, in order; `occurrences` is a list of structs of PLACE_FIELDS, oldest first."""
PLACE_FIELDS = tuple(_PLACE_FIELDS.split())
_TIMES = frozenset({"until", "decided_at", "introduced", "first_seen", "last_seen"})
_ORDER = "introduced, rule_id, finding_id"

_FIRST = """
SELECT tenant, occurrence_id, retracted, min(seq * 2147483648 + ordinal) AS moment FROM occurrences {of} GROUP BY ALL
"""
"""A place that was found under several policies is one: as it was found first. Narrow, so that it costs little."""

_ONCE = "SELECT count(*) = count(DISTINCT occurrence_id) FROM occurrence_rows WHERE kind = 'found'"
"""Whether there is no such place, as in most lakes: then they need not be looked for."""

_PLACES = """
SELECT n, {place} AS place FROM occurrences o JOIN wanted w USING (tenant, finding_id) {first}
WHERE n <= {shown} AND (w.gone OR NOT retracted) {also}
ORDER BY n, coalesce(try_cast(date AS TIMESTAMPTZ), seen_at), path, start, occurrence_id
"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which findings are asked for. Of each field any value will do; all fields hold together; empty: no matter.

    Patterns are globs: `*`, `?` and `[...]`.
    """

    rules: tuple[str, ...] = ()
    levels: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    """Of at least one place: a glob, or a file or folder by its path."""
    authors: tuple[str, ...] = ()
    """Name or address of whoever committed at least one place: a glob or a part, whatever the case. With `paths`, of
    the same place."""
    since: datetime | None = None
    """Introduced then or later."""
    until: datetime | None = None
    """Introduced before."""
    statuses: tuple[str, ...] = ()
    """What people decided: `open`, `accepted`, `fixed`, `false`."""
    states: tuple[str, ...] = ()
    """What the scans know: `open`, `present`, `removed`, `reappeared`, `retracted`."""
    ids: tuple[str, ...] = ()


class Findings:
    """The answer, read once. Close it, or use it as a context manager."""

    def __init__(self, place: Location, wanted: Wanted, limit: int | None = None) -> None:
        """Finds out which rows there are. Raises the errors of `views.query`."""
        conditions, values = _conditions(wanted)
        self._connection = connect(place)
        try:
            with Explained():
                self._connection.execute(
                    "CREATE TEMP TABLE wanted AS "
                    "SELECT tenant, finding_id, state = 'retracted' AS gone, "
                    f"row_number() OVER (ORDER BY {_ORDER}) AS n FROM findings "
                    f"WHERE {' AND '.join(conditions) or 'true'}",
                    values,
                )
                # All rows are fetched, or DuckDB holds the connection for the rest.
                ((self.total,),) = self._connection.execute("SELECT count(*) FROM wanted").fetchall()
        except BaseException:
            self._connection.close()
            raise
        self.shown = self.total if limit is None else min(limit, self.total)
        """Rows that will come."""

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Let go of the lake."""
        self.close()

    def close(self) -> None:
        """Let go of the lake."""
        self._connection.close()

    def json(self) -> Iterator[str]:
        """Rows as JSON objects in one line each, led by `"type":"secret"`; times in ISO 8601, UTC."""
        if not self.shown:
            return
        of, also, values = self._among()
        places = self._placed(of, also, values)
        own = (name for name in COLUMNS if name != "occurrences")
        row = _object(("type", "'secret'"), *((name, _iso(name) if name in _TIMES else f'"{name}"') for name in own))
        with Explained():
            reader = self._connection.sql(
                f"SELECT n, {row} AS row FROM (SELECT * FROM findings {of}) JOIN wanted USING (tenant, finding_id) "
                f"WHERE n <= {self.shown} ORDER BY n",
                params=values or None,
            ).to_arrow_reader(ROWS_PER_BATCH)
        for number, text in _pairs(reader):
            found, texts = next(places)
            assert found == number, "every finding has a place"
            yield f'{text[:-1]},"occurrences":[{",".join(texts)}]}}'

    def rows(self) -> Iterator[dict[str, Any]]:
        """The same as Python values."""
        return map(json.loads, self.json())

    def _among(self) -> tuple[str, str, list[str]]:
        """Conditions that keep the tables' other rows from being looked at, where few are shown; and their values."""
        if self.shown > _LISTED_MAX:
            return "", "", []
        with Explained():
            taken = self._connection.execute("SELECT finding_id FROM wanted WHERE n <= ?", [self.shown]).fetchall()
        listed = f"finding_id IN ({', '.join(f'${n + 1}' for n in range(len(taken)))})"
        return f"WHERE {listed}", f"AND o.{listed}", [row[0] for row in taken]

    def _placed(self, of: str, also: str, values: list[str]) -> Iterator[tuple[int, list[str]]]:
        """The places of every row, as JSON, in the order of the rows. Read whole: there can be one reader."""
        place = _object(*((name, f'"{name}"') for name in PLACE_FIELDS))
        with Explained():
            ((once,),) = self._connection.execute(_ONCE).fetchall()
            first = "" if once else f"JOIN ({_FIRST.format(of=of)}) f USING (tenant, occurrence_id, retracted)"
            also += "" if once else " AND o.seq * 2147483648 + o.ordinal = f.moment"
            text = _PLACES.format(place=place, first=first, also=also, shown=self.shown)
            batches = self._connection.sql(text, params=values or None).to_arrow_table().to_batches(ROWS_PER_BATCH)
        return ((n, [text for _, text in pairs]) for n, pairs in groupby(_pairs(iter(batches)), key=itemgetter(0)))


def _pairs(batches: Iterator[Any]) -> Iterator[tuple[int, str]]:
    while True:
        with Explained():
            batch = next(batches, None)
        if batch is None:
            return
        yield from zip(batch.column(0).to_pylist(), batch.column(1).to_pylist(), strict=True)


def _object(*fields: tuple[str, str]) -> str:
    """SQL of a JSON object as text."""
    packed = ", ".join(f'"{name}" := {sql}' for name, sql in fields)
    return f"CAST(to_json(struct_pack({packed})) AS VARCHAR)"


def resolve(place: Location, names: Iterable[str]) -> list[tuple[str, str]]:
    """Tenant and full id of each finding that is named by its id or the beginning of it. Raises MisuseError."""
    connection = connect(place)
    try:
        return [_resolved(connection, name) for name in names]
    finally:
        connection.close()


def _resolved(connection: Any, name: str) -> tuple[str, str]:
    text = name.lower()
    if len(text) < ID_CHARS_MIN or text.strip("0123456789abcdef") or len(text) > ID_CHARS:
        raise MisuseError(f"finding {name!r}: give its id, or at least the first {ID_CHARS_MIN} hex digits of it")
    with Explained():
        found = connection.execute(
            "SELECT DISTINCT tenant, finding_id FROM occurrence_rows WHERE kind = 'found' "
            "AND finding_id >= $1 AND finding_id <= $2 ORDER BY ALL LIMIT 2",
            [text, text.ljust(ID_CHARS, "f")],
        ).fetchall()
    if not found:
        raise MisuseError(f"finding {name}: not in the lake; `gossip findings --status all` lists them")
    if len(found) > 1:
        raise MisuseError(f"finding {name}: several begin like that; give more digits")
    tenant, finding_id = found[0]
    return tenant, finding_id


def _iso(column: str) -> str:
    return f"strftime(make_timestamp(epoch_us({column})), '%Y-%m-%dT%H:%M:%S.%fZ')"


def _conditions(wanted: Wanted) -> tuple[list[str], list[Any]]:
    """Conditions of the view `findings`, and what stands for their question marks, in order."""
    conditions: list[str] = []
    values: list[Any] = []

    def one_of(condition: str, given: tuple[str, ...], times: int = 1) -> str:
        values.extend(value for value in given for _ in range(times))
        return f"({' OR '.join([condition] * len(given))})"

    for column, patterns in (("rule_id", wanted.rules), ("target", wanted.targets)):
        if patterns:
            conditions.append(one_of(f"({column} = ? OR {column} GLOB ?)", patterns, 2))
    for column, given in (
        ("level", wanted.levels),
        ("status", wanted.statuses),
        ("state", wanted.states),
        ("finding_id", wanted.ids),
    ):
        if given:
            conditions.append(one_of(f"{column} = ?", given))
    if wanted.since is not None:
        conditions.append("introduced >= ?")
        values.append(wanted.since)
    if wanted.until is not None:
        conditions.append("introduced < ?")
        values.append(wanted.until)
    at = []
    if wanted.paths:
        paths = tuple(path.rstrip("/") or path for path in wanted.paths)
        at.append(one_of("(path = ? OR path GLOB ? OR starts_with(path, ? || '/'))", paths, 3))
    if wanted.authors:
        who = "(contains(lower({0}), ?) OR lower({0}) GLOB ?)"
        authors = tuple(author.lower() for author in wanted.authors)
        at.append(one_of(f"({who.format('author')} OR {who.format('email')})", authors, 4))
    if at:
        places = f"SELECT tenant, finding_id FROM occurrence_rows WHERE kind = 'found' AND {' AND '.join(at)}"
        conditions.append(f"(tenant, finding_id) IN ({places})")
    return conditions, values
