"""Repositories that the `git` program makes and packs, for what libgit2 cannot write."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from typing import TYPE_CHECKING

import pygit2
import pytest

from gossip.connectors.git.packs.pack import BLOB, COMMIT, TAG, TREE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git makes the packs of this test")

ENVIRONMENT = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "Ada Example",
    "GIT_AUTHOR_EMAIL": "ada@example.com",
    "GIT_AUTHOR_DATE": "1700000000 +0000",
    "GIT_COMMITTER_NAME": "Ada Example",
    "GIT_COMMITTER_EMAIL": "ada@example.com",
    "GIT_COMMITTER_DATE": "1700000000 +0000",
}
KINDS = {"commit": COMMIT, "tree": TREE, "blob": BLOB, "tag": TAG}

Objects = dict[bytes, tuple[int, bytes]]
"""Kind and content by raw id."""


def git(path: Path, *arguments: str, data: bytes | None = None) -> bytes:
    """Run git in a repository; its output."""
    done = subprocess.run(
        ["git", "-C", str(path), *arguments],
        input=data,
        check=True,
        capture_output=True,
        env={**os.environ, **ENVIRONMENT},
        timeout=120,
    )
    return done.stdout


def chained_history(path: Path, commits: int, seed: int = 1, files: int = 3) -> Path:
    """A bare repository of one branch: files of some KB that change a little in each commit, two folders deep, and a
    tag. Everything is loose.
    """
    draw = random.Random(seed)
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(path)], check=True, timeout=60)
    texts = [[b"line %d %d\n" % (number, draw.randrange(10**9)) for number in range(120)] for _ in range(files)]
    stream = []
    for commit in range(1, commits + 1):
        who = b"Ada Example <ada@example.com> %d +0000" % (1_700_000_000 + 60 * commit)
        stream.append(b"commit refs/heads/main\nmark :%d\nauthor %s\ncommitter %s\ndata 2\nx\n" % (commit, who, who))
        if commit > 1:
            stream.append(b"from :%d\n" % (commit - 1))
        for number, lines in enumerate(texts):
            if commit == 1 or draw.random() < 0.6:
                lines[draw.randrange(len(lines))] = b"changed %d %d\n" % (commit, draw.randrange(10**9))
                data = b"".join(lines)
                stream.append(b"M 100644 inline d%d/e/f.txt\ndata %d\n%s\n" % (number, len(data), data))
    stream.append(b"tag v1\nfrom :%d\ntagger %s\ndata 2\nx\n" % (commits, who))
    git(path, "-c", "fastimport.unpackLimit=1000000", "fast-import", "--quiet", data=b"".join(stream))
    return path


def packs_of(path: Path) -> list[Path]:
    """The packs of a bare repository."""
    return sorted((path / "objects" / "pack").glob("*.pack"))


def as_libgit2_reads(path: Path) -> Objects:
    """Every object of a repository."""
    repo = pygit2.Repository(str(path))
    return {bytes.fromhex(str(name)): (KINDS[repo[name].type_str], repo[name].read_raw()) for name in repo.odb}


def pack_some(path: Path, names: Sequence[bytes], *options: str) -> Path:
    """Write a pack of these objects beside the others; its path."""
    wanted = b"".join(name.hex().encode() + b"\n" for name in names)
    base = path / "objects" / "pack" / "pack"
    name = git(path, "pack-objects", "-q", *options, str(base), data=wanted).decode().strip()
    return base.with_name(f"pack-{name}.pack")
