"""What can happen to a run: made, given its shards, and ended. Admin operations: no lease, but operation ids.

Like a shard's, each function takes a record and a time and gives the next record, or raises.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import TYPE_CHECKING

from gossip.engine.identity import DERIVED_SHARD_BIT, op_payload, u64
from gossip.engine.limits import FAILURES_BEFORE_PARK, RUN_OPS_KEPT, SHARDS_PER_RUN_MAX
from gossip.engine.shards.cursor import INITIAL, Cursor, CursorSemantics, check_place
from gossip.engine.shards.errors import (
    ManifestInvalidError,
    RunConfigError,
    RunStatusError,
    RunTerminalError,
    ShardLimitError,
    TenantMismatchError,
)
from gossip.engine.shards.hints import ShardSpec
from gossip.engine.shards.keys import key_successor
from gossip.engine.shards.ranges import first_overlap
from gossip.engine.shards.records import (
    Event,
    EventKind,
    OpRecord,
    Shard,
    ShardStatus,
    check_tenant,
    check_time,
    logged,
    replayed,
)
from gossip.schemas.errors import MisuseError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class RunStatus(IntEnum):
    """A run begins without shards, works on them, and ends in one of three ways, for good."""

    INITIALIZING = 0
    ACTIVE = 1
    DONE = 2
    FAILED = 3
    CANCELLED = 4


_TERMINAL = frozenset({RunStatus.DONE, RunStatus.FAILED, RunStatus.CANCELLED})


@dataclass(frozen=True, slots=True)
class RunConfig:
    """A run's settings, the same for all its shards. RunConfigError for values that no run can have."""

    lease_time: int
    """How long a lease lasts, in the units of the caller's clock."""
    semantics: CursorSemantics = CursorSemantics.COMPLETED
    failures_max: int = FAILURES_BEFORE_PARK
    """Failures in a row that park a shard."""

    def __post_init__(self) -> None:
        if self.lease_time < 1 or self.failures_max < 1:
            raise RunConfigError(
                f"lease time {self.lease_time}, {self.failures_max} failures before a shard is parked: give 1 or more"
            )


@dataclass(frozen=True, slots=True)
class ShardInit:
    """A shard to begin a run with. `cursor` is where an earlier run left off. ManifestInvalidError for an id that is
    not from 0 to 2**63 - 1 (others are given by splits), or a cursor outside of the range.
    """

    id: int
    spec: ShardSpec
    cursor: Cursor = INITIAL

    def __post_init__(self) -> None:
        if not 0 <= self.id < DERIVED_SHARD_BIT:
            raise ManifestInvalidError(f"shard id {self.id}: give 0 to {DERIVED_SHARD_BIT - 1}, a split gives others")
        try:
            check_place(self.cursor, self.spec.range)
        except MisuseError as err:
            raise ManifestInvalidError(f"shard {self.id}: {err}") from err


@dataclass(frozen=True, slots=True)
class Run:
    """Everything that is known of a run but its shards."""

    tenant: bytes
    id: int
    config: RunConfig
    created_at: int
    status: RunStatus = RunStatus.INITIALIZING
    completed_at: int | None = None
    ops: tuple[OpRecord, ...] = field(default=(), repr=False)

    @property
    def terminal(self) -> bool:
        """Whether it has ended."""
        return self.status in _TERMINAL


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """What an operation made of a run. The run and its new shards are stored together or not at all."""

    run: Run
    shards: tuple[Shard, ...] = ()
    events: tuple[Event, ...] = ()
    replayed: bool = False
    result: tuple[int, ...] = ()
    """Ids of the shards that it made."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is."""

    active: int
    done: int
    split: int
    parked: int
    leased: int
    """Those of the active ones that somebody works on."""
    watermark: bytes
    """Every key of the run's shards below this one was handled. Empty: none, or see `covered`."""
    covered: bool
    """Every key of every shard was handled: there is no watermark to give."""

    @property
    def settled(self) -> bool:
        """Whether no shard is left to work on. A run with parked shards is settled, and its coverage has holes."""
        return self.active == 0


def create(tenant: bytes, run: int, config: RunConfig, now: int) -> RunOutcome:
    """A run that waits for its shards. ValueError for a tenant that is no id."""
    check_time(now)
    check_tenant(tenant)
    new = Run(tenant, run, config, now)
    return RunOutcome(new, events=(Event(EventKind.RUN_CREATED, run, now),))


def check_manifest(manifest: Sequence[ShardInit]) -> None:
    """Raise unless these can be a run's shards: ShardLimitError for too many; ManifestInvalidError for none at all, ids
    that are repeated, ranges that overlap.
    """
    if len(manifest) > SHARDS_PER_RUN_MAX:
        raise ShardLimitError(f"{len(manifest)} shards for one run: at most {SHARDS_PER_RUN_MAX}", "run")
    if not manifest:
        raise ManifestInvalidError("a run needs at least one shard, if only over all keys")
    ids = [shard.id for shard in manifest]
    if len(set(ids)) != len(ids):
        raise ManifestInvalidError(f"{len(ids) - len(set(ids))} of {len(ids)} shard ids are repeated")
    if overlap := first_overlap(shard.spec.range for shard in manifest):
        raise ManifestInvalidError(f"{overlap[0]!r} and {overlap[1]!r} overlap")


