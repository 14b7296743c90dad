"""Running the `gossip` command as a user would, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT_SECONDS = 120.0

TOKEN_RULES = """
[[rules]]
id = "token"
description = "Token of the tests."
regex = '''GSPTOKEN[0-9]{6}Q'''
keywords = ["gsptoken"]
confidence = 8
"""
"""One rule for the tokens of `tests.support.repos.plain_token`."""


@dataclass(frozen=True)
class Ran:
    """What a command left behind."""

    code: int
    out: bytes
    err: bytes

    @property
    def records(self) -> list[dict[str, Any]]:
        """The lines of JSON Lines output."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def findings(self) -> list[dict[str, Any]]:
        """Findings in a total order."""
        found = [record for record in self.records if record["type"] == "finding"]
        return sorted(found, key=lambda record: json.dumps(record, sort_keys=True))

    @property
    def summary(self) -> dict[str, Any]:
        """The last line."""
        last = self.records[-1]
        assert last["type"] == "summary"
        return last

    @property
    def error_lines(self) -> list[str]:
        """Lines of stderr."""
        return self.err.decode("utf-8", "replace").splitlines()


def command(*arguments: str | bytes) -> list[str | bytes]:
    """The command line of `gossip`."""
    return [sys.executable, "-m", "gossip", *arguments]


def environment() -> dict[str, str]:
    """The environment of a run: the tests' own, with the checkout on the path."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}


def gossip(*arguments: str | bytes, stdin: bytes = b"", cwd: Path | None = None) -> Ran:
    """Run `gossip` to its end."""
    done = subprocess.run(
        command(*arguments),
        input=stdin,
        capture_output=True,
        timeout=TIMEOUT_SECONDS,
        env=environment(),
        cwd=cwd,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def scan(*arguments: str | bytes, stdin: bytes = b"") -> Ran:
    """`gossip scan -q --format jsonl`."""
    return gossip("scan", "-q", "--format", "jsonl", *arguments, stdin=stdin)
