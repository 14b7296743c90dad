"""Git repositories of every shape: what a scan finds, against a deliberately simple oracle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.cli import Ran, scan
from tests.support.repos import BUILDERS, PLAIN_NEEDLE, naive_findings, open_any, openable, plain_token

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.repos import BuiltRepo

FAILED_READS = {"missing-object", "damaged-object"}


def built(shape: str, tmp_path: Path) -> BuiltRepo:
    """A repository of a shape with the plain tokens."""
    return BUILDERS[shape](tmp_path / "repo", plain_token)


def triples(findings: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    """(blob, path, commit) of the findings in history, sorted; each occurrence is reported once."""
    occurrences = [f["occurrence_id"] for f in findings]
    assert len(set(occurrences)) == len(occurrences)
    return sorted({(f["object_id"], f["path"], f["commit"]) for f in findings if f["object_id"]})


def expected(repo: BuiltRepo) -> list[tuple[str, str, str]]:
    """What the oracle finds, in the same form, and what is in the index without being in a commit or on disk."""
    found = set(naive_findings(repo.path, PLAIN_NEEDLE))
    changed = {item.path for item in repo.modified}
    found |= {(item.blob, item.path, "") for item in repo.staged if item.path in changed}
    return sorted((blob, path.decode("utf-8", "backslashreplace"), commit) for blob, path, commit in found)


def check_history(repo: BuiltRepo, ran: Ran) -> None:
    """Findings and losses of a whole-history scan are right, less what was found where no ref leads."""
    reached = [f for f in ran.findings if not f["unreachable"]]
    assert len(ran.findings) - len(reached) == ran.summary["unreachable"]
    assert triples(reached) == expected(repo), ran.err
    lost = {loss["where"] for loss in ran.summary["losses_named"] if loss["kind"] in FAILED_READS}
    assert set(repo.missing) <= lost
    assert all(any(name in where for where in lost) for name in repo.damaged)
    incomplete = bool(repo.missing or repo.damaged)
    assert (ran.summary["status"] == "incomplete") == incomplete, ran.summary
    assert ran.code == (3 if incomplete else 1 if ran.findings else 0)


@pytest.mark.parametrize("shape", openable())
def test_history_matches_the_oracle(shape: str, tmp_path: Path, rules: str) -> None:
    """Every blob reachable from any ref, once, with its first commit and path."""
    repo = built(shape, tmp_path)
    ran = scan(str(repo.path), "--rules", rules, "-j", "1")
    check_history(repo, ran)
    only = scan(str(repo.path), "--rules", rules, "-j", "1", "--reachable-only")
    check_history(repo, only)
    assert only.summary["unreachable"] == 0
    assert not any(token in only.out for token in repo.hidden)


@pytest.mark.parametrize("shape", ["mixed", "octopus", "damaged_pack", "linear"])
def test_history_in_a_cluster_matches_the_oracle(shape: str, tmp_path: Path, rules: str) -> None:
    """Two processes find the same."""
    repo = built(shape, tmp_path)
    check_history(repo, scan(str(repo.path), "--rules", rules, "-j", "2"))


@pytest.mark.parametrize(("shape", "words"), [("sha256", "'sha256'"), ("reftable", "extensions.refstorage")])
def test_unreadable_formats_are_refused(shape: str, words: str, tmp_path: Path, rules: str) -> None:
    """A format that cannot be read is one clear line and exit code 2."""
    repo = built(shape, tmp_path)
    ran = scan(str(repo.path), "--rules", rules)
    assert (ran.code, ran.out, len(ran.error_lines)) == (2, b"", 1)
    assert ran.error_lines[0].startswith(f"gossip: {repo.path}: ")
    assert ran.error_lines[0].count(str(repo.path)) == 1
    assert words in ran.error_lines[0]


def on_disk(findings: list[dict[str, Any]]) -> list[str]:
    """Paths of the findings in files of the checkout."""
    return sorted(f["path"] for f in findings if not f["object_id"])


def paths(planted: tuple[Any, ...]) -> list[str]:
    """Display form of planted paths."""
    return sorted(p.path.decode("utf-8", "backslashreplace") for p in planted)


def test_dirty_worktree_scans_what_no_commit_holds(tmp_path: Path, rules: str) -> None:
    """Modified, staged and untracked files are scanned as they are on disk; ignored ones only if asked."""
    repo = built("dirty_worktree", tmp_path)
    ran = scan(str(repo.path), "--rules", rules)
    plain = set(on_disk(ran.findings))
    assert plain >= set(paths(repo.modified)) | set(paths(repo.untracked))
    assert not plain & set(paths(repo.ignored))
    with_ignored = set(on_disk(scan(str(repo.path), "--rules", rules, "--ignored").findings))
    assert with_ignored == plain | set(paths(repo.ignored))


def test_staged_is_the_index_against_head(tmp_path: Path, rules: str) -> None:
    """--staged finds what a commit would add, with the blob and without a commit."""
    repo = built("dirty_worktree", tmp_path)
    ran = scan(str(repo.path), "--rules", rules, "--staged")
    assert triples(ran.findings) == sorted((p.blob, p.path.decode(), "") for p in repo.staged)
    assert ran.code == 1


def test_no_history_is_the_tracked_files_on_disk(tmp_path: Path, rules: str) -> None:
    """--no-history reads tracked files from the checkout; untracked ones are left out."""
    repo = built("dirty_worktree", tmp_path)
    ran = scan(str(repo.path), "--rules", rules, "--no-history")
    assert not triples(ran.findings)
    found = set(on_disk(ran.findings))
    assert found >= set(paths(repo.modified))
    assert not found & set(paths(repo.untracked))


def test_since_is_what_later_commits_introduce(tmp_path: Path, rules: str) -> None:
    """--since REV leaves out what earlier commits introduced and what was only moved; a revert counts as new."""
    repo = built("linear", tmp_path)
    whole = triples(scan(str(repo.path), "--rules", rules).findings)
    history = [str(commit.id) for commit in open_any(repo.path).walk(open_any(repo.path).head.target)]
    for age, since in enumerate(history):
        ran = scan(str(repo.path), "--rules", rules, "--since", since)
        new = [t for t in whole if t[2] in history[:age]]
        if 0 < age < len(history) - 1:  # the last commit restores the first one's content, which REV does not hold
            first = next(p for p in repo.planted if p.commit == history[-1])
            new.append((first.blob, "conf/config.ini", history[0]))
        assert triples(ran.findings) == sorted(new)


def test_bare_repository_has_no_checkout(tmp_path: Path, rules: str) -> None:
    """Modes that need a checkout say so."""
    repo = built("bare", tmp_path)
    for mode in ("--no-history", "--staged"):
        ran = scan(str(repo.path), "--rules", rules, mode)
        assert (ran.code, ran.out) == (2, b"")
        assert "bare repository" in ran.error_lines[0]


def test_unknown_revision(tmp_path: Path, rules: str) -> None:
    """--since with a revision that is not there is misuse."""
    repo = built("linear", tmp_path)
    ran = scan(str(repo.path), "--rules", rules, "--since", "no-such-branch")
    assert ran.code == 2
    assert "no-such-branch" in ran.error_lines[0]


@pytest.mark.parametrize("arguments", [("--since", ""), ("--since", "HEAD:README.md"), ("--since", "HEAD~1..HEAD")])
def test_since_without_a_revision(arguments: tuple[str, str], tmp_path: Path, rules: str) -> None:
    """What is no commit is refused. An empty one too: an unset variable must not change what is scanned."""
    repo = BUILDERS["linear"](tmp_path / "repo", plain_token).path
    ran = scan(str(repo), "--rules", rules, *arguments)
    assert (ran.code, ran.out, len(ran.error_lines)) == (2, b"", 1)


@pytest.mark.parametrize("mode", [(), ("--staged",), ("--no-history",)])
def test_linked_worktree_has_its_own_index_and_files(mode: tuple[str, ...], tmp_path: Path, rules: str) -> None:
    """Staged and untracked files are those of the worktree that was named, not of the main one."""
    repo = BUILDERS["linked_worktree"](tmp_path / "repo", plain_token).path
    for number, root in enumerate((repo, repo.with_name("repo-main")), 50):
        (root / "only-here.ini").write_bytes(plain_token(number))
    (repo / "a.ini").write_bytes(plain_token(60))
    ran = scan(str(repo), "--rules", rules, "--show-secrets", *mode)
    found = {f["secret"].encode() for f in ran.findings}
    wanted = {(): {0, 1, 50, 60}, ("--staged",): set(), ("--no-history",): {1, 60}}[mode]
    assert found == {plain_token(number) for number in wanted}


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_whole_blobs_give_the_same(jobs: str, tmp_path: Path, rules: str) -> None:
    """A scan that looks at what changed reports what one reports that reads every blob whole."""
    repo = built("packed", tmp_path)
    ours = scan(str(repo.path), "--rules", rules, "-j", jobs)
    whole = scan(str(repo.path), "--rules", rules, "-j", jobs, "--whole-blobs")
    assert sorted(ours.findings, key=repr) == sorted(whole.findings, key=repr)
    differ = {key for key in ours.summary if ours.summary[key] != whole.summary[key]}
    assert (ours.code, differ <= {"seconds", "whole"}, whole.summary["whole"]) == (whole.code, True, {})
