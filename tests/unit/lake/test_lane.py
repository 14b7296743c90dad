from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

from gossip.connectors.lake.lane import HOOK_POINTS, CommitLane, FencedError, done_units
from gossip.connectors.lake.maintain import verify
from gossip.connectors.lake.storage import location
from gossip.connectors.lake.views import query
from gossip.schemas.errors import MisuseError
from gossip.schemas.ledger import Event, Status
from gossip.schemas.summary import Loss
from tests.support.lake import context, digest, finding, lane, unit


def rows(folder: Path, sql: str) -> list[tuple[object, ...]]:
    """All rows of a query."""
    return list(query(location(str(folder)), sql).rows())


def test_commit_writes_both_tables(tmp_path: Path) -> None:
    """One commit holds the occurrences and the ledger rows of all its units, under one number."""
    writer = lane(tmp_path)
    assert [writer.add(unit(number)) for number in range(3)] == [True, True, True]
    assert writer.commit() == 1
    assert rows(tmp_path, "SELECT unit_id, occurrence_id, seq, lane, secret_bytes FROM occurrences ORDER BY ALL") == [
        ("unit-1", digest("occurrence", 10), 1, "lane-00", 20),
        *sorted(("unit-2", digest("occurrence", n), 1, "lane-00", 20) for n in (20, 21)),
    ]
    assert rows(tmp_path, "SELECT unit_id, status, findings, attempts, seq FROM ledger ORDER BY ALL") == [
        ("unit-0", "scanned_clean", 0, 1, 1),
        ("unit-1", "scanned_with_findings", 1, 1, 1),
        ("unit-2", "scanned_with_findings", 2, 1, 1),
    ]


def test_idle_lane_writes_nothing(tmp_path: Path) -> None:
    """A commit without units leaves both tables as they were."""
    writer = lane(tmp_path)
    assert writer.commit() == 0
    assert writer.seq == 1
    assert list(tmp_path.rglob("*.parquet")) == []


def test_replay_adds_nothing(tmp_path: Path) -> None:
    """Units that were committed are dropped, by the lane that committed them and by the next one."""
    writer = lane(tmp_path)
    for number in range(4):
        writer.add(unit(number))
    writer.commit()
    assert not writer.add(unit(2))
    again = lane(tmp_path)
    assert [again.add(unit(number)) for number in range(5)] == [False] * 4 + [True]
    assert again.commit() == 2
    assert verify(location(str(tmp_path))).violations == ()


def test_large_buffer_goes_out_early(tmp_path: Path) -> None:
    """Rows do not wait for a snapshot when there are many: each early commit has a number of its own."""
    writer = lane(tmp_path, buffer_rows=4)
    for number in range(6):
        writer.add(unit(number))
    writer.commit()
    assert rows(tmp_path, "SELECT seq, count(*) FROM ledger GROUP BY seq ORDER BY seq") == [(1, 3), (2, 3)]


def test_another_policy_scans_again(tmp_path: Path) -> None:
    """A unit done under one policy is not done under another; the finding stays one."""
    first = lane(tmp_path)
    first.add(unit(1))
    first.commit()
    second = lane(tmp_path, context=context(policy="other"))
    assert not second.is_done("unit-1")
    assert second.add(unit(1))
    assert second.commit() == 2
    assert rows(tmp_path, "SELECT places FROM findings") == [(1,)]
    assert verify(location(str(tmp_path))).violations == ()


def test_failed_unit_is_tried_again(tmp_path: Path) -> None:
    """What a failed attempt found stays, is not written twice, and counts for the status of the next attempt."""
    writer = lane(tmp_path)
    writer.add(unit(1, outcome="failed_retryable", code="unreadable", losses=[Loss("unreadable", "f")]))
    writer.commit()
    again = lane(tmp_path)
    assert again.add(unit(1, []))
    again.commit()
    assert rows(tmp_path, "SELECT attempts, status, findings, loss_names FROM ledger_rows ORDER BY attempts") == [
        (1, "failed_retryable", 1, ["unreadable: f"]),
        (2, "scanned_with_findings", 1, []),
    ]
    assert rows(tmp_path, "SELECT count(*) FROM occurrences") == [(1,)]
    assert not lane(tmp_path).add(unit(1))
    assert done_units(location(str(tmp_path)), context(), digest("repo")) == {"unit-1": Status.SCANNED_WITH_FINDINGS}


