"""The commit-graph file against Git itself, against libgit2, and against bytes that no Git writes."""

from __future__ import annotations

import random
import shutil
import subprocess
from typing import TYPE_CHECKING

import pygit2
import pytest
from pygit2.enums import ObjectType

from gossip.connectors.git.commit_graph import GraphCommit, read_commit_graph
from gossip.connectors.git.history import Graph, read_graph
from gossip.connectors.git.store import ObjectStore
from tests.support.repo_base import RepoWriter

if TYPE_CHECKING:
    from pathlib import Path

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git writes the files of this test")


def history(path: Path, commits: int, seed: int) -> RepoWriter:
    """Commits with up to five parents, each on a branch of its own."""
    draw = random.Random(seed)
    writer = RepoWriter.create(path, bare=True)
    names: list[str] = []
    for number in range(commits):
        parents = tuple(draw.sample(names, min(len(names), draw.choice([0, 1, 1, 1, 2, 3, 5]))))
        names.append(writer.commit({b"n": b"%d" % number}, parents, ref=f"refs/heads/b{number}"))
    return writer


def write_graph(path: Path, *options: str) -> None:
    """Let Git write the file."""
    subprocess.run(["git", "-C", str(path), "commit-graph", "write", "--reachable", *options], check=True)


def as_libgit2_reads(path: Path) -> dict[bytes, GraphCommit]:
    """Every commit of a repository."""
    repo = pygit2.Repository(str(path))
    found = {}
    for name in repo.odb:
        item = repo[name]
        if item.type == ObjectType.COMMIT:
            commit = item.peel(pygit2.Commit)
            parents = tuple(bytes.fromhex(str(parent)) for parent in commit.parent_ids)
            raw = bytes.fromhex(str(name))
            found[raw] = GraphCommit(raw, bytes.fromhex(str(commit.tree_id)), parents, commit.commit_time)
    return found


def graph_of(path: Path) -> Graph:
    """What refs lead to."""
    repo = pygit2.Repository(str(path))
    tips = [(bytes.fromhex(str(repo.references[name].target)), name) for name in sorted(repo.references)]
    return read_graph(ObjectStore(path / "objects"), tips, frozenset())


@needs_git
@pytest.mark.parametrize("seed", range(4))
def test_one_file(tmp_path: Path, seed: int) -> None:
    """Trees, parents, octopus merges included, and times are those of the commits; so is the graph made of them."""
    history(tmp_path / "repo", 60, seed)
    plain = graph_of(tmp_path / "repo")
    write_graph(tmp_path / "repo")
    assert read_commit_graph([tmp_path / "repo" / "objects"]) == as_libgit2_reads(tmp_path / "repo")
    assert graph_of(tmp_path / "repo").commits == plain.commits


@needs_git
def test_a_chain_of_files(tmp_path: Path) -> None:
    """Each file stands on those before it; one that is gone takes those above with it, and the rest is read."""
    writer = history(tmp_path / "repo", 8, 1)
    objects = tmp_path / "repo" / "objects"
    write_graph(tmp_path / "repo", "--split=no-merge")
    first = as_libgit2_reads(tmp_path / "repo")
    tips = tuple(name.hex() for name in first)
    top = writer.reopen().commit({b"n": b"top"}, tips[:3], ref="refs/heads/top")
    write_graph(tmp_path / "repo", "--split=no-merge")
    everything = as_libgit2_reads(tmp_path / "repo")
    assert read_commit_graph([objects]) == everything
    assert bytes.fromhex(top) in everything
    chain = objects / "info" / "commit-graphs"
    names = (chain / "commit-graph-chain").read_text().split()
    assert len(names) == 2
    (chain / f"graph-{names[1]}.graph").unlink()
    assert read_commit_graph([objects]) == first
    assert graph_of(tmp_path / "repo").commits.keys() == everything.keys()
    (chain / f"graph-{names[0]}.graph").unlink()
    assert read_commit_graph([objects]) == {}


@needs_git
def test_damage_is_as_good_as_no_file(tmp_path: Path) -> None:
    """Cut short anywhere or with a byte changed anywhere, the file says nothing, and the graph is what it was."""
    history(tmp_path / "repo", 12, 2)
    plain = graph_of(tmp_path / "repo")
    write_graph(tmp_path / "repo")
    file = tmp_path / "repo" / "objects" / "info" / "commit-graph"
    file.chmod(0o644)
    sound = file.read_bytes()
    draw = random.Random(5)
    for _ in range(60):
        at = draw.randrange(len(sound))
        for data in (sound[:at], sound[:at] + bytes([sound[at] ^ 1 << draw.randrange(8)]) + sound[at + 1 :]):
            file.write_bytes(data)
            assert read_commit_graph([tmp_path / "repo" / "objects"]) == {}
    assert graph_of(tmp_path / "repo").commits == plain.commits


@needs_git
def test_a_stale_file(tmp_path: Path) -> None:
    """Commits that came later are read; one that is gone is missed, though the file knows it."""
    writer = history(tmp_path / "repo", 5, 3)
    write_graph(tmp_path / "repo")
    gone = next(iter(sorted(as_libgit2_reads(tmp_path / "repo"))))
    new = writer.reopen().commit({b"n": b"new"}, (gone.hex(),), ref="refs/heads/new")
    writer.forget(gone.hex())
    graph = graph_of(tmp_path / "repo")
    assert bytes.fromhex(new) in graph.commits
    assert gone not in graph.commits
    assert {loss.where for loss in graph.losses} == {gone.hex()}
