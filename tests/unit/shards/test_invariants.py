from __future__ import annotations

from dataclasses import replace

import pytest

from gossip.engine.identity import DERIVED_SHARD_BIT
from gossip.engine.limits import RUN_OPS_KEPT, SHARD_OPS_KEPT, SPAWNED_PER_SHARD_MAX
from gossip.engine.shards.cursor import Cursor
from gossip.engine.shards.errors import InvariantBrokenError
from gossip.engine.shards.invariants import check_change, check_run, check_run_change, check_shard, check_split
from gossip.engine.shards.records import Hold, OpRecord, ParkReason, Shard, ShardStatus
from gossip.engine.shards.run import Run, RunStatus
from tests.unit.shards.making import CONFIG, OTHER, RUN, TENANT, shard, spec

BASE = shard()
CHILD = DERIVED_SHARD_BIT | 5


def operations(*ids: int) -> tuple[OpRecord, ...]:
    """A log."""
    return tuple(OpRecord(op, "x", 1, (), 1) for op in ids)


def derived(count: int) -> tuple[int, ...]:
    """Ids as splits give them."""
    return tuple(DERIVED_SHARD_BIT | n for n in range(count))


SHAPES: list[tuple[str, Shard]] = [
    ("a park reason", replace(BASE, park_reason=ParkReason.OTHER)),
    ("a park reason", replace(BASE, status=ShardStatus.PARKED)),
    ("no lease on", replace(BASE, status=ShardStatus.DONE, hold=Hold(1, 1))),
    ("a fence of", replace(BASE, fence=0)),
    ("a log without", replace(BASE, ops=operations(*range(SHARD_OPS_KEPT + 1)))),
    ("a log without", replace(BASE, ops=operations(1, 1))),
    ("spawned shards after", replace(BASE, status=ShardStatus.SPLIT)),
    ("a parent if", replace(BASE, parent=2)),
    ("a parent if", replace(BASE, id=CHILD)),
    ("derived ids", replace(BASE, spawned=(2,))),
    ("derived ids", replace(BASE, spawned=(CHILD, CHILD))),
    ("no flood", replace(BASE, spawned=derived(SPAWNED_PER_SHARD_MAX + 1))),
    ("a cursor in", replace(BASE, cursor=Cursor(b"z"))),
    ("no more failures", replace(BASE, failures=3)),
]


@pytest.mark.parametrize(("rule", "wrong"), SHAPES, ids=[rule for rule, _ in SHAPES])
def test_record_shape(rule: str, wrong: Shard) -> None:
    """Each rule fires, alone, on a record that breaks it."""
    with pytest.raises(InvariantBrokenError, match=f"1 must have {rule}|{CHILD} must have {rule}") as caught:
        check_shard(wrong)
    assert ";" not in str(caught.value)


def test_sound_records() -> None:
    """At their limits."""
    for sound in (
        BASE,
        replace(BASE, status=ShardStatus.PARKED, park_reason=ParkReason.TOO_MANY_ERRORS, failures=3),
        replace(BASE, status=ShardStatus.SPLIT, spawned=derived(SPAWNED_PER_SHARD_MAX)),
        replace(BASE, id=CHILD, parent=1, ops=operations(*range(SHARD_OPS_KEPT)), failures=2, hold=Hold(1, 1)),
    ):
        check_shard(sound)


HELD = replace(BASE, hold=Hold(1, 50), fence=2, cursor=Cursor(b"m"), spawned=(CHILD,))
PARKED = replace(HELD, hold=None, status=ShardStatus.PARKED, park_reason=ParkReason.OTHER)
CHANGES: list[tuple[str, Shard, Shard]] = [
    ("the same shard", HELD, replace(HELD, tenant=OTHER)),
    ("the same shard", HELD, replace(HELD, parent=3)),
    ("a fence that never", HELD, replace(HELD, fence=1)),
    ("ends that stay", replace(HELD, hold=None, status=ShardStatus.DONE), replace(HELD, hold=None)),
    ("ends that stay", PARKED, replace(PARKED, status=ShardStatus.ACTIVE, park_reason=None)),
    ("nothing to change", PARKED, replace(PARKED, park_reason=ParkReason.POISONED)),
    ("a cursor that never", HELD, replace(HELD, cursor=Cursor(b"l"))),
    ("a cursor that never", HELD, replace(HELD, cursor=Cursor())),
    ("a range that only", HELD, replace(HELD, spec=spec(b"a", b"zz"))),
    ("no lease without", HELD, replace(HELD, hold=Hold(2, 50))),
    ("no lease without", replace(HELD, hold=None), HELD),
    ("a deadline that", HELD, replace(HELD, hold=Hold(1, 49))),
    ("spawned shards that stay", HELD, replace(HELD, spawned=())),
]


