"""Repositories that change between remembered scans, and during one: afterwards the lake has what fresh scans find.

Whole tables are compared: every occurrence of the lake with those that fresh scans reported, each once.
"""

from __future__ import annotations

import os
from pathlib import Path

import pygit2
import pytest

from gossip.connectors.lake.maintain import verify
from gossip.connectors.lake.storage import location
from tests.chaos.making import KEY, ended, run, start, tables
from tests.support.cli import TOKEN_RULES, Ran, scan
from tests.support.repo_base import RepoWriter, body
from tests.support.repos import BUILDERS, plain_token

MAIN, SIDE = "refs/heads/main", "refs/heads/side"


class Case:
    """A bare repository, a state, and what the lake must hold."""

    def __init__(self, folder: Path, rules: str = TOKEN_RULES) -> None:
        self.folder = folder
        self.rules = folder / "rules.toml"
        self.rules.write_text(rules)
        self.writer = RepoWriter.create(folder / "repo", bare=True)
        self.target = str(folder / "repo")
        self.state = folder / "state"
        self._key = folder / "key"
        self._key.write_text(KEY)

    def commit(self, number: int, *parents: str, ref: str = MAIN) -> str:
        """A commit with one file, of its own name and token."""
        return self.writer.commit({b"f%d.txt" % number: body(plain_token(number))}, parents, ref=ref)

    def fresh(self, *options: str) -> Ran:
        """A scan that remembers nothing."""
        return scan("--rules", str(self.rules), "--tenant-key-file", str(self._key), *options, self.target)

    def scan(self, *options: str, **env: str) -> Ran:
        """A remembered scan."""
        return run(self.state, str(self.rules), [self.target], 1, *options, **env)

    def delete(self, ref: str) -> None:
        """Delete a ref."""
        open_git(self.target).references.delete(ref)

    def repack(self, *, prune: bool = False) -> None:
        """As `git gc`: one pack instead of all others and of loose objects; unreachable ones go too with `prune`."""
        git = open_git(self.target)
        folder = Path(self.target) / "objects" / "pack"
        old = set(folder.iterdir())
        loose = self.writer.loose_ids()
        self.writer.reopen().pack(sorted(reachable(git) if prune else {str(name) for name in git.odb}))
        for path in old - {path for path in folder.iterdir() if path not in old}:
            path.unlink()
        self.writer.drop_loose(loose)


def reachable(git: pygit2.Repository) -> set[str]:
    """Ids of all objects that refs lead to."""
    names: set[str] = set()
    stack: list[pygit2.Object] = []
    for ref in git.references:
        stack.extend(git.walk(git.references[ref].peel(pygit2.Commit).id))
    while stack:
        each = stack.pop()
        if str(each.id) not in names:
            names.add(str(each.id))
            stack.extend(
                [each.tree] if isinstance(each, pygit2.Commit) else each if isinstance(each, pygit2.Tree) else []
            )
    return names


def open_git(path: str) -> pygit2.Repository:
    """The repository, for changes."""
    return pygit2.Repository(path)


def found(ran: Ran) -> list[tuple[str, str]]:
    """Path and commit of each finding, sorted."""
    return sorted((finding["path"], finding["commit"]) for finding in ran.findings)


def occurrences(*rans: Ran) -> list[str]:
    """Ids of all occurrences that scans reported, each once."""
    return sorted({finding["occurrence_id"] for ran in rans for finding in ran.findings})


def kept(case: Case) -> list[str]:
    """Ids of all rows of the lake, which is sound."""
    assert verify(location(str(case.state / "lake"))).violations == ()
    return sorted(row[1] for row in tables(case.state / "lake")[0] if row[-1] == "found")


def covered(case: Case) -> list[str]:
    """Versions of the `covered` rows, sorted."""
    return sorted(row[2] for row in tables(case.state / "lake")[1] if row[1] == "covered")


@pytest.fixture
def case(tmp_path: Path) -> Case:
    """A new case."""
    return Case(tmp_path)


def test_force_push(case: Case) -> None:
    """The old tip is gone: only what the new one adds is scanned; what was found stays."""
    root = case.commit(0)
    old = case.commit(1, root)
    first = case.scan()
    assert found(first) == [("f0.txt", root), ("f1.txt", old)]
    new = case.commit(2, root)
    second = case.scan()
    assert (found(second), second.summary["documents"], second.code) == ([("f2.txt", new)], 1, 1)
    case.repack(prune=True)
    third = case.scan()
    assert (third.findings, third.summary["losses"], third.code) == ([], {}, 0)
    assert kept(case) == occurrences(first, second)
    assert covered(case) == sorted([old, new])


