"""No secret leaves the program unless the user asks for it."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path
from random import Random

import pygit2
import pytest

from tests.support.cli import ROOT, command, environment, gossip
from tests.support.tokens import github

SECRET = github(Random(7))


@pytest.fixture
def planted(tmp_path: Path) -> Path:
    """A repository with the secret in history, in the index, and in an untracked file."""
    repo = pygit2.init_repository(tmp_path / "repo")
    root = Path(repo.workdir)
    who = pygit2.Signature("A", "a@example.org", 1_700_000_000, 0)
    (root / "a.py").write_bytes(b'token = "' + SECRET + b'"\n')
    repo.index.add("a.py")
    repo.create_commit("HEAD", who, who, "one", repo.index.write_tree(), [])
    (root / "staged.py").write_bytes(b'other = "' + SECRET + b'"\n')
    repo.index.add("staged.py")
    repo.index.write()
    (root / "untracked.py").write_bytes(b'third = "' + SECRET + b'"\n')
    return root


def traces(data: bytes) -> bool:
    """Whether the secret stands in some bytes, as it is or encoded."""
    forms = [SECRET, base64.b64encode(SECRET)[:-4], SECRET.hex().encode(), SECRET[4:30], SECRET[8:]]
    return any(form in data for form in forms)


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_nothing_the_run_produces_holds_the_secret(
    planted: Path, tmp_path: Path, jobs: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every output format, stderr with --debug, the cache and temporary files."""
    made = tmp_path / "made"
    for name in ("cache", "tmp", "out"):
        (made / name).mkdir(parents=True)
    monkeypatch.setenv("GOSSIP_CACHE_DIR", str(made / "cache"))
    monkeypatch.setenv("TMPDIR", str(made / "tmp"))
    names = ["o.jsonl", "o.json", "o.csv", "o.sarif", "o.xml", "o.txt"]
    outputs = [argument for name in names for argument in ("-o", str(made / "out" / name))]
    for mode in ((), ("--staged",), ("--no-history",)):
        ran = gossip("scan", str(planted), "--debug", "-j", jobs, "--format", "text", *outputs, *mode)
        assert ran.code == 1, ran.err
        assert not traces(ran.out + ran.err)
    files = [path for path in made.rglob("*") if path.is_file()]
    assert {path.name for path in files} >= set(names)
    assert not [path for path in files if traces(path.read_bytes())]


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_failing_run_holds_no_secret(planted: Path, jobs: str) -> None:
    """Tracebacks and messages of a run whose output fails."""
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            command("scan", str(planted), "--debug", "-j", jobs, "--format", "jsonl"),
            stdout=full,
            stderr=subprocess.PIPE,
            env=environment(),
            check=False,
            timeout=60,
        )
    assert done.returncode == 4
    assert not traces(done.stderr)


def test_this_tree_holds_none() -> None:
    """The tests' own secrets stand in parts: a scan of this project is clean."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a checkout")
    ran = gossip("scan", "-q", "--no-history", str(ROOT), "--format", "jsonl")
    assert (ran.code, ran.findings) == (0, []), ran.err


def test_show_secrets_shows_them(planted: Path) -> None:
    """The one way to see them."""
    ran = gossip("scan", "-q", str(planted), "--format", "jsonl", "--show-secrets")
    assert [f["secret"] for f in ran.findings] == [SECRET.decode()] * 3


def test_tenant_key_changes_every_hash(planted: Path, tmp_path: Path) -> None:
    """With a key of one's own, hashes and ids tell nothing to somebody without it."""
    key = tmp_path / "key"
    key.write_text("ab" * 32)
    plain = gossip("scan", "-q", str(planted), "--format", "jsonl").findings
    keyed = gossip("scan", "-q", str(planted), "--format", "jsonl", "--tenant-key-file", str(key)).findings
    assert len(plain) == len(keyed) == 3
    assert not {f["secret_hash"] for f in plain} & {f["secret_hash"] for f in keyed}
    assert not {f["finding_id"] for f in plain} & {f["finding_id"] for f in keyed}
