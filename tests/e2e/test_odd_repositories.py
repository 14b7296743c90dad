"""Repositories that something broke: a scan says what it lost, and never fails, hangs, or calls itself complete."""

from __future__ import annotations

import hashlib
import random
import zlib
from pathlib import Path

import pytest

from tests.support import cli
from tests.support.cli import Ran, scan
from tests.support.repos import BUILDERS, RepoWriter, naive_findings, open_any, plain_token
from tests.support.repos import PLAIN_NEEDLE as NEEDLE

LOST = ("damaged", "damaged_history", "damaged_pack", "partial_clone")
WHO = b"author A <a@example.org> 1 +0000\ncommitter A <a@example.org> 1 +0000\n"


def built(shape: str, tmp_path: Path) -> Path:
    """Where a repository of a shape is."""
    return BUILDERS[shape](tmp_path / "repo", plain_token).path


def named(ran: Ran) -> list[str]:
    """What was lost, sorted."""
    return sorted(loss["where"] for loss in ran.summary["losses_named"])


@pytest.mark.parametrize("jobs", ["1", "3"])
@pytest.mark.parametrize("shape", LOST)
def test_each_lost_object_is_counted_once(shape: str, jobs: str, tmp_path: Path, rules: str) -> None:
    """The losses are the objects that are gone or broken, no more, for any number of processes."""
    repo = BUILDERS[shape](tmp_path / "repo", plain_token)
    ran = scan(str(repo.path), "--rules", rules, "-j", jobs)
    assert ran.code == 3
    lost = named(ran)
    assert len(lost) == sum(ran.summary["losses"].values()) == len(repo.missing + repo.damaged), lost
    assert all(any(name in where for where in lost) for name in repo.missing + repo.damaged)
    found = {
        (f["object_id"], f["path"].encode(), f["commit"])
        for f in ran.findings
        if f["object_id"] and not f["unreachable"]
    }
    assert found == naive_findings(repo.path, NEEDLE)


@pytest.mark.parametrize("mode", [(), ("--staged",), ("--no-history",), ("-j", "2")])
def test_damaged_index(mode: tuple[str, ...], tmp_path: Path, rules: str) -> None:
    """An index that cannot be read is named; history is scanned all the same."""
    repo = built("linear", tmp_path)
    (repo / ".git" / "index").write_bytes(b"DIRCnonsense")
    ran = scan(str(repo), "--rules", rules, *mode)
    assert (ran.code, ran.err) == (3, b"")
    assert named(ran) == [".git/index"]
    assert len([f for f in ran.findings if f["object_id"]]) == (0 if mode in {("--staged",), ("--no-history",)} else 5)


@pytest.mark.parametrize("jobs", ["1", "2"])
@pytest.mark.parametrize("name", ["HEAD", "packed-refs"])
def test_damaged_refs(name: str, jobs: str, tmp_path: Path, rules: str) -> None:
    """A file of refs that cannot be read is named, and what the others lead to is scanned."""
    repo = built("linear", tmp_path)
    (repo / ".git" / name).write_bytes(b"nonsense\n")
    ran = scan(str(repo), "--rules", rules, "-j", jobs)
    assert (ran.code, ran.err) == (3, b"")
    assert named(ran) == [name]
    assert len([f for f in ran.findings if f["object_id"]]) == 5


def test_staged_against_a_damaged_head(tmp_path: Path, rules: str) -> None:
    """Nobody knows what is new in the index: all of it is scanned, and HEAD is named."""
    repo = built("linear", tmp_path)
    (repo / ".git" / "HEAD").write_bytes(b"nonsense\n")
    ran = scan(str(repo), "--rules", rules, "--staged")
    assert (ran.code, named(ran)) == (3, ["HEAD"])
    assert ran.findings


@pytest.mark.parametrize("content", ["", "nonsense\n", "1" * 40 + "\n"])
def test_damaged_branch(content: str, tmp_path: Path, rules: str) -> None:
    """A branch that leads nowhere hides whatever it once led to: the scan is incomplete and names it."""
    repo = built("linear", tmp_path)
    (repo / ".git" / "refs" / "heads" / "odd").write_text(content)
    ran = scan(str(repo), "--rules", rules)
    assert len([f for f in ran.findings if f["object_id"]]) == 5
    assert ran.code == 3
    assert "refs/heads/odd" in str(ran.summary["losses_named"])
    assert sum(ran.summary["losses"].values()) == 1


def test_dangling_symbolic_ref_is_no_loss(tmp_path: Path, rules: str) -> None:
    """`origin/HEAD` of a branch that was pruned is everyday life."""
    repo = built("linear", tmp_path)
    ref = repo / ".git" / "refs" / "remotes" / "origin" / "HEAD"
    ref.parent.mkdir(parents=True)
    ref.write_text("ref: refs/remotes/origin/gone\n")
    ran = scan(str(repo), "--rules", rules)
    assert (ran.code, len(ran.findings), ran.summary["losses"]) == (1, 5, {})