def test_done_units_without_a_lake(tmp_path: Path) -> None:
    """A planner may ask before anything was written."""
    assert done_units(location(str(tmp_path)), context(), "x") == {}


def test_finished_targets_are_not_held(tmp_path: Path) -> None:
    """Units of targets that cannot be delivered again cost no memory."""
    writer = lane(tmp_path)
    writer.add(unit(1))
    writer.commit()
    assert not lane(tmp_path, finished=frozenset({digest("repo")})).is_done("unit-1")


class CrashError(Exception):
    """The end of a process, in a test."""


@pytest.mark.parametrize("point", HOOK_POINTS)
def test_crash_between_commits(tmp_path: Path, point: str) -> None:
    """Wherever a commit ends, a replay in other batches completes the tables exactly."""

    def crash(at: str) -> None:
        if at == point:
            raise CrashError

    dying = lane(tmp_path, hook=crash)
    for number in range(5):
        dying.add(unit(number))
    with pytest.raises(CrashError):
        dying.commit()
    again = lane(tmp_path)
    for number in reversed(range(7)):
        again.add(unit(number))
        if number % 2:
            again.commit()
    again.commit()
    assert verify(location(str(tmp_path))).violations == ()
    assert rows(tmp_path, "SELECT count(*), count(DISTINCT occurrence_id) FROM occurrences") == [(6, 6)]
    assert rows(tmp_path, "SELECT count(*) FROM ledger_rows") == [(7,)]


def test_stale_lane_is_fenced(tmp_path: Path) -> None:
    """Of two executions on one lane, the one that did not commit last stops, and says which lane and what to do."""
    first, second = lane(tmp_path), lane(tmp_path)
    first.add(unit(1))
    second.add(unit(2))
    assert first.commit() == 1
    with pytest.raises(FencedError, match=r"lane lane-00: another execution writes to it .*start one"):
        second.commit()
    assert first.add(unit(2))
    assert first.commit() == 2
    assert verify(location(str(tmp_path))).violations == ()


def committed(writer: CommitLane) -> bool:
    """Whether a commit succeeded; False where it was fenced."""
    try:
        writer.commit()
    except FencedError:
        return False
    return True


@pytest.mark.parametrize("point", HOOK_POINTS[:3])
@pytest.mark.parametrize("others", [(0, 2), (0, 3)], ids=["with-findings", "clean"])
def test_race_fences_one(tmp_path: Path, point: str, others: tuple[int, ...]) -> None:
    """The other execution may commit at any point of a commit: one of them stops, and the tables become exact."""
    other = lane(tmp_path)
    for number in others:
        other.add(unit(number))
    won: list[bool] = []

    def race(at: str) -> None:
        if at == point:
            won.append(committed(other))

    racing = lane(tmp_path, hook=race)
    for number in (2, 1):
        racing.add(unit(number))
    won.append(committed(racing))
    assert sorted(won) == [False, True]
    last = lane(tmp_path)
    for number in range(4):
        last.add(unit(number))
    last.commit()
    assert verify(location(str(tmp_path))).violations == ()
    assert rows(tmp_path, "SELECT count(*), count(DISTINCT occurrence_id) FROM occurrences") == [(3, 3)]
    assert rows(tmp_path, "SELECT count(*) FROM ledger_rows") == [(4,)]


