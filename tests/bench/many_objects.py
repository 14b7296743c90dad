"""Memory of a scan of a repository with very many objects: `python -m tests.bench.many_objects`, run by hand.

Makes a bare repository of 350,000 commits and 2,000,000 objects (`--commits`), in a fixed way from a seed, and scans it
with `-j 2`. Needs `git`, for `fast-import` and `repack`, 1 GB of disk, and some minutes.

Files are small and lie three folders deep, so that there are five objects to a commit: itself, three trees, a blob. One
commit in four changes a second file, every 20th is a merge, and one in 1,000 plants a token of a public form, made here.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench.growth import EPOCH, imported, line, packed
from tests.bench.measure import machine, measure
from tests.bench.peers import MIB, SCANNERS, BenchError, count_findings
from tests.support import tokens

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

COMMITS = 350_000
FOLDERS, FILES = 16, 12
"""Folders in each of two levels, and files in each of the lowest ones."""
LINES = 24
LINES_KNOWN = 4096
MERGE_COMMITS, TOKEN_COMMITS = 20, 1_000


class Maker:
    """Writes a repository as a stream for `git fast-import`."""

    def __init__(self, seed: int) -> None:
        draw = self._draw = random.Random(seed)
        self._lines = [line(draw) for _ in range(LINES_KNOWN)]
        count = FOLDERS * FOLDERS * FILES
        self._names = [b"%02d/%02d/f%04d.py" % (n % FOLDERS, n // FOLDERS % FOLDERS, n) for n in range(count)]
        self._files = [draw.sample(self._lines, LINES) for _ in range(count)]

    def stream(self, commits: int) -> Iterator[bytes]:
        """Everything from the first commit to the last."""
        yield self._commit(1, 0, 0, range(len(self._files)))
        number = 1
        while number < commits:
            merge = number % MERGE_COMMITS == 0 and number + 2 <= commits
            number += 1
            yield self._commit(number, number - 1, 0, self._edit(number, 0 if merge else None))
            if merge:
                # Files of the other half, so that the merge is what both sides have.
                number += 1
                yield self._commit(number, number - 2, number - 1, self._edit(number, 1))
        yield b"reset refs/heads/main\nfrom :%d\n\ndone\n" % number

    def _edit(self, number: int, half: int | None) -> list[int]:
        """Change a line of one or two files; their numbers."""
        draw = self._draw
        changed = [draw.randrange(len(self._files)) for _ in range(1 + (draw.random() < 0.25))]
        if half is not None:
            changed = [at - at % 2 + half for at in changed]
        for at in changed:
            lines = self._files[at]
            # A number that no other version has, so that every commit makes a new blob.
            lines[draw.randrange(LINES)] = b"    total_%d = %s" % (number, draw.choice(self._lines).lstrip())
        if number % TOKEN_COMMITS == 0:
            self._files[changed[0]][0] = b'    github_token = "%s"\n' % tokens.github(draw)
        return changed

    def _commit(self, number: int, parent: int, merge: int, changed: Sequence[int]) -> bytes:
        who = b"Ada Example <ada@example.com> %d +0000" % (EPOCH + 60 * number)
        text = b"Change %d\n" % number
        head = b"commit refs/heads/main\nmark :%d\nauthor %s\ncommitter %s\ndata %d\n%s"
        parts = [head % (number, who, who, len(text), text)]
        if parent:
            parts.append(b"from :%d\n" % parent)
        if merge:
            parts.append(b"merge :%d\n" % merge)
        for at in dict.fromkeys(changed):
            data = b"".join(self._files[at])
            parts.append(b"M 100644 inline %s\ndata %d\n%s\n" % (self._names[at], len(data), data))
        return b"".join(parts)


def make(path: Path, commits: int, seed: int = 1) -> Path:
    """A bare repository of `commits` commits, packed by Git."""
    imported(path, Maker(seed).stream(commits))
    packed(path)
    return path


def objects_of(path: Path) -> int:
    """How many objects its packs hold."""
    told = subprocess.run(["git", "-C", str(path), "count-objects", "-v"], check=True, capture_output=True, text=True)
    return int(dict(row.split(": ") for row in told.stdout.splitlines())["in-pack"])


def main(arguments: Sequence[str] | None = None) -> int:
    """Make, scan, and print a row for each run."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.many_objects", description="Memory of a large scan.")
    parser.add_argument("--commits", type=int, default=COMMITS, help=f"size of the repository (default: {COMMITS:,})")
    parser.add_argument("--repository", type=Path, help="scan this one; make it there if it is not there")
    parser.add_argument("-j", "--jobs", default="2", help="processes (default: 2)")
    parser.add_argument("-n", "--rounds", type=int, default=1, help="runs (default: 1)")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="gossip-many-") as temporary:
        folder = Path(temporary)
        path = (options.repository or folder / "many.git").resolve()
        try:
            if not path.exists():
                make(path, options.commits)
            print(f"{machine()}\n{path.name}: {objects_of(path):,} objects\n", flush=True)
            print("| run | wall s | CPU s | peak PSS MiB | peak RSS MiB | findings |\n|---:|" + "---:|" * 5, flush=True)
            for number in range(1, options.rounds + 1):
                out, err = folder / "out", folder / "err"
                command = [sys.executable, *SCANNERS[0].arguments(path, True), "-j", options.jobs]
                taken = measure(command, stdout=out, stderr=err)
                found = count_findings(SCANNERS[0], out)
                pss, rss = taken.pss_bytes_max / MIB, taken.rss_bytes_max / MIB
                row = f"| {number} | {taken.wall_seconds:.1f} | {taken.cpu_seconds:.1f} | {pss:.0f} | {rss:.0f} "
                print(f"{row}| {found} |", flush=True)
        except (BenchError, subprocess.CalledProcessError) as error:
            print(f"many_objects: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
