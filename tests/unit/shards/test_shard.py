from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import replace

import pytest

from gossip.engine.identity import SplitKind, derived_shard_id
from gossip.engine.limits import SHARD_OPS_KEPT, SPAWNED_PER_SHARD_MAX
from gossip.engine.shards import errors
from gossip.engine.shards import shard as ops
from gossip.engine.shards.cursor import INITIAL, Cursor
from gossip.engine.shards.records import EventKind, Hold, Lease, Outcome, ParkReason, Shard, ShardStatus
from gossip.engine.shards.splits import plan_replace, plan_residual
from tests.unit.shards.making import LEASE_TIME, OTHER, RUN, TENANT, leased, shard, spec

Call = Callable[[Shard, Lease, int, int], Outcome]
PARTS = plan_residual(spec(b"a", b"z"), b"p")
CALLS: dict[str, Call] = {
    "checkpoint": lambda record, lease, now, op: ops.checkpoint(record, lease, now, op, Cursor(b"m")),
    "complete": lambda record, lease, now, op: ops.complete(record, lease, now, op, Cursor(b"m")),
    "park": lambda record, lease, now, op: ops.park(record, lease, now, op, ParkReason.OTHER),
    "fail": ops.fail,
    "split_replace": lambda record, lease, now, op: ops.split_replace(record, lease, now, op, PARTS),
    "split_residual": lambda record, lease, now, op: ops.split_residual(record, lease, now, op, PARTS),
}
every_call = pytest.mark.parametrize("name", CALLS)


def kinds(outcome: Outcome) -> list[EventKind]:
    """What happened, in order."""
    return [event.kind for event in outcome.events]


def test_acquire_gives_a_lease() -> None:
    """For the shard, the worker, a new fence, until the deadline; the record knows as much."""
    outcome, lease = ops.acquire(shard(), TENANT, 5, 10, LEASE_TIME)
    assert lease == Lease(TENANT, RUN, 1, 5, 2, 110)
    assert outcome.shard == replace(shard(), hold=Hold(5, 110), fence=2)
    assert kinds(outcome) == [EventKind.ACQUIRED]
    assert (lease.active(109), lease.active(110)) == (True, False)


def test_at_most_one_live_lease() -> None:
    """Others wait until the deadline, which they are told, but not who has it."""
    record, _ = leased(worker=987654, now=10)
    with pytest.raises(errors.AlreadyLeasedError, match="until 110") as caught:
        ops.acquire(record, TENANT, 2, 109, LEASE_TIME)
    assert caught.value.at == 110
    assert "987654" not in str(caught.value)
    assert ops.acquire(record, TENANT, 2, 110, LEASE_TIME)[1].fence == 3


def test_worker_takes_its_own_shard_again() -> None:
    """It lost the handle; the old one is stale."""
    record, old = leased()
    outcome, new = ops.acquire(record, TENANT, 1, 2, LEASE_TIME)
    assert (old.fence, new.fence) == (2, 3)
    with pytest.raises(errors.StaleFenceError):
        ops.complete(outcome.shard, old, 3, 9)
    assert ops.complete(outcome.shard, new, 3, 9).shard.status is ShardStatus.DONE


def test_a_lease_has_a_length() -> None:
    """A lease that is over as it begins is none."""
    with pytest.raises(ValueError, match="at least 1"):
        ops.acquire(shard(), TENANT, 1, 1, 0)


def test_renew_moves_the_deadline_only() -> None:
    """The fence stays, and so does a later deadline."""
    record, lease = leased(now=10)
    outcome, renewed = ops.renew(record, lease, 60, LEASE_TIME)
    assert renewed == replace(lease, deadline=160)
    assert outcome.shard == replace(record, hold=Hold(1, 160))
    assert ops.renew(outcome.shard, renewed, 70, 5)[1] == renewed
    # The first copy of the lease is older than the record, which counts.
    assert ops.checkpoint(outcome.shard, lease, 150, 1, Cursor(b"m")).shard.cursor == Cursor(b"m")


