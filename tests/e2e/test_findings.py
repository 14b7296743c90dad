"""`gossip findings` as people and scripts use it: list, show, judge."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gossip.connectors.lake.maintain import verify
from gossip.connectors.lake.storage import location
from gossip.connectors.lake.triage import record_verdicts
from gossip.schemas.triage import Verdict
from tests.support.cli import TOKEN_RULES, Ran, gossip
from tests.support.lake import finding, lane, unit
from tests.support.repo_base import RepoWriter, body
from tests.support.repos import plain_token

MAIN = "refs/heads/main"


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state after two scans of a repository: one secret in two places, one that was removed."""
    folder = tmp_path_factory.mktemp("findings")
    rules = folder / "rules.toml"
    rules.write_text(TOKEN_RULES + 'references = ["https://example.com/rotate"]\n')
    writer = RepoWriter.create(folder / "repo", bare=True)
    first = writer.commit({b"a.py": body(plain_token(1)), b"b.py": body(plain_token(2))}, ref=MAIN)
    scanned(folder)
    writer.commit({b"a.py": body(plain_token(1)), b"copy.py": body(plain_token(1), "copy")}, (first,), ref=MAIN)
    scanned(folder)
    return folder / "state"


def scanned(folder: Path) -> None:
    """Scan the repository."""
    arguments = ["--state", str(folder / "state"), "--rules", str(folder / "rules.toml"), "-j", "1"]
    assert gossip("scan", "-q", *arguments, str(folder / "repo")).code == 1


def findings(state: Path, *arguments: str) -> Ran:
    """`gossip findings`."""
    return gossip("findings", "--state", str(state), *arguments)


def rows(state: Path, *arguments: str) -> list[dict[str, Any]]:
    """Rows as JSON."""
    return findings(state, "-f", "jsonl", *arguments).records


def of(state: Path, path: str) -> str:
    """Id of the finding with a place at a path."""
    (row,) = rows(state, "--path", path, "--status", "all")
    return str(row["finding_id"])


def test_rows(state: Path) -> None:
    """One a secret, with its places and what scans know of the head."""
    ran = findings(state)
    assert ran.code == 1
    by_place = {row["occurrences"][0]["path"]: row for row in ran.records}
    assert sorted(by_place) == ["a.py", "b.py"]
    here, gone = by_place["a.py"], by_place["b.py"]
    assert [(place["path"], place["presence"]) for place in here["occurrences"]] == [
        ("a.py", "present"),
        ("copy.py", "present"),
    ]
    assert (here["state"], here["places"], here["status"]) == ("present", 2, "open")
    assert (gone["state"], gone["places"]) == ("removed", 1)
    assert len(gone["removed_commit"]) == 40


def test_filters_and_exit_codes(state: Path) -> None:
    """1 where something matches, 0 where nothing does, 2 for a question that makes no sense."""
    assert [row["state"] for row in rows(state, "--status", "removed")] == ["removed"]
    assert len(rows(state, "--status", "present", "--status", "removed")) == 2
    assert findings(state, "--status", "present", "--exit-zero").code == 0
    assert findings(state, "--status", "accepted").code == 0
    assert findings(state, "--rule", "elsewhere").code == 0
    assert findings(state, "--since", "2023-11-14", "--until", "2023-11-14").code == 1
    assert findings(state, "--until", "2023-11-13").code == 0
    assert findings(state, "--since", "yesterday").code == 2
    assert findings(state, "--status", "odd").code == 2
    assert gossip("findings").code == 2
    assert findings(state / "elsewhere").code == 2
    ran = findings(state, "--level", "high", "show", of(state, "a.py"))
    assert (ran.code, ran.error_lines[-1]) == (2, "gossip: --level is for the list of findings, not for show")


def test_table(state: Path, tmp_path: Path) -> None:
    """Short ids that `show` takes; what is left out is said."""
    ran = findings(state, "-f", "table", "--limit", "1")
    text = ran.out.decode()
    assert "1 more; --limit 0 shows all 2" in ran.error_lines[-1]
    assert sum(of(state, path)[:12] in text for path in ("a.py", "b.py")) == 1
    assert findings(state, "-o", str(tmp_path / "out.csv")).out == b""
    table = list(csv.DictReader(io.StringIO((tmp_path / "out.csv").read_text())))
    assert sorted(row["occurrences"] for row in table) == ["a.py:3;copy.py:3", "b.py:3"]