@pytest.mark.parametrize(("rule", "old", "new"), CHANGES, ids=[rule for rule, *_ in CHANGES])
def test_change(rule: str, old: Shard, new: Shard) -> None:
    """Each rule fires, alone, on a change that breaks it."""
    with pytest.raises(InvariantBrokenError, match=rule) as caught:
        check_change(old, new)
    assert ";" not in str(caught.value)


def test_sound_changes() -> None:
    """Staying, a new lease, and unparking under a new fence."""
    check_change(HELD, HELD)
    check_change(HELD, replace(HELD, hold=Hold(2, 10), fence=3))
    check_change(PARKED, replace(PARKED, status=ShardStatus.ACTIVE, park_reason=None, fence=3))


def test_split_covers_exactly() -> None:
    """Kept and given away together are what was; a change without a split keeps the range."""
    child = Shard(TENANT, RUN, CHILD, spec(b"m", b"z"), parent=1)
    shrunk = replace(BASE, spec=spec(b"a", b"m"), spawned=(CHILD,))
    check_split(BASE, shrunk, [child])
    check_split(BASE, BASE, [])
    for rule, new, children in (
        ("an old range", shrunk, [replace(child, spec=spec(b"n", b"z"))]),
        ("an old range", replace(shrunk, spec=BASE.spec), [child]),
        ("the records of", shrunk, []),
        ("the records of", replace(shrunk, spawned=()), [child]),
        ("spawned shards that point back", shrunk, [replace(child, parent=2)]),
        ("spawned shards that point back", shrunk, [replace(child, run=8)]),
    ):
        with pytest.raises(InvariantBrokenError, match=rule):
            check_split(BASE, new, children)


ACTIVE_RUN = Run(TENANT, RUN, CONFIG, 1, RunStatus.ACTIVE)


def test_run_and_shards_fit_together() -> None:
    """Every split parent's children exist and point back, no key is in two shards, an end has a time."""
    child = Shard(TENANT, RUN, CHILD, spec(b"m", b"z"), parent=1)
    parent = replace(BASE, spec=spec(b"a", b"m"), spawned=(CHILD,))
    check_run(ACTIVE_RUN, {1: parent, CHILD: child})
    for rule, run, shards in (
        ("spawned shards that exist", ACTIVE_RUN, {1: parent}),
        ("parents that know", ACTIVE_RUN, {1: replace(parent, spawned=()), CHILD: child}),
        ("spawned shards that exist", ACTIVE_RUN, {1: parent, CHILD: replace(child, parent=2)}),
        ("no key in two", ACTIVE_RUN, {1: parent, CHILD: replace(child, spec=spec(b"l", b"z"))}),
        ("shards of its own", ACTIVE_RUN, {2: BASE}),
        ("shards of its own", ACTIVE_RUN, {1: replace(BASE, tenant=OTHER)}),
        ("shards if it began", ACTIVE_RUN, {}),
        ("a time of completion", replace(ACTIVE_RUN, completed_at=3), {1: BASE}),
        ("a time of completion", replace(ACTIVE_RUN, status=RunStatus.DONE), {1: BASE}),
        ("a log without", replace(ACTIVE_RUN, ops=operations(*range(RUN_OPS_KEPT + 1))), {1: BASE}),
    ):
        with pytest.raises(InvariantBrokenError, match=rule):
            check_run(run, shards)


def test_run_changes_forward() -> None:
    """An end is an end, with its time; what it was made with stays."""
    ended = replace(ACTIVE_RUN, status=RunStatus.FAILED, completed_at=5)
    check_run_change(ACTIVE_RUN, ended)
    for old, new in (
        (ended, replace(ended, status=RunStatus.CANCELLED)),
        (ended, replace(ended, completed_at=6)),
        (ACTIVE_RUN, replace(ended, completed_at=None)),
        (ACTIVE_RUN, replace(ACTIVE_RUN, status=RunStatus.INITIALIZING)),
        (ACTIVE_RUN, replace(ACTIVE_RUN, created_at=2)),
    ):
        with pytest.raises(InvariantBrokenError):
            check_run_change(old, new)
