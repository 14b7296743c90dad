"""SQL over the lake: DuckDB reads the Parquet files that the Delta log lists, and can do nothing else.

The tables are handed over as Arrow datasets, so DuckDB itself needs no access to files, and has none: SQL can neither
read nor write a file, load an extension, or change a setting. Its own Delta extension would have to be fetched.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from gossip.connectors.lake.sql import VIEWS
from gossip.connectors.lake.storage import LakeMissingError, Location, reason
from gossip.connectors.lake.table import LakeTable
from gossip.schemas.errors import GossipError, MisuseError, PermanentError, RetryableError
from gossip.schemas.tables import LEDGER, OCCURRENCES, RUNS, TRIAGE, arrow_schema

if TYPE_CHECKING:
    import duckdb

ROWS_PER_BATCH = 8192

_ROWS_OF = MappingProxyType(
    {LEDGER: "ledger_rows", OCCURRENCES: "occurrence_rows", RUNS: "run_rows", TRIAGE: "triage_rows"}
)
_LOCK = (
    "SET TimeZone = 'UTC'",
    "SET temp_directory = ''",
    "SET python_enable_replacements = false",
    "SET autoinstall_known_extensions = false",
    "SET autoload_known_extensions = false",
    "SET allow_community_extensions = false",
    "SET enable_external_access = false",
    "SET lock_configuration = true",
)


@dataclass
class Answer:
    """What a query gives, read as it is asked for: by `rows` or by `arrow`, once."""

    columns: tuple[str, ...]
    _relation: duckdb.DuckDBPyRelation
    _connection: duckdb.DuckDBPyConnection

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Rows as Python values. Raises errors of ours."""
        # By way of Arrow: DuckDB's own rows need one more package for times with a zone.
        for batch in self.arrow():
            yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)

    def arrow(self) -> Iterator[Any]:
        """Rows as `pyarrow.RecordBatch`es; at least one, so that its schema is known. Raises errors of ours."""
        import pyarrow as pa

        reader: Any = None
        with Explained():
            reader = self._relation.to_arrow_reader(ROWS_PER_BATCH)
        empty = True
        while True:
            with Explained():
                batch = next(reader, None)
            if batch is None:
                break
            empty = False
            yield batch
        if empty:
            yield pa.RecordBatch.from_pylist([], reader.schema)

    def close(self) -> None:
        """Let go of the lake."""
        self._connection.close()


def query(place: Location, sql: str, parameters: Mapping[str, Any] | None = None) -> Answer:
    """Run one SELECT over `findings`, `occurrences`, `ledger`, `runs`, `triage`; `$name` in it stands for a parameter.

    Reads the tables as they are now, whatever is committed or compacted meanwhile. Raises MisuseError for SQL that is
    wrong or does anything but read, and LakeMissingError.
    """
    connection = connect(place)
    try:
        with Explained():
            _only_reads(connection, sql)
            relation = connection.sql(sql, params=dict(parameters) if parameters else None)
            columns = tuple(relation.columns)
    except BaseException:
        connection.close()
        raise
    return Answer(columns, relation, connection)


def connect(place: Location) -> duckdb.DuckDBPyConnection:
    """A DuckDB connection with the lake's views, cut off from files, network and settings."""
    import duckdb

    tables = _open(place)
    connection = duckdb.connect(":memory:")
    try:
        for name, alias in _ROWS_OF.items():
            table = tables.get(name)
            connection.register(alias, arrow_schema(name).empty_table() if table is None else table.dataset())
        for view, text in VIEWS:
            connection.execute(f"CREATE VIEW {view} AS {text}")
        for setting in _LOCK:
            connection.execute(setting)
    except BaseException:
        connection.close()
        raise
    return connection


def _open(place: Location) -> dict[str, LakeTable]:
    """The tables that are there: a scan that has not ended has no `runs` yet, and who judged nothing no `triage`.

    The ledger is opened first: every unit that it names then has its occurrences.
    """
    found: dict[str, LakeTable] = {}
    missing: LakeMissingError | None = None
    for name in (LEDGER, OCCURRENCES, RUNS, TRIAGE):
        try:
            found[name] = LakeTable.open(place, name)
        except LakeMissingError as err:
            missing = missing or err
    if not found and missing is not None:
        raise LakeMissingError(f"{place.shown}: no lake there; `gossip scan --state DIR` makes one") from missing
    return found


def _only_reads(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    import duckdb

    statements = connection.extract_statements(sql)
    if len(statements) != 1:
        raise MisuseError(f"the query has {len(statements)} statements; give one SELECT")
    if statements[0].type not in {duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN}:
        raise MisuseError(f"the query is {statements[0].type.name}; the lake can only be read: give a SELECT")


class Explained:
    """Turns what DuckDB raises into errors of ours, around one call."""

    def __enter__(self) -> None:
        """Nothing to begin."""

    def __exit__(self, kind: object, err: BaseException | None, trace: object) -> None:
        """Raise the error that users see."""
        import duckdb
        import pyarrow as pa

        if isinstance(err, (duckdb.Error, OSError, pa.ArrowException)) and not isinstance(err, BrokenPipeError):
            raise _explained(err) from err


def _explained(err: BaseException) -> GossipError:
    import duckdb

    why = reason(err)
    if "FileNotFoundError" in why or "No such file" in why:
        return PermanentError("a file of the lake is gone: it was vacuumed while the query ran, or by hand; try again")
    if isinstance(err, (duckdb.OutOfMemoryException, duckdb.InterruptException)):
        return RetryableError(f"the query did not end: {why}; ask for fewer rows")
    if isinstance(err, duckdb.PermissionException):
        return MisuseError(f"the query may only read the lake: {why}")
    if isinstance(err, duckdb.Error):
        return MisuseError(
            f"the query cannot be run: {why} (views: findings, occurrences, ledger, runs, triage; `DESCRIBE findings` "
            "lists columns)"
        )
    return RetryableError(f"the lake cannot be read: {why}; try again")
