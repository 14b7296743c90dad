"""Seconds against commits: `python -m tests.bench.growth -o docs/growth.svg`, run by hand.

Makes bare repositories of 1,000, 10,000 and 100,000 commits (`--commits`), each in a fixed way from a seed, and scans
them with Gossip and with the peers of `tests.bench.peers`. Needs `git`, for `fast-import` and `repack`: an ordinary pack
with the deltas that Git itself chooses.

A repository has files of code in folders, some 5 KB each. A commit changes a few lines of one or two files, now and then
adds a file, and every 20th is a merge. One in 100 plants a token of a public form, made here.
"""

from __future__ import annotations

import argparse
import math
import random
import subprocess
import sys
import tempfile
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench.measure import machine
from tests.bench.peers import SCANNERS, BenchError, Result, compare, program_path
from tests.support import tokens

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

COMMITS = (1_000, 10_000, 100_000)
FILES_AT_FIRST = 200
LINES = 110
BRANCH_COMMITS = 20
TOKEN_COMMITS = 100
FILE_COMMITS = 50
EPOCH = 1_600_000_000
_WORDS = [
    "buffer",
    "client",
    "config",
    "count",
    "cursor",
    "data",
    "default",
    "event",
    "field",
    "filter",
    "handler",
    "index",
    "item",
    "key",
    "limit",
    "list",
    "map",
    "name",
    "node",
    "offset",
    "parent",
    "parse",
    "path",
    "policy",
    "queue",
    "reader",
    "record",
    "result",
    "row",
    "schema",
    "scope",
    "size",
    "source",
    "state",
    "step",
    "store",
    "stream",
    "table",
    "target",
    "timeout",
    "token",
    "total",
    "type",
    "unit",
    "value",
    "version",
    "view",
    "window",
    "worker",
    "writer",
]


def line(draw: random.Random) -> bytes:
    """A line of code."""
    a, b, c, d = (draw.choice(_WORDS) for _ in range(4))
    return f"    {a}_{b} = {c}.{d}({a}, {draw.randrange(1000)})  # {b} {c}\n".encode()


