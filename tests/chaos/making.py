"""What the chaos tests scan, how they start it, and what the lake must hold in the end."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from gossip.connectors.lake.storage import location
from gossip.connectors.lake.views import query
from tests.support.cli import ROOT, Ran, environment
from tests.support.repo_base import RepoWriter, body
from tests.support.repos import plain_token

COMMITS = 12
FILES_PER_COMMIT = 60
TREE_FILES = 900
KEY = "5a" * 32

OCCURRENCES = """
SELECT unit_id, occurrence_id, finding_id, rule_id, target, path, "start", "end", line, object_id, "commit", preview, kind
FROM occurrence_rows ORDER BY ALL
"""
LEDGER = """
SELECT unit_id, kind, version, status, code, attempts, findings, documents, bytes, losses FROM ledger_rows ORDER BY ALL
"""


def make_targets(folder: Path) -> list[str]:
    """A repository of some units, half of whose blobs hold a token, and a tree of files."""
    writer = RepoWriter.create(folder / "repo")
    files: dict[bytes, bytes] = {}
    parents: tuple[str, ...] = ()
    for number in range(COMMITS):
        for each in range(FILES_PER_COMMIT):
            index = number * FILES_PER_COMMIT + each
            text = plain_token(index) if each % 2 else b"nothing"
            files[b"d%d/f%d.txt" % (index % 7, index)] = body(text, str(index))
        parents = (writer.commit(files, parents, ref="refs/heads/main"),)
    writer.checkout()
    (folder / "repo" / "new.txt").write_bytes(body(plain_token(900_000)))
    for index in range(TREE_FILES):
        path = folder / "tree" / f"d{index % 9}" / f"{index}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body(plain_token(500_000 + index) if index % 3 else b"nothing", str(index)))
    return [str(folder / "repo"), str(folder / "tree")]


def start(state: Path, rules: str, targets: list[str], jobs: int, *more: str, **env: str) -> subprocess.Popen[bytes]:
    """Start a remembered scan under the driver, in a session of its own."""
    line = [sys.executable, "-m", "tests.chaos.driver", "scan", "-q", "--format", "jsonl", "--rules", rules]
    return subprocess.Popen(
        [*line, "-j", str(jobs), "--state", str(state), *more, *targets],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**environment(), "GOSSIP_TENANT_KEY": KEY, **env},
        cwd=ROOT,
        start_new_session=True,
    )


def ended(process: subprocess.Popen[bytes]) -> Ran:
    """Wait for a scan."""
    out, err = process.communicate(timeout=100)
    return Ran(process.returncode, out, err)


def run(state: Path, rules: str, targets: list[str], jobs: int, *more: str, **env: str) -> Ran:
    """A remembered scan from start to end."""
    return ended(start(state, rules, targets, jobs, *more, **env))


def tables(lake: Path) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """Occurrences and ledger as they are stored, sorted, without what differs from run to run."""
    found = []
    for sql in (OCCURRENCES, LEDGER):
        answer = query(location(str(lake)), sql)
        found.append(list(answer.rows()))
        answer.close()
    return found[0], found[1]


def all_files(folder: Path) -> list[Path]:
    """Every file below a folder."""
    return sorted(Path(root) / name for root, _, names in os.walk(folder) for name in names)
