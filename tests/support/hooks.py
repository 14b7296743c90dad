"""A server and a clone of it, made and moved by the `git` program, with Gossip's hooks in either."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.cli import environment, gossip
from tests.support.repos import plain_token

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="runs hooks by the git program")

WHO = {
    "GIT_AUTHOR_NAME": "Ada Example",
    "GIT_AUTHOR_EMAIL": "ada@example.com",
    "GIT_AUTHOR_DATE": "2026-03-01T10:00:00+0100",
    "GIT_COMMITTER_NAME": "Ada Example",
    "GIT_COMMITTER_EMAIL": "ada@example.com",
    "GIT_COMMITTER_DATE": "2026-03-01T10:00:00+0100",
}


@dataclass(frozen=True)
class Did:
    """What a git command left behind."""

    code: int
    err: str

    @property
    def remote(self) -> list[str]:
        """What the server's hook said."""
        return [line[8:].rstrip() for line in self.err.splitlines() if line.startswith("remote: ")]


def git(folder: Path, *arguments: str, may_fail: bool = False, **variables: str) -> Did:
    """Run git to its end."""
    done = subprocess.run(
        ["git", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        env={**environment(), **WHO, **variables},
        check=False,
    )
    assert may_fail or done.returncode == 0, done.stderr
    return Did(done.returncode, done.stderr)


def rev(folder: Path, name: str = "HEAD") -> str:
    """The id that a revision names."""
    done = subprocess.run(["git", "rev-parse", name], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def secret(number: int) -> str:
    """A line with a token of the tests."""
    return f"key = {plain_token(number).decode()}\n"


def write(folder: Path, name: str, text: str) -> None:
    """Write a file and stage it."""
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    git(folder, "add", "--", name)


def commit(folder: Path, name: str, text: str) -> str:
    """Commit a file, whatever hooks say; returns the id."""
    write(folder, name, text)
    git(folder, "commit", "-q", "--no-verify", "-m", name)
    return rev(folder)


def clone(tmp_path: Path) -> tuple[Path, Path]:
    """A bare server with one commit on main, and a clone of it."""
    server, local = tmp_path / "server.git", tmp_path / "local"
    git(tmp_path, "init", "-q", "--bare", "--initial-branch=main", str(server))
    git(tmp_path, "init", "-q", "--initial-branch=main", str(local))
    git(local, "remote", "add", "origin", str(server))
    commit(local, "readme.txt", "hello\n")
    git(local, "push", "-q", "origin", "main")
    return server, local


def install(folder: Path, rules: str, *arguments: str) -> list[str]:
    """`gossip install-hook`; returns what it said."""
    ran = gossip("install-hook", str(folder), "--rules", rules, *arguments)
    assert (ran.code, ran.err) == (0, b""), ran.err
    return ran.out.decode().splitlines()


def without_gossip() -> str:
    """A PATH with the system's programs alone."""
    return os.pathsep.join(folder for folder in ("/usr/bin", "/bin") if not (Path(folder) / "gossip").exists())
