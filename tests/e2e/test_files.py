"""Files and trees: what is scanned, what is left out and counted, what is lost and named."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

import pytest

from tests.support.cli import command, environment, scan

TOKEN = b"GSPTOKEN%06dQ"


def found(*arguments: str | bytes) -> list[tuple[str, int, int]]:
    """(path, line, column) of the findings."""
    return [(f["path"], f["line"], f["column"]) for f in scan(*arguments).findings]


def test_tree_with_everything(tmp_path: Path, rules: str) -> None:
    """Hidden files and odd names are scanned; links, pipes, sockets and binaries are counted."""
    tree = tmp_path / "tree"
    (tree / ".hidden").mkdir(parents=True)
    names = [b".env", b".hidden/deep.txt", b"a b.txt", b"new\nline", b"not-utf8-\xff", b"-dash"]
    for number, name in enumerate(names):
        Path(os.fsdecode(os.fsencode(tree) + b"/" + name)).write_bytes(b"x\n  " + TOKEN % number + b"\n")
    (tree / "empty").write_bytes(b"")
    (tree / "binary").write_bytes(b"\0" + TOKEN % 90)
    (tree / "link").symlink_to(tree / ".env")
    os.mkfifo(tree / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tree / "sock"))
        ran = scan(str(tree), "--rules", rules)
    expected = sorted(name.decode("utf-8", "backslashreplace") for name in names)
    assert sorted((f["path"], f["line"], f["column"]) for f in ran.findings) == [(name, 2, 3) for name in expected]
    assert ran.summary["skipped"] == {"binary": 1, "special": 2, "symlink": 1}
    assert (ran.summary["documents"], ran.summary["losses"], ran.code) == (len(names) + 1, {}, 1)


def test_gitignore_only_if_asked(tmp_path: Path, rules: str) -> None:
    """--gitignore reads nested files and negations, innermost last."""
    tree = tmp_path / "tree"
    (tree / "sub" / "logs").mkdir(parents=True)
    (tree / ".gitignore").write_text("*.log\n/build/\n")
    (tree / "sub" / ".gitignore").write_text("!keep.log\nlogs/\n")
    (tree / "build").mkdir()
    kept, ignored = ["sub/keep.log", "src.txt"], ["a.log", "build/x.txt", "sub/drop.log", "sub/logs/keep.log"]
    for number, name in enumerate(kept + ignored):
        (tree / name).write_bytes(TOKEN % number)
    assert sorted(found(str(tree), "--rules", rules)) == sorted((name, 1, 1) for name in kept + ignored)
    assert sorted(found(str(tree), "--rules", rules, "--gitignore")) == sorted((name, 1, 1) for name in kept)


def test_single_file_standard_input_and_pipe(tmp_path: Path, rules: str) -> None:
    """A file by its own name, standard input as `-`, and a named pipe that the user names."""
    file = tmp_path / "one.txt"
    file.write_bytes(TOKEN % 1)
    assert found(str(file), "--rules", rules) == [("one.txt", 1, 1)]
    ran = scan("-", "--rules", rules, stdin=b"a\n" + TOKEN % 2)
    assert [(f["path"], f["target"], f["line"]) for f in ran.findings] == [("-", "-", 2)]
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen(
        command("scan", "-q", "--format", "csv", str(pipe), "--rules", rules),
        stdout=subprocess.PIPE,
        env=environment(),
    ) as child:
        pipe.write_bytes(TOKEN % 3)
        out, _ = child.communicate(timeout=60)
    assert (child.returncode, out.count(b"\r\n")) == (1, 2)


def test_large_file_with_secrets_at_segment_edges(tmp_path: Path, rules: str) -> None:
    """12 MB on one line and on many: every token is found once, at its place."""
    for filler in (b"a ", b"a\n"):
        data = bytearray(filler * (6 << 20))
        places = [0, (1 << 20) - 7, (4 << 20) - 8, (4 << 20) + 3000, (8 << 20) - 1, len(data) - 15]
        for number, place in enumerate(places):
            data[place : place + 15] = TOKEN % number
        file = tmp_path / "large.txt"
        file.write_bytes(data)
        ran = scan(str(file), "--rules", rules)
        got = sorted((f["start"], f["end"], f["line"], f["column"]) for f in ran.findings)
        want = []
        for place in places:
            line = data.count(b"\n", 0, place) + 1
            want.append((place, place + 15, line, place - (data.rfind(b"\n", 0, place) + 1) + 1))
        assert got == want
        assert ran.summary["bytes"] == len(data)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_unreadable_file_is_named(tmp_path: Path, rules: str) -> None:
    """Somebody who may not read a file gets exit code 3 and its name; the rest is scanned."""
    folder = Path("/var/tmp") / f"gossip-test-{os.getpid()}"  # the test's own folder is closed to others
    folder.mkdir(mode=0o755)
    try:
        (folder / "open.txt").write_bytes(TOKEN % 1)
        (folder / "closed.txt").write_bytes(TOKEN % 2)
        (folder / "closed.txt").chmod(0o000)
        (folder / "rules.toml").write_bytes(Path(rules).read_bytes())
        (folder / "closed").mkdir(mode=0o700)
        code = (
            "import os, sys; sys.path.insert(0, os.environ['PYTHONPATH']);"
            "from gossip.flows.cli.main import main\n"
            "try: main()  # as root, so that every module is loaded\n"
            "except SystemExit: pass\n"
            "sys.stdout.flush(); os.setgid(65534); os.setuid(65534); main()"
        )
        arguments = ["scan", "-q", "--format", "jsonl", str(folder), "--rules", str(folder / "rules.toml")]
        done = subprocess.run(
            [command()[0], "-c", code, *arguments], capture_output=True, env=environment(), check=False, timeout=60
        )
        assert done.returncode == 3, done.stderr
        assert done.stdout.count(b'"path":"open.txt"') == 2
        assert done.stdout.count(b'"path":"closed.txt"') == 1
        assert b'{"kind":"unreadable","where":"closed.txt","detail":"Permission denied"}' in done.stdout
        assert b'{"kind":"unreadable","where":"closed/","detail":"Permission denied"}' in done.stdout
    finally:
        for path in sorted(folder.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        folder.rmdir()


def test_empty_folder_is_clean(tmp_path: Path, rules: str) -> None:
    """Nothing to scan is no error."""
    (tmp_path / "nothing").mkdir()
    ran = scan(str(tmp_path / "nothing"), "--rules", rules)
    assert (ran.code, ran.findings, ran.summary["status"], ran.summary["documents"]) == (0, [], "complete", 0)


@pytest.mark.parametrize("pattern", ["!", "/", "[", "[z-a]", "\\", "b\\", "foo[", "[[:foo:]]", "\ufeff", "**foo"])
def test_ignore_patterns_that_mean_nothing(pattern: str, tmp_path: Path, rules: str) -> None:
    """Git passes over a pattern that it cannot read and takes the next one; so does --gitignore."""
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / ".gitignore").write_text(f"{pattern}\ngone.txt\n")
    for number, name in enumerate(("gone.txt", "kept.txt")):
        (tmp_path / "tree" / name).write_bytes(TOKEN % number)
    ran = scan(str(tmp_path / "tree"), "--rules", rules, "--gitignore")
    assert (ran.code, ran.err) == (1, b"")
    assert [f["path"] for f in ran.findings] == ["kept.txt"]


def test_ignored_names_of_any_bytes(tmp_path: Path, rules: str) -> None:
    """Patterns and names that are not UTF-8."""
    tree = os.fsencode(tmp_path) + b"/tree"
    os.mkdir(tree)
    for name, data in ((b".gitignore", b"gone-\xff\n"), (b"gone-\xff", TOKEN % 1), (b"kept-\xfe", TOKEN % 2)):
        Path(os.fsdecode(tree + b"/" + name)).write_bytes(data)
    ran = scan(tree, "--rules", rules, "--gitignore")
    assert (ran.code, ran.err) == (1, b"")
    assert [f["path"] for f in ran.findings] == ["kept-\\xfe"]


def test_link_that_leads_nowhere(tmp_path: Path, rules: str) -> None:
    """As a target it is said to be one."""
    (tmp_path / "link").symlink_to("nowhere")
    ran = scan(str(tmp_path / "link"), "--rules", rules)
    assert (ran.code, ran.err) == (3, b"")
    loss = {"kind": "unreadable", "where": "link", "detail": "a symbolic link that leads nowhere"}
    assert ran.summary["losses_named"] == [loss]
