"""What a watch over many small repositories costs while little happens.

    python -m tests.bench.soak --repositories 200 --minutes 30

One process watches (`-j 1`, and the parent that supervises it); every few seconds one repository gets a commit. Printed
every minute: processor time of all processes in percent of a core, memory (proportional set size) of all processes,
files in the lake, findings so far, and how long the slowest of the last minute's findings took from commit to stdout.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from pathlib import Path

import psutil

from tests.support.cli import TOKEN_RULES
from tests.support.repo_base import RepoWriter, body
from tests.support.repos import plain_token
from tests.support.watching import Watching

MINUTE = 60.0


def main() -> None:
    """Run and print."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--repositories", type=int, default=200)
    arguments.add_argument("--minutes", type=int, default=30)
    arguments.add_argument("--interval", default="60s", help="between two looks at a repository")
    arguments.add_argument("--commit-seconds", type=float, default=5.0)
    arguments.add_argument("--builtin", action="store_true", help="the built-in rules, which find nothing here")
    chosen = arguments.parse_args()
    with tempfile.TemporaryDirectory() as name:
        soak(Path(name), chosen)


def soak(folder: Path, chosen: argparse.Namespace) -> None:
    """Watch, commit, print."""
    writers = []
    for number in range(chosen.repositories):
        writer = RepoWriter.create(folder / "repos" / f"r{number}.git", bare=True)
        files = {b"f%d" % each: body(b"nothing", f"{number} {each}") for each in range(20)}
        writers.append((writer, files, [writer.commit(files, ref="refs/heads/main")]))
    (folder / "rules.toml").write_text(TOKEN_RULES)
    config = folder / "watch.yaml"
    rules = "" if chosen.builtin else "rules: rules.toml\n"
    config.write_text(f"interval: {chosen.interval}\n{rules}targets: [repos/*.git]\n")
    draw = random.Random(0)
    sent: dict[str, float] = {}
    count = 0
    with Watching(folder, config, "-j", "1", "-q") as watch:
        time.sleep(20)
        print("minute  cpu_%  pss_mb  lake_files  findings  slowest_s")
        for minute in range(1, chosen.minutes + 1):
            before, began, slowest = cpu(watch), time.monotonic(), 0.0
            while time.monotonic() - began < MINUTE:
                writer, files, tips = draw.choice(writers)
                name = f"new{count}"
                files[name.encode()] = body(plain_token(count), name)
                count += 1
                tips[:] = [writer.commit(files, tuple(tips), ref="refs/heads/main")]
                sent[name] = time.monotonic()
                until = time.monotonic() + chosen.commit_seconds
                while time.monotonic() < until:
                    slowest = max([slowest, *arrived(watch, sent)])
                    time.sleep(0.25)
            used = 100 * (cpu(watch) - before) / (time.monotonic() - began)
            files_now = sum(1 for path in (folder / "state" / "lake").rglob("*") if path.is_file())
            memory = sum(process.memory_full_info().pss for process in processes(watch)) / 1e6
            found = len(watch.findings)
            print(f"{minute:6}  {used:5.1f}  {memory:6.0f}  {files_now:10}  {found:8}  {slowest:9.1f}", flush=True)


def arrived(watch: Watching, sent: dict[str, float]) -> list[float]:
    """Seconds from commit to finding of what came since the last call."""
    now = time.monotonic()
    return [now - sent.pop(found["path"]) for found in watch.findings[-64:] if found["path"] in sent]


def processes(watch: Watching) -> list[psutil.Process]:
    """The watch and its children."""
    parent = psutil.Process(watch.process.pid)
    return [parent, *parent.children(recursive=True)]


def cpu(watch: Watching) -> float:
    """Processor seconds of all processes so far."""
    return sum(process.cpu_times().user + process.cpu_times().system for process in processes(watch))


if __name__ == "__main__":
    main()
