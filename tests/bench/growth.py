"""Time against commits: `python -m tests.bench.growth -o docs/growth.svg`, run by hand.

Makes bare repositories of 1,000, 10,000 and 100,000 commits (`--commits`), each in a fixed way from a seed, and scans
them with Gossip and with the peers of `tests.bench.peers`. Needs `git`, for `fast-import` and `repack` (an ordinary pack
with the deltas that Git itself chooses), and the extra `report` for the chart.

A repository has files of code in folders, some 5 KB each. A commit changes a few lines of one or two files, now and then
adds a file, and every 20th is a merge. One in 100 plants a token of a public form, made here.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tests.bench.measure import machine
from tests.bench.peers import SCANNERS, BenchError, Result, compare, program_path
from tests.support import tokens

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

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
    imported(path, Maker(seed).stream(commits))
    subprocess.run(["git", "-C", str(path), "update-ref", "-d", "refs/heads/work"], check=True)
    packed(path)
    return path


def imported(path: Path, stream: Iterable[bytes]) -> None:
    """Make a bare repository of what `git fast-import` reads. Raises BenchError."""
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(path)], check=True)
    command = ["git", "-C", str(path), "fast-import", "--quiet", "--done"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        for part in stream:
            process.stdin.write(part)
        process.stdin.close()
        if process.wait():
            raise BenchError(f"git fast-import ended with status {process.returncode}")


def packed(path: Path) -> None:
    """Pack a repository. With -f: what fast-import leaves whole, Git would leave whole too."""
    subprocess.run(["git", "-C", str(path), "repack", "-a", "-d", "-f", "-q"], check=True)


def inflated_bytes(path: Path) -> int:
    """What all blobs of a repository are together."""
    form = "--batch-check=%(objecttype) %(objectsize)"
    command = ["git", "-C", str(path), "cat-file", "--batch-all-objects", "--unordered", form]
    told = subprocess.run(command, check=True, capture_output=True, text=True)
    return sum(
        int(size) for kind, _, size in (row.partition(" ") for row in told.stdout.splitlines()) if kind == "blob"
    )


class Grown(NamedTuple):
    """One repository: its size, and what scanners took."""

    commits: int
    bytes: int
    results: dict[str, Result]

    def cpu_per_megabyte(self, name: str) -> float:
        """CPU seconds for a million inflated bytes."""
        return self.results[name].median("cpu_seconds") / (self.bytes / 1e6)


WALL, CPU = "wall seconds", "CPU ms per inflated MB"


def chart(grown: Sequence[Grown]) -> str:
    """An SVG: seconds, and CPU time for what is inflated, against commits; a line a scanner, all axes logarithmic."""
    import altair as alt
    import vl_convert

    rows = [
        {"commits": each.commits, "scanner": name, WALL: result.median("wall_seconds"), CPU: per_megabyte}
        for each in grown
        for name, result in each.results.items()
        for per_megabyte in [1000 * each.cpu_per_megabyte(name)]
    ]
    ticks = alt.Axis(values=[each.commits for each in grown], format=",", grid=False)
    panels = [
        alt.Chart(alt.Data(values=rows), width=300, height=260)
        .mark_line(point=True)
        .encode(
            x=alt.X("commits:Q", scale=alt.Scale(type="log", nice=False), axis=ticks),
            y=alt.Y(f"{what}:Q", scale=alt.Scale(type="log")),
            color=alt.Color("scanner:N", title=None, sort=[scanner.name for scanner in SCANNERS]),
        )
        for what in (WALL, CPU)
    ]
    specification = alt.hconcat(*panels, title="Full history of generated repositories, medians").to_json()
    return str(vl_convert.vegalite_to_svg(specification, vl_version="v6.1")) + "\n"


def report(grown: Sequence[Grown]) -> str:
    """Medians as a Markdown table."""
    head = "| commits | inflated MB | scanner | wall s | CPU s | CPU ms per MB | peak PSS MiB | findings |"
    lines = [head, "|---:|---:|---|" + "---:|" * 5]
    for each in grown:
        for name, result in each.results.items():
            pss = result.median("pss_bytes_max") / 2**20
            counts = " or ".join(map(str, sorted(set(result.findings))))
            wall, cpu = result.median("wall_seconds"), result.median("cpu_seconds")
            size, cost = each.bytes / 1e6, 1000 * each.cpu_per_megabyte(name)
            row = f"| {each.commits:,} | {size:,.0f} | {name} | {wall:.2f} | {cpu:.2f} | {cost:.1f} "
            lines.append(f"{row}| {pss:.0f} | {counts} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Make, scan, print the table, and draw."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.growth", description="Time against commits.")
    parser.add_argument("--commits", type=int, action="append", help="size of a repository (default: 1,000 to 100,000)")
    parser.add_argument("-n", "--rounds", type=int, default=3, help="measured runs of each scanner (default: 3)")
    parser.add_argument("-o", "--output", type=Path, help="SVG to write")
    parser.add_argument("--keep", type=Path, help="make the repositories in this folder, and use those that are there")
    parser.add_argument("--timeout", type=float, default=1800.0, help="seconds a scan may take (default: 1800)")
    options = parser.parse_args(arguments)
    scanners = [scanner for scanner in SCANNERS if program_path(scanner)]
    grown: list[Grown] = []
    try:
        with tempfile.TemporaryDirectory(prefix="gossip-growth-") as temporary:
            folder = options.keep or Path(temporary)
            folder.mkdir(parents=True, exist_ok=True)
            for commits in options.commits or COMMITS:
                path = folder / f"growth-{commits}.git"
                target = path if path.exists() else make(folder, commits)
                results = compare(scanners, target, options.rounds, options.timeout)
                grown.append(Grown(commits, inflated_bytes(target), results))
    except BenchError as error:
        print(f"growth: {error}", file=sys.stderr)
        return 1
    print(f"{machine()}\n\n{report(grown)}")
    if options.output is not None:
        options.output.write_text(chart(grown))
    return 0


if __name__ == "__main__":
    sys.exit(main())
