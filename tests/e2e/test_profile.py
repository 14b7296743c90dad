"""`gossip scan --profile`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.cli import scan
from tests.support.repos import BUILDERS, plain_token

if TYPE_CHECKING:
    from pathlib import Path

WORK = {"enumerate", "read", "content", "match", "confirm", "attribute", "output", "runtime", "total"}


@pytest.mark.parametrize(("jobs", "processes"), [("1", ["process"]), ("2", ["process 0", "process 1", "parent"])])
def test_the_table_is_complete(tmp_path: Path, rules: str, jobs: str, processes: list[str]) -> None:
    """Every phase of a scan has its row, every process its column; the findings are the same as without."""
    repo = BUILDERS["mixed"](tmp_path / "repo", plain_token)
    ran = scan(str(repo.path), "--rules", rules, "-j", jobs, "--profile", "-q")
    plain = scan(str(repo.path), "--rules", rules, "-j", jobs, "-q")
    assert (ran.findings, ran.code) == (plain.findings, plain.code)
    assert plain.err == b""
    head, units, *rows = ran.error_lines
    assert head.split("  of CPU")[0].split() == " ".join([*processes, "all"]).split()
    assert units.split() == ["phase"] + ["cpu", "s", "wall"] * (len(processes) + 1)
    names = [row.split()[0] for row in rows]
    assert set(names) >= WORK
    assert (names[0], names[-1]) == ("start-up", "total")
    assert rows[-1].endswith(" 100.0%")


def test_a_remembered_scan_has_commits(tmp_path: Path, rules: str) -> None:
    """What goes to the lake is a phase of its own."""
    repo = BUILDERS["linear"](tmp_path / "repo", plain_token)
    ran = scan(str(repo.path), "--rules", rules, "-j", "1", "--state", str(tmp_path / "state"), "--profile", "-q")
    rows = {line.split()[0]: line.split()[1:] for line in ran.error_lines}
    assert float(rows["commit"][0]) > 0