@pytest.mark.parametrize("name", ["config", "shallow"])
def test_what_libgit2_refuses(name: str, tmp_path: Path, rules: str) -> None:
    """A repository that cannot be opened is misuse, in one line."""
    repo = built("linear", tmp_path)
    (repo / ".git" / name).write_text("[nonsense\n")
    ran = scan(str(repo), "--rules", rules)
    assert (ran.code, ran.out, len(ran.error_lines)) == (2, b"", 1)
    assert str(repo) in ran.error_lines[0]


@pytest.mark.parametrize("content", [None, "gitdir: /nowhere\n", "nonsense"])
def test_git_folder_that_is_none(content: str | None, tmp_path: Path, rules: str) -> None:
    """A `.git` that leads to no repository is refused by name, not scanned as if it held everything."""
    folder = tmp_path / "repo"
    folder.mkdir()
    git = folder / ".git"
    git.mkdir() if content is None else git.write_text(content)
    ran = scan(str(folder), "--rules", rules)
    assert (ran.code, ran.out, len(ran.error_lines)) == (2, b"", 1)


@pytest.mark.parametrize("suffix", [".pack", ".idx"])
@pytest.mark.parametrize("left", [0, 20, -30])
def test_pack_that_is_cut_short(suffix: str, left: int, tmp_path: Path, rules: str) -> None:
    """What a truncated pack lacks is a loss; nothing is found that is not there."""
    repo = built("packed", tmp_path)
    (file,) = (repo / ".git" / "objects" / "pack").glob("*" + suffix)
    data = file.read_bytes()
    file.unlink()
    file.write_bytes(data[:left])
    ran = scan(str(repo), "--rules", rules, "-j", "1")
    assert (ran.code, ran.err) == (3, b"")
    assert named(ran)


@pytest.mark.parametrize("suffix", [".pack", ".idx"])
def test_flipped_bits_never_lose_findings_in_silence(suffix: str, tmp_path: Path, rules: str) -> None:
    """One bit of a pack or index flipped: every finding is there, or the run is incomplete."""
    repo = built("packed", tmp_path)
    (file,) = (repo / ".git" / "objects" / "pack").glob("*" + suffix)
    data = file.read_bytes()
    whole = {f["occurrence_id"] for f in scan(str(repo), "--rules", rules).findings}
    draw = random.Random(11)
    for _ in range(6):
        harmed = bytearray(data)
        place = draw.randrange(len(data))
        harmed[place] ^= 1 << draw.randrange(8)
        file.unlink()
        file.write_bytes(harmed)
        ran = scan(str(repo), "--rules", rules, "-j", "1")
        # Files on disk are scanned too where HEAD, which has them, is lost.
        found = {f["occurrence_id"] for f in ran.findings if f["object_id"] and not f["unreachable"]}
        assert (ran.code, ran.err) in {(1, b""), (3, b"")}, place
        assert found <= whole, place
        assert found == whole or ran.code == 3, place


