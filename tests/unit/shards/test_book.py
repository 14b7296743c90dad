from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import replace

import pytest

from gossip.engine.shards import book as books
from gossip.engine.shards import errors
from gossip.engine.shards import run as runs
from gossip.engine.shards import shard as transitions
from gossip.engine.shards.book import Book, BookLimits, Capacity, Grant, Listing, Snapshot, StartCall
from gossip.engine.shards.cursor import Cursor
from gossip.engine.shards.records import Hold, ParkReason, ShardStatus
from gossip.engine.shards.run import RunConfig, RunStatus
from gossip.engine.shards.splits import plan_replace, plan_residual
from tests.unit.shards.making import CONFIG, OTHER, RUN, TENANT, book, manifest, spec


def claimed(made: Book, worker: int = 1, now: int = 10) -> Grant:
    """A worker's next shard."""
    return made.claim(TENANT, RUN, worker, now)


def parked(made: Book, shard: int = 0, now: int = 10) -> None:
    """Park one shard."""
    made.park(made.acquire(TENANT, RUN, shard, 9, now).lease, now, 900, ParkReason.OTHER)


def test_claims_hand_out_each_shard_once() -> None:
    """Three workers, two free shards: the oldest first, then a time to come back."""
    made = book()
    parked(made)
    grants = [claimed(made, worker, 10 + worker) for worker in (1, 2)]
    assert [grant.shard.id for grant in grants] == [1, 2]
    assert [grant.capacity for grant in grants] == [Capacity(1, 111), Capacity(0, 111)]
    with pytest.raises(errors.NoneAvailableError) as caught:
        claimed(made, 3, 13)
    assert caught.value.at == 111
    assert claimed(made, 3, 111).shard.id == 1


def test_claim_gives_a_worker_more_and_not_the_same() -> None:
    """Its own live shard is not free to itself."""
    made = book()
    assert [claimed(made).shard.id for _ in range(3)] == [0, 1, 2]
    with pytest.raises(errors.NoneAvailableError):
        claimed(made)


def test_none_available_without_work_under_way_has_no_time() -> None:
    """Nothing to wait for."""
    made = book(manifest(b"a", b"z"))
    parked(made)
    with pytest.raises(errors.NoneAvailableError) as caught:
        claimed(made)
    assert caught.value.at is None


def test_no_second_claim_inside_the_cooldown() -> None:
    """Of one worker; a claim that gave nothing does not count; the end of the cooldown is told and is outside."""
    made = book(manifest(b"a", b"c", b"e", b"g"), BookLimits(claim_cooldown=5))
    claimed(made, 1, 10)
    claimed(made, 2, 10)
    with pytest.raises(errors.ThrottledError) as caught:
        claimed(made, 1, 14)
    assert caught.value.at == 15
    claimed(made, 1, 15)
    for now in (20, 21):
        with pytest.raises(errors.NoneAvailableError):
            claimed(made, 2, now)


def test_lost_worker_is_replaced() -> None:
    """Expiry, a new lease, and the old writer refused at every step."""
    made = book(manifest(b"a", b"z"))
    old = claimed(made).lease
    made.checkpoint(old, 11, 1, Cursor(b"c"))
    new = claimed(made, 2, 200)
    assert (new.shard.cursor, new.lease.fence) == (Cursor(b"c"), old.fence + 1)
    before = made.snapshot()
    late: list[Callable[[], object]] = [
        lambda: made.checkpoint(old, 201, 2, Cursor(b"d")),
        lambda: made.complete(old, 201, 2),
        lambda: made.park(old, 201, 2, ParkReason.OTHER),
        lambda: made.fail(old, 201, 2),
        lambda: made.renew(old, 201),
        lambda: made.split_replace(old, 201, 2, plan_replace(spec(b"a", b"z"), [b"m"])),
        lambda: made.split_residual(old, 201, 2, plan_residual(spec(b"a", b"z"), b"m")),
    ]
    for operation in late:
        with pytest.raises(errors.StaleFenceError):
            operation()
    assert made.snapshot() == before


