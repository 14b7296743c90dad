"""A shard's record, its lease, and the log of its last operations. Frozen, small, and all of it can be pickled."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum, IntEnum

from gossip.engine.identity import DERIVED_SHARD_BIT, HASH_BYTES
from gossip.engine.limits import FAILURES_BEFORE_PARK, SHARD_OPS_KEPT
from gossip.engine.shards.cursor import INITIAL, Cursor, CursorSemantics
from gossip.engine.shards.errors import ClockError, OpIdConflictError
from gossip.engine.shards.hints import ShardSpec


class ShardStatus(IntEnum):
    """Active, or one of three ends. Only unpark leads back from one."""

    ACTIVE = 0
    DONE = 1
    SPLIT = 2
    PARKED = 3


class ParkReason(IntEnum):
    """Why a shard waits for a person."""

    PERMISSION_DENIED = 0
    NOT_FOUND = 1
    POISONED = 2
    """Its connector broke a rule, or its own record did."""
    TOO_MANY_ERRORS = 3
    """Likely to work later: the one reason for which an automatic retry makes sense."""
    OTHER = 4


class EventKind(Enum):
    """What happened, for logs and counters. Nothing decides by events."""

    RUN_CREATED = "run-created"
    RUN_ACTIVATED = "run-activated"
    RUN_DONE = "run-done"
    RUN_FAILED = "run-failed"
    RUN_CANCELLED = "run-cancelled"
    ACQUIRED = "acquired"
    RENEWED = "renewed"
    CHECKPOINTED = "checkpointed"
    COMPLETED = "completed"
    FAILED = "failed"
    PARKED = "parked"
    UNPARKED = "unparked"
    SPLIT = "split"
    SHRUNK = "shrunk"
    SPAWNED = "spawned"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to a run, or to a shard of it."""

    kind: EventKind
    run: int
    at: int
    shard: int | None = None
    detail: int = 0
    """The new fence, the count of failures, of children, or of shards; the park reason; else 0."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work on a shard until `deadline`, excluded. Only `acquire` makes one.

    A copy may be older than the record: after a renewal, the record's deadline counts.
    """

    tenant: bytes
    run: int
    shard: int
    owner: int
    fence: int
    deadline: int

    def active(self, now: int) -> bool:
        """Whether the right still holds, as far as this copy knows."""
        return now < self.deadline


@dataclass(frozen=True, slots=True)
class Hold:
    """Who has a shard, and until when. One value, so that there is never one without the other."""

    owner: int
    deadline: int


@dataclass(frozen=True, slots=True)
class OpRecord:
    """An operation that was done, so that asking again gives the same answer."""

    op: int
    name: str
    payload: int
    result: tuple[int, ...]
    """Ids of the shards that it made."""
    at: int


@dataclass(frozen=True, slots=True)
class Shard:
    """Everything that is known of a shard. It does not need its run's record to be worked on."""

    tenant: bytes
    run: int
    id: int
    spec: ShardSpec
    cursor: Cursor = INITIAL
    status: ShardStatus = ShardStatus.ACTIVE
    park_reason: ParkReason | None = None
    hold: Hold | None = None
    fence: int = 1
    """Counts leases and unparkings; what carries a lower one is stale."""
    parent: int | None = None
    spawned: tuple[int, ...] = ()
    """Children and residuals, in the order in which they were made."""
    ops: tuple[OpRecord, ...] = field(default=(), repr=False)
    semantics: CursorSemantics = CursorSemantics.COMPLETED
    failures: int = 0
    """Consecutive ones. Kept here and not by the worker: a worker that dies of them would start to count anew."""
    failures_max: int = FAILURES_BEFORE_PARK

    @property
    def terminal(self) -> bool:
        """Whether no worker has anything to do here any more."""
        return self.status is not ShardStatus.ACTIVE

    def leased(self, now: int) -> bool:
        """Whether a live lease is out."""
        return self.hold is not None and now < self.hold.deadline

    def available(self, now: int) -> bool:
        """Whether it can be acquired by anybody."""
        return not self.terminal and not self.leased(now)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an operation made of a shard. Parent and children are stored together or not at all."""

    shard: Shard
    children: tuple[Shard, ...] = ()
    events: tuple[Event, ...] = ()
    replayed: bool = False
    """The operation was done before: nothing changed, `result` is what it was then."""
    result: tuple[int, ...] = ()
    """Ids of the shards that it made."""


def is_derived(shard: int) -> bool:
    """Whether a split made the shard with this id."""
    return shard & DERIVED_SHARD_BIT != 0


def check_time(now: int) -> None:
    """Raise ClockError for a time that is not after 0, the start of time."""
    if now <= 0:
        raise ClockError(f"logical time {now}: a clock that works is past 0")


def check_tenant(tenant: bytes) -> None:
    """ValueError unless a tenant is named by its 32-byte id."""
    if len(tenant) != HASH_BYTES:
        raise ValueError(f"a tenant id has {HASH_BYTES} bytes, not {len(tenant)}")


def replayed(ops: tuple[OpRecord, ...], op: int, name: str, payload: int) -> OpRecord | None:
    """The record of an operation that was done before. OpIdConflictError if its id was used for another one."""
    for record in ops:
        if record.op == op:
            if (record.name, record.payload) == (name, payload):
                return record
            raise OpIdConflictError(f"operation id {op} was used before, with other arguments: give each its own")
    return None


def logged(ops: tuple[OpRecord, ...], record: OpRecord, kept: int) -> tuple[OpRecord, ...]:
    """The log with one more operation, the oldest ones forgotten beyond `kept`."""
    return (*ops, record)[-kept:]


def with_op(shard: Shard, record: OpRecord) -> Shard:
    """The shard with one more operation in its log."""
    return replace(shard, ops=logged(shard.ops, record, SHARD_OPS_KEPT))
