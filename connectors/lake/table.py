"""One Delta table of the lake: create, append under a lane's number, read back."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from gossip.connectors.lake.storage import Location, NewerFormatError, classed, guarded
from gossip.schemas.errors import GossipError, PermanentError
from gossip.schemas.tables import META_TABLE, META_VERSION, TABLE_VERSION, TABLES, arrow_schema

if TYPE_CHECKING:
    from deltalake import DeltaTable

BATCH_ROWS = 65_536
_DELTA_TYPES = {"bool": "boolean", "int64": "long", "string": "string"}
"""Types that a column may have which a later format added."""
_UPGRADES_MAX = 20
COMMIT_RETRIES_MAX = 100
"""Other lanes may take the log's next number; each of them takes a few milliseconds."""


class LakeTable:
    """A table as it was when it was opened or last refreshed. Not shared between threads.

    Methods raise errors of ours; `append` alone lets `deltalake.exceptions.CommitFailedError` pass, because only its
    caller knows what a lost race means.
    """

    def __init__(self, location: Location, name: str, delta: DeltaTable) -> None:
        self.location = location
        self.name = name
        self.delta = delta

    @property
    def shown(self) -> str:
        """What messages call it."""
        return f"table {self.name} of the lake {self.location.shown}"

    @classmethod
    def open(cls, location: Location, name: str) -> LakeTable:
        """An existing table.

        Raises LakeMissingError; NewerFormatError for one that a later version wrote; PermanentError for one that is
        not ours.
        """
        from deltalake import DeltaTable

        shown = f"{location.shown}/{name}"
        if location.local is not None:
            _check_readable(os.path.join(location.local, name), shown)
        with guarded("open it", shown):
            # Options go in here: writes to a table object take the object's, and ignore their own.
            delta = DeltaTable(location.table_uri(name), storage_options=dict(location.options))
            found = cls(location, name, delta)
            found._check_format()
        return found

    @classmethod
    def open_or_create(cls, location: Location, name: str) -> LakeTable:
        """The table, made first if need be; several processes may do that at once."""
        from deltalake import DeltaTable
        from deltalake.exceptions import CommitFailedError

        shown = f"{location.shown}/{name}"
        uri = location.table_uri(name)
        with guarded("create it", shown):
            if location.local is not None:
                os.makedirs(os.path.join(location.local, name), exist_ok=True)
            if not DeltaTable.is_deltatable(uri, dict(location.options)):
                # Where somebody else is first, the open below says whether what they made is a table of ours.
                with contextlib.suppress(CommitFailedError):
                    DeltaTable.create(
                        uri,
                        arrow_schema(name),
                        mode="ignore",
                        configuration={META_TABLE: name, META_VERSION: str(TABLE_VERSION)},
                        storage_options=dict(location.options),
                        raise_if_key_not_exists=False,
                    )
        found = cls.open(location, name)
        for _ in range(_UPGRADES_MAX):
            if found.version == TABLE_VERSION:
                break
            with guarded("upgrade its format", shown):
                found.upgrade()
            found = cls.open(location, name)
        return found

    @property
    def version(self) -> int:
        """Format of the table as it lies there."""
        return int(self.delta.metadata().configuration[META_VERSION])

    def upgrade(self) -> None:
        """Take one step to the present format: columns that are missing, then the number.

        Whoever writes has seen the number, so nobody's rows are refused because the table changed under them. Where
        several processes are at it, one of them is first.
        """
        from deltalake import Field
        from deltalake.exceptions import CommitFailedError
        from deltalake.schema import PrimitiveType

        missing = self._missing()
        with contextlib.suppress(CommitFailedError):
            if missing:
                types = {column.name: column.type for column in TABLES[self.name]}
                added = [Field(name, PrimitiveType(_DELTA_TYPES[types[name]])) for name in missing]
                self.delta.alter.add_columns(added)
            else:
                self.delta.alter.set_table_properties({META_VERSION: str(TABLE_VERSION)}, raise_if_not_exists=False)

    def _missing(self) -> list[str]:
        names = {field.name for field in self.delta.schema().fields}
        return sorted({column.name for column in TABLES[self.name]} - names)

    def refresh(self) -> None:
        """See the commits of others."""
        with guarded("read its log", self.shown):
            self.delta.update_incremental()

    def lane_version(self, lane: str) -> int:
        """Number of the last commit of a lane, 0 where there is none."""
        with guarded("read its log", self.shown):
            return self.delta.transaction_version(lane) or 0

    def append(self, rows: Any, app_id: str, version: int) -> None:
        """Commit a `pyarrow.Table`, durably when this returns, together with (app_id, version).

        Raises CommitFailedError where another commit of the same `app_id` came after the last refresh.
        """
        from deltalake import CommitProperties, Transaction, WriterProperties, write_deltalake

        with guarded("write to it", self.shown):
            write_deltalake(
                self.delta,
                rows,
                mode="append",
                writer_properties=WriterProperties(compression="ZSTD"),
                commit_properties=CommitProperties(
                    app_transactions=[Transaction(app_id, version)], max_commit_retries=COMMIT_RETRIES_MAX
                ),
            )

    def files(self, *, lane: str | None = None) -> list[str]:
        """Base names of the Parquet files; those that cannot hold rows of `lane` are left out."""
        with guarded("list its files", self.shown):
            wanted: Any = None if lane is None else [("lane", "=", lane)]
            uris = self.delta.file_uris(file_pruning_predicate=wanted)
        # The tables have no partitions: a file lies right in the table's folder, whatever the URI escapes.
        return [uri.rpartition("/")[2] for uri in uris]

    def dataset(self, *, lane: str | None = None) -> Any:
        """A `pyarrow.dataset.Dataset` over the files, read through pyarrow's own file system."""
        import pyarrow.dataset as ds

        schema = arrow_schema(self.name)
        names = self.files(lane=lane)
        with guarded("read it", self.shown):
            if not names:
                return ds.dataset(schema.empty_table())
            system, root = self.location.filesystem()
            paths = [f"{root}/{self.name}/{name}" for name in names]
            # No column beside `lane` decides which files are read: Parquet's own statistics do the rest.
            return ds.FileSystemDataset.from_paths(
                paths, schema=schema, format=ds.ParquetFileFormat(), filesystem=system
            )

    def batches(self, columns: Sequence[str], *, lane: str | None = None, condition: Any = None) -> Iterator[Any]:
        """Record batches of some columns, in no order; `condition` is a `pyarrow.dataset` expression."""
        import pyarrow as pa

        reader = iter(
            self.dataset(lane=lane).to_batches(columns=list(columns), filter=condition, batch_size=BATCH_ROWS)
        )
        while True:
            try:
                batch = next(reader, None)
            except (OSError, pa.ArrowException) as err:
                raise self._lost(err) from err
            if batch is None:
                return
            if batch.num_rows:
                yield batch

    def _lost(self, err: Exception) -> GossipError:
        if isinstance(err, FileNotFoundError):
            return PermanentError(f"{self.shown}: one of its files is gone; run `gossip lake verify`")
        return classed(err, "read it", self.shown)

    def _check_format(self) -> None:
        settings = self.delta.metadata().configuration
        if settings.get(META_TABLE) != self.name or not settings.get(META_VERSION, "").isdigit():
            raise PermanentError(f"{self.shown}: it is a Delta table, but none of Gossip; choose another folder")
        version = int(settings[META_VERSION])
        if version > TABLE_VERSION:
            raise NewerFormatError(
                f"{self.shown}: it has format {version}, and this Gossip knows up to {TABLE_VERSION}; upgrade Gossip"
            )
        required = {column.name for column in TABLES[self.name] if column.required or column.type not in _DELTA_TYPES}
        missing = [name for name in self._missing() if version == TABLE_VERSION or name in required]
        if missing:
            raise PermanentError(f"{self.shown}: it lacks the columns {', '.join(missing)}; choose another folder")


def _check_readable(folder: str, shown: str) -> None:
    """The Delta library calls a folder that may not be read a missing one."""
    log = os.path.join(folder, "_delta_log")
    try:
        os.listdir(log)
    except FileNotFoundError:
        return
    except OSError as err:
        raise classed(err, "read it", shown) from err