def register(run: Run, tenant: bytes, now: int, op: int, manifest: Sequence[ShardInit]) -> RunOutcome:
    """Give the run its shards and let it begin. Raises TenantMismatchError, OpIdConflictError, RunTerminalError,
    RunStatusError, and what `check_manifest` does.
    """
    payload = op_payload("register", [u64(s.id) + s.spec.canonical() + s.cursor.canonical() for s in manifest])
    if done := _begin(run, tenant, now, (op, "register", payload)):
        return done
    if run.status is not RunStatus.INITIALIZING:
        raise RunStatusError(f"run {run.id} is {run.status.name.lower()}: it has its shards already")
    check_manifest(manifest)
    born = tuple(
        Shard(
            tenant=run.tenant,
            run=run.id,
            id=init.id,
            spec=init.spec,
            cursor=init.cursor,
            semantics=run.config.semantics,
            failures_max=run.config.failures_max,
        )
        for init in manifest
    )
    ids = tuple(shard.id for shard in born)
    record = OpRecord(op, "register", payload, ids, now)
    new = replace(run, status=RunStatus.ACTIVE, ops=logged(run.ops, record, RUN_OPS_KEPT))
    spawned = tuple(Event(EventKind.SPAWNED, run.id, now, shard.id) for shard in born)
    events = (Event(EventKind.RUN_ACTIVATED, run.id, now, detail=len(born)), *spawned)
    return RunOutcome(new, born, events, result=ids)


def complete(run: Run, tenant: bytes, now: int, op: int, shards: Iterable[Shard]) -> RunOutcome:
    """End a run whose shards are all done, split or parked. Raises TenantMismatchError, OpIdConflictError,
    RunTerminalError, RunStatusError.
    """
    if done := _begin(run, tenant, now, (op, "complete_run", op_payload("complete_run"))):
        return done
    if run.status is not RunStatus.ACTIVE:
        raise RunStatusError(f"run {run.id} is {run.status.name.lower()}: it has not begun")
    left = sum(not shard.terminal for shard in shards)
    if left:
        raise RunStatusError(f"run {run.id} has {left} shards to work on: cancel it, or wait")
    return _end(run, now, op, "complete_run", RunStatus.DONE)


def fail(run: Run, tenant: bytes, now: int, op: int) -> RunOutcome:
    """End an active run as failed. Raises TenantMismatchError, OpIdConflictError, RunTerminalError, RunStatusError."""
    if done := _begin(run, tenant, now, (op, "fail_run", op_payload("fail_run"))):
        return done
    if run.status is not RunStatus.ACTIVE:
        raise RunStatusError(f"run {run.id} is {run.status.name.lower()}: cancel what has not begun")
    return _end(run, now, op, "fail_run", RunStatus.FAILED)


def cancel(run: Run, tenant: bytes, now: int, op: int) -> RunOutcome:
    """End a run that somebody does not want any more, begun or not. Raises TenantMismatchError, OpIdConflictError,
    RunTerminalError.
    """
    if done := _begin(run, tenant, now, (op, "cancel_run", op_payload("cancel_run"))):
        return done
    return _end(run, now, op, "cancel_run", RunStatus.CANCELLED)


def progress(shards: Iterable[Shard], now: int) -> Progress:
    """Counts, and how far everything is handled without a hole. Keys between shards belong to no shard and hold nothing
    up; a parked shard does.
    """
    everything = list(shards)
    counts = {status: sum(shard.status is status for shard in everything) for status in ShardStatus}
    watermark, covered = b"", True
    # What replaced a split shard covers it.
    for shard in sorted(everything, key=lambda one: one.spec.range.start):
        if shard.status is ShardStatus.SPLIT:
            continue
        if shard.status is not ShardStatus.DONE:
            key = shard.cursor.key
            above = shard.spec.range.start if key is None else key_successor(key)
            watermark, covered = (b"", True) if above is None else (above, False)
            break
    return Progress(
        active=counts[ShardStatus.ACTIVE],
        done=counts[ShardStatus.DONE],
        split=counts[ShardStatus.SPLIT],
        parked=counts[ShardStatus.PARKED],
        leased=sum(shard.leased(now) for shard in everything),
        watermark=watermark,
        covered=covered and bool(everything),
    )


def _begin(run: Run, tenant: bytes, now: int, call: tuple[int, str, int]) -> RunOutcome | None:
    check_time(now)
    if run.tenant != tenant:
        raise TenantMismatchError(f"run {run.id} is not one of tenant {tenant.hex()}")
    record = replayed(run.ops, *call)
    if record is not None:
        return RunOutcome(run, replayed=True, result=record.result)
    if run.terminal:
        raise RunTerminalError(f"run {run.id} is {run.status.name.lower()}")
    return None


def _end(run: Run, now: int, op: int, name: str, status: RunStatus) -> RunOutcome:
    record = OpRecord(op, name, op_payload(name), (), now)
    new = replace(run, status=status, completed_at=now, ops=logged(run.ops, record, RUN_OPS_KEPT))
    return RunOutcome(new, events=(Event(EventKind(f"run-{status.name.lower()}"), run.id, now),))
