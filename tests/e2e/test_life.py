"""The life of findings in the lake, over scans of a target that changes, and under rules that change."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from gossip.connectors.lake.storage import location
from gossip.connectors.lake.views import query
from tests.chaos.making import run, tables
from tests.support.cli import TOKEN_RULES
from tests.support.repo_base import RepoWriter, body
from tests.support.repos import plain_token

if TYPE_CHECKING:
    from pathlib import Path

OTHER_RULES = TOKEN_RULES.replace('id = "token"', 'id = "other"').replace("GSPTOKEN[0-9]", "GSPTOKEN[1-9]")


def states(state: Path) -> list[tuple[Any, ...]]:
    """Every finding: its rule, state, number of places, first and removing commit."""
    sql = "SELECT rule_id, state, places, first_path, first_commit, removed_commit FROM findings ORDER BY ALL"
    answer = query(location(str(state / "lake")), sql)
    found = list(answer.rows())
    answer.close()
    return found


def test_life_in_a_repository(tmp_path: Path, rules: str) -> None:
    """Introduced, edited around, removed, back again, moved, on another branch, pushed away."""
    writer = RepoWriter.create(tmp_path / "repo", bare=True)
    main, state, target = "refs/heads/main", tmp_path / "state", str(tmp_path / "repo")
    token = plain_token(1)

    def push(files: dict[bytes, bytes], *parents: str, ref: str = main) -> str:
        return writer.commit(files, parents, ref=ref)

    def scanned() -> list[tuple[Any, ...]]:
        run(state, rules, [target], 1)
        return states(state)

    one = push({b"a.txt": body(token)})
    assert scanned() == [("token", "present", 1, "a.txt", one, None)]
    before = tables(state / "lake")
    assert (scanned(), tables(state / "lake")) == ([("token", "present", 1, "a.txt", one, None)], before)
    two = push({b"a.txt": body(token, "edited")}, one)
    assert scanned() == [("token", "present", 2, "a.txt", one, None)]
    three = push({b"a.txt": b"nothing"}, two)
    assert scanned() == [("token", "removed", 2, "a.txt", one, three)]
    four = push({b"a.txt": body(token)}, three)
    assert scanned() == [("token", "reappeared", 2, "a.txt", one, None)]
    five = push({b"b.txt": body(token, "moved")}, four)
    assert scanned() == [("token", "reappeared", 3, "a.txt", one, None)]
    side = push({b"c.txt": body(plain_token(2))}, one, ref="refs/heads/side")
    assert ("token", "removed", 1, "c.txt", side, five) in scanned()
    pushed = push({b"x.txt": b"nothing"})
    rows = [("token", "removed", 1, "c.txt", side, five), ("token", "removed", 3, "a.txt", one, pushed)]
    assert scanned() == rows


def test_life_in_files(tmp_path: Path, rules: str) -> None:
    """A file that is edited around, changed, deleted, and back."""
    tree, state = tmp_path / "tree", tmp_path / "state"
    tree.mkdir()
    (tree / "other.txt").write_bytes(body(plain_token(2)))
    seen = []
    for data in (body(plain_token(1)), body(plain_token(1), "edited"), b"nothing", body(plain_token(1)), None):
        path = tree / "a.txt"
        path.unlink(missing_ok=True) if data is None else path.write_bytes(data)
        for _ in range(2):
            run(state, rules, [str(tree)], 1)
        seen.append([row[1] for row in states(state) if row[3] == "a.txt"])
        assert [row[1] for row in states(state) if row[3] == "other.txt"] == ["present"]
    assert seen == [["present"], ["present"], ["removed"], ["reappeared"], ["removed"]]


def test_rules_that_leave_and_come_back(tmp_path: Path) -> None:
    """Nothing is read for a rule that leaves or comes back, and nothing is reported twice."""
    state, target = tmp_path / "state", str(tmp_path / "repo")
    writer = RepoWriter.create(tmp_path / "repo", bare=True)
    writer.commit({b"a.txt": body(plain_token(123456))}, ref="refs/heads/main")
    path = tmp_path / "rules.toml"
    seen = []
    for text in (TOKEN_RULES, TOKEN_RULES + OTHER_RULES, OTHER_RULES, TOKEN_RULES + OTHER_RULES, TOKEN_RULES):
        path.write_text(text)
        ran = run(state, str(path), [target], 1)
        found = [(row[0], row[1]) for row in states(state)]
        seen.append((ran.summary["documents"], [finding["rule_id"] for finding in ran.findings], found))
        again = run(state, str(path), [target], 1)
        assert (again.summary["documents"], again.findings) == (0, [])
    both = [("other", "present"), ("token", "present")]
    assert json.loads(json.dumps(seen)) == json.loads(
        json.dumps(
            [
                (1, ["token"], [("token", "present")]),
                (1, ["other"], both),
                (0, [], [("other", "present"), ("token", "retracted")]),
                (0, [], both),
                (0, [], [("other", "retracted"), ("token", "present")]),
            ]
        )
    )