def test_show(state: Path) -> None:
    """All about one: places, commits, who, the head, and how to rotate it, by the rule's references."""
    rules = str(state.parent / "rules.toml")
    ran = gossip("findings", "show", of(state, "b.py")[:10], "--state", str(state), "--rules", rules)
    text = ran.out.decode()
    assert ran.code == 0
    for part in (
        "HIGH",
        "token",
        "at head    no, removed in ",
        "b.py:3:8",
        "Ada Example <ada@example.com>",
        "https://example.com/rotate",
    ):
        assert part in text
    assert "GSPTOKEN" not in text
    record = json.loads(findings(state, "show", of(state, "a.py"), "-f", "json", "--rules", rules).out)
    assert (record["places"], record["references"]) == (2, ["https://example.com/rotate"])
    assert findings(state, "show", "0" * 64).code == 2


def test_verdicts(state: Path) -> None:
    """Accepted, taken back, fixed, false: each by whom, when and why; what is decided is not listed as open."""
    here, gone = of(state, "a.py"), of(state, "b.py")
    assert (
        findings(
            state, "accept", here, "--reason", "rotated\tnext week", "--until", "2999-12-31", "--author", "Ann"
        ).code
        == 0
    )
    assert [row["finding_id"] for row in rows(state)] == [gone]
    (row,) = rows(state, "--status", "accepted")
    assert (row["decided_by"], row["reason"], row["until"]) == (
        "Ann",
        "rotated\tnext week",
        "3000-01-01T00:00:00.000000Z",
    )
    assert "accepted since" in findings(state, "show", here).out.decode()
    assert (
        gossip("findings", "fix", here, gone, here, "--state", str(state)).error_lines[-1]
        == "gossip: 2 findings are fixed now"
    )
    assert findings(state).code == 0
    assert findings(state, "false", gone, "--reason", "an example").code == 0
    assert findings(state, "reopen", here).code == 0
    assert [row["finding_id"] for row in rows(state)] == [here]
    assert [row["reason"] for row in rows(state, "--status", "false")] == ["an example"]
    assert findings(state, "reopen", gone, "--reason", "it was real").code == 0
    assert {row["status"] for row in rows(state, "--status", "all")} == {"open"}
    assert verify(location(str(state / "lake"))).violations == ()


def test_an_acceptance_that_is_over(state: Path) -> None:
    """The finding is open again, and `show` says why."""
    here = of(state, "a.py")
    now = datetime.now(UTC)
    past = Verdict(here, "accepted", "Ann", now - timedelta(days=2), "for a day", now - timedelta(days=1))
    record_verdicts(location(str(state / "lake")), [past])
    assert here in {row["finding_id"] for row in rows(state)}
    assert "which is over" in findings(state, "show", here).out.decode()
    assert findings(state, "reopen", here).code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ("accept", "ID"),
        ("accept", "ID", "--reason", " "),
        ("accept", "ID", "--reason", "x", "--until", "2020-01-01"),
        ("accept", "ID", "--reason", "x", "--until", "soon"),
        ("accept", "0" * 64, "--reason", "x"),
        ("accept", "ID", "0" * 64, "--reason", "x"),
        ("false", "ID"),
        ("fix", "ID", "--reason", "x" * 1001),
        ("fix",),
    ],
)
def test_refused_verdicts(state: Path, arguments: tuple[str, ...]) -> None:
    """Nothing is written where anything is wrong."""
    here = of(state, "a.py")
    ran = findings(state, *(here if argument == "ID" else argument for argument in arguments))
    assert (ran.code, ran.out) == (2, b"")
    assert here in {row["finding_id"] for row in rows(state)}


def test_hostile_texts(tmp_path: Path) -> None:
    """Whoever writes history picks names and paths: no terminal, spreadsheet or reader of lines obeys them."""
    writer = lane(tmp_path)
    evil = "=1+1\x1b[31m\u202e\u2028\n\x9b2J"
    writer.add(unit(1, [finding(1, path=evil, author=evil, email="-x", rule_id=evil, description=evil)]))
    writer.commit()
    lake = ("--lake", str(tmp_path))
    outputs = {
        fmt: gossip("findings", *lake, "-f", fmt, "--status", "all").out.decode() for fmt in ("table", "jsonl", "csv")
    }
    (row,) = [json.loads(line) for line in outputs["jsonl"].splitlines()]
    assert row["occurrences"][0]["path"] == evil
    shown = gossip("findings", *lake, "show", row["finding_id"])
    for text in (*outputs.values(), shown.out.decode()):
        assert not set("\x1b\x9b\u202e\u2028") & set(text)
    (cells,) = csv.DictReader(io.StringIO(outputs["csv"], newline=""))
    assert all(not str(value).startswith(("=", "+", "-", "@")) for value in cells.values())


def test_beside_a_watch(state: Path, tmp_path: Path) -> None:
    """A verdict is written while a run holds the state: it takes no lock of it."""
    from gossip.connectors.state.folder import held

    with held(str(state)):
        assert findings(state, "accept", of(state, "b.py"), "--reason", "gone").code == 0
    assert findings(state, "reopen", of(state, "b.py")).code == 0