@every_call
def test_what_an_operation_does(name: str) -> None:
    """The whole next record."""
    record, lease = leased()
    outcome = CALLS[name](record, lease, 2, 9)
    children = tuple(derived_shard_id(RUN, 1, 9, SplitKind.CHILD, index) for index in (0, 1))
    residual = (derived_shard_id(RUN, 1, 9, SplitKind.RESIDUAL, 0),)
    expected = {
        "checkpoint": replace(record, cursor=Cursor(b"m")),
        "complete": replace(record, cursor=Cursor(b"m"), status=ShardStatus.DONE, hold=None),
        "park": replace(record, status=ShardStatus.PARKED, park_reason=ParkReason.OTHER, hold=None),
        "fail": replace(record, failures=1),
        "split_replace": replace(record, status=ShardStatus.SPLIT, hold=None, spawned=children),
        "split_residual": replace(record, spec=PARTS[0], spawned=residual),
    }
    assert replace(outcome.shard, ops=()) == expected[name]
    assert [(entry.op, entry.name, entry.at) for entry in outcome.shard.ops] == [(9, name, 2)]
    assert not outcome.replayed


@every_call
def test_replay_comes_before_lease_checks(name: str) -> None:
    """The same again gives the same result and changes nothing: after expiry, after the end, under a later lease."""
    record, lease = leased()
    first = CALLS[name](record, lease, 2, 9)
    later = first.shard
    if not later.terminal:
        later = ops.acquire(later, TENANT, 2, 500, LEASE_TIME)[0].shard
    again = CALLS[name](later, lease, 900, 9)
    assert again == Outcome(later, replayed=True, result=first.result)


@every_call
def test_same_id_with_other_arguments_is_refused(name: str) -> None:
    """Neither the hash nor the arguments are told."""
    record, lease = leased()
    after = CALLS[name](record, lease, 2, 9).shard
    for other in CALLS.keys() - {name}:
        with pytest.raises(errors.OpIdConflictError) as caught:
            CALLS[other](after, lease, 3, 9)
        assert str(after.ops[0].payload) not in str(caught.value)


def test_other_arguments_of_the_same_operation_are_refused() -> None:
    """A checkpoint elsewhere, a token, another reason, another cut."""
    record, lease = leased()
    done = ops.checkpoint(record, lease, 2, 9, Cursor(b"m")).shard
    for cursor in (Cursor(b"n"), Cursor(b"m", b"t")):
        with pytest.raises(errors.OpIdConflictError):
            ops.checkpoint(done, lease, 3, 9, cursor)
    ended = ops.complete(record, lease, 2, 9).shard
    with pytest.raises(errors.OpIdConflictError):
        ops.complete(ended, lease, 3, 9, Cursor(b"m"))
    parked = ops.park(record, lease, 2, 9, ParkReason.OTHER).shard
    with pytest.raises(errors.OpIdConflictError):
        ops.park(parked, lease, 3, 9, ParkReason.POISONED)
    shrunk = ops.split_residual(record, lease, 2, 9, PARTS).shard
    with pytest.raises(errors.OpIdConflictError):
        ops.split_residual(shrunk, lease, 3, 9, plan_residual(spec(b"a", b"z"), b"q"))


@every_call
def test_zombie_cannot_mutate(name: str) -> None:
    """A lease with an old fence does nothing, whoever holds the shard now, if anybody."""
    record, zombie = leased(now=1)
    taken, _ = leased(record, worker=2, now=500)
    unheld = replace(record, hold=None)
    for other in (taken, unheld, replace(taken, hold=None)):
        with pytest.raises(errors.StaleFenceError):
            CALLS[name](other, zombie, 501, 9)


@every_call
def test_lease_ends_at_its_deadline(name: str) -> None:
    """Half-open: one before it holds, at it it does not."""
    record, lease = leased(now=1)
    assert not CALLS[name](record, lease, 100, 9).replayed
    with pytest.raises(errors.LeaseExpiredError) as caught:
        CALLS[name](record, lease, 101, 9)
    assert caught.value.at == 101


