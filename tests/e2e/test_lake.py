from __future__ import annotations

import csv
import io
import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from gossip.connectors.lake.lane import HOOK_POINTS
from gossip.connectors.lake.maintain import compact, verify
from gossip.connectors.lake.storage import location
from gossip.connectors.lake.views import query
from tests.support.cli import ROOT, environment, gossip
from tests.support.lake import digest, lane, unit

UNITS = 12
EXIT_CRASH = 9
RUNS_MAX = 60

WRITER = """
import os, random, sys
from pathlib import Path
from tests.support.lake import lane, unit
folder, name, lanes, units, seed, point, after = sys.argv[1:]
draw = random.Random(seed)
left = [int(after)]
def hook(at):
    if point in (at, "any"):
        left[0] -= 1
        if left[0] == 0:
            os._exit(9)
number = int(name)
writer = lane(Path(folder), f"lane-{number}", hook=hook, buffer_rows=draw.choice([3, 10, 1000]))
for n in range(number, int(units), int(lanes)):
    writer.add(unit(n))
    if draw.random() < 0.4:
        writer.commit()
writer.commit()
"""

ROUND = """
import sys
from pathlib import Path
from gossip.connectors.lake.maintain import verify
from gossip.connectors.lake.storage import location
from gossip.connectors.lake.views import query
from tests.support.lake import lane, unit
folder, n = sys.argv[1], int(sys.argv[2])
writer = lane(Path(folder))
writer.add(unit(n))
writer.commit()
place = location(folder)
assert lane(Path(folder)).is_done(f"unit-{n}")
print(next(query(place, "SELECT count(*) FROM ledger").rows())[0], len(verify(place).violations))
"""


def start(folder: Path, lane_number: int, lanes: int, seed: int, point: str, after: int) -> subprocess.Popen[bytes]:
    """A process that writes its lane's units, and may end hard."""
    arguments = [folder, lane_number, lanes, UNITS, seed, point, after]
    return subprocess.Popen([sys.executable, "-c", WRITER, *map(str, arguments)], env=environment(), cwd=ROOT)


def assert_exact(folder: Path) -> None:
    """Every unit and occurrence, each once."""
    place = location(str(folder))
    assert verify(place).violations == ()
    found = sorted(row for (row,) in query(place, "SELECT occurrence_id FROM occurrence_rows").rows())
    assert found == sorted(digest("occurrence", 10 * n + k) for n in range(UNITS) for k in range(n % 3))
    units = sorted(row for (row,) in query(place, "SELECT unit_id FROM ledger_rows").rows())
    assert units == sorted(f"unit-{n}" for n in range(UNITS))


@pytest.mark.parametrize("point", HOOK_POINTS)
def test_hard_exit_at_each_point(tmp_path: Path, point: str) -> None:
    """A process that ends hard at a point, replayed with other batches, leaves exact tables."""
    assert start(tmp_path, 0, 1, 1, point, 1).wait(60) == EXIT_CRASH
    assert start(tmp_path, 0, 1, 2, point, 2).wait(60) in {0, EXIT_CRASH}
    assert start(tmp_path, 0, 1, 3, "none", 0).wait(60) == 0
    assert_exact(tmp_path)


@pytest.mark.parametrize("lanes", [1, 2, 3])
def test_hard_exits_at_random_points(tmp_path: Path, lanes: int) -> None:
    """Lanes in processes of their own crash again and again, at the same time, until each has come to its end."""
    draw = random.Random(lanes)
    todo = set(range(lanes))
    for turn in range(RUNS_MAX):
        crashes = {number: draw.randint(1, 9) for number in todo}
        running = {n: start(tmp_path, n, lanes, draw.randrange(1000), "any", crashes[n] + turn) for n in todo}
        codes = {n: process.wait(60) for n, process in running.items()}
        assert set(codes.values()) <= {0, EXIT_CRASH}
        todo -= {n for n, code in codes.items() if code == 0}
        if not todo:
            break
    assert not todo
    assert_exact(tmp_path)


def test_two_processes_on_one_lane(tmp_path: Path) -> None:
    """Of executions that run at once on one lane at most one comes to its end; after one more run all is exact."""
    for turn in range(3):
        running = [start(tmp_path, 0, 1, 10 * turn + n, "none", 0) for n in range(2)]
        codes = [process.wait(60) for process in running]
        assert set(codes) <= {0, 1}
    assert start(tmp_path, 0, 1, 99, "none", 0).wait(60) == 0
    assert_exact(tmp_path)


