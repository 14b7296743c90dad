"""Bad input: one clear line, the right exit code, no side effects."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support.cli import command, environment, gossip, scan
from tests.support.repos import BUILDERS, plain_token


@pytest.fixture
def tree(tmp_path: Path) -> str:
    """A folder with one finding."""
    folder = tmp_path / "tree"
    folder.mkdir()
    (folder / "a.txt").write_bytes(plain_token(1))
    return str(folder)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("no-such-path",), ["no-such-path", "no such file"]),
        (("s3://user:word@bucket/x",), ["gossip: s3://bucket/x: no login fits into its URL"]),
        (("https://user:word@example.org",), ["gossip: example.org: a URL needs a host and a path"]),
        (("https://user:word@example.org/x", "--staged"), ["gossip: https://example.org/x: a remote", "no checkout"]),
        (("{tree}", "--branch", "main"), ["{tree}", "not a Git repository", "refs"]),
        (("{tree}", "--ref", "a b"), ["'a b'", "no ref has such a name"]),
        (("{tree}", "--branch", "main", "--staged"), ["--branch", "--staged"]),
        (("{tree}", "--staged"), ["{tree}", "not a Git repository", "--staged"]),
        (("{tree}", "--since", "HEAD"), ["{tree}", "not a Git repository"]),
        (("{tree}", "--staged", "--no-history"), ["exclude each other"]),
        (("{tree}", "--format", "nonsense"), ["nonsense", "jsonl", "sarif"]),
        (("{tree}", "-o", "{tmp}/x.nonsense"), ["x.nonsense", ".sarif"]),
        (("{tree}", "-o", "{tmp}/no/such/x.json"), ["x.json", "folder"]),
        (("{tree}", "-o", "{tmp}"), ["{tmp}"]),
        (("{tree}", "--rules", "{tmp}/none.toml"), ["none.toml", "No such file"]),
        (("{tree}", "--tenant-key-file", "{tmp}/none"), ["none"]),
        (("{tree}", "--segment-bytes", "10"), ["10 bytes is too small"]),
        (("",), ["''", "no such file"]),
        (("{tree}", "--since", ""), ["--since", "empty"]),
        (("{tree}", "--rules", ""), ["--rules", "empty"]),
        (("{tree}", "--format", "", "-o", "{tmp}/x.json"), ["unknown output format ''"]),
        (("{tree}", "-o", "{tmp}/x.yaml"), ["x.yaml", "use one of .csv, .json"]),
        (("{tree}", "-o", "{tmp}/x.json", "-o", "{tmp}/tree/../x.json"), ["x.json", "another output"]),
        (("{tree}", "-o", "-", "-o", "-"), ["another output"]),
        (("{tree}", "-o", "-", "--format", "json"), ["--format"]),
        (("{tree}/a.txt", "-o", "{tree}/./a.txt"), ["a.txt", "a target"]),
    ],
)
def test_misuse(arguments: tuple[str, ...], words: list[str], tree: str, tmp_path: Path) -> None:
    """Exit code 2, nothing on stdout, one line that names what is wrong."""
    places = {"tree": tree, "tmp": str(tmp_path)}
    before = sorted(tmp_path.rglob("*"))
    ran = gossip("scan", "-q", *(argument.format(**places) for argument in arguments))
    assert (ran.code, ran.out, len(ran.error_lines)) == (2, b"", 1), ran.err
    assert ran.error_lines[0].startswith("gossip: ")
    for word in words:
        assert word.format(**places) in ran.error_lines[0]
    assert sorted(tmp_path.rglob("*")) == before


def test_malformed_example(tmp_path: Path) -> None:
    """`gossip rules check` names file, rule, example and what is wrong, and goes on."""
    file = tmp_path / "rules.toml"
    file.write_text("[[rules]]\nid = 'r'\nregex = 'abc'\nexamples = ['<hex:x>', 'abc', '<uuid:4>', 'abd']\n")
    ran = gossip("rules", "check", str(file))
    assert (ran.code, ran.out) == (2, b"1 rules, 3 problems\n")
    assert [line.partition(f"{file}: rule 'r': ")[2][:10] for line in ran.error_lines] == [
        "example 1:",
        "example 3:",
        "example 4 ",
    ]


def test_empty_rule_file_name() -> None:
    """An unset variable does not stand for the built-in rules."""
    for command_line in (("rules", "check", ""), ("rules", "list", "--rules", "")):
        ran = gossip(*command_line)
        assert (ran.code, ran.out, len(ran.error_lines)) == (2, b"", 1)


@pytest.mark.parametrize("arguments", [("scan",), ("scan", ".", "-j", "0"), ("scan", ".", "--nonsense"), ("nonsense",)])
def test_usage_errors(arguments: tuple[str, ...]) -> None:
    """What the option parser refuses has exit code 2 too."""
    ran = gossip(*arguments)
    assert (ran.code, ran.out) == (2, b"")
    assert b"Usage: gossip" in ran.err


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("id = 'a'\nregex = '('", ["rule 'a'", "key regex", "missing"]),
        ("id = 'a'\nregex = 'x*'", ["rule 'a'", "key regex", "empty"]),
        ("id = 'a'\nregex = 'xyz'\ncolour = 'red'", ["rule 'a'", "key colour", "unknown"]),
        ("regex = 'xyz'", ["rule number 1", "key id"]),
        ("id = 'a'\nregex = '(x)y'\nsecretGroup = 2", ["rule 'a'", "key secretGroup", "1 groups"]),
        ("id = 'a'\nregex = 'xyz'\n[[rules.required]]\nid = 'b'", ["rule 'a'", "component 'b': no such rule"]),
    ],
)
def test_bad_rules(rule: str, words: list[str], tree: str, tmp_path: Path) -> None:
    """A bad rule is refused by file, rule and key."""
    file = tmp_path / "bad.toml"
    file.write_text("[[rules]]\n" + rule)
    ran = scan(tree, "--rules", str(file))
    assert (ran.code, ran.out, len(ran.error_lines)) == (2, b"", 1), ran.err
    for word in [str(file), *words]:
        assert word in ran.error_lines[0]


def test_full_disk(tree: str, rules: str, tmp_path: Path) -> None:
    """An output that cannot be written is one line and exit code 4."""
    for jobs in ("1", "2"):
        with Path("/dev/full").open("wb") as full:
            done = subprocess.run(
                command("scan", "-q", tree, "--rules", rules, "--format", "jsonl", "-j", jobs),
                stdout=full,
                stderr=subprocess.PIPE,
                env=environment(),
                check=False,
                timeout=60,
            )
        assert (done.returncode, done.stderr.count(b"\n")) == (4, 1), done.stderr
        assert b"no space left on device" in done.stderr
    link = tmp_path / "full.jsonl"
    link.symlink_to("/dev/full")
    ran = gossip("scan", "-q", tree, "--rules", rules, "-o", str(link))
    assert (ran.code, len(ran.error_lines)) == (4, 1), ran.err
    assert "full.jsonl" in ran.error_lines[0]


def test_broken_pipe_is_no_error(tmp_path: Path, rules: str) -> None:
    """A reader that leaves ends the scan quietly."""
    for number in range(2000):
        (tmp_path / f"{number}.txt").write_bytes(plain_token(number))
    for jobs in ("1", "2"):
        with subprocess.Popen(
            command("scan", "-q", str(tmp_path), "--rules", rules, "--format", "jsonl", "-j", jobs),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(),
        ) as child:
            assert child.stdout is not None
            assert child.stderr is not None
            child.stdout.read(1)
            child.stdout.close()
            errors = child.stderr.read()
            assert (child.wait(60), errors) == (0, b"")


def test_exit_zero(tree: str, rules: str) -> None:
    """--exit-zero turns 1 into 0, and nothing else."""
    assert scan(tree, "--rules", rules).code == 1
    assert scan(tree, "--rules", rules, "--exit-zero").code == 0
    assert scan("no-such-path", "--exit-zero").code == 2


def test_two_targets_and_help(tree: str, tmp_path: Path, rules: str) -> None:
    """Targets of several kinds in one run; every command is in the help."""
    repo = BUILDERS["linear"](tmp_path / "repo", plain_token)
    ran = scan(tree, str(repo.path), "--rules", rules, "-j", "2")
    assert ran.summary["targets"] == [tree, str(repo.path)]
    assert {f["target"] for f in ran.findings} == {tree, str(repo.path)}
    helped = gossip("--help")
    assert helped.code == 0
    for name in (b"scan", b"rules"):
        assert name in helped.out
        assert gossip(name.decode(), "--help").code == 0
