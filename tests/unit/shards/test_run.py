from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from gossip.engine.limits import KEY_BYTES_MAX, RUN_OPS_KEPT, SHARDS_PER_RUN_MAX
from gossip.engine.shards import errors
from gossip.engine.shards import run as runs
from gossip.engine.shards.cursor import INITIAL, Cursor, CursorSemantics
from gossip.engine.shards.hints import ShardSpec
from gossip.engine.shards.ranges import EVERYTHING, KeyRange
from gossip.engine.shards.records import EventKind, OpRecord, ParkReason, Shard, ShardStatus
from gossip.engine.shards.run import Progress, Run, RunConfig, RunOutcome, RunStatus, ShardInit
from tests.unit.shards.making import CONFIG, OTHER, RUN, TENANT, manifest, shard, spec

SHARDS = manifest(b"a", b"m", b"z")


def fresh() -> Run:
    """A run without shards."""
    return runs.create(TENANT, RUN, CONFIG, 5).run


def active() -> Run:
    """A run with two shards."""
    return runs.register(fresh(), TENANT, 6, 1, SHARDS).run


def done_shards() -> list[Shard]:
    """What a finished run has."""
    return [replace(shard(), status=ShardStatus.DONE)]


ENDS: dict[str, tuple[RunStatus, Callable[[Run, bytes, int, int], RunOutcome]]] = {
    "complete": (RunStatus.DONE, lambda run, tenant, now, op: runs.complete(run, tenant, now, op, done_shards())),
    "fail": (RunStatus.FAILED, runs.fail),
    "cancel": (RunStatus.CANCELLED, runs.cancel),
}
every_end = pytest.mark.parametrize("name", ENDS)


def test_a_run_begins_without_shards() -> None:
    """And without an end."""
    outcome = runs.create(TENANT, RUN, CONFIG, 5)
    assert outcome.run == Run(TENANT, RUN, CONFIG, 5, RunStatus.INITIALIZING, None)
    assert [event.kind for event in outcome.events] == [EventKind.RUN_CREATED]


@pytest.mark.parametrize("bad", [{"lease_time": 0}, {"lease_time": -1}, {"lease_time": 1, "failures_max": 0}])
def test_bad_settings_are_refused(bad: dict[str, int]) -> None:
    """With the values."""
    with pytest.raises(errors.RunConfigError, match=r"lease time -?\d, \d failures"):
        RunConfig(**bad)


def test_a_run_needs_a_time_and_a_tenant() -> None:
    """A clock that works, an id that is one."""
    with pytest.raises(errors.ClockError):
        runs.create(TENANT, RUN, CONFIG, 0)
    with pytest.raises(ValueError, match="32 bytes, not 4"):
        runs.create(b"acme", RUN, CONFIG, 1)


def test_register_activates() -> None:
    """The shards know all that their run was told."""
    config = RunConfig(lease_time=3, semantics=CursorSemantics.DISPATCHED, failures_max=5)
    run = runs.create(TENANT, RUN, config, 5).run
    shards = [*manifest(b"a", b"m"), ShardInit(9, spec(b"m", b"z"), Cursor(b"n", b"t"))]
    outcome = runs.register(run, TENANT, 6, 1, shards)
    assert replace(outcome.run, ops=()) == replace(run, status=RunStatus.ACTIVE)
    common = {"semantics": CursorSemantics.DISPATCHED, "failures_max": 5}
    assert outcome.shards == (
        Shard(TENANT, RUN, 0, spec(b"a", b"m"), **common),
        Shard(TENANT, RUN, 9, spec(b"m", b"z"), Cursor(b"n", b"t"), **common),
    )
    assert outcome.result == (0, 9)
    assert [event.kind for event in outcome.events] == [EventKind.RUN_ACTIVATED, *[EventKind.SPAWNED] * 2]


