"""What can happen to a shard. Each function takes a record and a time and gives the next record, or raises.

An operation is checked in this order: tenant, whether it was done before, then whether the shard still is the
caller's, then its own arguments. Asking again comes before the lease, so that a lost reply can be had after the lease
ran out or the shard ended; the tenant comes before all, so that no answer is given to another one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gossip.engine.identity import SplitKind, derived_shard_id, op_payload
from gossip.engine.limits import SPAWNED_PER_SHARD_MAX
from gossip.engine.shards.cursor import INITIAL, Cursor, check_advance
from gossip.engine.shards.errors import (
    AlreadyLeasedError,
    LeaseExpiredError,
    NotParkedError,
    ShardTerminalError,
    SplitInvalidError,
    StaleFenceError,
    TenantMismatchError,
)
from gossip.engine.shards.records import (
    Event,
    EventKind,
    Hold,
    Lease,
    OpRecord,
    Outcome,
    ParkReason,
    Shard,
    ShardStatus,
    check_time,
    replayed,
    with_op,
)
from gossip.engine.shards.splits import check_replace, first_cursor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gossip.engine.shards.hints import ShardSpec

LEASE_TIME_MIN = 1


def acquire(shard: Shard, tenant: bytes, worker: int, now: int, duration: int) -> tuple[Outcome, Lease]:
    """Give the shard to a worker for `duration`, with a new fence. Not idempotent: each lease has its own.

    A worker may take again what it holds already: it lost its lease's handle, and the old one is stale from now on.
    Raises TenantMismatchError, ShardTerminalError, AlreadyLeasedError.
    """
    check_time(now)
    _check_tenant(shard, tenant)
    _check_active(shard)
    if shard.hold is not None and now < shard.hold.deadline and shard.hold.owner != worker:
        raise AlreadyLeasedError(
            f"shard {shard.id} is being worked on until {shard.hold.deadline}", shard.hold.deadline
        )
    if duration < LEASE_TIME_MIN:
        raise ValueError(f"a lease lasts at least {LEASE_TIME_MIN}, not {duration}")
    fence, deadline = shard.fence + 1, now + duration
    new = replace(shard, hold=Hold(worker, deadline), fence=fence)
    lease = Lease(shard.tenant, shard.run, shard.id, worker, fence, deadline)
    return Outcome(new, events=(_event(EventKind.ACQUIRED, new, now, fence),)), lease


def renew(shard: Shard, lease: Lease, now: int, duration: int) -> tuple[Outcome, Lease]:
    """Move the deadline to `duration` from now, never to an earlier time. The fence stays. Raises StaleFenceError,
    LeaseExpiredError, ShardTerminalError, TenantMismatchError.
    """
    check_time(now)
    _check_tenant(shard, lease.tenant)
    hold = _check_lease(shard, lease, now)
    deadline = max(hold.deadline, now + duration)
    new = replace(shard, hold=Hold(hold.owner, deadline))
    return Outcome(new, events=(_event(EventKind.RENEWED, new, now),)), replace(lease, deadline=deadline)


def checkpoint(shard: Shard, lease: Lease, now: int, op: int, cursor: Cursor) -> Outcome:
    """Store how far the work got, and forget earlier failures. Raises what `check_advance` does, OpIdConflictError, and
    what `renew` does.
    """
    payload = op_payload("checkpoint", [cursor.canonical()])
    if done := _begin(shard, lease, now, (op, "checkpoint", payload)):
        return done
    _check_lease(shard, lease, now)
    check_advance(shard.cursor, cursor, shard.spec.range)
    new = with_op(replace(shard, cursor=cursor, failures=0), OpRecord(op, "checkpoint", payload, (), now))
    return Outcome(new, events=(_event(EventKind.CHECKPOINTED, new, now),))


def complete(shard: Shard, lease: Lease, now: int, op: int, cursor: Cursor | None = None) -> Outcome:
    """Nothing of the range is left: done, at a last cursor. None keeps the stored one; an empty shard has none to give.
    Raises what `checkpoint` does.
    """
    payload = op_payload("complete", [] if cursor is None else [cursor.canonical()])
    if done := _begin(shard, lease, now, (op, "complete", payload)):
        return done
    _check_lease(shard, lease, now)
    if cursor is not None:
        check_advance(shard.cursor, cursor, shard.spec.range)
    ended = replace(shard, cursor=cursor or shard.cursor, status=ShardStatus.DONE, hold=None, failures=0)
    new = with_op(ended, OpRecord(op, "complete", payload, (), now))
    return Outcome(new, events=(_event(EventKind.COMPLETED, new, now),))


def park(shard: Shard, lease: Lease, now: int, op: int, reason: ParkReason) -> Outcome:
    """Set the shard aside for a person. The cursor stays. Raises OpIdConflictError and what `renew` does."""
    payload = op_payload("park", [bytes([reason])])
    if done := _begin(shard, lease, now, (op, "park", payload)):
        return done
    _check_lease(shard, lease, now)
    parked = replace(shard, status=ShardStatus.PARKED, park_reason=reason, hold=None)
    new = with_op(parked, OpRecord(op, "park", payload, (), now))
    return Outcome(new, events=(_event(EventKind.PARKED, new, now, reason),))


def fail(shard: Shard, lease: Lease, now: int, op: int) -> Outcome:
    """One more failure that a retry may get past. The lease stays, unless there were `failures_max` in a row: then the
    shard is parked with TOO_MANY_ERRORS. Raises OpIdConflictError and what `renew` does.
    """
    payload = op_payload("fail")
    if done := _begin(shard, lease, now, (op, "fail", payload)):
        return done
    _check_lease(shard, lease, now)
    new = replace(shard, failures=shard.failures + 1)
    events = [_event(EventKind.FAILED, new, now, new.failures)]
    if new.failures >= shard.failures_max:
        reason = ParkReason.TOO_MANY_ERRORS
        new = replace(new, status=ShardStatus.PARKED, park_reason=reason, hold=None)
        events.append(_event(EventKind.PARKED, new, now, reason))
    new = with_op(new, OpRecord(op, "fail", payload, (), now))
    return Outcome(new, events=tuple(events))


def unpark(shard: Shard, tenant: bytes, now: int, op: int) -> Outcome:
    """By hand, without a lease: a parked shard goes on from its cursor, with a new fence and no failures. Raises
    TenantMismatchError, OpIdConflictError, NotParkedError.
    """
    check_time(now)
    _check_tenant(shard, tenant)
    payload = op_payload("unpark")
    if done := _replay(shard, (op, "unpark", payload)):
        return done
    if shard.status is not ShardStatus.PARKED:
        raise NotParkedError(f"shard {shard.id} is {shard.status.name.lower()}: only a parked one can be unparked")
    active = replace(shard, status=ShardStatus.ACTIVE, park_reason=None, fence=shard.fence + 1, failures=0)
    new = with_op(active, OpRecord(op, "unpark", payload, (), now))
    return Outcome(new, events=(_event(EventKind.UNPARKED, new, now, new.fence),))


def split_replace(shard: Shard, lease: Lease, now: int, op: int, children: Sequence[ShardSpec]) -> Outcome:
    """Replace the shard by children that cover it exactly. The first one goes on from the cursor. Raises
    SplitInvalidError, HintInvalidError, OpIdConflictError, and what `renew` does.
    """
    payload = op_payload("split_replace", [child.canonical() for child in children])
    if done := _begin(shard, lease, now, (op, "split_replace", payload)):
        return done
    _check_lease(shard, lease, now)
    check_replace(shard.spec, shard.cursor, children)
    born = _spawn(shard, op, SplitKind.CHILD, children)
    born = (replace(born[0], cursor=first_cursor(shard.cursor)), *born[1:])
    ids = tuple(child.id for child in born)
    ended = replace(shard, status=ShardStatus.SPLIT, hold=None, spawned=(*shard.spawned, *ids))
    new = with_op(ended, OpRecord(op, "split_replace", payload, ids, now))
    return Outcome(new, born, (_event(EventKind.SPLIT, new, now, len(ids)), *_births(born, now)), result=ids)


def split_residual(shard: Shard, lease: Lease, now: int, op: int, parts: tuple[ShardSpec, ShardSpec]) -> Outcome:
    """Give the upper part of the range to a new shard and go on with the lower one, under the same lease. `parts` are
    what is kept and what is given away. Raises what `split_replace` does.
    """
    payload = op_payload("split_residual", [part.canonical() for part in parts])
    if done := _begin(shard, lease, now, (op, "split_residual", payload)):
        return done
    # The log may have forgotten it. The ids that it made have not gone, and say who made them.
    if made := _made_by(shard, op, SplitKind.RESIDUAL):
        return Outcome(shard, replayed=True, result=made)
    _check_lease(shard, lease, now)
    check_replace(shard.spec, shard.cursor, parts)
    born = _spawn(shard, op, SplitKind.RESIDUAL, parts[1:])
    ids = (born[0].id,)
    shrunk = replace(shard, spec=parts[0], spawned=(*shard.spawned, *ids))
    new = with_op(shrunk, OpRecord(op, "split_residual", payload, ids, now))
    return Outcome(new, born, (_event(EventKind.SHRUNK, new, now), *_births(born, now)), result=ids)


def _begin(shard: Shard, lease: Lease, now: int, call: tuple[int, str, int]) -> Outcome | None:
    check_time(now)
    _check_tenant(shard, lease.tenant)
    return _replay(shard, call)


def _replay(shard: Shard, call: tuple[int, str, int]) -> Outcome | None:
    record = replayed(shard.ops, *call)
    return None if record is None else Outcome(shard, replayed=True, result=record.result)


def _check_tenant(shard: Shard, tenant: bytes) -> None:
    if shard.tenant != tenant:
        raise TenantMismatchError(f"shard {shard.id} is not one of tenant {tenant.hex()}")


def _check_active(shard: Shard) -> None:
    if shard.terminal:
        raise ShardTerminalError(f"shard {shard.id} is {shard.status.name.lower()}")


def _check_lease(shard: Shard, lease: Lease, now: int) -> Hold:
    """The hold that the lease stands for. A right fence that nobody holds, or somebody else, is as stale as a wrong
    one.
    """
    if (lease.run, lease.shard) != (shard.run, shard.id):
        raise StaleFenceError(f"a lease of shard {lease.shard} of run {lease.run}, used for shard {shard.id}")
    _check_active(shard)
    if lease.fence != shard.fence or shard.hold is None:
        raise StaleFenceError(f"shard {shard.id} is at fence {shard.fence}, the lease at {lease.fence}")
    if now >= shard.hold.deadline:
        raise LeaseExpiredError(f"the lease of shard {shard.id} ended at {shard.hold.deadline}, it is {now}", now)
    if lease.owner != shard.hold.owner:
        raise StaleFenceError(f"the lease of shard {shard.id} was given to another worker")
    return shard.hold


def _made_by(shard: Shard, op: int, kind: SplitKind) -> tuple[int, ...]:
    return tuple(
        child
        for index, child in enumerate(shard.spawned)
        if child == derived_shard_id(shard.run, shard.id, op, kind, index)
    )


def _spawn(shard: Shard, op: int, kind: SplitKind, specs: Sequence[ShardSpec]) -> tuple[Shard, ...]:
    count = len(shard.spawned) + len(specs)
    if count > SPAWNED_PER_SHARD_MAX:
        raise SplitInvalidError(f"shard {shard.id} would have made {count} others: at most {SPAWNED_PER_SHARD_MAX}")
    return tuple(
        Shard(
            tenant=shard.tenant,
            run=shard.run,
            id=derived_shard_id(shard.run, shard.id, op, kind, index),
            spec=spec,
            cursor=INITIAL,
            parent=shard.id,
            semantics=shard.semantics,
            failures_max=shard.failures_max,
        )
        for index, spec in enumerate(specs, start=len(shard.spawned))
    )


def _event(kind: EventKind, shard: Shard, now: int, detail: int = 0) -> Event:
    return Event(kind, shard.run, now, shard.id, detail)


def _births(born: Sequence[Shard], now: int) -> tuple[Event, ...]:
    return tuple(_event(EventKind.SPAWNED, child, now) for child in born)
