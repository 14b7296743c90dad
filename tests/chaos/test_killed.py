"""Remembered scans that are killed, in whatever way, end with the tables of one that was left alone."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import time
from typing import TYPE_CHECKING

import psutil
import pyarrow.parquet as pq
import pytest

from gossip.connectors.lake.lane import HOOK_POINTS
from gossip.connectors.lake.maintain import verify
from gossip.connectors.lake.storage import location
from tests.chaos.making import COMMITS, FILES_PER_COMMIT, TREE_FILES, all_files, ended, make_targets, run, start, tables
from tests.support.cli import TOKEN_RULES
from tests.support.repos import plain_token
from tests.support.watching import Watching

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path
    from typing import Any

JOBS = (1, 2, 4)
SERIES = int(os.environ.get("GOSSIP_CHAOS_SERIES", "6"))
WATCHES = SERIES // 2
KILLS_PER_SERIES = 5
FINDINGS = COMMITS * FILES_PER_COMMIT // 2 + 1 + TREE_FILES * 2 // 3


class World:
    """Targets, rules, and what an undisturbed scan of them leaves in the lake."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.targets = make_targets(folder)
        self.rules = str(folder / "rules.toml")
        (folder / "rules.toml").write_text(TOKEN_RULES)
        ran = run(folder / "calm", self.rules, self.targets, 1)
        assert (ran.code, ran.err, len(ran.findings)) == (1, b"", FINDINGS)
        self.expected: tuple[list[Any], list[Any]] = tables(folder / "calm" / "lake")

    def check(self, lake: Path) -> None:
        """A lake is exact: the same rows, none of them twice, and nothing that contradicts itself."""
        assert tables(lake) == self.expected
        occurrences = [row[1] for row in self.expected[0] if row[-1] == "found"]
        assert len(set(occurrences)) == len(occurrences) == FINDINGS
        assert verify(location(str(lake))).violations == ()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """One for all tests: only read."""
    return World(tmp_path_factory.mktemp("chaos"))


@pytest.mark.parametrize("jobs", JOBS)
def test_any_number_of_processes_leaves_the_same_tables(world: World, tmp_path: Path, jobs: int) -> None:
    """Ids do not depend on who scans what."""
    ran = run(tmp_path / "state", world.rules, world.targets, jobs)
    assert (ran.code, ran.err, len(ran.findings)) == (1, b"", FINDINGS)
    world.check(tmp_path / "state" / "lake")
    again = run(tmp_path / "state", world.rules, world.targets, jobs)
    # The checkout is compared with HEAD anew; nothing is read of the rest.
    assert (again.code, again.err, again.findings, again.summary["documents"]) == (0, b"", [], 0)
    world.check(tmp_path / "state" / "lake")


@pytest.mark.parametrize("seed", range(SERIES))
def test_kills_at_random(world: World, tmp_path: Path, seed: int) -> None:
    """One process or all of them, at a moment or at a point of a commit; each run on another number of processes."""
    draw = random.Random(seed)
    for _ in range(KILLS_PER_SERIES):
        jobs = draw.choice(JOBS)
        if draw.random() < 0.5:
            point = f"{draw.choice(HOOK_POINTS)}:{draw.randint(1, 4)}"
            ended(start(tmp_path / "state", world.rules, world.targets, jobs, GOSSIP_TEST_CRASH=point))
        else:
            process = start(tmp_path / "state", world.rules, world.targets, jobs)
            time.sleep(draw.uniform(0.3, 1.6))
            kill(process, everything=draw.random() < 0.5, draw=draw)
            ended(process)
    last = run(tmp_path / "state", world.rules, world.targets, draw.choice(JOBS))
    assert (last.code in {0, 1}, last.err) == (True, b"")
    world.check(tmp_path / "state" / "lake")


@pytest.mark.parametrize("seed", range(WATCHES))
def test_watches_that_are_killed(world: World, tmp_path: Path, seed: int) -> None:
    """As above, where the supervisor starts again what died. A scan finds what is left to do, if anything."""
    draw = random.Random(seed)
    settings = tmp_path / "watch.yaml"
    settings.write_text(json.dumps({"rules": world.rules, "interval": 0.2, "targets": world.targets}))
    for _ in range(KILLS_PER_SERIES):
        crash = {"GOSSIP_TEST_CRASH": f"{draw.choice(HOOK_POINTS)}:{draw.randint(1, 4)}"} if draw.random() < 0.6 else {}
        jobs = str(draw.choice(JOBS))
        with Watching(tmp_path, settings, "-j", jobs, module="tests.chaos.driver", **crash) as watch:
            time.sleep(draw.uniform(1.0, 2.5))
            kill(watch.process, everything=draw.random() < 0.5, draw=draw)
            time.sleep(draw.uniform(0.0, 1.0))
    with Watching(tmp_path, settings, "-j", str(draw.choice(JOBS))) as watch:
        watch.until(lambda w: w.heard("watching"))
        time.sleep(draw.uniform(0.0, 2.0))
        assert watch.stop() == 0
    last = run(tmp_path / "state", world.rules, world.targets, draw.choice(JOBS))
    assert (last.code in {0, 1}, last.err) == (True, b"")
    world.check(tmp_path / "state" / "lake")


def kill(process: subprocess.Popen[bytes], *, everything: bool, draw: random.Random) -> None:
    """Kill all processes of a scan, or one of them."""
    try:
        found = [process.pid, *sorted(child.pid for child in psutil.Process(process.pid).children(recursive=True))]
    except psutil.NoSuchProcess:
        return
    for pid in found if everything else [draw.choice(found)]:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def test_two_executions_on_a_copied_state(world: World, tmp_path: Path) -> None:
    """The one that finds that another one has committed stops, and says why; the tables are exact."""
    one, other, lake, gate = tmp_path / "one", tmp_path / "other", tmp_path / "lake", tmp_path / "gate"
    first = start(one, world.rules, world.targets, 2, "--lake", str(lake), GOSSIP_TEST_HOLD=f"before-ledger:{gate}")
    while not os.path.exists(f"{gate}.here"):
        assert first.poll() is None
        time.sleep(0.01)
    shutil.copytree(one, other)
    second = run(other, world.rules, world.targets, 2, "--lake", str(lake))
    gate.touch()
    stopped = ended(first)
    assert (second.code, second.err) == (1, b"")
    assert stopped.code == 4
    assert b"another execution writes to it" in stopped.err
    again = run(one, world.rules, world.targets, 1)
    assert (again.code, again.findings, again.err) == (0, [], b"")
    world.check(lake)


def test_the_state_holds_no_secret(world: World, tmp_path: Path) -> None:
    """Neither a token nor a line around it is in any file, as it lies there or as Parquet gives it back."""
    ended(start(tmp_path / "state", world.rules, world.targets, 2, GOSSIP_TEST_CRASH="after-occurrences:2"))
    assert any((tmp_path / "state" / "pending").rglob("*"))
    search(tmp_path / "state")
    run(tmp_path / "state", world.rules, world.targets, 2, "--show-secrets")
    search(tmp_path / "state")


def search(state: Path) -> None:
    """See that no file of a state has what was scanned."""
    needles = [plain_token(1)[:8], b"port = 8080", b"# settings"]
    files = all_files(state)
    assert len([path for path in files if path.suffix == ".parquet"]) >= 1
    for path in files:
        texts = [path.read_bytes()]
        if path.suffix == ".parquet":
            texts.append(repr(pq.ParquetFile(path).read().to_pylist()).encode())
        assert [needle for needle in needles for text in texts if needle in text] == [], path