def test_refs_that_are_deleted_and_come_back(case: Case) -> None:
    """What was covered stays covered: nothing is read twice, and a ref that moved on meanwhile is followed."""
    root = case.commit(0)
    side = case.commit(1, root, ref=SIDE)
    first = case.scan()
    case.delete(SIDE)
    gone = case.scan()
    open_git(case.target).references.create(SIDE, side)
    back = case.scan()
    assert [(ran.summary["documents"], ran.code) for ran in (gone, back)] == [(0, 0), (0, 0)]
    case.delete(SIDE)
    case.commit(2, side, ref=SIDE)
    moved = case.scan()
    assert (moved.summary["documents"], len(moved.findings)) == (1, 1)
    assert kept(case) == occurrences(first, moved)
    assert found(case.fresh()) == found(first) + found(moved)


def test_another_selection_of_refs(case: Case) -> None:
    """More refs: only what they add. Fewer: nothing. In the end the lake has what a scan of all of them finds."""
    root = case.commit(0)
    case.commit(1, root)
    side = case.commit(2, root, ref=SIDE)
    narrow = case.scan("--branch", "main")
    assert occurrences(narrow) == occurrences(case.fresh("--branch", "main"))
    assert [path for path, _ in found(narrow)] == ["f0.txt", "f1.txt"]
    wide = case.scan()
    assert found(wide) == [("f2.txt", side)]
    again = case.scan("--exclude-ref", "side")
    assert (again.findings, again.summary["documents"]) == ([], 0)
    assert kept(case) == occurrences(narrow, wide) == occurrences(case.fresh())
    open_git(case.target).references.create("refs/remotes/origin/HEAD", SIDE)
    for name, paths in (("HEAD", ["f0.txt", "f1.txt"]), ("origin/HEAD", ["f0.txt", "f2.txt"])):
        assert [path for path, _ in found(case.fresh("--ref", name))] == paths
    missing = case.scan("--branch", "none")
    assert (missing.code, b"no ref refs/heads/none" in missing.err) == (2, True)
    nothing = case.scan("--branch", "x*")
    assert (nothing.code, b"none of its" in nothing.err) == (2, True)


def test_another_policy(case: Case) -> None:
    """Other rules are other work: all is scanned again, and the old rows answer again when the old rules do."""
    tip = case.commit(1, case.commit(0))
    first = case.scan()
    case.rules.write_text(TOKEN_RULES.replace("confidence = 8", "confidence = 7"))
    second = case.scan()
    assert (found(second), second.summary["documents"]) == (found(first), 2)
    case.rules.write_text(TOKEN_RULES)
    third = case.scan()
    assert (third.findings, third.summary["documents"], third.code) == ([], 0, 0)
    assert kept(case) == occurrences(first, second)
    assert covered(case) == [tip, tip]


def test_a_shallow_clone_that_is_deepened(tmp_path: Path) -> None:
    """Nothing is covered while history is missing; then the rest is scanned, and places are those of a full clone."""
    case = Case(tmp_path)
    root = case.commit(0)
    middle = case.commit(1, root)
    tip = case.commit(2, middle)
    (Path(case.target) / "shallow").write_text(f"{tip}\n")
    for name in (root, middle):
        os.rename(case.writer.loose(name), tmp_path / name)
    first = case.scan("--reachable-only")  # blobs of what is missing lie around: a server would not have sent them
    assert (found(first), first.code, covered(case)) == ([("f2.txt", tip)], 1, [])
    for name in (root, middle):
        os.rename(tmp_path / name, case.writer.loose(name))
    (Path(case.target) / "shallow").unlink()
    second = case.scan("--reachable-only")
    assert found(second) == [("f0.txt", root), ("f1.txt", middle)]
    assert kept(case) == occurrences(first, second) == occurrences(case.fresh())
    assert covered(case) == [tip]