def test_both_may_be_fenced(tmp_path: Path) -> None:
    """An execution that wrote only the ledger stops too where the other one had slipped in occurrences."""
    other = lane(tmp_path)
    other.add(unit(0))
    racing = lane(tmp_path, hook=lambda at: other.commit() and None if at == "before-occurrences" else None)
    racing.add(unit(1))
    assert not committed(racing)
    other.add(unit(1))
    assert not committed(other)
    last = lane(tmp_path)
    last.add(unit(1))
    assert last.commit() == 2
    assert verify(location(str(tmp_path))).violations == ()


def test_lanes_do_not_fence_each_other(tmp_path: Path) -> None:
    """Lanes share the tables and nothing else."""
    lanes = [lane(tmp_path, f"lane-{n:02d}") for n in range(4)]
    for turn in range(3):
        for number, writer in enumerate(lanes):
            writer.add(unit(10 * turn + number))
            assert writer.commit() == turn + 1
    assert verify(location(str(tmp_path))).violations == ()


def _write_lane(folder: str, name: str, first: int) -> None:
    writer = lane(Path(folder), name)
    for number in range(first, first + 10):
        writer.add(unit(number))
        writer.commit()


def test_lanes_commit_at_once(tmp_path: Path) -> None:
    """Processes that write at the same moment, tables not made yet, all succeed."""
    spawn = multiprocessing.get_context("spawn")
    running = [spawn.Process(target=_write_lane, args=(str(tmp_path), f"lane-{n}", 100 * n)) for n in range(3)]
    for process in running:
        process.start()
    for process in running:
        process.join(60)
    assert [process.exitcode for process in running] == [0, 0, 0]
    report = verify(location(str(tmp_path)))
    assert (report.units, report.violations) == (30, ())


def test_secret_never_reaches_the_lake(tmp_path: Path) -> None:
    """A finding that carries its secret, and a target with a password, leave no trace of either."""
    secret, password = "GSP" + "TOKEN123456Q", "pass" + "word99"
    writer = lane(tmp_path)
    target = f"https://me:{password}@example.com/r.git"
    writer.add(
        unit(
            1,
            [finding(1, secret=1, target=target)],
            target=target,
            detail=f"no route to {target}",
            code="net",
            outcome="failed_permanent",
        )
    )
    carrying = finding(2)
    writer.add(unit(2, [type(carrying)(*(getattr(carrying, n) for n in carrying.__slots__[:-1]), secret=secret)]))
    writer.commit()
    assert rows(tmp_path, "SELECT target, detail FROM ledger WHERE unit_id = 'unit-1'") == [
        ("https://example.com/r.git", "no route to https://example.com/r.git")
    ]
    texts = " ".join(str(row) for view in ("occurrences", "ledger") for row in rows(tmp_path, f"SELECT * FROM {view}"))
    assert secret not in texts
    assert password not in texts


def test_text_that_is_not_utf8_is_kept_escaped(tmp_path: Path) -> None:
    """A lone surrogate in an author's name is data."""
    writer = lane(tmp_path)
    writer.add(unit(1, [finding(1, author="J\udcfcrgen", tags=("a\udcff",))]))
    writer.commit()
    assert rows(tmp_path, "SELECT author, tags FROM occurrences") == [("J\\udcfcrgen", ["a\\udcff"])]


@pytest.mark.parametrize(
    "changes",
    [
        {"unit_id": ""},
        {"outcome": "skipped"},
        {"code": "a\nb"},
        {"code": "  "},
        {"code": "x" * 129},
        {"outcome": "skipped", "code": "binary", "findings": [finding(1)]},
    ],
)
def test_a_record_must_make_sense(changes: dict[str, object]) -> None:
    """What a lane could not write is refused where it is made."""
    with pytest.raises(MisuseError):
        unit(1, **{"findings": [], **changes})  # type: ignore[arg-type]


def test_an_event_needs_its_subject() -> None:
    """Events name the rule or the occurrence that they are about."""
    with pytest.raises(MisuseError):
        Event("retracted", rule_id="token")
    with pytest.raises(MisuseError):
        Event("present", finding_id="x")
