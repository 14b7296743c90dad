"""Odd things to scan: deep folders, strange ignore files, names of any bytes, streams that are closed or binary."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.cli import command, environment, gossip, scan
from tests.support.repos import BUILDERS, plain_token


@pytest.mark.parametrize("pattern", ["!", "/", "//", "[", "[z-a]", "\\", "b\\", "foo[", "\ufeff", "**foo", "a" * 5000])
def test_ignore_patterns_that_mean_nothing(pattern: str, tmp_path: Path, rules: str) -> None:
    """Git passes over a pattern that it cannot read and takes the next one; so does --gitignore."""
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / ".gitignore").write_text(f"{pattern}\ngone.txt\n")
    for number, name in enumerate(("gone.txt", "kept.txt")):
        (tmp_path / "tree" / name).write_bytes(plain_token(number))
    ran = scan(str(tmp_path / "tree"), "--rules", rules, "--gitignore")
    assert (ran.code, ran.err) == (1, b"")
    assert [f["path"] for f in ran.findings] == ["kept.txt"]


def test_ignore_file_that_is_none(tmp_path: Path, rules: str) -> None:
    """A folder, a broken link, a binary file, and Windows line ends in the place of an ignore file."""
    for number, name in enumerate(("folder", "link", "binary", "windows")):
        (tmp_path / "tree" / name).mkdir(parents=True)
        (tmp_path / "tree" / name / "kept.txt").write_bytes(plain_token(number))
    (tmp_path / "tree" / "folder" / ".gitignore").mkdir()
    (tmp_path / "tree" / "link" / ".gitignore").symlink_to("nowhere")
    (tmp_path / "tree" / "binary" / ".gitignore").write_bytes(bytes(range(256)))
    (tmp_path / "tree" / "windows" / ".gitignore").write_bytes(b"gone.txt\r\n")
    (tmp_path / "tree" / "windows" / "gone.txt").write_bytes(plain_token(9))
    ran = scan(str(tmp_path / "tree"), "--rules", rules, "--gitignore")
    assert (ran.code, ran.err) == (1, b"")
    assert len(ran.findings) == 4
    assert all(f["path"].endswith("kept.txt") for f in ran.findings)


def test_folders_too_deep_for_the_system(tmp_path: Path, rules: str) -> None:
    """What lies below a path that the system refuses is found, or named as lost; what lies above is scanned."""
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "top.txt").write_bytes(plain_token(1))
    here = os.getcwd()
    try:
        os.chdir(tree)
        for _ in range(45):
            os.mkdir("d" * 100)
            os.chdir("d" * 100)
        Path("deep.txt").write_bytes(plain_token(2))
    finally:
        os.chdir(here)
    ran = scan(str(tree), "--rules", rules)
    assert "top.txt" in [f["path"] for f in ran.findings]
    assert len(ran.findings) == 2 or (ran.code == 3 and ran.summary["losses"] == {"unreadable": 1})
    shutil.rmtree(tree)


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_targets_of_any_bytes(jobs: str, tmp_path: Path) -> None:
    """Targets, rule files and outputs whose names are no text, hold line ends or look like options."""
    odd = os.fsencode(tmp_path) + b"/-o \xff\n\x1b[31m"
    os.mkdir(odd)
    Path(os.fsdecode(odd + b"/a.txt")).write_bytes(plain_token(1))
    rules = odd + b".toml"
    Path(os.fsdecode(rules)).write_text("[[rules]]\nid = 'token'\nregex = 'GSPTOKEN[0-9]{6}Q'\n")
    for extension in (b"jsonl", b"json", b"sarif", b"csv", b"xml", b"txt"):
        out = odd + b"." + extension
        ran = gossip("scan", "-q", odd, "--rules", rules, "-j", jobs, "-o", out)
        assert (ran.code, ran.out, ran.err) == (1, b"", b"")
        report = Path(os.fsdecode(out)).read_bytes()
        assert b"a.txt" in report
        assert b"\x1b" not in report
        report.decode("utf-8")
    missing = gossip("scan", odd + b"-missing")
    assert (missing.code, len(missing.error_lines)) == (2, 1)
    assert b"\x1b" not in missing.err


@pytest.mark.parametrize(
    ("stdin", "findings"), [(b"", 0), (b"\0" + plain_token(1), 0), (b"\n" * 9_000_000 + plain_token(1), 1)]
)
def test_standard_input_of_any_kind(stdin: bytes, findings: int, rules: str) -> None:
    """Empty, binary, and larger than every buffer; also when more processes are asked for."""
    for jobs in ("1", "2"):
        ran = scan("-", "--rules", rules, "-j", jobs, stdin=stdin)
        assert (ran.code, len(ran.findings), ran.err) == (1 if findings else 0, findings, b"")


def test_devices_and_links_that_the_user_names(tmp_path: Path, rules: str) -> None:
    """A link is followed where it is the target; one that leads nowhere is not clean."""
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "a.txt").write_bytes(plain_token(1))
    (tmp_path / "link").symlink_to("tree")
    (tmp_path / "dangling").symlink_to("nowhere")
    assert [f["path"] for f in scan(str(tmp_path / "link"), "--rules", rules).findings] == ["a.txt"]
    assert scan(str(tmp_path / "dangling"), "--rules", rules).code in {2, 3}
    assert scan("/dev/null", "--rules", rules).code == 0


def test_a_target_given_twice_is_reported_once(tmp_path: Path, rules: str) -> None:
    """One folder under two spellings: an occurrence id is in the output once."""
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "a.txt").write_bytes(plain_token(1))
    ran = scan(str(tmp_path / "tree"), f"{tmp_path}/./tree/", "--rules", rules)
    ids = [f["occurrence_id"] for f in ran.findings]
    assert len(ids) == len(set(ids)) == ran.summary["findings"] == 1
    (tmp_path / "link").symlink_to("tree")
    told = gossip("scan", str(tmp_path / "tree"), str(tmp_path / "link"), "--rules", rules)
    assert "1 of 2 targets are named more than once" in told.error_lines[0]


@pytest.mark.parametrize("content", ["", "title = 'nothing'\n"])
def test_rule_file_without_rules(content: str, tmp_path: Path) -> None:
    """A scan by no rule at all would call everything clean: it is refused."""
    (tmp_path / "a.txt").write_bytes(plain_token(1))
    (tmp_path / "rules.toml").write_text(content)
    ran = scan(str(tmp_path / "a.txt"), "--rules", str(tmp_path / "rules.toml"))
    assert (ran.code, ran.out, len(ran.error_lines)) == (2, b"", 1)


@pytest.mark.parametrize("arguments", [("--since", ""), ("--since", "HEAD:README.md"), ("--since", "HEAD~1..HEAD")])
def test_since_without_a_revision(arguments: tuple[str, str], tmp_path: Path, rules: str) -> None:
    """What is no commit is refused. An empty one too: an unset variable must not change what is scanned."""
    repo = BUILDERS["linear"](tmp_path / "repo", plain_token).path
    ran = scan(str(repo), "--rules", rules, *arguments)
    assert (ran.code, ran.out, len(ran.error_lines)) == (2, b"", 1)


def test_same_target_while_it_changes(tmp_path: Path, rules: str) -> None:
    """Files that vanish and grow during the scan are losses or found, never a failure."""
    tree = tmp_path / "tree"
    tree.mkdir()
    for number in range(3000):
        (tree / f"{number}.txt").write_bytes(plain_token(number))
    arguments = command("scan", "-q", "--format", "jsonl", str(tree), "--rules", rules, "-j", "2")
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()) as child:
        for number in range(2999, 0, -1):
            (tree / f"{number}.txt").unlink()
            if child.poll() is not None:
                break
        out, err = child.communicate(timeout=60)
    assert (child.returncode in {1, 3}, err) == (True, b"")
    assert out.splitlines()[-1].startswith(b'{"type":"summary"')
