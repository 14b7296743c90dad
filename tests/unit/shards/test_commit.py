from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import replace
from itertools import product

import pytest

from gossip.engine.shards.commit import (
    BoundaryKind,
    CheckpointReceipt,
    CommitStage,
    FindingsReceipt,
    LedgerReceipt,
    PageCommit,
    PageScope,
)
from gossip.engine.shards.errors import CommitOrderError
from tests.unit.shards.making import OTHER, TENANT

SCOPE = PageScope(TENANT, b"p" * 32, 7, 1, 2, 3, (BoundaryKind.ORDERED_CONTENT, b"src/secret"))
Step = Callable[[PageCommit, PageScope], None]
STEPS: list[Step] = [
    lambda commit, scope: commit.findings_durable(FindingsReceipt(scope)),
    lambda commit, scope: commit.ledger_durable(LedgerReceipt(scope, scope.units)),
    lambda commit, scope: commit.checkpoint_durable(CheckpointReceipt(scope)),
]


def at(stage: CommitStage) -> PageCommit:
    """A commit that has come that far."""
    commit = PageCommit(SCOPE)
    for step in STEPS[:stage]:
        step(commit, SCOPE)
    return commit


def test_findings_before_ledger_before_checkpoint() -> None:
    """The one order that works."""
    commit = PageCommit(SCOPE)
    seen = [commit.stage]
    for step in STEPS:
        step(commit, SCOPE)
        seen.append(commit.stage)
    assert seen == list(CommitStage)


@pytest.mark.parametrize(("stage", "step"), [(s, n) for s, n in product(CommitStage, range(3)) if s != n])
def test_every_other_step_is_refused(stage: CommitStage, step: int) -> None:
    """Too early, twice, too late: nine of twelve, and the stage stays."""
    commit = at(stage)
    with pytest.raises(CommitOrderError, match="this step needs"):
        STEPS[step](commit, SCOPE)
    assert commit.stage is stage


def test_nothing_is_written_before_its_turn() -> None:
    """The checks that a writer asks before it writes."""
    for stage in CommitStage:
        commit = at(stage)
        for check, turn in (
            (commit.check_may_write_ledger, CommitStage.FINDINGS_DURABLE),
            (commit.check_may_checkpoint, CommitStage.ITEMS_DURABLE),
        ):
            if stage is turn:
                check()
            else:
                with pytest.raises(CommitOrderError):
                    check()
        assert commit.stage is stage


@pytest.mark.parametrize("step", range(3))
@pytest.mark.parametrize(
    "change",
    [
        {"tenant": OTHER},
        {"policy": b"q" * 32},
        {"run": 8},
        {"shard": 2},
        {"fence": 3},
        {"units": 4},
        {"boundary": (BoundaryKind.REPOSITORY_FRONTIER, b"src/secret")},
        {"boundary": (BoundaryKind.ORDERED_CONTENT, b"src/secre")},
    ],
    ids=lambda change: next(iter(change)),
)
def test_receipt_scope_equals_page_scope(step: int, change: dict[str, object]) -> None:
    """Every field counts; the same bytes as a boundary of another kind are another boundary. None are shown."""
    commit = at(CommitStage(step))
    with pytest.raises(CommitOrderError, match=f"{next(iter(change))} differ") as caught:
        STEPS[step](commit, replace(SCOPE, **change))
    assert commit.stage is CommitStage(step)
    assert "secret" not in str(caught.value) + repr(commit)


@pytest.mark.parametrize("rows", [0, 2, 4])
def test_ledger_has_a_row_for_every_unit(rows: int) -> None:
    """Neither fewer nor more."""
    commit = at(CommitStage.FINDINGS_DURABLE)
    with pytest.raises(CommitOrderError, match=f"{rows} ledger rows for a page of 3 units"):
        commit.ledger_durable(LedgerReceipt(SCOPE, rows))
    assert commit.stage is CommitStage.FINDINGS_DURABLE


def test_a_page_may_be_empty_but_not_less() -> None:
    """An empty page commits as any other."""
    empty = replace(SCOPE, units=0)
    commit = PageCommit(empty)
    for step in STEPS:
        step(commit, empty)
    assert commit.stage is CommitStage.CHECKPOINT_DURABLE
    with pytest.raises(CommitOrderError, match="-1 units"):
        PageCommit(replace(SCOPE, units=-1))


def test_commit_can_be_pickled() -> None:
    """It may be under way when state is saved."""
    commit = pickle.loads(pickle.dumps(at(CommitStage.FINDINGS_DURABLE)))
    assert (commit.scope, commit.stage) == (SCOPE, CommitStage.FINDINGS_DURABLE)
    STEPS[1](commit, SCOPE)