@every_call
def test_lease_belongs_to_its_owner_and_its_shard(name: str) -> None:
    """With the right fence, another worker and another shard are refused."""
    record, lease = leased()
    for wrong in (replace(lease, owner=2), replace(lease, shard=2), replace(lease, run=8)):
        with pytest.raises(errors.StaleFenceError):
            CALLS[name](record, wrong, 2, 9)


@every_call
def test_other_tenant_learns_nothing(name: str) -> None:
    """Not even what was done by the same operation; the message names the caller alone."""
    record, lease = leased()
    after = CALLS[name](record, lease, 2, 9).shard
    for state in (record, after):
        with pytest.raises(errors.TenantMismatchError) as caught:
            CALLS[name](state, replace(lease, tenant=OTHER), 3, 9)
        assert OTHER.hex() in str(caught.value)
        assert TENANT.hex() not in str(caught.value)


@every_call
@pytest.mark.parametrize("end", ["complete", "park", "split_replace"])
def test_nothing_follows_an_end(name: str, end: str) -> None:
    """Done, parked and split shards refuse every operation, and to be acquired."""
    record, lease = leased()
    ended = CALLS[end](record, lease, 2, 8).shard
    assert ended.hold is None
    with pytest.raises(errors.ShardTerminalError):
        CALLS[name](ended, lease, 3, 9)
    with pytest.raises(errors.ShardTerminalError):
        ops.acquire(ended, TENANT, 1, 3, LEASE_TIME)
    with pytest.raises(errors.ShardTerminalError):
        ops.renew(ended, lease, 3, LEASE_TIME)


@every_call
@pytest.mark.parametrize("now", [0, -1])
def test_time_zero_is_a_broken_clock(name: str, now: int) -> None:
    """It would keep every lease alive."""
    record, lease = leased()
    with pytest.raises(errors.ClockError):
        CALLS[name](record, lease, now, 9)
    with pytest.raises(errors.ClockError):
        ops.acquire(record, TENANT, 1, now, LEASE_TIME)
    with pytest.raises(errors.ClockError):
        ops.unpark(record, TENANT, now, 9)


def test_empty_shard_completes_without_a_cursor() -> None:
    """Nothing was listed, so there is no key to give; the stored cursor stays."""
    record, lease = leased()
    done = ops.complete(record, lease, 2, 9).shard
    assert (done.status, done.cursor) == (ShardStatus.DONE, INITIAL)
    moved = ops.checkpoint(record, lease, 2, 8, Cursor(b"m")).shard
    assert ops.complete(moved, lease, 3, 9).shard.cursor == Cursor(b"m")


@pytest.mark.parametrize("operation", [ops.checkpoint, ops.complete])
def test_cursor_rules_hold_for_checkpoint_and_complete(operation: Callable[..., Outcome]) -> None:
    """Each one raises, and the retry at the same key does not."""
    record, lease = leased()
    record = ops.checkpoint(record, lease, 2, 8, Cursor(b"m")).shard
    assert operation(record, lease, 3, 9, Cursor(b"m")).shard.cursor == Cursor(b"m")
    for cursor, error in (
        (INITIAL, errors.CheckpointMissingKeyError),
        (Cursor(b"l"), errors.CursorRegressionError),
        (Cursor(b"z"), errors.CursorOutOfBoundsError),
    ):
        with pytest.raises(error):
            operation(record, lease, 3, 9, cursor)


def test_third_failure_in_a_row_parks() -> None:
    """The counter is in the record: a new lease does not reset it."""
    record, lease = leased()
    for op in (1, 2):
        outcome = ops.fail(record, lease, 2, op)
        assert kinds(outcome) == [EventKind.FAILED]
        record, lease = leased(outcome.shard, worker=op, now=op * 1000)
    outcome = ops.fail(record, lease, 2001, 3)
    parked = outcome.shard
    assert (parked.status, parked.park_reason, parked.hold) == (ShardStatus.PARKED, ParkReason.TOO_MANY_ERRORS, None)
    assert [(event.kind, event.detail) for event in outcome.events] == [
        (EventKind.FAILED, 3),
        (EventKind.PARKED, ParkReason.TOO_MANY_ERRORS),
    ]


