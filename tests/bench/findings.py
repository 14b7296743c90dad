"""What `gossip findings` costs: `python -m tests.bench.findings [OCCURRENCES]` prints seconds of whole processes.

Two lakes: every secret in twenty places, and every occurrence a secret of its own, which is the worst case.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from gossip.connectors.lake.storage import location
from gossip.connectors.lake.triage import record_verdicts
from gossip.schemas.triage import Verdict
from tests.support.lake import START, digest, finding, lane, unit

FINDINGS_PER_UNIT = 1000
VERDICTS = 100
ROUNDS = 5
COMMANDS: tuple[tuple[str, ...], ...] = (
    ("-f", "table"),
    ("-f", "table", "--level", "high", "--path", "src/*7.py", "--author", "ann", "--since", "2025-01-02"),
    ("-f", "table", "--status", "accepted"),
    ("-f", "jsonl", "--limit", "100"),
    ("-f", "jsonl"),
    ("-f", "csv"),
)


def fill(folder: Path, occurrences: int, places: int) -> None:
    """A lake of so many occurrences, `places` of each secret, and some verdicts."""
    writer = lane(folder)
    for number in range(occurrences // FINDINGS_PER_UNIT):
        first = number * FINDINGS_PER_UNIT
        found = [finding(n, secret=n // places) for n in range(first, first + FINDINGS_PER_UNIT)]
        writer.add(unit(number, found))
    writer.commit()
    verdicts = [Verdict(digest("finding", n), "accepted", "Ann", START, "known") for n in range(VERDICTS)]
    record_verdicts(location(str(folder)), verdicts)


def timed(*arguments: str) -> tuple[float, float]:
    """Best wall time and best CPU time of a process, over ROUNDS."""
    walls, cpus = [], []
    for _ in range(ROUNDS):
        before, begun = os.times(), time.perf_counter()
        command = [sys.executable, "-m", "gossip", "findings", *arguments]
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        assert done.returncode == 1, f"{arguments} ended with {done.returncode}"
        walls.append(time.perf_counter() - begun)
        after = os.times()
        cpus.append(after.children_user + after.children_system - before.children_user - before.children_system)
    return min(walls), min(cpus)


def main(occurrences: int) -> None:
    """Print a line for each lake and command."""
    for places in (20, 1):
        with tempfile.TemporaryDirectory() as name:
            fill(Path(name), occurrences, places)
            print(f"{occurrences} occurrences of {occurrences // places} secrets")
            for arguments in COMMANDS:
                wall, cpu = timed("--lake", name, *arguments)
                print(f"  {' '.join(arguments)}: {wall:.2f} s, CPU {cpu:.2f} s")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
