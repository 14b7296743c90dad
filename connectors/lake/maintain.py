"""Upkeep of a lake: fewer and larger files, removal of old ones, and the proof that its tables agree."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gossip.connectors.lake.checks import CHECKS, IDS_NAMED_MAX, TEXT_COLUMNS
from gossip.connectors.lake.storage import LakeMissingError, guarded
from gossip.connectors.lake.table import LakeTable
from gossip.connectors.lake.views import connect
from gossip.schemas.errors import MisuseError, RetryableError
from gossip.schemas.tables import LEDGER, OCCURRENCES, TABLES

if TYPE_CHECKING:
    from gossip.connectors.lake.storage import Location

SMALL_FILE_BYTES = 32 * 1024 * 1024
SMALL_FILES_MAX = 64
"""A table with more small files than this is worth a compaction; each costs a query an open and a read."""
COMPACT_TARGET_BYTES = 128 * 1024 * 1024

RETENTION_HOURS = 168
"""How long files stay after no table names them any more: no reader and no writer takes that long."""


@dataclass(frozen=True, slots=True)
class Compacted:
    """What a compaction did to one table."""

    table: str
    files_before: int
    files_after: int


@dataclass(frozen=True, slots=True)
class Violation:
    """A check of `verify` that does not hold."""

    check: str
    meaning: str
    rows: int
    ids: tuple[str, ...]
    """The first IDS_NAMED_MAX of the rows' ids."""


@dataclass(frozen=True, slots=True)
class Verified:
    """What `verify` looked at and found."""

    occurrences: int
    units: int
    checks: int
    violations: tuple[Violation, ...]


def tables(place: Location) -> list[LakeTable]:
    """The tables that are there. Raises LakeMissingError where none is."""
    found: list[LakeTable] = []
    missing: LakeMissingError | None = None
    for name in sorted(TABLES):
        try:
            found.append(LakeTable.open(place, name))
        except LakeMissingError as err:
            missing = missing or err
    if not found and missing is not None:
        raise LakeMissingError(f"{place.shown}: no lake there; `gossip scan --state DIR` makes one") from missing
    return found


def needs_compaction(table: LakeTable) -> bool:
    """Whether a table has more than SMALL_FILES_MAX small files. Reads the log as it was at the last refresh."""
    import pyarrow as pa

    with guarded("list its files", table.shown):
        sizes = pa.table(table.delta.get_add_actions())["size_bytes"].to_pylist()
    return sum(size < SMALL_FILE_BYTES for size in sizes) > SMALL_FILES_MAX


def sizes(place: Location) -> tuple[int, int]:
    """Data files that the tables name, and their bytes. Raises LakeMissingError where there is no lake."""
    import pyarrow as pa

    files = total = 0
    for table in tables(place):
        with guarded("list its files", table.shown):
            found = pa.table(table.delta.get_add_actions())["size_bytes"].to_pylist()
        files += len(found)
        total += sum(found)
    return files, total


def compact(place: Location, *, only_if_needed: bool = False) -> list[Compacted]:
    """Merge small files. Scans may go on meanwhile: they only add, and old files stay until `vacuum`.

    Raises RetryableError where another compaction came first.
    """
    from deltalake.exceptions import CommitFailedError

    done: list[Compacted] = []
    for table in tables(place):
        before = len(table.files())
        if not only_if_needed or needs_compaction(table):
            try:
                with guarded("compact it", table.shown):
                    table.delta.optimize.compact(target_size=COMPACT_TARGET_BYTES)
            except CommitFailedError as err:
                raise RetryableError(f"{table.shown}: another compaction came first; try again") from err
        done.append(Compacted(table.name, before, len(table.files())))
    return done