def test_progress_forgets_failures() -> None:
    """Only failures in a row count; asking twice for one does not count twice."""
    record, lease = leased()
    record = ops.fail(record, lease, 2, 1).shard
    record = ops.fail(record, lease, 2, 2).shard
    assert ops.fail(record, lease, 2, 2).shard.failures == 2
    assert ops.checkpoint(record, lease, 2, 3, Cursor(b"m")).shard.failures == 0


def test_unpark_keeps_the_cursor_and_bumps_the_fence() -> None:
    """By hand; once for one id; then the shard is to be had again."""
    record, lease = leased()
    record = ops.checkpoint(record, lease, 2, 1, Cursor(b"m")).shard
    for op in (2, 3, 4):
        record = ops.fail(record, lease, 2, op).shard
    outcome = ops.unpark(record, TENANT, 3, 5)
    active = outcome.shard
    assert (active.status, active.park_reason, active.cursor) == (ShardStatus.ACTIVE, None, Cursor(b"m"))
    assert (active.fence, active.failures, kinds(outcome)) == (record.fence + 1, 0, [EventKind.UNPARKED])
    assert ops.unpark(active, TENANT, 4, 5) == Outcome(active, replayed=True)
    with pytest.raises(errors.StaleFenceError):
        ops.checkpoint(active, lease, 4, 6, Cursor(b"n"))
    assert ops.acquire(active, TENANT, 2, 4, LEASE_TIME)[1].fence == active.fence + 1


def test_only_a_parked_shard_is_unparked() -> None:
    """By its own tenant, under an id of its own."""
    record, lease = leased()
    for state in (record, ops.complete(record, lease, 2, 9).shard, ops.split_replace(record, lease, 2, 9, PARTS).shard):
        with pytest.raises(errors.NotParkedError):
            ops.unpark(state, TENANT, 3, 1)
    parked = ops.park(record, lease, 2, 9, ParkReason.NOT_FOUND).shard
    with pytest.raises(errors.TenantMismatchError):
        ops.unpark(parked, OTHER, 3, 1)
    with pytest.raises(errors.OpIdConflictError):
        ops.unpark(parked, TENANT, 3, 9)


def test_children_replace_their_parent() -> None:
    """They inherit its settings and point back; the first goes on from its cursor."""
    record, lease = leased(replace(shard(), failures_max=9))
    record = ops.checkpoint(record, lease, 2, 1, Cursor(b"c", b"token")).shard
    outcome = ops.split_replace(record, lease, 3, 2, plan_replace(record.spec, [b"h", b"p"]))
    assert [(child.spec, child.cursor) for child in outcome.children] == [
        (spec(b"a", b"h"), Cursor(b"c")),
        (spec(b"h", b"p"), INITIAL),
        (spec(b"p", b"z"), INITIAL),
    ]
    for index, child in enumerate(outcome.children):
        assert child.id == outcome.result[index] == derived_shard_id(RUN, 1, 2, SplitKind.CHILD, index)
        assert child == Shard(
            TENANT, RUN, child.id, child.spec, child.cursor, parent=1, failures_max=9
        )  # and nothing else: no lease, no log, fence 1
    assert kinds(outcome) == [EventKind.SPLIT, *[EventKind.SPAWNED] * 3]


