"""How long a hook takes: a commit of one file, and a push of many commits to a server with a history.

    python -m tests.bench.hooks [--commits 100] [--history 2000] [--files 50] [-n 5]

Needs the `git` program. Prints medians and extremes of wall time and CPU seconds of `gossip hook` alone, as Git runs
it, with the built-in rules and a warm cache of them.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def main() -> None:
    """Build, push into a quarantine that is kept, and measure the hook there."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--commits", type=int, default=100)
    parser.add_argument("--history", type=int, default=2000)
    parser.add_argument("--files", type=int, default=50, help="files of the tree; each commit changes one")
    parser.add_argument("-n", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        local, server, old = build(Path(folder), arguments)
        (local / "file0.txt").write_text("staged\n")
        git(local, "add", ".")
        report("pre-commit, one file", local, "pre-commit", b"", {}, arguments.n)
        new = git(local, "rev-parse", "main")
        apart = quarantine(local, server, old, new)
        lines = f"{old} {new} refs/heads/main\n".encode()
        title = f"pre-receive, {arguments.commits} commits on {arguments.history}"
        report(title, server, "pre-receive", lines, apart, arguments.n)


def build(root: Path, arguments: argparse.Namespace) -> tuple[Path, Path, str]:
    """(clone, server, what the server has): both made by one fast-import."""
    server, local = root / "server.git", root / "local"
    git(root, "init", "-q", "--bare", str(server))
    git(root, "init", "-q", str(local))
    stream = bytearray()
    for number in range(arguments.history + arguments.commits):
        stream += b"commit refs/heads/main\ncommitter A <a@example.com> %d +0000\ndata 1\nx\n" % (
            1_700_000_000 + number
        )
        names = range(arguments.files) if number == 0 else [number % arguments.files]
        for name in names:
            data = b"".join(b"line %d of %d in %d\n" % (line, name, number) for line in range(200))
            stream += b"M 644 inline dir%d/file%d.txt\ndata %d\n%s\n" % (name % 7, name, len(data), data)
    git(local, "fast-import", "--quiet", stdin=bytes(stream))
    git(local, "checkout", "-q", "-f", "main")
    old = git(local, "rev-parse", f"main~{arguments.commits}")
    git(local, "push", "-q", str(server), f"{old}:refs/heads/main")
    return local, server, old


def quarantine(local: Path, server: Path, old: str, new: str) -> dict[str, str]:
    """A pack of what a push brings, in a folder of its own, and the variables that Git names it by."""
    folder = server / "objects" / "incoming-bench"
    (folder / "pack").mkdir(parents=True)
    pack = subprocess.run(
        ["git", "pack-objects", "--revs", "--thin", "--stdout", "-q"],
        input=f"{new}\n^{old}\n".encode(),
        cwd=local,
        capture_output=True,
        check=True,
    ).stdout
    named = {
        "GIT_DIR": ".",
        "GIT_QUARANTINE_PATH": str(folder),
        "GIT_OBJECT_DIRECTORY": str(folder),
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(server / "objects"),
    }
    subprocess.run(
        ["git", "index-pack", "--stdin", "--fix-thin"],
        input=pack,
        cwd=server,
        env={**os.environ, **named},
        capture_output=True,
        check=True,
    )
    return named


def report(title: str, folder: Path, kind: str, lines: bytes, variables: dict[str, str], repeats: int) -> None:
    """Run a hook some times and print what it took."""
    environment = {**os.environ, **variables, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    command = [sys.executable, "-P", "-m", "gossip", "hook", kind]
    wall, cpu = [], []
    for _ in range(repeats + 1):
        used, start = os.times(), time.perf_counter()
        subprocess.run(command, input=lines, cwd=folder, env=environment, check=True)
        wall.append(time.perf_counter() - start)
        now = os.times()
        cpu.append(now.children_user - used.children_user + now.children_system - used.children_system)
    wall, cpu = sorted(wall[1:]), sorted(cpu[1:])
    print(
        f"{title}: {statistics.median(wall):.2f} s ({wall[0]:.2f} to {wall[-1]:.2f}), "
        f"CPU {statistics.median(cpu):.2f} s ({cpu[0]:.2f} to {cpu[-1]:.2f})"
    )


def git(folder: Path, *arguments: str, stdin: bytes = b"") -> str:
    """Run git; returns what it printed."""
    done = subprocess.run(["git", *arguments], cwd=folder, input=stdin, stdout=subprocess.PIPE, check=True)
    return done.stdout.decode().strip()


if __name__ == "__main__":
    main()