class Maker:
    """Writes a repository as a stream for `git fast-import`."""

    def __init__(self, seed: int) -> None:
        self._draw = random.Random(seed)
        self._files: list[tuple[bytes, list[bytes]]] = []

    def stream(self, commits: int) -> Iterator[bytes]:
        """Everything from the first commit to the last. Merges bring a side branch of one commit."""
        draw = self._draw
        for _ in range(FILES_AT_FIRST):
            self._add()
        yield self._commit(1, 0, [name for name, _ in self._files], b"")
        number, before = 1, 0
        while number < commits:
            if number % BRANCH_COMMITS == 0 and number + 2 <= commits:
                # Both sides change other halves of the files, so the merge is what both have.
                yield self._commit(number + 1, number, self._edit(0), b"")
                yield self._commit(number + 2, number, self._edit(1), b"merge :%d\n" % (number + 1))
                before, number = number, number + 2
                continue
            changed = self._edit(draw.randrange(2))
            if number % FILE_COMMITS == 0:
                changed.append(self._add())
            if number % TOKEN_COMMITS == TOKEN_COMMITS // 2:
                name, lines = draw.choice(self._files)
                lines[draw.randrange(len(lines))] = b'    github_token = "%s"\n' % tokens.github(draw)
                changed.append(name)
            before, number = number, number + 1
            yield self._commit(number, before, changed, b"")
        yield b"reset refs/heads/main\nfrom :%d\n\ndone\n" % number

    def _add(self) -> bytes:
        number, draw = len(self._files), self._draw
        name = b"src/%s/%s_%d.py" % (_WORDS[number % 30].encode(), draw.choice(_WORDS).encode(), number)
        self._files.append((name, [line(draw) for _ in range(draw.randrange(LINES // 2, 2 * LINES))]))
        return name

    def _edit(self, half: int) -> list[bytes]:
        """Change a few lines of one or two files whose number is even or odd; their names."""
        draw, changed = self._draw, []
        for _ in range(draw.choice((1, 1, 2))):
            name, lines = self._files[min(2 * int(draw.expovariate(8 / len(self._files))) + half, len(self._files) - 1)]
            for _ in range(draw.choice((1, 1, 2, 5))):
                lines[draw.randrange(len(lines))] = line(draw)
            if draw.random() < 0.3:
                lines.insert(draw.randrange(len(lines)), line(draw))
            changed.append(name)
        return changed

    def _commit(self, number: int, parent: int, changed: Sequence[bytes], merge: bytes) -> bytes:
        who = b"Ada Example <ada@example.com> %d +0000" % (EPOCH + 60 * number)
        text = b"Change %d\n" % number
        head = b"commit refs/heads/work\nmark :%d\nauthor %s\ncommitter %s\ndata %d\n%s" % (
            number,
            who,
            who,
            len(text),
            text,
        )
        parts = [head, b"from :%d\n" % parent if parent else b"", merge]
        contents = dict(self._files)
        for name in dict.fromkeys(changed):
            data = b"".join(contents[name])
            parts.append(b"M 100644 inline %s\ndata %d\n%s\n" % (name, len(data), data))
        return b"".join(parts)


def make(folder: Path, commits: int, seed: int = 1) -> Path:
    """A bare repository of `commits` commits."""
    path = folder / f"growth-{commits}.git"
    git = ["git", "-C", str(path)]
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(path)], check=True)
    with subprocess.Popen([*git, "fast-import", "--quiet", "--done"], stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        for part in Maker(seed).stream(commits):
            process.stdin.write(part)
        process.stdin.close()
        if process.wait():
            raise BenchError(f"git fast-import ended with status {process.returncode}")
    subprocess.run([*git, "update-ref", "-d", "refs/heads/work"], check=True)
    subprocess.run([*git, "repack", "-a", "-d", "-q"], check=True)
    return path


WIDTH, HEIGHT, MARGIN = 720, 420, 60
COLORS = ("#2563eb", "#d97706", "#059669", "#7c3aed")


def chart(figures: dict[str, list[tuple[int, float]]], title: str) -> str:
    """An SVG of seconds against commits, both axes logarithmic, a line a scanner."""
    commits = sorted({n for points in figures.values() for n, _ in points})
    most = max(seconds for points in figures.values() for _, seconds in points)
    least = min(seconds for points in figures.values() for _, seconds in points)
    ticks = [10.0**power for power in range(math.floor(math.log10(least)), math.ceil(math.log10(most)) + 1)]

    def x(n: float) -> float:
        low, high = math.log(commits[0]), math.log(commits[-1])
        return MARGIN + (WIDTH - 2.5 * MARGIN) * ((math.log(n) - low) / (high - low) if high > low else 0.5)

    def y(seconds: float) -> float:
        low, high = math.log(ticks[0]), math.log(ticks[-1])
        return HEIGHT - MARGIN - (HEIGHT - 2 * MARGIN) * (math.log(seconds) - low) / (high - low)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{WIDTH / 2}" y="28" font-size="16" text-anchor="middle">{escape(title)}</text>',
        f'<text x="{WIDTH / 2}" y="{HEIGHT - 12}" font-size="12" text-anchor="middle">commits</text>',
        f'<text x="14" y="{MARGIN - 14}" font-size="12">seconds</text>',
    ]
    for tick in ticks:
        at, style = y(tick), 'stroke="#ddd"'
        parts.append(f'<line x1="{MARGIN}" y1="{at:.1f}" x2="{WIDTH - 1.5 * MARGIN}" y2="{at:.1f}" {style}/>')
        parts.append(f'<text x="{MARGIN - 8}" y="{at + 4:.1f}" font-size="12" text-anchor="end">{tick:g}</text>')
    for n in commits:
        at = x(n)
        parts.append(f'<text x="{at:.1f}" y="{HEIGHT - MARGIN + 20}" font-size="12" text-anchor="middle">{n:,}</text>')
    for (name, points), color in zip(figures.items(), COLORS, strict=False):
        path = " ".join(f"{x(n):.1f},{y(seconds):.1f}" for n, seconds in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2"/>')
        for n, seconds in points:
            about = f"<title>{escape(name)}: {n:,} commits, {seconds:.2f} s</title>"
            parts.append(f'<circle cx="{x(n):.1f}" cy="{y(seconds):.1f}" r="4" fill="{color}">{about}</circle>')
        last, seconds = points[-1]
        text = f'x="{x(last) + 8:.1f}" y="{y(seconds) + 4:.1f}" font-size="12" fill="{color}"'
        parts.append(f"<text {text}>{escape(name)}</text>")
    return "\n".join([*parts, "</svg>", ""])


def report(results: dict[int, dict[str, Result]]) -> str:
    """Medians as a Markdown table."""
    lines = ["| commits | scanner | wall s | CPU s | peak PSS MiB | findings |", "|---:|---|" + "---:|" * 4]
    for commits, by_scanner in results.items():
        for name, result in by_scanner.items():
            pss = result.median("pss_bytes_max") / 2**20
            counts = " or ".join(map(str, sorted(set(result.findings))))
            wall, cpu = result.median("wall_seconds"), result.median("cpu_seconds")
            lines.append(f"| {commits:,} | {name} | {wall:.2f} | {cpu:.2f} | {pss:.0f} | {counts} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Make, scan, print the table, and draw."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.growth", description="Seconds against commits.")
    parser.add_argument("--commits", type=int, action="append", help="size of a repository (default: 1,000 to 100,000)")
    parser.add_argument("-n", "--rounds", type=int, default=3, help="measured runs of each scanner (default: 3)")
    parser.add_argument("-o", "--output", type=Path, help="SVG to write")
    parser.add_argument("--keep", type=Path, help="make the repositories in this folder, and use those that are there")
    parser.add_argument("--timeout", type=float, default=1800.0, help="seconds a scan may take (default: 1800)")
    options = parser.parse_args(arguments)
    scanners = [scanner for scanner in SCANNERS if program_path(scanner)]
    results: dict[int, dict[str, Result]] = {}
    try:
        with tempfile.TemporaryDirectory(prefix="gossip-growth-") as temporary:
            folder = options.keep or Path(temporary)
            folder.mkdir(parents=True, exist_ok=True)
            for commits in options.commits or COMMITS:
                path = folder / f"growth-{commits}.git"
                target = path if path.exists() else make(folder, commits)
                results[commits] = compare(scanners, target, options.rounds, options.timeout)
    except BenchError as error:
        print(f"growth: {error}", file=sys.stderr)
        return 1
    print(f"{machine()}\n\n{report(results)}")
    if options.output is not None:
        names = dict.fromkeys(name for found in results.values() for name in found)
        figures = {
            name: [(n, found[name].median("wall_seconds")) for n, found in results.items() if name in found]
            for name in names
        }
        options.output.write_text(chart(figures, "Full history, wall seconds by commits"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
