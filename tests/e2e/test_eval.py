"""`gossip eval` as a user runs it: a live scan, a file of findings, and the gate."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.cli import TOKEN_RULES, gossip
from tests.support.repos import plain_token

HEAD = "path,line_start,line_end,value_start,value_end,ground_truth,category\n"


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Two credentials, of which one can be found, and one row that is none."""
    folder = tmp_path / "data" / "r"
    folder.mkdir(parents=True)
    (folder / "a.txt").write_text(f"{plain_token(1).decode()}\nnothing\n{plain_token(2).decode()}\n")
    rows = "data/r/a.txt,1,1,-1,-1,T,Token\ndata/r/a.txt,2,2,-1,-1,T,Key\ndata/r/a.txt,3,3,-1,-1,F,Token\n"
    (tmp_path / "labels.csv").write_text(HEAD + rows)
    (tmp_path / "rules.toml").write_text(TOKEN_RULES)
    return tmp_path


def test_scan_then_gate(corpus: Path) -> None:
    """A live scan and its findings from a file give the same figures; against perfect ones they block."""
    labels, root, report = str(corpus / "labels.csv"), str(corpus), corpus / "report.json"
    rules = ("--rules", str(corpus / "rules.toml"))
    ran = gossip("eval", labels, "--root", root, "--scan", str(corpus / "data"), *rules, "-o", str(report))
    assert (ran.code, ran.out, ran.err) == (0, b"", b"")
    live = json.loads(report.read_text())
    assert [live["score"][key] for key in ("true", "false", "found", "missed")] == [1, 1, 1, 1]
    findings = corpus / "findings.jsonl"
    findings.write_bytes(gossip("scan", root, "-f", "jsonl", "-q", *rules).out)
    baseline = corpus / "baseline.json"
    baseline.write_text(json.dumps({**live, "score": {**live["score"], "precision": 1.0}}))
    against = ("--baseline", str(baseline), "--no-interval-waives", "-f", "json")
    ran = gossip("eval", labels, "--findings", str(findings), *against)
    again = json.loads(ran.out)
    assert (ran.code, again["gate"]["decision"]) == (1, "block")
    assert {k: v for k, v in again.items() if k not in {"about", "gate"}} == {
        k: v for k, v in live.items() if k != "about"
    }


def test_secrets_stay_out_of_reports(corpus: Path) -> None:
    """Not even findings that hold them bring them there."""
    rules = ("--rules", str(corpus / "rules.toml"))
    findings = corpus / "findings.jsonl"
    findings.write_bytes(gossip("scan", str(corpus), "-f", "jsonl", "-q", "--show-secrets", *rules).out)
    ran = gossip("eval", str(corpus / "labels.csv"), "--findings", str(findings), "-f", "json")
    assert plain_token(2) in findings.read_bytes()
    assert plain_token(2) not in ran.out
    assert b"data/r/a.txt:3" in ran.out


def test_misuse(corpus: Path) -> None:
    """One line, and exit code 2."""
    labels = str(corpus / "labels.csv")
    for arguments, message in (
        ((labels,), "either --scan DIR or --findings FILE"),
        ((labels, "--findings", "no-such"), "no-such: No such file"),
        ((labels, "--findings", labels), "neither JSON nor JSON Lines"),
        ((labels, "--findings", labels, "--rules", labels), "--rules is for --scan"),
        ((str(corpus / "data"), "--findings", labels), "no .csv file in this folder"),
    ):
        ran = gossip("eval", *arguments)
        assert (ran.code, len(ran.error_lines)) == (2, 1)
        assert message in ran.error_lines[0]