def cut_short(file: Path) -> None:
    """A loose object of which only the head was written."""
    data = file.read_bytes()
    file.unlink()
    file.write_bytes(data[: len(data) // 2])


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """libgit2 would never return."""
    monkeypatch.setattr(cli, "TIMEOUT_SECONDS", 15.0)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("revision", ["HEAD~2", "FULL", "SHORT", ":/Change"])
def test_since_through_an_object_that_is_cut_short(revision: str, tmp_path: Path, rules: str) -> None:
    """The revision leads through it, or is it: refused in one line."""
    repo = built("linear", tmp_path)
    name = str(open_any(repo).revparse_single("HEAD~1").id)
    cut_short(repo / ".git" / "objects" / name[:2] / name[2:])
    revision = {"FULL": name, "SHORT": name[:9]}.get(revision, revision)
    ran = scan(str(repo), "--rules", rules, "--since", revision)
    assert (ran.code, ran.out, len(ran.error_lines)) == (2, b"", 1)
    assert name in ran.error_lines[0]


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("revision", ["HEAD", "HEAD^{tree}", "HEAD:conf", "HEAD:conf/config.ini"])
def test_damaged_loose_object_is_lost_once(revision: str, tmp_path: Path, rules: str) -> None:
    """The content scan, the history and the comparison with the checkout all meet it."""
    repo = built("linear", tmp_path)
    name = str(open_any(repo).revparse_single(revision).id)
    cut_short(repo / ".git" / "objects" / name[:2] / name[2:])
    ran = scan(str(repo), "--rules", rules)
    assert (ran.code, ran.err, named(ran)) == (3, b"", [name])


@pytest.mark.usefixtures("impatient")
def test_attributes_that_are_cut_short(tmp_path: Path, rules: str) -> None:
    """The index is compared with the checkout without a look at the attributes that only it has."""
    w = RepoWriter.create(tmp_path / "repo")
    w.commit({b".gitattributes": b"* text\n", b"a.ini": b"none\n"}, ref="refs/heads/main")
    w.checkout()
    (w.root / ".gitattributes").unlink()
    (w.root / "a.ini").write_bytes(plain_token(1))
    lost = w.id_of(b"* text\n")
    cut_short(w.loose(lost))
    ran = scan(str(w.built().path), "--rules", rules)
    assert (ran.code, ran.err, named(ran)) == (3, b"", [lost])
    assert [f["path"] for f in ran.findings] == ["a.ini"]


def test_what_was_staged_and_then_changed(tmp_path: Path, rules: str) -> None:
    """The index's version is found with its blob; it is not found again where a commit has it."""
    w = RepoWriter.create(tmp_path / "repo")
    old = w.commit({b"back.ini": plain_token(1), b"a.ini": b"none", b"b.ini": b"none"})
    w.commit({b"back.ini": b"none", b"a.ini": b"none", b"b.ini": b"none"}, (old,), ref="refs/heads/main")
    w.checkout()
    for name, number in (("back.ini", 1), ("a.ini", 2), ("b.ini", 3)):
        (w.root / name).write_bytes(plain_token(number))
        w.repo.index.add(name)
    w.repo.index.write()
    (w.root / "a.ini").write_bytes(plain_token(4))
    (w.root / "back.ini").write_bytes(b"some")
    (w.root / "b.ini").unlink()
    ran = scan(str(w.built().path), "--rules", rules, "--show-secrets")
    found = {(f["secret"].encode(), f["path"], bool(f["object_id"]), f["commit"]) for f in ran.findings}
    assert len(ran.findings) == 4
    assert found == {
        (plain_token(1), "back.ini", True, old),
        (plain_token(2), "a.ini", True, ""),
        (plain_token(3), "b.ini", True, ""),
        (plain_token(4), "a.ini", False, ""),
    }


def test_tree_too_deep_is_named_once(tmp_path: Path, rules: str) -> None:
    """A tree of 600 levels that is checked out nowhere: what lies above is scanned, and it is one loss."""
    w = RepoWriter.create(tmp_path / "repo")
    w.commit({b"top.ini": plain_token(1), b"d/" * 600 + b"deep.ini": plain_token(2)}, ref="refs/heads/main")
    ran = scan(str(w.built().path), "--rules", rules)
    assert (ran.code, ran.err, ran.summary["losses"]) == (3, b"", {"tree-too-deep": 1})
    assert sorted((f["path"], f["unreachable"]) for f in ran.findings) == [("", True), ("top.ini", False)]


def raw_commit(path: Path, text: bytes) -> Path:
    """A repository of one commit with these very bytes; TREE in them is a tree with a token at `a.ini`."""
    w = RepoWriter.create(path)
    tree = w.tree({b"a.ini": plain_token(1)})
    # Written as a file: libgit2 does not write what it cannot parse.
    data = text.replace(b"TREE", tree.encode())
    raw = b"commit %d\0" % len(data) + data
    name = hashlib.sha1(raw).hexdigest()
    file = w.loose(name)
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(zlib.compress(raw))
    (w.git_dir / "refs" / "heads" / "main").write_text(name + "\n")
    return w.built().path


@pytest.mark.parametrize(
    "text",
    [
        b"tree TREE\nauthor A <a@example.org> 1 +0000\n\nno committer",
        b"tree TREE\ncommitter A <a@example.org> 1 +0000\n\nno author",
        b"tree TREE\nauthor \xe9\xff <\xfe@x> 1 +0000\ncommitter \xe9 <x> 1 +0000\nencoding latin1\n\nx",
        b"tree TREE\nauthor A> <B< 99999999999999999999999 +9999\ncommitter A B zz -0000\n\nx",
        b"tree TREE\nauthor A <a@x> -5 +0000\ncommitter A <a@x> -5 +99999\n\nx",
        b"tree TREE\nauthor A <a@x> 999999999999999 +0000\ncommitter A <a@x> 999999999999999 +0000\n\nx",
        b"tree TREE\n" + WHO + b"gpgsig -----BEGIN\n tree 00\n parent 00\n -----END\n\nparent 00",
    ],
)
def test_odd_commits_are_scanned(text: bytes, tmp_path: Path, rules: str) -> None:
    """Authors and dates of any bytes: the finding is there, with its commit."""
    ran = scan(str(raw_commit(tmp_path / "repo", text)), "--rules", rules)
    assert (ran.code, ran.err) == (1, b"")
    assert [f["path"] for f in ran.findings] == ["a.ini"]


@pytest.mark.parametrize("text", [b"", b"parent TREE\n" + WHO + b"\nx", b"tree " + b"4" * 40 + b"\n" + WHO + b"\nx"])
def test_commits_that_lead_nowhere_are_lost(text: bytes, tmp_path: Path, rules: str) -> None:
    """A commit without a tree that can be read is a loss."""
    ran = scan(str(raw_commit(tmp_path / "repo", text)), "--rules", rules)
    assert ran.code == 3
    assert [f for f in ran.findings if not f["unreachable"]] == []
    assert len(set(named(ran))) == len(named(ran)), "the same loss is counted twice"
