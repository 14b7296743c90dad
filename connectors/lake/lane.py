"""The commit lane: writes units to the lake exactly once, however often they are delivered.

Order of durability: occurrences, then the ledger, each waited for. What a replay repeats is told by ids alone, never by
commit numbers: epochs fall differently on a replay, so numbers would repeat or drop rows.

Fault model: the process may end at any instruction, units may be delivered again in any batching, and another execution
may hold the same lane. Numbers only fence: both tables must stand at the number that this lane last saw there, or
another execution lives, and this one stops. Two executions in one instant may both stop; the tables stay exact.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from gossip.connectors.lake.table import LakeTable
from gossip.schemas.errors import PermanentError, RetryableError
from gossip.schemas.ledger import (
    DONE_LABELS,
    STATUS_OF_LABEL,
    LaneContext,
    Status,
    UnitRecord,
    status_of,
)
from gossip.schemas.rows import Accepted, Stamp, arrow_table, ledger_columns, occurrence_columns
from gossip.schemas.tables import KIND_FOUND, LEDGER, OCCURRENCES

if TYPE_CHECKING:
    from gossip.connectors.lake.storage import Location
    from gossip.schemas.protocols import Outbox

BUFFER_ROWS_MAX = 50_000
"""Rows that wait for a snapshot at most; then they are committed under a number of their own."""

HOOK_POINTS = ("before-occurrences", "after-occurrences", "before-ledger", "after-ledger")
"""Where a test may end the process."""

Key = tuple[str, str]
"""Policy and unit; or kind and subject of a row: with the unit, what tells it from others. (`found`, occurrence id) for
a finding."""


class FencedError(PermanentError):
    """Another execution commits on this lane. Stop this one; what it had not committed is done again by the other."""


class _Past(NamedTuple):
    """What the lake holds of a unit that is not done."""

    attempts: int
    keys: set[Key]


class CommitLane:
    """Commits the units of one lane. Not shared between threads; one execution at a time may hold a lane.

    `finished`: ids of targets whose units cannot be delivered again, because the snapshot that this execution started
    from came after their end; their units are not held in memory. Loading reads the lane's part of both tables.
    """

    def __init__(  # noqa: PLR0913 - one more than usual, each with a default
        self,
        location: Location,
        lane: str,
        context: LaneContext,
        *,
        finished: frozenset[str] = frozenset(),
        buffer_rows: int = BUFFER_ROWS_MAX,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        hook: Callable[[str], None] = lambda _point: None,
        outbox: Outbox | None = None,
    ) -> None:
        self.lane = lane
        self._outbox = outbox
        self._known: set[str] = set()
        """Ids of buffered occurrences that are no news."""
        self._context = context
        self._buffer_rows = buffer_rows
        self._clock = clock
        self._hook = hook
        self._finished = finished
        self._occurrences = LakeTable.open_or_create(location, OCCURRENCES)
        self._ledger = LakeTable.open_or_create(location, LEDGER)
        self._buffer: list[Accepted] = []
        self._buffered = 0
        self._done: set[Key] = set()
        self._past: dict[Key, _Past] = {}
        """By policy and unit; so `_done`."""
        self._loaded: set[str] = set()
        self._seen = (self._occurrences.lane_version(lane), self._ledger.lane_version(lane))
        """The lane's last commit in either table, as far as this execution knows."""
        self._load(context.policy_hash)

    @property
    def seq(self) -> int:
        """Number of the next commit."""
        return max(self._seen) + 1

    def is_done(self, unit_id: str, policy: str = "") -> bool:
        """Whether the unit needs no scan under a policy (default: the context's); buffered units count."""
        policy = policy or self._context.policy_hash
        if policy not in self._loaded:
            self._load(policy)
        return (policy, unit_id) in self._done

    def add(self, record: UnitRecord, known: Iterable[str] = ()) -> bool:
        """Take one unit; False where it is done already and was dropped. May commit. Raises what `commit` does.

        `known`: ids of its occurrences that the outbox need not send.
        """
        if self.is_done(record.unit_id, record.policy):
            return False
        unit = (record.policy or self._context.policy_hash, record.unit_id)
        past = self._past.setdefault(unit, _Past(0, set()))
        keys = past.keys
        findings = [f for f in record.findings if _new(keys, (KIND_FOUND, f.occurrence_id))]
        events = [event for event in record.events if _new(keys, (event.kind, event.subject))]
        total = sum(kind == KIND_FOUND for kind, _ in keys)
        status = status_of(record.outcome, total)
        self._buffer.append(Accepted(record, findings, events, total, status, past.attempts + 1))
        self._buffered += len(findings) + len(events) + 1
        self._known.update(known)
        if status.done:
            self._done.add(unit)
            del self._past[unit]
        else:
            self._past[unit] = _Past(past.attempts + 1, keys)
        if self._buffered >= self._buffer_rows:
            self.commit()
        return True

    def forget(self, units: Iterable[Key]) -> None:
        """Units, each after its policy, that are not delivered again before the ledger was asked about them."""
        self._done.difference_update(units)

    def commit(self) -> int:
        """Make all that was added durable and return the number it has; 0 where there was nothing to write.

        Raises FencedError; RetryableError and PermanentError of the storage. After any error the lane is of no more
        use: build it again, and it finds out what had been written.
        """
        if not self._buffer:
            return 0
        units, self._buffer, self._buffered = self._buffer, [], 0
        seq = self.seq
        stamp = Stamp(self._context, self.lane, seq, self._clock())
        occurrences = occurrence_columns(units, stamp)
        known, self._known = self._known, set()
        self._check_fence(seq)
        if self._outbox is not None:
            news = (f for unit in units for f in unit.findings if f.occurrence_id not in known)
            self._outbox.stage(seq, news)
        self._hook("before-occurrences")
        if occurrences["kind"]:
            self._append(self._occurrences, arrow_table(OCCURRENCES, occurrences), seq)
            self._seen = (seq, self._seen[1])
        self._hook("after-occurrences")
        rows = arrow_table(LEDGER, ledger_columns(units, stamp))
        self._hook("before-ledger")
        self._append(self._ledger, rows, seq)
        self._seen = (self._seen[0], seq)
        self._hook("after-ledger")
        if self._outbox is not None:
            self._outbox.publish()
        return seq

    def _append(self, table: LakeTable, rows: Any, seq: int) -> None:
        from deltalake.exceptions import CommitFailedError

        try:
            table.append(rows, self.lane, seq)
        except CommitFailedError as err:
            table.refresh()
            found = table.lane_version(self.lane)
            if found == self._seen[0 if table is self._occurrences else 1]:
                raise RetryableError(
                    f"{table.shown}: lane {self.lane} lost its turn to other writers; try again"
                ) from err
            raise self._fenced(seq, f"a commit to {table.shown} lost against commit {found}") from err

    def _check_fence(self, seq: int) -> None:
        """See whether anybody else has committed on this lane. The appends conflict with whoever does after this."""
        for table, seen in ((self._occurrences, self._seen[0]), (self._ledger, self._seen[1])):
            table.refresh()
            found = table.lane_version(self.lane)
            if found != seen:
                raise self._fenced(seq, f"{table.shown} is at commit {found}, not {seen}")

    def _fenced(self, seq: int, why: str) -> FencedError:
        return FencedError(
            f"lane {self.lane}: another execution writes to it ({why}; ours was {seq}); end all executions on this "
            "state folder, then start one; nothing is lost"
        )

    def _load(self, policy: str) -> None:
        """Read what the lane has done under a policy, before it writes anything under it."""
        self._loaded.add(policy)
        done: set[str] = set()
        tried: dict[str, int] = {}
        for unit, label, attempts in self._rows(self._ledger, policy, ("unit_id", "status", "attempts")):
            status = STATUS_OF_LABEL.get(label)
            if status is None:
                raise PermanentError(f"{self._ledger.shown}: unit {unit} has the unknown status {label!r}")
            if status.done:
                done.add(unit)
            else:
                tried[unit] = max(attempts, tried.get(unit, 0))
        self._done.update((policy, unit) for unit in done)
        self._past.update({(policy, unit): _Past(tried[unit], set()) for unit in tried.keys() - done})
        columns = ("unit_id", "kind", "occurrence_id", "rule_fingerprint")
        for unit, kind, occurrence, fingerprint in self._rows(self._occurrences, policy, columns, done):
            past = self._past.setdefault((policy, unit), _Past(0, set()))
            past.keys.add((kind, occurrence or fingerprint))

    def _rows(
        self, table: LakeTable, policy: str, columns: tuple[str, ...], without: set[str] | None = None
    ) -> Iterator[tuple[Any, ...]]:
        """Values of some columns in the lane's rows of this tenant and a policy, but for those of units in `without`.

        The tables are read as they were opened, or last written: the fence sees what others add later.
        """
        import pyarrow as pa
        import pyarrow.compute as pc

        condition = (
            (pc.field("lane") == self.lane)
            & (pc.field("tenant") == self._context.tenant)
            & (pc.field("policy_hash") == policy)
        )
        if self._finished:
            condition &= ~pc.field("target_id").isin(sorted(self._finished))
        known = pa.array(without, pa.string()) if without else None
        for batch in table.batches(columns, lane=self.lane, condition=condition):
            rest = batch if known is None else batch.filter(pc.invert(pc.is_in(batch["unit_id"], value_set=known)))
            yield from zip(*(rest[name].to_pylist() for name in columns), strict=True)


def _new(keys: set[Key], key: Key) -> bool:
    if key in keys:
        return False
    keys.add(key)
    return True


def done_units(location: Location, context: LaneContext, target_id: str) -> dict[str, Status]:
    """The units of a target that need no scan under the context's policy, each with its status; {} without a lake.

    For planners: what is planned and not in here is emitted.
    """
    import pyarrow.compute as pc

    from gossip.connectors.lake.storage import LakeMissingError

    condition = (
        (pc.field("tenant") == context.tenant)
        & (pc.field("policy_hash") == context.policy_hash)
        & (pc.field("target_id") == target_id)
        & pc.field("status").isin(list(DONE_LABELS))
    )
    found: dict[str, Status] = {}
    with contextlib.suppress(LakeMissingError):
        ledger = LakeTable.open(location, LEDGER)
        for batch in ledger.batches(("unit_id", "status"), condition=condition):
            for unit, label in zip(batch["unit_id"].to_pylist(), batch["status"].to_pylist(), strict=True):
                found[unit] = max(STATUS_OF_LABEL[label], found.get(unit, Status.FAILED_RETRYABLE))
    return found
