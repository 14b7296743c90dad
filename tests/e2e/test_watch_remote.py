"""`gossip watch` over repositories on a server."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.chaos.making import all_files
from tests.support.cli import TOKEN_RULES
from tests.support.gitserver import GitServer, Trouble
from tests.support.repo_base import RepoWriter, body
from tests.support.repos import plain_token
from tests.support.watching import Watching

if TYPE_CHECKING:
    from pathlib import Path

MAIN = "refs/heads/main"
USER, WORD = "ann", "spoken" + "-word-" + "4711"


@pytest.fixture
def origin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RepoWriter:
    """A served repository with one token on `main` and one on another branch."""
    for name in [name for name in os.environ if name.endswith(("_TOKEN", "_proxy", "_PROXY"))]:
        monkeypatch.delenv(name)
    writer = RepoWriter.create(tmp_path / "served" / "app", bare=True)
    first = writer.commit({b"a.txt": body(plain_token(1))}, ref=MAIN)
    writer.commit({b"side.txt": body(plain_token(9))}, (first,), ref="refs/heads/side")
    (tmp_path / "rules.toml").write_text(TOKEN_RULES)
    return writer


def add(origin: RepoWriter, number: int) -> None:
    """One more commit, with one more token."""
    tip = str(origin.repo.references[MAIN].target)
    origin.commit({b"n%d.txt" % number: body(plain_token(number))}, (tip,), ref=MAIN)


def configured(tmp_path: Path, targets: str) -> Path:
    """A settings file."""
    config = tmp_path / "watch.yaml"
    config.write_text(f"interval: 200ms\nrules: rules.toml\ntargets:\n{targets}")
    return config


def test_commits_are_fetched_as_they_come(tmp_path: Path, origin: RepoWriter) -> None:
    """With a login in a list's URL, which is nowhere in the state or in what is said; after a kill too."""
    with GitServer(tmp_path / "served", Trouble(login=(USER, WORD))) as server:
        (tmp_path / "list").write_text(server.url("app", f"{USER}:{WORD}") + "\n")
        config = configured(tmp_path, "  - {file: list, refs: [main]}\n")
        with Watching(tmp_path / "watch", config, "-j", "2") as watch:
            watch.until(lambda w: w.paths == ["a.txt"])
            assert watch.findings[0]["target"] == server.url("app")
            packs = server.packs
            add(origin, 2)
            watch.until(lambda w: w.paths == ["a.txt", "n2.txt"])
            assert server.packs == packs + 1
            watch.kill()
        add(origin, 3)
        with Watching(tmp_path / "watch", config, "-j", "1") as watch:
            watch.until(lambda w: w.paths == ["n3.txt"])
            assert watch.stop() == 0
    files = all_files(tmp_path / "watch")
    assert len(files) > 10
    assert [path for path in files if WORD.encode() in path.read_bytes()] == []


def test_a_server_that_fails_for_a_while(tmp_path: Path, origin: RepoWriter, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is a loss that is said once and keeps no other target waiting; what came meanwhile is found afterwards."""
    monkeypatch.setenv("GOSSIP_TEST_RETRY", "0.2")
    other = RepoWriter.create(tmp_path / "other", bare=True)
    other.commit({b"o.txt": body(plain_token(5))}, ref=MAIN)
    with GitServer(tmp_path / "served", Trouble(unavailable=1_000_000)) as server:
        config = configured(tmp_path, f"  - {server.url('app')}\n  - other\n")
        with Watching(tmp_path / "watch", config, "-j", "1", module="tests.chaos.driver") as watch:
            watch.until(lambda w: w.paths == ["o.txt"])
            watch.until(lambda w: w.heard("not scanned: unreadable"))
            refused = server.trouble.unavailable
            watch.until(lambda _w: server.trouble.unavailable < refused - 3)
            server.trouble = Trouble()
            watch.until(lambda w: w.paths == ["a.txt", "o.txt", "side.txt"])
            assert len([line for line in watch.said if "not scanned" in line]) == 1
            add(origin, 2)
            watch.until(lambda w: w.paths == ["a.txt", "n2.txt", "o.txt", "side.txt"])
            assert watch.stop() == 0
