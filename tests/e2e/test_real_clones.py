"""Clones and checkouts as the `git` program makes them: what is found, what is counted as lost, and the exit code."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.cli import Ran, command, environment, gossip, scan
from tests.support.realgit import git, needs_git, packs_of
from tests.support.repos import PLAIN_NEEDLE, RepoWriter, naive_findings, open_any, plain_token

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = needs_git

COMMITS = 6
SIDE = 10
_DROP, _READ_EVERYTHING = 24, (1, 2)
"""Linux: PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH."""


def origin_of(folder: Path) -> Path:
    """Six commits, each with a file more that holds a token; the third removes the first one's. A branch from the second
    commit, with a token of its own.
    """
    w = RepoWriter.create(folder / "origin", bare=True)
    files: dict[bytes, bytes] = {}
    names: list[str] = []
    for number in range(COMMITS):
        files[b"d/f%d.ini" % number] = b"key = %s\n" % plain_token(number) + b"more\n" * 40 * number
        if number == 3:
            del files[b"d/f0.ini"]
        names.append(w.commit(files, tuple(names[-1:]), ref="refs/heads/main"))
    w.commit({b"side.ini": plain_token(SIDE)}, (names[1],), ref="refs/heads/side")
    path = w.built().path
    git(path, "repack", "-adq")
    git(path, "config", "uploadpack.allowFilter", "true")
    return path


def cloned(origin: Path, *options: str, name: str = "clone") -> Path:
    """A clone by way of Git's own transport."""
    path = origin.with_name(name)
    git(origin, "clone", "-q", *options, f"file://{origin}", str(path))
    return path


def found(ran: Ran) -> set[tuple[str, bytes, str]]:
    """(blob, path, commit) of the findings in history, without those that no ref leads to."""
    return {
        (f["object_id"], f["path"].encode(), f["commit"])
        for f in ran.findings
        if f["object_id"] and not f["unreachable"]
    }


def numbers(ran: Ran) -> list[int]:
    """Which tokens were found, on disk and in history."""
    return sorted({int(f["secret"][len("GSPTOKEN") : -1]) for f in ran.findings})


def checked(
    path: Path, rules: str, *tokens: int, code: int = 1, jobs: str = "1", losses: dict[str, int] | None = None
) -> Ran:
    """A scan that finds what the oracle does, these tokens and no other, and ends so."""
    ran = scan(str(path), "--rules", rules, "-j", jobs, "--show-secrets")
    assert ran.err == b""
    assert (numbers(ran), ran.summary["losses"], ran.code) == (sorted(tokens), losses or {}, code)
    assert found(ran) == naive_findings(path, PLAIN_NEEDLE)
    return ran


@pytest.mark.parametrize("jobs", ["1", "2"])
@pytest.mark.parametrize("options", [(), ("--bare",), ("--mirror",), ("--shared",), ("--no-checkout",)], ids=str)
def test_whole_clones(options: tuple[str, ...], jobs: str, tmp_path: Path, rules: str) -> None:
    """Everything that any branch leads to; `--shared` borrows all objects from the origin."""
    origin = origin_of(tmp_path)
    if options == ("--shared",):
        path = tmp_path / "clone"
        git(tmp_path, "clone", "-q", *options, str(origin), str(path))
        assert packs_of(path / ".git") == []
    else:
        path = cloned(origin, *options)
    checked(path, rules, 0, 1, 2, 3, 4, 5, SIDE, jobs=jobs)


def test_reference_clone_whose_lender_is_gone(tmp_path: Path, rules: str) -> None:
    """Borrowed objects that went away with their folder: it is named, and so is what refs lead to."""
    origin = origin_of(tmp_path)
    lender = cloned(origin, "--bare", name="lender")
    path = cloned(origin, "--reference", str(lender))
    checked(path, rules, 0, 1, 2, 3, 4, 5, SIDE)
    shutil.rmtree(lender)
    ran = scan(str(path), "--rules", rules, "--show-secrets")
    where = {loss["where"] for loss in ran.summary["losses_named"]}
    assert (ran.code, ran.err, found(ran)) == (3, b"", set())
    assert str(lender / "objects") in where
    # Nobody knows what HEAD holds, so the files of the checkout are scanned as they are.
    assert numbers(ran) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_shallow_clone(depth: int, tmp_path: Path, rules: str) -> None:
    """What lies before the boundary was never asked for: no loss."""
    path = cloned(origin_of(tmp_path), "--depth", str(depth))
    inherited = [1, 2, 3, 4, 5] if depth < 4 else [0, 1, 2, 3, 4, 5]
    checked(path, rules, *inherited)


def test_partial_clone_without_blobs(tmp_path: Path, rules: str) -> None:
    """Blobs that were not fetched are each counted and named; the checkout's were."""
    origin = origin_of(tmp_path)
    path = cloned(origin, "--filter=blob:none")
    ran = checked(path, rules, 1, 2, 3, 4, 5, code=3, losses={"missing-object": 2})
    lost = {git(origin, "rev-parse", name).decode().strip() for name in ("main~5:d/f0.ini", "side:side.ini")}
    assert {loss["where"] for loss in ran.summary["losses_named"]} == lost