def test_what_is_missing_behind_a_deleted_ref_is_nobodys_business(case: Case) -> None:
    """As long as the ref is there, every run reports it; afterwards none does."""
    root = case.commit(0)
    case.commit(1, root, ref=SIDE)
    case.writer.loose(case.writer.id_of(body(plain_token(1)))).unlink()
    for _ in range(2):
        ran = case.scan()
        assert (ran.summary["losses"], ran.code) == ({"missing-object": 1}, 3)
    case.delete(SIDE)
    ran = case.scan()
    assert (ran.summary["losses"], ran.findings, ran.code) == ({}, [], 0)
    again = case.scan()
    assert (again.summary["losses"], again.summary["documents"], again.code) == ({}, 0, 0)
    assert kept(case) == occurrences(case.fresh())


def test_a_partial_scan_covers_nothing(case: Case) -> None:
    """A damaged object: findings of the rest are kept, no tip is covered, and the walk is done again each time."""
    root = case.commit(0)
    bad = case.writer.loose(case.writer.id_of(body(plain_token(0))))
    case.commit(1, root)
    sound = bad.read_bytes()
    bad.chmod(0o644)
    bad.write_bytes(sound[:-4])
    first = case.scan()
    assert ([path for path, _ in found(first)], first.summary["losses"]) == (["f1.txt"], {"damaged-object": 1})
    assert kept(case) == occurrences(first)
    second = case.scan()
    assert (second.findings, second.summary["losses"], second.code) == ([], {"damaged-object": 1}, 3)


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("prune", [False, True])
def test_packed_anew_during_the_scan(tmp_path: Path, jobs: int, prune: bool) -> None:
    """Packs and loose objects that a `gc` replaces in mid-scan are read all the same; the next run finds nothing new."""
    case = Case(tmp_path)
    tip = ""
    for number in range(40):
        tip = case.commit(number, *([tip] if tip else []))
        if number == 20:
            case.repack()
    gate = tmp_path / "gate"
    line = start(case.state, str(case.rules), [case.target], jobs, GOSSIP_TEST_HOLD=f"before-plan:{gate}")
    while not os.path.exists(f"{gate}.here"):
        assert line.poll() is None
    before = set((Path(case.target) / "objects" / "pack").glob("*.pack"))
    case.repack(prune=prune)
    assert not before & set((Path(case.target) / "objects" / "pack").glob("*.pack"))
    gate.touch()
    first = ended(line)
    assert (first.summary["losses"], len(first.findings)) == ({}, 40)
    second = case.scan()
    assert (second.findings, second.summary["losses"], second.code) == ([], {}, 0)
    assert kept(case) == occurrences(first) == occurrences(case.fresh())


def test_objects_that_vanish_during_the_scan(tmp_path: Path) -> None:
    """Loose objects that nothing leads to, pruned in mid-scan: the run says that it is incomplete, the next is not."""
    case = Case(tmp_path)
    case.commit(0)
    case.writer.blob(body(plain_token(7)))
    gate = tmp_path / "gate"
    line = start(case.state, str(case.rules), [case.target], 1, GOSSIP_TEST_HOLD=f"before-open:{gate}")
    while not os.path.exists(f"{gate}.here"):
        assert line.poll() is None
    case.writer.loose(case.writer.id_of(body(plain_token(7)))).unlink()
    gate.touch()
    first = ended(line)
    assert (first.summary["losses"], len(first.findings), first.code) == ({"vanished": 1}, 1, 3)
    assert covered(case) == []
    second = case.scan()
    assert (second.findings, second.summary["losses"], second.code) == ([], {}, 0)
    assert kept(case) == occurrences(first) == occurrences(case.fresh())
    assert len(covered(case)) == 1


def test_every_shape_by_url(tmp_path: Path) -> None:
    """A mirror is scanned as its origin is, and its findings have the ids of every other clone."""
    rules = tmp_path / "rules.toml"
    rules.write_text(TOKEN_RULES)
    built = BUILDERS["packed"](tmp_path / "repo", plain_token)
    url = f"file://{built.path}"
    here = scan("--rules", str(rules), url)
    assert sorted((f["path"].encode(), f["commit"], f["target"]) for f in here.findings) == sorted(
        (item.path, item.commit, url) for item in built.planted
    )
    clone = pygit2.clone_repository(url, str(tmp_path / "clone"), bare=True)
    there = scan("--rules", str(rules), clone.path)
    assert {f["occurrence_id"] for f in here.findings} == {f["occurrence_id"] for f in there.findings}
