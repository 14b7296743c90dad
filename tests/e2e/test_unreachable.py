"""What lies in a repository though no ref leads to it: reported, and said to be so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.chaos.making import run
from tests.support.cli import TOKEN_RULES, gossip, scan
from tests.support.repo_base import RepoWriter, body
from tests.support.repos import plain_token

if TYPE_CHECKING:
    from pathlib import Path

MAIN = "refs/heads/main"


def shown(findings: list[dict[str, Any]]) -> list[tuple[str, str, str, bool]]:
    """(blob, path, commit, unreachable) of findings, sorted."""
    return sorted((f["object_id"], f["path"], f["commit"], f["unreachable"]) for f in findings)


def blob(number: int) -> str:
    """The id of a body's blob."""
    return RepoWriter.id_of(None, body(plain_token(number)))  # type: ignore[arg-type]


def deleted_branch(path: Path) -> tuple[RepoWriter, dict[str, str]]:
    """A commit on a branch; two on another that is gone, of which the second keeps the file; and a blob of no tree."""
    writer = RepoWriter.create(path, bare=True)
    kept = writer.commit({b"kept.ini": body(plain_token(0))}, ref=MAIN)
    first = writer.commit({b"kept.ini": body(plain_token(0)), b"d/gone.ini": body(plain_token(1))}, (kept,))
    second = writer.commit({b"d/gone.ini": body(plain_token(1)), b"e.ini": body(plain_token(2))}, (first,))
    writer.blob(body(plain_token(3)))
    return writer, {"kept": kept, "first": first, "second": second}


def found_in(names: dict[str, str]) -> list[tuple[str, str, str, bool]]:
    """What a scan must find in it."""
    return sorted(
        [
            (blob(0), "kept.ini", names["kept"], False),
            (blob(1), "d/gone.ini", names["first"], True),
            (blob(2), "e.ini", names["second"], True),
            (blob(3), "", "", True),
        ]
    )


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_deleted_branch_is_found(tmp_path: Path, rules: str, jobs: str, packed: bool) -> None:
    """Each blob at its first commit, reachable or not, and one without any; `--reachable-only` leaves three out."""
    writer, names = deleted_branch(tmp_path / "repo")
    if packed:
        writer.pack(writer.loose_ids())
        writer.drop_loose(writer.loose_ids())
    ran = scan(str(tmp_path / "repo"), "--rules", rules, "-j", jobs)
    assert shown(ran.findings) == found_in(names)
    assert {f["author"] for f in ran.findings if f["commit"]} == {"Ada Example"}
    assert (ran.code, ran.summary["findings"], ran.summary["unreachable"]) == (1, 4, 3)
    only = scan(str(tmp_path / "repo"), "--rules", rules, "-j", jobs, "--reachable-only")
    assert shown(only.findings) == [(blob(0), "kept.ini", names["kept"], False)]
    assert (only.summary["unreachable"], only.summary["suppressed"]) == (0, {"unreachable": 3})
    assert only.findings == [f for f in ran.findings if not f["unreachable"]]


def test_every_blob_is_accounted_for(tmp_path: Path, rules: str) -> None:
    """Documents, what was left out, and what was lost add up to the blobs of the store, whatever leads to them."""
    writer, names = deleted_branch(tmp_path / "repo")
    writer.blob(b"\0\1\2 binary")
    writer.commit({b"lost.ini": body(plain_token(9))}, (names["kept"],), ref="refs/heads/other")
    writer.forget(blob(9))
    ran = scan(str(tmp_path / "repo"), "--rules", rules)
    summary = ran.summary
    assert (summary["documents"], summary["skipped"], summary["losses"]) == (4, {"binary": 1}, {"missing-object": 1})