def test_register_is_done_once() -> None:
    """The same again is a replay, other shards under that id a conflict, another id too late."""
    run = active()
    assert runs.register(run, TENANT, 9, 1, SHARDS) == RunOutcome(run, replayed=True, result=(0, 1))
    with pytest.raises(errors.OpIdConflictError):
        runs.register(run, TENANT, 9, 1, SHARDS[:1])
    with pytest.raises(errors.RunStatusError, match="has its shards already"):
        runs.register(run, TENANT, 9, 2, SHARDS)


@pytest.mark.parametrize(
    ("shards", "says"),
    [
        ([], "at least one"),
        ([SHARDS[0], SHARDS[0]], "1 of 2 shard ids are repeated"),
        ([SHARDS[0], ShardInit(5, spec(b"l", b"n"))], "overlap"),
        ([ShardInit(1, ShardSpec(EVERYTHING)), ShardInit(2, ShardSpec(EVERYTHING))], "overlap"),
    ],
)
def test_manifest_rules(shards: list[ShardInit], says: str) -> None:
    """Not empty, no repeated ids, no key twice."""
    with pytest.raises(errors.ManifestInvalidError, match=says):
        runs.register(fresh(), TENANT, 6, 1, shards)


@pytest.mark.parametrize("number", [-1, 1 << 63, 1 << 64])
def test_ids_of_splits_are_not_given_by_hand(number: int) -> None:
    """Nor are ids that do not fit."""
    with pytest.raises(errors.ManifestInvalidError, match="a split gives others"):
        ShardInit(number, spec(b"a", b"z"))


@pytest.mark.parametrize("key", [b"A", b"z", b"zz"])
def test_manifest_cursor_lies_in_its_range(key: bytes) -> None:
    """Where an earlier run left off must be where this one works."""
    with pytest.raises(errors.ManifestInvalidError, match="shard 3"):
        ShardInit(3, spec(b"a", b"z"), Cursor(key))


def test_manifest_has_a_limit() -> None:
    """Ten thousand, to the shard."""
    bounds = [b"k%08d" % n for n in range(SHARDS_PER_RUN_MAX + 2)]
    shards = manifest(*bounds)
    assert len(runs.register(fresh(), TENANT, 6, 1, shards[:-1]).shards) == SHARDS_PER_RUN_MAX
    with pytest.raises(errors.ShardLimitError) as caught:
        runs.register(fresh(), TENANT, 6, 1, shards)
    assert caught.value.scope == "run"


@every_end
def test_a_run_ends(name: str) -> None:
    """With a time; once for one id."""
    status, end = ENDS[name]
    outcome = end(active(), TENANT, 9, 2)
    assert (outcome.run.status, outcome.run.completed_at) == (status, 9)
    assert [event.kind.value for event in outcome.events] == [f"run-{status.name.lower()}"]
    assert end(outcome.run, TENANT, 10, 2) == RunOutcome(outcome.run, replayed=True)


@every_end
@pytest.mark.parametrize("then", ENDS)
def test_terminal_runs_never_revert(name: str, then: str) -> None:
    """Not to another end, and not to a beginning."""
    ended = ENDS[name][1](active(), TENANT, 9, 2).run
    with pytest.raises(errors.RunTerminalError):
        ENDS[then][1](ended, TENANT, 10, 3)
    with pytest.raises(errors.RunTerminalError):
        runs.register(ended, TENANT, 10, 3, SHARDS)
    if then != name:
        with pytest.raises(errors.OpIdConflictError):
            ENDS[then][1](ended, TENANT, 10, 2)


def test_only_cancel_ends_what_has_not_begun() -> None:
    """A run without shards has neither worked nor failed."""
    for name in ("complete", "fail"):
        with pytest.raises(errors.RunStatusError):
            ENDS[name][1](fresh(), TENANT, 6, 2)
    assert runs.cancel(fresh(), TENANT, 6, 2).run.status is RunStatus.CANCELLED