def test_partial_clone_without_large_blobs(tmp_path: Path, rules: str) -> None:
    """A limit leaves out those above it."""
    path = cloned(origin_of(tmp_path), "--filter=blob:limit=500", "--no-checkout")
    checked(path, rules, 0, 1, 2, SIDE, code=3, losses={"missing-object": 3})


def test_partial_clone_without_trees(tmp_path: Path, rules: str) -> None:
    """The root of each commit is missing, and nobody knows more."""
    path = cloned(origin_of(tmp_path), "--filter=tree:0", "--no-checkout")
    checked(path, rules, code=3, losses={"missing-object": COMMITS + 1})


def test_grafts_hide_nothing(tmp_path: Path, rules: str) -> None:
    """A graft changes what Git shows of history, not what a clone of it would bring along."""
    path = cloned(origin_of(tmp_path))
    middle = git(path, "rev-parse", "HEAD~2").decode().strip()
    (path / ".git" / "info").mkdir(exist_ok=True)
    (path / ".git" / "info" / "grafts").write_text(f"{middle}\n")
    assert len(git(path, "rev-list", "HEAD").split()) == 3
    checked(path, rules, 0, 1, 2, 3, 4, 5, SIDE)


def test_replaced_objects_are_scanned_with_what_replaces_them(tmp_path: Path, rules: str) -> None:
    """`git replace` hides an object from Git's own commands alone."""
    path = cloned(origin_of(tmp_path))
    other = git(path, "hash-object", "-w", "--stdin", data=plain_token(20)).decode().strip()
    git(path, "replace", "HEAD:d/f5.ini", other)
    ran = scan(str(path), "--rules", rules, "--show-secrets")
    assert (ran.code, ran.summary["losses"], numbers(ran)) == (1, {}, [0, 1, 2, 3, 4, 5, SIDE, 20])


def test_worktree_of_a_clone(tmp_path: Path, rules: str) -> None:
    """Its `.git` is a file; files on disk are its own, history is everybody's."""
    path = cloned(origin_of(tmp_path))
    other = tmp_path / "other"
    git(path, "worktree", "add", "-q", str(other), "origin/side")
    assert (other / ".git").is_file()
    (other / "new.ini").write_bytes(plain_token(30))
    (path / "elsewhere.ini").write_bytes(plain_token(31))
    checked(other, rules, 0, 1, 2, 3, 4, 5, SIDE, 30)


def test_repository_without_a_commit(tmp_path: Path, rules: str) -> None:
    """Empty and clean; then a file that nobody added."""
    path = tmp_path / "repo"
    git(tmp_path, "init", "-q", str(path))
    checked(path, rules, code=0)
    (path / "a.ini").write_bytes(plain_token(1))
    checked(path, rules, 1)
    git(path, "add", "a.ini")
    checked(path, rules, 1)


def test_unborn_and_detached_heads(tmp_path: Path, rules: str) -> None:
    """A HEAD without a commit hides no branch; a commit that HEAD alone leads to is found."""
    path = cloned(origin_of(tmp_path))
    git(path, "checkout", "-q", "--orphan", "fresh")
    git(path, "rm", "-rfq", ".")
    checked(path, rules, 0, 1, 2, 3, 4, 5, SIDE)
    git(path, "checkout", "-q", "--detach", "origin/side")
    (path / "loose.ini").write_bytes(plain_token(40))
    git(path, "add", "loose.ini")
    git(path, "commit", "-q", "-m", "x")
    (path / "loose.ini").unlink()
    ran = checked(path, rules, 0, 1, 2, 3, 4, 5, SIDE, 40)
    (commit,) = {f["commit"] for f in ran.findings if f["path"] == "loose.ini"}
    assert commit == git(path, "rev-parse", "HEAD").decode().strip()


def _as_anybody() -> None:
    """Give up what lets root read what its owner may not: only the program that is started next is bound by it."""
    library = ctypes.CDLL(None)
    for capability in _READ_EVERYTHING:
        if library.prctl(_DROP, capability, 0, 0, 0):
            os._exit(99)


def scan_as_anybody(path: Path, rules: str) -> Ran:
    """A scan by a user who may not read everything."""
    run = subprocess.run(
        command("scan", "-q", "--format", "jsonl", "--show-secrets", "--rules", rules, "-j", "1", str(path)),
        capture_output=True,
        timeout=120,
        env=environment(),
        check=False,
        preexec_fn=_as_anybody if os.geteuid() == 0 else None,
    )
    return Ran(run.returncode, run.stdout, run.stderr)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere root cannot give that up")