def test_exit_status_of_a_process_that_writes_and_reads(tmp_path: Path) -> None:
    """Libraries that abort when the interpreter ends would break the contract of exit codes."""
    for n in range(20):
        done = subprocess.run(
            [sys.executable, "-c", ROUND, str(tmp_path), str(n)],
            env=environment(),
            cwd=ROOT,
            capture_output=True,
            check=False,
            timeout=60,
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, f"{n + 1} 0\n".encode(), b"")


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state folder with a lake of five units."""
    writer = lane(tmp_path / "lake")
    for number in range(5):
        writer.add(unit(number))
    writer.commit()
    return tmp_path


SQL = "SELECT unit_id, findings, recorded_at, loss_names FROM ledger WHERE findings > 0 ORDER BY unit_id"
EXPECTED = [
    {"unit_id": f"unit-{n}", "findings": k, "recorded_at": "2026-01-02T03:04:06+00:00", "loss_names": []}
    for n, k in ((1, 1), (2, 2), (4, 1))
]


def test_query_formats(state: Path) -> None:
    """The same rows in every format, to stdout and to a file."""
    ran = gossip("query", SQL, "--state", str(state))
    assert (ran.code, ran.records, ran.err) == (0, EXPECTED, b"")
    ran = gossip("query", SQL, "--lake", str(state / "lake"), "--format", "csv")
    rows = list(csv.reader(io.StringIO(ran.out.decode(), newline="")))
    assert rows == [list(EXPECTED[0]), *([r["unit_id"], str(r["findings"]), r["recorded_at"], ""] for r in EXPECTED)]
    ran = gossip("query", SQL, "--lake", str(state), "--format", "table")
    assert [line.split("│")[1].strip() for line in ran.out.decode().splitlines() if "│" in line] == [
        "unit-1",
        "unit-2",
        "unit-4",
    ]
    target = state / "out.parquet"
    assert gossip("query", SQL, "--state", str(state), "-o", str(target)).code == 0
    import pyarrow.parquet as pq

    assert pq.read_table(target).column("unit_id").to_pylist() == ["unit-1", "unit-2", "unit-4"]
    assert gossip("query", SQL, "--state", str(state), "-o", str(state / "out.jsonl")).out == b""
    assert [json.loads(line) for line in (state / "out.jsonl").read_text().splitlines()] == EXPECTED


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["query", "SELECT 1"], "either --state DIR or --lake URI"),
        (["query", "SELECT 1", "--state", "none"], "no lake there"),
        (["query", "SELEC", "--state", "."], "syntax error"),
        (["query", "DROP VIEW findings", "--state", "."], "the lake can only be read"),
        (["query", "SELECT 1", "--state", ".", "-o", "x.xls"], "no format is known"),
        (["query", "SELECT 1", "--lake", "lake", "--storage-option", "secret"], "KEY=VALUE"),
        (["query", "SELECT 1", "--lake", "odd://x/y"], "odd"),
        (["lake", "verify", "none"], "no lake there"),
        (["lake", "compact", "a%b"], "percent sign"),
        (["lake", "vacuum", ".", "--retention-hours", "1"], "force"),
    ],
)
def test_mistakes(state: Path, arguments: list[str], said: str) -> None:
    """What was asked wrongly ends with one line that says so, and exit code 2."""
    ran = gossip(*arguments, cwd=state)
    assert (ran.code, ran.out) == (2, b"")
    assert len(ran.error_lines) == 1
    assert said in ran.error_lines[0]


def test_upkeep(state: Path) -> None:
    """Compact, vacuum and verify say what they did; a lake that does not agree with itself is exit code 1."""
    for number in range(5, 8):
        writer = lane(state / "lake")
        writer.add(unit(number))
        writer.commit()
    ran = gossip("lake", "compact", str(state))
    assert (ran.code, ran.out) == (0, b"ledger: 4 files, now 1\noccurrences: 3 files, now 1\n")
    ran = gossip("lake", "vacuum", str(state), "--retention-hours", "0", "--force")
    assert (ran.code, ran.out) == (0, b"ledger: 4 files removed\noccurrences: 3 files removed\n")
    ran = gossip("lake", "verify", str(state))
    assert (ran.code, ran.out) == (0, b"")
    assert ran.error_lines == ["7 occurrences, 8 units, 17 checks, 0 violated"]

    class StopError(Exception):
        pass

    def stop(at: str) -> None:
        if at == "after-occurrences":
            raise StopError

    writer = lane(state / "lake", hook=stop)
    writer.add(unit(10))
    with pytest.raises(StopError):
        writer.commit()
    ran = gossip("lake", "verify", str(state))
    assert ran.code == 1
    assert ran.out.decode().splitlines()[1] == f"  unit-10/{digest('occurrence', 100)}"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_permission_denied(state: Path) -> None:
    """A lake that may not be read is no missing lake."""
    log = state / "lake" / "ledger" / "_delta_log"
    log.chmod(0)
    try:
        ran = gossip("query", "FROM ledger", "--state", str(state))
    finally:
        log.chmod(0o755)
    assert ran.code == 2
    assert "permission denied" in ran.error_lines[0]


def test_start_up_loads_nothing_of_the_lake(tmp_path: Path) -> None:
    """`--help` and a plain scan import neither Delta nor DuckDB nor Arrow."""
    (tmp_path / "a.txt").write_text("nothing")
    code = "import sys; sys.argv[0] = 'gossip'\nfrom gossip.flows.cli.main import main\ntry:\n    main()\nexcept SystemExit:\n    pass\nprint(sorted({'deltalake', 'duckdb', 'pyarrow'} & set(sys.modules)))"
    for arguments in (["--help"], ["lake", "--help"], ["query", "--help"], ["scan", "-q", str(tmp_path)]):
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments], env=environment(), capture_output=True, check=True
        )
        assert done.stdout.splitlines()[-1] == b"[]"


def test_compaction_while_a_query_reads(state: Path) -> None:
    """A query that has begun is not disturbed."""
    place = location(str(state / "lake"))
    answer = query(place, "SELECT count(*) FROM occurrences")
    compact(place)
    assert list(answer.rows()) == [(4,)]