def test_split_family_works_until_the_run_is_done() -> None:
    """Children and residuals are claimed like others; then everything is covered, and the run ends."""
    made = book(manifest(b"a", b"z"))
    lease = claimed(made).lease
    made.split_residual(lease, 11, 1, plan_residual(spec(b"a", b"z"), b"p"))
    made.split_replace(lease, 12, 2, plan_replace(spec(b"a", b"p"), [b"h"]))
    assert made.capacity(TENANT, RUN, 13) == Capacity(3, None)
    for op in (3, 4, 5):
        made.complete(claimed(made, 1, 20).lease, 21, op)
    progress = made.progress(TENANT, RUN, 30)
    assert (progress.done, progress.split, progress.active, progress.covered) == (3, 1, 0, True)
    assert made.complete_run(TENANT, RUN, 31, 9).run.status is RunStatus.DONE


def test_listings() -> None:
    """Each by what it says."""
    made = book()
    parked(made)
    lease = made.acquire(TENANT, RUN, 1, 1, 10).lease
    residual = made.split_residual(lease, 10, 1, plan_residual(spec(b"h", b"p"), b"k")).result
    wanted = {
        Listing.ALL: [0, 1, 2, *residual],
        Listing.ACTIVE: [1, 2, *residual],
        Listing.AVAILABLE: [2, *residual],
        Listing.PARKED: [0],
        Listing.ROOTS: [0, 1, 2],
    }
    found = {kind: [shard.id for shard in made.shards(TENANT, RUN, 10, kind)] for kind in Listing}
    assert found == wanted


def test_tenants_never_meet() -> None:
    """The same run and shard numbers, two tenants: each sees its own, and a foreign one is not found."""
    made = book()
    made.create_run(OTHER, RUN, CONFIG, 1)
    with pytest.raises(errors.ShardNotFoundError) as caught:
        made.shard(OTHER, RUN, 0)
    assert TENANT.hex() not in str(caught.value)
    made.register_shards(OTHER, RUN, 1, 1, manifest(b"q", b"r"))
    lease = claimed(made).lease
    foreign = replace(lease, tenant=OTHER)
    with pytest.raises(errors.StaleFenceError):
        made.checkpoint(foreign, 11, 1, Cursor(b"c"))
    made.checkpoint(lease, 11, 1, Cursor(b"c"))
    made.cancel_run(OTHER, RUN, 12, 9)
    assert made.run(TENANT, RUN).status is RunStatus.ACTIVE
    assert made.shard(TENANT, RUN, 0).cursor == Cursor(b"c")
    assert made.shard(OTHER, RUN, 0).cursor == Cursor()


@pytest.mark.parametrize(
    "operation",
    [
        lambda made: made.run(OTHER, RUN),
        lambda made: made.progress(OTHER, RUN, 1),
        lambda made: made.shards(OTHER, RUN, 1),
        lambda made: made.claim(OTHER, RUN, 1, 1),
        lambda made: made.register_shards(OTHER, RUN, 1, 1, manifest(b"a", b"b")),
        lambda made: made.complete_run(OTHER, RUN, 1, 1),
        lambda made: made.fail_run(OTHER, RUN, 1, 1),
        lambda made: made.cancel_run(TENANT, RUN + 1, 1, 1),
    ],
)
def test_foreign_and_missing_runs_are_not_found(operation: Callable[[Book], object]) -> None:
    """One answer for both, so that it tells nothing."""
    with pytest.raises(errors.RunNotFoundError):
        operation(book())


def test_missing_shards_are_not_found() -> None:
    """By number, or by a lease of a book that is not this one."""
    made = book()
    lease = claimed(made).lease
    with pytest.raises(errors.ShardNotFoundError):
        made.acquire(TENANT, RUN, 99, 1, 1)
    with pytest.raises(errors.ShardNotFoundError):
        made.unpark(OTHER, RUN, 0, 1, 1)
    with pytest.raises(errors.ShardNotFoundError):
        made.renew(replace(lease, shard=99), 11)


