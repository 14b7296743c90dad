"""The lake as the ledger of a stream: each run of messages of a partition is a unit, and the last one says how far.

A unit is named by its first message alone. Where a process ended between the commit of a unit's occurrences and that of
its ledger row, the unit begins at the same message when it comes again, whatever its end, and what is there is not
written twice.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from gossip.connectors.lake.lane import CommitLane
from gossip.connectors.lake.storage import LakeMissingError
from gossip.connectors.lake.table import LakeTable
from gossip.schemas.tables import LEDGER

if TYPE_CHECKING:
    from collections.abc import Callable

    from gossip.connectors.lake.storage import Location
    from gossip.schemas.ledger import LaneContext, UnitRecord
    from gossip.schemas.stream import Position

_ID_CHARS = 12


class StreamLane:
    """A `StreamLedger`: the lane of one partition. `read` understands the version of its ledger rows.

    Positions hold for every policy: with other rules a stream goes on, it does not begin again.
    """

    def __init__(
        self,
        location: Location,
        context: LaneContext,
        target_id: str,
        partition: int,
        read: Callable[[str], Position],
    ) -> None:
        self._location = location
        self._context = context
        self._target_id = target_id
        self._name = f"stream-{target_id[:_ID_CHARS]}-{partition}"
        self._read = read
        self._lane: CommitLane | None = None

    def resume(self) -> Position | None:
        """How far the partition was done. Raises errors of the storage."""
        import pyarrow.compute as pc

        condition = (pc.field("tenant") == self._context.tenant) & (pc.field("target_id") == self._target_id)
        found: Position | None = None
        with suppress(LakeMissingError):
            ledger = LakeTable.open(self._location, LEDGER)
            for batch in ledger.batches(("version",), lane=self._name, condition=condition):
                for version in batch["version"].to_pylist():
                    position = self._read(version)
                    found = position if found is None or position.offset > found.offset else found
        return found

    def write(self, record: UnitRecord) -> None:
        """Commit one unit. Raises FencedError and errors of the storage."""
        if self._lane is None:
            self._lane = CommitLane(self._location, self._name, self._context)
        self._lane.add(record)
        self._lane.commit()
        self._lane.forget([(self._context.policy_hash, record.unit_id)])