def test_complete_waits_for_all_shards() -> None:
    """Done, split and parked ones are not waited for."""
    states = [
        replace(shard(), status=ShardStatus.DONE),
        replace(shard(), status=ShardStatus.SPLIT),
        replace(shard(), status=ShardStatus.PARKED, park_reason=ParkReason.OTHER),
    ]
    assert runs.complete(active(), TENANT, 9, 2, states).run.status is RunStatus.DONE
    with pytest.raises(errors.RunStatusError, match="1 shards to work on"):
        runs.complete(active(), TENANT, 9, 2, [*states, shard()])


@every_end
def test_other_tenant_cannot_end_a_run(name: str) -> None:
    """Whatever the run's state."""
    for run in (active(), ENDS[name][1](active(), TENANT, 9, 2).run):
        with pytest.raises(errors.TenantMismatchError):
            ENDS[name][1](run, OTHER, 9, 2)


def test_log_keeps_eight() -> None:
    """The oldest goes first."""
    run = replace(active(), ops=tuple(OpRecord(op, "x", 1, (), 1) for op in range(10, 10 + RUN_OPS_KEPT)))
    ended = runs.cancel(run, TENANT, 9, 99).run
    assert [record.op for record in ended.ops] == [*range(11, 10 + RUN_OPS_KEPT), 99]


def states(*rows: tuple[bytes, bytes, ShardStatus, bytes | None]) -> list[Shard]:
    """Shards by start, end, status and cursor key."""
    return [
        Shard(TENANT, RUN, n, ShardSpec(KeyRange(low, high)), INITIAL if key is None else Cursor(key), status)
        for n, (low, high, status, key) in enumerate(rows)
    ]


ACTIVE, DONE, SPLIT, PARKED = ShardStatus


@pytest.mark.parametrize(
    ("shards", "watermark", "covered"),
    [
        ([], b"", False),
        (states((b"a", b"m", ACTIVE, None)), b"a", False),
        (states((b"a", b"m", ACTIVE, b"c")), b"c\0", False),
        (states((b"a", b"m", DONE, b"c"), (b"m", b"", DONE, None)), b"", True),
        (states((b"m", b"z", ACTIVE, None), (b"a", b"m", DONE, b"c")), b"m", False),
        (states((b"a", b"c", DONE, None), (b"d", b"f", PARKED, b"e"), (b"f", b"g", DONE, None)), b"e\0", False),
        (states((b"a", b"z", SPLIT, None), (b"a", b"m", DONE, None), (b"m", b"z", DONE, None)), b"", True),
        (states((b"", b"m", ACTIVE, None)), b"", False),
        (states((b"a", b"", ACTIVE, b"\xff" * KEY_BYTES_MAX)), b"", True),
    ],
)
def test_watermark_is_where_the_first_hole_begins(shards: list[Shard], watermark: bytes, *, covered: bool) -> None:
    """What replaced a split shard stands for it; a parked one is a hole; what lies between shards is none."""
    progress = runs.progress(shards, 1)
    assert (progress.watermark, progress.covered) == (watermark, covered)


def test_progress_counts() -> None:
    """By status; leased ones as far as their leases hold."""
    shards = [
        *states((b"a", b"b", DONE, None), (b"b", b"c", PARKED, None), (b"c", b"d", ACTIVE, None)),
        replace(runs.register(fresh(), TENANT, 6, 1, manifest(b"d", b"e")).shards[0], id=9),
    ]
    expected = Progress(active=2, done=1, split=0, parked=1, leased=0, watermark=b"b", covered=False)
    assert runs.progress(shards, 1) == expected
    assert not expected.settled
    assert runs.progress(shards[:2], 1).settled


def test_stored_numbers_do_not_change() -> None:
    """They are in records."""
    names = ["INITIALIZING", "ACTIVE", "DONE", "FAILED", "CANCELLED"]
    assert [(one.name, int(one)) for one in RunStatus] == list(zip(names, range(5), strict=True))
