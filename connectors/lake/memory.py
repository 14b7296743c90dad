"""The lake as the memory of scans: what the ledger says of a target, and lanes that drop what it holds already."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from gossip.connectors.lake.lane import CommitLane
from gossip.connectors.lake.storage import LakeMissingError
from gossip.connectors.lake.table import LakeTable
from gossip.schemas.ledger import KIND_COVERED, STATUS_OF_LABEL, LaneContext, Status, UnitRecord, read_coverage
from gossip.schemas.protocols import Failure, Known
from gossip.schemas.tables import KIND_FOUND, LEDGER, OCCURRENCES

if TYPE_CHECKING:
    from typing import Any

    from gossip.connectors.lake.storage import Location
    from gossip.schemas.finding import Finding

_FAILED = (Status.FAILED_RETRYABLE, Status.FAILED_PERMANENT)


class LakeMemory:
    """A `Memory` in a lake. Opens nothing until it is asked, so that it can be handed to processes that fork later.

    `unparked`: how many attempts at a unit are forgiven.
    """

    def __init__(
        self,
        location: Location,
        context: LaneContext,
        lanes: int,
        unparked: Mapping[str, int] | None = None,
    ) -> None:
        self.location = location
        self.context = context
        self.lanes = lanes
        self._unparked = dict(unparked or {})

    def known(self, target_id: str, lane: int) -> Known:
        """What the ledger says of a target under this policy; nothing where there is no lake yet."""
        best: dict[str, tuple[Status, int, list[str]]] = {}
        coverage: list[tuple[tuple[int, int], str]] = []
        columns = ("unit_id", "kind", "status", "attempts", "version", "loss_names", "seq", "ordinal")
        with suppress(LakeMissingError):
            ledger = LakeTable.open(self.location, LEDGER)
            condition = target_condition(self.context, target_id)
            for batch in ledger.batches(columns, lane=lane_name(lane), condition=condition):
                rows = zip(*(batch[name].to_pylist() for name in columns), strict=True)
                for unit, kind, label, attempts, version, losses, seq, ordinal in rows:
                    status = STATUS_OF_LABEL[label]
                    if kind == KIND_COVERED and status.done:
                        coverage.append(((seq, ordinal), version))
                    best[unit] = max(best.get(unit, (status, attempts, losses or [])), (status, attempts, losses or []))
        failed = {
            unit: Failure(attempts - self._unparked.get(unit, 0), status is Status.FAILED_PERMANENT, tuple(losses))
            for unit, (status, attempts, losses) in best.items()
            if status in _FAILED
        }
        done = frozenset(unit for unit, (status, _, _) in best.items() if status.done)
        tips: set[str] = set()
        missing: tuple[tuple[str, str], ...] = ()
        for _, version in sorted(coverage):
            more, missing = read_coverage(version)
            tips.update(more)
        return Known(done, failed, frozenset(tips), missing)

    def lane(self, number: int) -> RememberedLane:
        """The lane of a number. Creates the lake where there is none."""
        return RememberedLane(self.location, self.context, lane_name(number))


def lane_name(number: int) -> str:
    """What the lake's rows call a lane."""
    return f"lane-{number:04d}"


def target_condition(context: LaneContext, target_id: str) -> Any:
    """The rows of a target under a policy, as an Arrow expression."""
    import pyarrow.compute as pc

    return (
        (pc.field("tenant") == context.tenant)
        & (pc.field("policy_hash") == context.policy_hash)
        & (pc.field("target_id") == target_id)
    )


class RememberedLane:
    """A `Lane`. A place of a secret has one row in its target, whichever unit came upon it first.

    One content comes in two units where storage was arranged anew: a repository was packed, a file was touched, a blob
    came back at another path. Memory: 100 bytes for each occurrence of the targets that it sees.
    """

    def __init__(self, location: Location, context: LaneContext, name: str) -> None:
        self._location = location
        self._context = context
        self._lane = CommitLane(location, name, context)
        self._owners: dict[str, dict[bytes, str]] = {}
        """By target id: the unit that has an occurrence."""
        self._units: defaultdict[str, list[str]] = defaultdict(list)
        """By target id: the units that were added."""

    def add(self, record: UnitRecord) -> list[Finding] | None:
        """Take a unit. Raises FencedError and errors of the storage."""
        if self._lane.is_done(record.unit_id):
            return None
        owners = self._owners.get(record.target_id)
        if owners is None:
            owners = self._owners[record.target_id] = self._load(record.target_id)
        unit = record.unit_id
        fresh = [f for f in record.findings if owners.setdefault(bytes.fromhex(f.occurrence_id), unit) == unit]
        record.findings = fresh
        self._units[record.target_id].append(unit)
        self._lane.add(record)
        return fresh

    def commit(self) -> None:
        """Make everything that was added durable. Raises FencedError and errors of the storage."""
        self._lane.commit()

    def forget(self, target_id: str) -> None:
        """Let go of what is held of a target: the next round reads anew what it needs."""
        self._owners.pop(target_id, None)
        self._lane.forget(self._units.pop(target_id, []))

    def _load(self, target_id: str) -> dict[bytes, str]:
        import pyarrow.compute as pc

        table = LakeTable.open(self._location, OCCURRENCES)
        condition = target_condition(self._context, target_id) & (pc.field("kind") == KIND_FOUND)
        owners: dict[bytes, str] = {}
        units: dict[str, str] = {}
        for batch in table.batches(("occurrence_id", "unit_id"), lane=self._lane.lane, condition=condition):
            for occurrence, unit in zip(batch["occurrence_id"].to_pylist(), batch["unit_id"].to_pylist(), strict=True):
                owners[bytes.fromhex(occurrence)] = units.setdefault(unit, unit)
        return owners