def vacuum(
    place: Location, *, retention_hours: int = RETENTION_HOURS, dry_run: bool = False, force: bool = False
) -> dict[str, int]:
    """Remove files that no table has named for `retention_hours`; those of writers that died too. Table -> files.

    Raises MisuseError for less than RETENTION_HOURS without `force`: a query or a scan that runs now may need them.
    """
    if retention_hours < 0:
        raise MisuseError(f"retention of {retention_hours} hours: give 0 or more")
    if retention_hours < RETENTION_HOURS and not force:
        raise MisuseError(
            f"retention of {retention_hours} hours: queries and scans that run now may need files younger than "
            f"{RETENTION_HOURS} hours; end them all and force it, or keep more"
        )
    removed: dict[str, int] = {}
    for table in tables(place):
        with guarded("vacuum it", table.shown):
            names = table.delta.vacuum(
                retention_hours=retention_hours, dry_run=dry_run, enforce_retention_duration=False, full=True
            )
        removed[table.name] = len(names)
    return removed


def verify(place: Location, holds_secret: Callable[[str], bool] | None = None) -> Verified:
    """Prove that ledger and occurrences agree, that ids are unique, and that no column holds a secret.

    `holds_secret` is asked about every distinct text outside ids and paths. No scan should run: what it has written in
    one table and not yet in the other is reported. Raises errors of ours where the lake cannot be read.
    """
    found = {table.name: table for table in tables(place)}
    violations: list[Violation] = [_columns_unknown(table) for table in found.values() if _extra_columns(table)]
    connection = connect(place)
    try:
        for check, meaning, text in CHECKS:
            count, ids = _one(connection, f"SELECT count(*), list(id ORDER BY id)[:{IDS_NAMED_MAX}] FROM ({text})")
            if count:
                violations.append(Violation(check, meaning, count, tuple(map(str, ids))))
        if holds_secret is not None:
            violations.extend(_texts_with_secrets(connection, holds_secret))
        violations.extend(_lanes_ahead(connection, found))
        (occurrences,) = _one(connection, "SELECT count(*) FROM occurrences")
        (units,) = _one(connection, "SELECT count(*) FROM ledger")
    finally:
        connection.close()
    return Verified(occurrences, units, len(CHECKS) + 3, tuple(violations))


def _one(connection: Any, text: str) -> tuple[Any, ...]:
    row: tuple[Any, ...] = connection.execute(text).fetchone()
    return row


def _extra_columns(table: LakeTable) -> list[str]:
    return sorted({field.name for field in table.delta.schema().fields} - {c.name for c in TABLES[table.name]})


def _columns_unknown(table: LakeTable) -> Violation:
    extra = _extra_columns(table)
    return Violation(
        "column-unknown",
        f"{table.name} has columns that Gossip does not write and cannot vouch for",
        len(extra),
        tuple(extra[:IDS_NAMED_MAX]),
    )


def _texts_with_secrets(connection: Any, holds_secret: Callable[[str], bool]) -> list[Violation]:
    """Names the rows and never the text."""
    found: list[Violation] = []
    for rows, column, identity in TEXT_COLUMNS:
        cursor = connection.execute(
            f"SELECT {column}, min({identity}), count(*) FROM {rows} WHERE {column} <> '' GROUP BY 1"
        )
        ids: list[str] = []
        count = 0
        while batch := cursor.fetchmany(1024):
            for text, row, number in batch:
                if holds_secret(text):
                    ids.append(str(row))
                    count += number
        if count:
            meaning = f"column {column} of {rows} holds what a rule takes for a secret"
            found.append(Violation("secret-like", meaning, count, tuple(sorted(ids)[:IDS_NAMED_MAX])))
    return found


def _lanes_ahead(connection: Any, found: dict[str, LakeTable]) -> list[Violation]:
    """Lanes whose last commit, as the log has it, is not the last that the rows have: rows were lost or added."""
    wrong: list[str] = []
    for name, rows in ((OCCURRENCES, "occurrence_rows"), (LEDGER, "ledger_rows")):
        if name not in found:
            continue
        for lane, last in connection.execute(
            f"SELECT lane, max(seq) FROM {rows} GROUP BY lane ORDER BY lane"
        ).fetchall():
            if found[name].lane_version(lane) < last:
                wrong.append(f"{name}:{lane}")
    meaning = "the rows of a lane have a commit number that its log does not have"
    return [Violation("seq-unlogged", meaning, len(wrong), tuple(wrong[:IDS_NAMED_MAX]))] if wrong else []
