"""The same findings whatever way the scan is run."""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING

import pytest

from tests.support.cli import gossip, scan
from tests.support.repos import BUILDERS, plain_token

if TYPE_CHECKING:
    from pathlib import Path

EXECUTIONS = [
    ("-j", "1"),
    ("-j", "2"),
    ("-j", "4"),
    ("-j", "1", "--segment-bytes", "140000"),
    ("-j", "2", "--segment-bytes", "200003"),
]


@pytest.fixture
def targets(tmp_path: Path) -> list[str]:
    """A tree with thousands of tokens, also across every segment edge, and two repositories."""
    draw = random.Random(7)
    tree = tmp_path / "tree"
    for number in range(40):
        file = tree / str(number % 7) / f"{number}.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        words = [plain_token(draw.randrange(999_999)) if draw.random() < 0.05 else b"word" for _ in range(3000)]
        file.write_bytes(b" ".join(words) if number % 3 else b"\n".join(words))
    repos = [BUILDERS[shape](tmp_path / shape, plain_token).path for shape in ("mixed", "octopus")]
    return [str(tree), *map(str, repos)]


def test_findings_do_not_depend_on_the_execution(targets: list[str], rules: str) -> None:
    """Byte for byte equal after sorting, for every number of processes, every segment size, and again."""
    first = scan(*targets, "--rules", rules, *EXECUTIONS[0])
    lines = sorted(line for line in first.out.splitlines() if b'"type":"finding"' in line)
    assert len(lines) > 4000
    for execution in [*EXECUTIONS, EXECUTIONS[0]]:
        ran = scan(*targets, "--rules", rules, *execution)
        assert sorted(line for line in ran.out.splitlines() if b'"type":"finding"' in line) == lines, execution
        assert ran.code == 1


def test_outputs_hold_the_same_findings(targets: list[str], rules: str, tmp_path: Path) -> None:
    """Every format that is written in one run has every finding."""
    names = ["out.jsonl", "out.json", "out.csv", "out.sarif", "out.xml"]
    outputs = [argument for name in names for argument in ("-o", str(tmp_path / name))]
    ran = gossip("scan", "-q", *targets, "--rules", rules, *outputs, "-j", "2")
    assert (ran.code, ran.out, ran.err) == (1, b"", b"")
    expected = {f["finding_id"].encode() for f in scan(*targets, "--rules", rules).findings}
    for name in names:
        ids = set(re.findall(rb"[0-9a-f]{64}", (tmp_path / name).read_bytes()))
        assert expected <= ids, name


def test_flow_runs_under_bytewax(targets: list[str], rules: str) -> None:
    """`python -m bytewax.run` takes the flow as any other."""
    import subprocess
    import sys

    from tests.support.cli import ROOT, Ran, environment

    flow = f"gossip.flows.scan:flow({targets[1]!r}, format='jsonl', rules={rules!r})"
    done = subprocess.run(
        [sys.executable, "-m", "bytewax.run", flow],
        capture_output=True,
        env=environment(),
        cwd=ROOT,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    under_bytewax = Ran(0, done.stdout, done.stderr)
    assert under_bytewax.findings == scan(targets[1], "--rules", rules).findings


def test_cache_that_is_damaged_or_closed_changes_nothing(
    targets: list[str], rules: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rules from a fresh cache, a damaged one, and none that can be written."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("GOSSIP_CACHE_DIR", str(folder))
    first = scan(targets[1], "--rules", rules)
    (file,) = folder.iterdir()
    whole = file.read_bytes()
    for damaged in (whole[:-1], b"", whole[:100] + b"\0" + whole[101:]):
        file.write_bytes(damaged)
        assert scan(targets[1], "--rules", rules).findings == first.findings
        assert file.read_bytes() == whole
    monkeypatch.setenv("GOSSIP_CACHE_DIR", "/proc/nowhere")
    assert scan(targets[1], "--rules", rules).findings == first.findings