def test_ended_run_gives_no_more_work() -> None:
    """Nothing is granted, renewed, split or unparked; what is under way may still be told."""
    made = book()
    parked(made, 2)
    lease, other = claimed(made).lease, claimed(made).lease
    made.cancel_run(TENANT, RUN, 11, 9)
    refused: list[Callable[[], object]] = [
        lambda: made.acquire(TENANT, RUN, 0, 1, 12),
        lambda: made.renew(lease, 12),
        lambda: made.split_replace(lease, 12, 1, plan_replace(spec(b"a", b"h"), [b"c"])),
        lambda: made.split_residual(lease, 12, 1, plan_residual(spec(b"a", b"h"), b"c")),
    ]
    before = made.snapshot()
    for operation in refused:
        with pytest.raises(errors.ShardTerminalError):
            operation()
    with pytest.raises(errors.RunTerminalError):
        made.unpark(TENANT, RUN, 2, 12, 1)
    with pytest.raises(errors.RunTerminalError):
        claimed(made, 3, 12)
    assert made.snapshot() == before
    assert made.capacity(TENANT, RUN, 12).available == 0
    assert made.shards(TENANT, RUN, 500, Listing.AVAILABLE) == ()
    made.checkpoint(lease, 12, 1, Cursor(b"c"))
    assert made.complete(lease, 12, 2).shard.status is ShardStatus.DONE
    assert made.park(other, 12, 1, ParkReason.OTHER).shard.status is ShardStatus.PARKED


def test_create_is_once_and_start_is_as_often_as_needed() -> None:
    """A retry is a replay; other settings or shards are told apart; what is refused leaves nothing."""
    made = Book()
    call = StartCall(TENANT, RUN, 1, 1)
    shards = manifest(b"a", b"z")
    with pytest.raises(errors.ManifestInvalidError):
        made.start_run(CONFIG, [], call)
    assert made.snapshot() == Snapshot((), (), ())
    assert made.start_run(CONFIG, shards, call).result == (0,)
    assert made.start_run(CONFIG, shards, call).replayed
    with pytest.raises(errors.OpIdConflictError):
        made.start_run(CONFIG, manifest(b"a", b"y"), call)
    with pytest.raises(errors.RunConfigMismatchError):
        made.start_run(RunConfig(lease_time=1), shards, call)
    with pytest.raises(errors.RunExistsError):
        made.create_run(TENANT, RUN, CONFIG, 1)


@pytest.mark.parametrize(
    ("limits", "scope"), [(BookLimits(shards_per_tenant_max=3), "tenant"), (BookLimits(shards_max=3), "book")]
)
def test_shard_limits_stop_a_flood(limits: BookLimits, scope: str) -> None:
    """Registrations and splits alike, before anything changes; a replay needs no room."""
    made = book(limits=limits)
    lease = claimed(made).lease
    before = made.snapshot()
    for split in (
        lambda: made.split_residual(lease, 11, 1, plan_residual(spec(b"a", b"h"), b"c")),
        lambda: made.split_replace(lease, 11, 1, plan_replace(spec(b"a", b"h"), [b"c"])),
    ):
        with pytest.raises(errors.ShardLimitError, match="more than 3") as caught:
            split()
        assert caught.value.scope == scope
    assert made.snapshot() == before
    assert made.register_shards(TENANT, RUN, 2, 1, manifest(b"a", b"h", b"p", b"z")).replayed
    made.create_run(TENANT, RUN + 1, CONFIG, 1)
    with pytest.raises(errors.ShardLimitError):
        made.register_shards(TENANT, RUN + 1, 1, 1, manifest(b"a", b"b"))


def test_ended_run_can_be_forgotten() -> None:
    """It makes room; one that has not ended cannot."""
    made = book(limits=BookLimits(shards_max=3))
    with pytest.raises(errors.RunStatusError, match="end it first"):
        made.forget_run(TENANT, RUN)
    made.cancel_run(TENANT, RUN, 2, 2)
    made.forget_run(TENANT, RUN)
    assert made.snapshot() == Snapshot((), (), ())
    with pytest.raises(errors.RunNotFoundError):
        made.forget_run(TENANT, RUN)
    made.create_run(TENANT, RUN + 1, CONFIG, 3)
    assert len(made.register_shards(TENANT, RUN + 1, 3, 1, manifest(b"a", b"c", b"e", b"g")).shards) == 3


def test_split_is_atomic_and_replayable() -> None:
    """Parent and children appear together, once."""
    made = book(manifest(b"a", b"z"))
    lease = claimed(made).lease
    children = plan_replace(spec(b"a", b"z"), [b"h", b"p"])
    first = made.split_replace(lease, 11, 1, children)
    after = made.snapshot()
    assert [shard.parent for shard in after.shards] == [None, 0, 0, 0]
    again = made.split_replace(lease, 900, 1, children)
    assert (again.replayed, again.result) == (True, first.result)
    assert made.snapshot() == after


