"""What the lake costs: `python -m tests.bench.lake [OCCURRENCES]` prints seconds and rates, in a folder of its own."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median, quantiles

from gossip.connectors.lake.maintain import compact, verify
from gossip.connectors.lake.storage import location
from gossip.connectors.lake.views import query
from tests.support.lake import finding, lane, unit

SMALL_COMMITS = 200
FINDINGS_PER_UNIT = 1000


def small_commits(folder: Path) -> None:
    """Latency of commits of one unit with two findings."""
    writer = lane(folder)
    took = []
    for number in range(SMALL_COMMITS):
        writer.add(unit(number, [finding(2 * number), finding(2 * number + 1)]))
        begun = time.perf_counter()
        writer.commit()
        took.append(1000 * (time.perf_counter() - begun))
    ninth = quantiles(took, n=10)[-1]
    print(f"small commits: median {median(took):.1f} ms, p90 {ninth:.1f} ms, max {max(took):.1f} ms")
    compacted(folder)


def compacted(folder: Path) -> None:
    """A compaction of what the small commits left."""
    begun = time.perf_counter()
    done = compact(location(str(folder)))
    print(
        f"compact: {time.perf_counter() - begun:.2f} s", *(f"{d.table} {d.files_before}->{d.files_after}" for d in done)
    )


def many(folder: Path, occurrences: int) -> None:
    """Rows a second of a long scan, and of what reads it."""
    units = [
        unit(n, [finding(n * FINDINGS_PER_UNIT + k, secret=k) for k in range(FINDINGS_PER_UNIT)])
        for n in range(occurrences // FINDINGS_PER_UNIT)
    ]
    begun = time.perf_counter()
    writer = lane(folder)
    for record in units:
        writer.add(record)
    writer.commit()
    seconds = time.perf_counter() - begun
    print(f"write: {occurrences} occurrences in {seconds:.2f} s, {occurrences / seconds:,.0f} rows/s, seq {writer.seq}")
    size = sum(path.stat().st_size for path in folder.rglob("*.parquet"))
    print(f"size: {size / occurrences:.0f} bytes an occurrence")
    begun = time.perf_counter()
    lane(folder)
    print(f"load a lane: {time.perf_counter() - begun:.2f} s")
    begun = time.perf_counter()
    (row,) = query(location(str(folder)), "SELECT count(*), sum(places) FROM findings").rows()
    print(f"findings view: {time.perf_counter() - begun:.2f} s {tuple(map(int, row))}")
    begun = time.perf_counter()
    report = verify(location(str(folder)))
    print(f"verify: {time.perf_counter() - begun:.2f} s, {len(report.violations)} violated")


def start_up(folder: Path) -> None:
    """Seconds of a whole `gossip query` process, best of five."""
    command = [sys.executable, "-m", "gossip", "query", "SELECT count(*) FROM findings", "--lake", str(folder)]
    took = []
    for _ in range(5):
        begun = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        took.append(time.perf_counter() - begun)
    print(f"gossip query: {min(took):.2f} s")


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as name:
        small_commits(Path(name, "small"))
        start_up(Path(name, "small"))
        many(Path(name, "many"), count)
