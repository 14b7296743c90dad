"""Processes that die, are stopped, or lose their parent: one clear line, and nothing left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.support.cli import command, environment
from tests.support.repos import plain_token

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RULES = """
[[rules]]
id = "token"
regex = '''GSPTOKEN[0-9]{6}Q'''
"""


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[list[str]]:
    """Arguments of a scan that a pipe holds up for as long as nobody writes to it, after findings in files."""
    tree = tmp_path / "tree"
    tree.mkdir()
    for number in range(50):
        (tree / f"{number}.txt").write_bytes(plain_token(number))
    rules = tmp_path / "rules.toml"
    rules.write_text(RULES)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    holder = os.open(pipe, os.O_RDWR)
    yield ["scan", str(tree), str(pipe), "--rules", str(rules), "--format", "jsonl"]
    os.close(holder)


def start(arguments: list[str], jobs: str) -> subprocess.Popen[bytes]:
    """Start a scan, and wait until it has written its findings; with one process, until it surely scans."""
    child = subprocess.Popen(
        command(*arguments, "-j", jobs), stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()
    )
    assert child.stdout is not None
    watchdog = threading.Timer(30, child.kill)
    watchdog.start()
    if jobs == "1":
        time.sleep(2)  # its results come when the batch with the pipe is done, which is never
    else:
        for _ in range(50):
            assert b'"finding"' in child.stdout.readline()
    watchdog.cancel()
    return child


def family(child: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """The scan's worker processes."""
    return psutil.Process(child.pid).children(recursive=True)


def all_gone(processes: list[psutil.Process]) -> bool:
    """Whether all of them end within two seconds."""
    gone, alive = psutil.wait_procs(processes, timeout=2)
    return not [process for process in alive if process.status() != psutil.STATUS_ZOMBIE] and bool(gone or alive)


def test_death_of_a_worker_is_reported(slow: list[str]) -> None:
    """Kill -9 of one process: exit code 4, one line that says which and how, the others are gone."""
    child = start(slow, "2")
    workers = family(child)
    assert len(workers) == 2
    workers[1].kill()
    out, err = child.communicate(timeout=30)
    assert child.returncode == 4, err
    assert err.decode().splitlines() == ["gossip: gossip-1: was killed by SIGKILL"] or b"SIGKILL" in err
    assert len(err.splitlines()) == 1
    assert out == b"" or b'"summary"' not in out
    assert all_gone(workers)


@pytest.mark.parametrize("jobs", ["1", "2"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interruption_keeps_what_was_found(slow: list[str], jobs: str, number: signal.Signals) -> None:
    """The summary says interrupted; the exit code is 128 and the signal; nothing is left."""
    child = start(slow, jobs)
    workers = family(child)
    begun = time.monotonic()
    child.send_signal(number)
    out, err = child.communicate(timeout=30)
    assert time.monotonic() - begun < 10
    assert child.returncode == 128 + number, err
    summary = json.loads(out.splitlines()[-1])
    assert (summary["type"], summary["status"]) == ("summary", "incomplete")
    assert summary["findings"] == (0 if jobs == "1" else 50)
    assert summary["losses"] == {"interrupted": 1}
    assert b"panic" not in err
    assert jobs == "1" or all_gone(workers)


def test_workers_do_not_outlive_their_parent(slow: list[str]) -> None:
    """Kill -9 of the parent ends the workers."""
    child = start(slow, "2")
    workers = family(child)
    child.kill()
    child.communicate(timeout=30)
    assert all_gone(workers)


def test_two_scans_at_once(slow: list[str]) -> None:
    """They do not disturb each other."""
    arguments = [slow[0], slow[1], *slow[3:], "-j", "2"]
    both = [
        subprocess.Popen(command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment())
        for _ in range(2)
    ]
    outs = [child.communicate(timeout=60)[0] for child in both]
    assert [child.returncode for child in both] == [1, 1]
    assert [out.count(b'"finding"') for out in outs] == [50, 50]