def test_text_says_it(tmp_path: Path, rules: str) -> None:
    """In the finding and in the summary; a blob that no path leads to is called by its id."""
    deleted_branch(tmp_path / "repo")
    ran = gossip("scan", str(tmp_path / "repo"), "--rules", rules, "-f", "text")
    text = ran.out.decode()
    assert text.count("unreachable: no ref leads to this object") == 3
    assert f"repo/<blob {blob(3)[:8]}>:3:8" in text
    assert "Of these, 3 in objects that no ref leads to" in ran.err.decode()


def test_allowlists_apply_where_there_is_a_path(tmp_path: Path) -> None:
    """A path that is allowed is allowed in a dropped commit too; a blob without a path is not at that path."""
    file = tmp_path / "rules.toml"
    file.write_text(TOKEN_RULES + "\n[allowlist]\npaths = ['''^d/''']\n")
    _, names = deleted_branch(tmp_path / "repo")
    ran = scan(str(tmp_path / "repo"), "--rules", str(file))
    assert shown(ran.findings) == [found for found in found_in(names) if found[1] != "d/gone.ini"]


def test_what_is_only_borrowed_is_not_reported(tmp_path: Path, rules: str) -> None:
    """Objects of an alternate folder belong to other repositories; those that refs lead to are found there."""
    pool, names = deleted_branch(tmp_path / "pool")
    borrower = RepoWriter.create(tmp_path / "repo", bare=True)
    (borrower.git_dir / "objects" / "info" / "alternates").write_text(f"{pool.git_dir / 'objects'}\n")
    borrower = borrower.reopen()
    borrower.ref(MAIN, names["kept"])
    borrower.blob(body(plain_token(7)))
    ran = scan(str(tmp_path / "repo"), "--rules", rules)
    wanted = [(blob(0), "kept.ini", names["kept"], False), (blob(7), "", "", True)]
    assert shown(ran.findings) == sorted(wanted)


def test_a_remembered_scan_reports_it_again_with_its_place(tmp_path: Path, rules: str) -> None:
    """Once as unreachable; once a ref leads there, as another occurrence of the same finding. Both stay in the lake."""
    writer, names = deleted_branch(tmp_path / "repo")
    target, state = str(tmp_path / "repo"), tmp_path / "state"
    first = run(state, rules, [target], 1)
    assert shown(first.findings) == found_in(names)
    assert run(state, rules, [target], 1).findings == []
    writer.ref("refs/heads/again", names["second"])
    third = run(state, rules, [target], 1)
    placed = [(blob(1), "d/gone.ini", names["first"], False), (blob(2), "e.ini", names["second"], False)]
    assert shown(third.findings) == sorted(placed)
    before = {f["object_id"]: (f["finding_id"], f["occurrence_id"]) for f in first.findings}
    for found in third.findings:
        finding, occurrence = before[found["object_id"]]
        assert found["finding_id"] == finding
        assert found["occurrence_id"] != occurrence
    sql = "SELECT first_commit, places, unreachable FROM findings ORDER BY ALL"
    rows = gossip("query", sql, "--state", str(state), "-f", "jsonl").records
    assert [(row["places"], row["unreachable"]) for row in rows if not row["first_commit"]] == [(1, True)]
    assert sorted((row["places"], row["unreachable"]) for row in rows) == [
        (1, False),
        (1, True),
        (2, False),
        (2, False),
    ]


def test_what_is_staged_is_not_unreachable(tmp_path: Path, rules: str) -> None:
    """The blob of a staged file is in the store, and the file on disk is reported: once."""
    writer = RepoWriter.create(tmp_path / "repo")
    writer.commit({b"kept.ini": body(plain_token(0))}, ref=MAIN)
    writer.checkout()
    (writer.root / "new.ini").write_bytes(body(plain_token(1)))
    writer.repo.index.add("new.ini")
    writer.repo.index.write()
    ran = scan(str(writer.root), "--rules", rules)
    assert [(f["path"], f["unreachable"]) for f in ran.findings if not f["commit"]] == [("new.ini", False)]
    assert ran.summary["findings"] == 2