@pytest.mark.parametrize("what", ["object", "folder", "pack", "index", "packs", "branch"])
def test_what_may_not_be_read(what: str, tmp_path: Path, rules: str) -> None:
    """Is named, whatever it is; the rest is found."""
    path = origin_of(tmp_path)
    lost = git(path, "rev-parse", "main:d/f5.ini").decode().strip()
    if what in ("object", "folder"):
        git(path, "unpack-objects", "-q", data=_moved(packs_of(path)[0]))
        name = path / "objects" / lost[:2] / lost[2:]
        denied = name if what == "object" else name.parent
    elif what == "branch":
        denied = path / "refs" / "heads" / "odd"
        denied.write_bytes((path / "refs" / "heads" / "main").read_bytes())
    elif what == "packs":
        denied = path / "objects" / "pack"
    else:
        denied = packs_of(path)[0].with_suffix({"pack": ".pack", "index": ".idx"}[what])
    denied.chmod(0)
    try:
        ran = scan_as_anybody(path, rules)
    finally:
        denied.chmod(0o755)
    assert (ran.code, ran.err) == (3, b"")
    named = {loss["where"] for loss in ran.summary["losses_named"]}
    wanted = {"object": {lost}, "folder": {lost, str(denied)}, "packs": {str(denied)}, "branch": {"refs/heads/odd"}}
    assert named >= wanted.get(what, {str(denied.with_suffix(".pack"))})
    some = [0, 1, 2, 3, 4, SIDE]
    assert numbers(ran) == {"object": some, "folder": some, "branch": [*some[:5], 5, SIDE]}.get(what, [])


def _moved(pack: Path) -> bytes:
    """The pack, which is deleted."""
    data = pack.read_bytes()
    for suffix in (".pack", ".idx"):
        pack.with_suffix(suffix).unlink()
    return data


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_packed_anew_again_and_again(jobs: str, tmp_path: Path, rules: str) -> None:
    """While Git packs all objects anew without pause, a scan finds what it always does, or says what was taken away."""
    path = cloned(origin_of(tmp_path), "--bare")
    wanted = [0, 1, 2, 3, 4, 5, SIDE]
    process = subprocess.Popen(
        command("scan", "-q", "--format", "jsonl", "--show-secrets", "--rules", rules, "-j", jobs, *[str(path)]),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    )
    turn = 0
    while process.poll() is None:
        turn += 1
        git(path, "repack", "-adfq", f"--depth={turn % 7}", f"--window={1 + turn % 5}")
    out, err = process.communicate()
    ran = Ran(process.returncode, out, err)
    assert turn > 2
    assert ran.err == b""
    if ran.code == 3:  # a second process may come to open a pack only after it was replaced twice
        assert (jobs, list(ran.summary["losses"])) == ("2", ["vanished"])
        ran = gossip("scan", "-q", "--format", "jsonl", "--show-secrets", "--rules", rules, "-j", jobs, str(path))
    assert (ran.code, ran.err, ran.summary["losses"], numbers(ran)) == (1, b"", {}, wanted)
    assert found(ran) == naive_findings(path, PLAIN_NEEDLE)


def test_verify_packs(tmp_path: Path, rules: str) -> None:
    """Without it a changed CRC is nobody's business; with it the object is lost, and the index as a whole."""
    path = cloned(origin_of(tmp_path), "--bare")
    (pack,) = packs_of(path)
    index = pack.with_suffix(".idx")
    index.chmod(0o644)
    data = bytearray(index.read_bytes())
    count = int.from_bytes(data[8 + 1020 : 8 + 1024], "big")
    name = bytes.fromhex(str(open_any(path).revparse_single("side:side.ini").id))
    entry = next(n for n in range(count) if data[1032 + 20 * n : 1052 + 20 * n] == name)
    data[1032 + 20 * count + 4 * entry] ^= 1
    index.write_bytes(data)
    checked(path, rules, 0, 1, 2, 3, 4, 5, SIDE)
    ran = scan(str(path), "--rules", rules, "--show-secrets", "--verify-packs")
    assert (ran.code, numbers(ran)) == (3, [0, 1, 2, 3, 4, 5])
    assert {loss["where"] for loss in ran.summary["losses_named"]} == {str(pack), name.hex()}
    assert all("CRC" in loss["detail"] or "checksum" in loss["detail"] for loss in ran.summary["losses_named"])
    assert json.dumps(ran.summary["losses"]) == '{"damaged-object": 2}'


def test_sha256_repository(tmp_path: Path, rules: str) -> None:
    """Refused in one line that names the limit."""
    path = tmp_path / "repo"
    git(tmp_path, "init", "-q", "--object-format=sha256", str(path))
    (path / "a.ini").write_bytes(plain_token(1))
    git(path, "add", "a.ini")
    git(path, "commit", "-q", "-m", "x")
    ran = scan(str(path), "--rules", rules)
    assert (ran.code, ran.out, len(ran.error_lines)) == (2, b"", 1)
    assert "'sha1' are supported, not 'sha256'" in ran.error_lines[0]