def test_residual_leaves_the_parent_its_lease() -> None:
    """It shrinks and goes on; twice is possible, and indexes go on counting."""
    record, lease = leased()
    record = ops.checkpoint(record, lease, 2, 1, Cursor(b"c", b"t")).shard
    first = ops.split_residual(record, lease, 3, 2, PARTS)
    second = ops.split_residual(first.shard, lease, 4, 3, plan_residual(first.shard.spec, b"h"))
    assert second.shard.hold == record.hold
    assert second.shard.cursor == Cursor(b"c", b"t")
    assert [second.shard.spec, *(part.spec for part in (*second.children, *first.children))] == [
        spec(b"a", b"h"),
        spec(b"h", b"p"),
        spec(b"p", b"z"),
    ]
    assert second.shard.spawned == (
        derived_shard_id(RUN, 1, 2, SplitKind.RESIDUAL, 0),
        derived_shard_id(RUN, 1, 3, SplitKind.RESIDUAL, 1),
    )
    with pytest.raises(errors.CursorOutOfBoundsError):
        ops.checkpoint(second.shard, lease, 5, 4, Cursor(b"h"))
    assert first.children[0].cursor == INITIAL


@pytest.mark.parametrize("operation", [ops.split_replace, ops.split_residual])
def test_split_beyond_the_cursor(operation: Callable[..., Outcome]) -> None:
    """A cut at or before the cursor is refused."""
    record, lease = leased()
    record = ops.checkpoint(record, lease, 2, 1, Cursor(b"p")).shard
    with pytest.raises(errors.SplitInvalidError, match="cut beyond it"):
        operation(record, lease, 3, 2, PARTS)


@pytest.mark.parametrize("operation", [ops.split_replace, ops.split_residual])
def test_spawned_shards_have_a_limit(operation: Callable[..., Outcome]) -> None:
    """Over the whole life of their parent, to the shard."""
    more = 2 if operation is ops.split_replace else 1
    record, lease = leased()
    full = tuple(derived_shard_id(RUN, 1, 99, SplitKind.RESIDUAL, n) for n in range(SPAWNED_PER_SHARD_MAX - more + 1))
    allowed = replace(record, spawned=full[:-1])
    assert len(operation(allowed, lease, 2, 1, PARTS).shard.spawned) == SPAWNED_PER_SHARD_MAX
    with pytest.raises(errors.SplitInvalidError, match=f"at most {SPAWNED_PER_SHARD_MAX}"):
        operation(replace(record, spawned=full), lease, 2, 1, PARTS)


def test_log_forgets_the_oldest() -> None:
    """Sixteen are kept; a forgotten checkpoint is refused for going back, and never done twice."""
    record, lease = leased()
    for op in range(SHARD_OPS_KEPT + 1):
        record = ops.checkpoint(record, lease, 2, op, Cursor(b"b%03d" % op)).shard
    assert [entry.op for entry in record.ops] == list(range(1, SHARD_OPS_KEPT + 1))
    assert ops.checkpoint(record, lease, 3, 1, Cursor(b"b001")).replayed
    with pytest.raises(errors.CursorRegressionError):
        ops.checkpoint(record, lease, 3, 0, Cursor(b"b000"))


def test_forgotten_residual_split_is_not_done_twice() -> None:
    """The ids that it made tell, also after the lease."""
    record, lease = leased()
    first = ops.split_residual(record, lease, 2, 99, PARTS)
    record = first.shard
    for op in range(SHARD_OPS_KEPT):
        record = ops.checkpoint(record, lease, 2, op, Cursor(b"b")).shard
    assert 99 not in [entry.op for entry in record.ops]
    again = ops.split_residual(record, lease, 900, 99, PARTS)
    assert again == Outcome(record, replayed=True, result=first.result)


def test_records_can_be_pickled() -> None:
    """They live in state."""
    record, lease = leased()
    outcome = ops.split_replace(record, lease, 2, 9, PARTS)
    assert pickle.loads(pickle.dumps((outcome, lease))) == (outcome, lease)


def test_stored_numbers_do_not_change() -> None:
    """They are in records."""
    assert {one.name: int(one) for one in ShardStatus} == {"ACTIVE": 0, "DONE": 1, "SPLIT": 2, "PARKED": 3}
    assert {one.name: int(one) for one in ParkReason} == {
        "PERMISSION_DENIED": 0,
        "NOT_FOUND": 1,
        "POISONED": 2,
        "TOO_MANY_ERRORS": 3,
        "OTHER": 4,
    }