def test_snapshot_restores_the_same_book() -> None:
    """Pickled in between; it is not changed by what comes later; the copy goes on as the original does."""
    made = book(limits=BookLimits(claim_cooldown=5))
    lease = claimed(made).lease
    made.split_residual(lease, 11, 1, plan_residual(spec(b"a", b"h"), b"c"))
    kept = made.snapshot()
    copy = Book.restored(pickle.loads(pickle.dumps(kept)), BookLimits(claim_cooldown=5))
    made.complete(lease, 12, 2)
    assert made.snapshot() != kept == copy.snapshot()
    assert copy.capacity(TENANT, RUN, 12) == Capacity(3, 110)
    with pytest.raises(errors.ThrottledError):
        claimed(copy, 1, 12)
    copy.complete(lease, 12, 2)
    assert copy.shard(TENANT, RUN, 0) == made.shard(TENANT, RUN, 0)


def test_damaged_snapshot_is_refused() -> None:
    """A shard that contradicts itself, one without a run, a child that is missing, a key in two shards."""
    made = book()
    lease = claimed(made).lease
    made.split_residual(lease, 11, 1, plan_residual(spec(b"a", b"h"), b"c"))
    kept = made.snapshot()
    first, second, *rest = kept.shards
    for shards in (
        (replace(first, status=ShardStatus.DONE), second, *rest),
        (first, second, *rest[:-1]),
        (first, replace(second, spec=spec(b"a", b"p")), *rest),
    ):
        with pytest.raises(errors.InvariantBrokenError):
            Book.restored(kept._replace(shards=shards))
    with pytest.raises(errors.RunNotFoundError):
        Book.restored(kept._replace(runs=()))


def test_broken_invariant_aborts_before_anything_is_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    """A transition that made an impossible record, child or id: the book is as it was."""
    made = book()
    lease = claimed(made).lease
    parts = plan_residual(spec(b"a", b"h"), b"c")
    good = transitions.split_residual(made.shard(TENANT, RUN, 0), lease, 11, 1, parts)
    child = good.children[0]
    wrong = [
        replace(good, children=()),
        replace(good, children=(replace(child, parent=2),)),
        replace(good, children=(replace(child, hold=Hold(1, 1), status=ShardStatus.DONE),)),
        replace(good, shard=replace(good.shard, fence=1)),
        replace(good, shard=replace(good.shard, spec=spec(b"a", b"d"))),
    ]
    before = made.snapshot()
    for outcome in wrong:
        monkeypatch.setattr(books.transitions, "split_residual", lambda *_, made=outcome: made)
        with pytest.raises(errors.InvariantBrokenError, match="Nothing was stored"):
            made.split_residual(lease, 11, 1, parts)
        assert made.snapshot() == before


def test_broken_run_is_not_stored_either(monkeypatch: pytest.MonkeyPatch) -> None:
    """An end without a time."""
    made = book()
    before = made.snapshot()
    ended = runs.cancel(made.run(TENANT, RUN), TENANT, 2, 9)
    broken = replace(ended, run=replace(ended.run, completed_at=None))
    monkeypatch.setattr(books.runs, "cancel", lambda *_: broken)
    with pytest.raises(errors.InvariantBrokenError, match="a time of completion"):
        made.cancel_run(TENANT, RUN, 2, 9)
    assert made.snapshot() == before


def test_unpark_is_replayed_after_the_run_has_ended() -> None:
    """Who lost the reply is told that it was done."""
    made = book()
    parked(made)
    made.unpark(TENANT, RUN, 0, 11, 5)
    made.cancel_run(TENANT, RUN, 12, 9)
    assert made.unpark(TENANT, RUN, 0, 13, 5).replayed


def test_taken_id_is_not_overwritten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixty-four bits can collide; the work of a shard must not vanish."""
    monkeypatch.setattr(transitions, "derived_shard_id", lambda *_: 1 << 63)
    made = book()
    made.split_residual(claimed(made).lease, 11, 1, plan_residual(spec(b"a", b"h"), b"c"))
    with pytest.raises(errors.InvariantBrokenError, match="are taken"):
        made.split_residual(claimed(made).lease, 11, 1, plan_residual(spec(b"h", b"p"), b"k"))
