from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gossip.connectors.lake.maintain import compact, verify
from gossip.connectors.lake.storage import location
from gossip.connectors.lake.triage import record_verdicts
from gossip.connectors.lake.views import query
from gossip.schemas.triage import Verdict, VerdictStatus
from tests.support.cli import ROOT, environment
from tests.support.lake import START, digest, lane, unit

WRITER = """
import os, sys
from gossip.connectors.lake.storage import location
from gossip.connectors.lake.triage import record_verdicts
from gossip.schemas.triage import Verdict
from tests.support.lake import START, digest
folder, name, count, point = sys.argv[1:]
def hook(at):
    if at == point:
        os._exit(9)
for n in range(int(count)):
    record_verdicts(location(folder), [Verdict(digest("finding", n), "accepted", name, START, f"{name} {n}")], hook=hook)
"""


def verdict(number: int, status: VerdictStatus = "accepted", **changes: object) -> Verdict:
    """A verdict on finding `number`."""
    values: dict[str, object] = {"finding_id": digest("finding", number), "author": "Ann", "decided_at": START}
    return Verdict(status=status, **(values | changes))  # type: ignore[arg-type]


def standing(folder: Path) -> list[tuple[object, ...]]:
    """The last verdict on every finding, as far as it holds."""
    return list(query(location(str(folder)), "SELECT finding_id, status, holds, seq FROM triage ORDER BY seq").rows())


def start(folder: Path, name: str, count: int, point: str = "") -> subprocess.Popen[bytes]:
    """A process that writes verdicts one by one."""
    arguments = [str(folder), name, str(count), point]
    return subprocess.Popen([sys.executable, "-c", WRITER, *arguments], env=environment(), cwd=ROOT)


def test_the_last_verdict_holds(tmp_path: Path) -> None:
    """Order is that of the commits, whatever the clocks of the authors say."""
    place = location(str(tmp_path))
    assert record_verdicts(place, []) == 0
    assert record_verdicts(place, [verdict(1), verdict(2, "false")]) == 1
    assert record_verdicts(place, [verdict(1, "fixed", decided_at=START - timedelta(days=9))]) == 2
    assert standing(tmp_path) == [
        (digest("finding", 2), "false", "false", 1),
        (digest("finding", 1), "fixed", "fixed", 2),
    ]
    assert list(query(place, "SELECT count(*) FROM triage_rows").rows()) == [(3,)]


def test_an_acceptance_ends(tmp_path: Path) -> None:
    """Once its time is over the finding is open again; the row stays as it was written."""
    now = datetime.now(UTC)
    past, future = verdict(1, until=now - timedelta(hours=1)), verdict(2, until=now + timedelta(hours=1))
    record_verdicts(location(str(tmp_path)), [past, future])
    rows = query(location(str(tmp_path)), "SELECT status, holds, expired FROM triage ORDER BY until").rows()
    assert list(rows) == [("accepted", "open", True), ("accepted", "accepted", False)]


def test_a_lake_without_verdicts(tmp_path: Path) -> None:
    """Lakes of earlier versions have no such table: the view is empty."""
    writer = lane(tmp_path)
    writer.add(unit(1))
    writer.commit()
    assert standing(tmp_path) == []


def test_writers_at_once_are_all_kept(tmp_path: Path) -> None:
    """Processes that judge the same findings at the same time, beside a lane that commits, lose nothing."""
    running = [start(tmp_path, name, 8) for name in ("ann", "bob", "cleo")]
    writer = lane(tmp_path)
    for number in range(10):
        writer.add(unit(number))
        writer.commit()
    assert [process.wait(120) for process in running] == [0, 0, 0]
    place = location(str(tmp_path))
    rows = list(query(place, "SELECT author, reason, seq FROM triage_rows ORDER BY seq").rows())
    assert [seq for _, _, seq in rows] == list(range(1, 25))
    written = sorted((name, f"{name} {n}") for name in ("ann", "bob", "cleo") for n in range(8))
    assert sorted((author, reason) for author, reason, _ in rows) == written
    assert verify(place).violations == ()


@pytest.mark.parametrize(("point", "kept"), [("before", 0), ("after", 1)])
def test_a_hard_exit_leaves_all_or_nothing(tmp_path: Path, point: str, kept: int) -> None:
    """A process that ends around its commit has written the verdict, or has not; the next one goes on."""
    assert start(tmp_path, "ann", 1, point).wait(60) == 9
    assert start(tmp_path, "bob", 1).wait(60) == 0
    rows = list(query(location(str(tmp_path)), "SELECT author, seq FROM triage_rows ORDER BY seq").rows())
    assert rows == ([("ann", 1)] if kept else []) + [("bob", kept + 1)]


def test_upkeep_takes_verdicts_along(tmp_path: Path) -> None:
    """They are merged with the other tables, and `verify` looks for secrets in what people wrote."""
    place = location(str(tmp_path))
    for number in range(3):
        record_verdicts(place, [verdict(number, reason="token hunter" + "2hunter" if number == 1 else "")])
    done = {one.table: one for one in compact(place)}
    assert (done["triage"].files_before, done["triage"].files_after) == (3, 1)
    assert len(standing(tmp_path)) == 3
    (found,) = verify(place, lambda text: "hunter2" in text).violations
    assert (found.check, found.rows, found.ids) == ("secret-like", 1, (digest("finding", 1),))
