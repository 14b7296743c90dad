"""The commit-graph file against Git itself, against libgit2, and against bytes that no Git writes."""

from __future__ import annotations

import random
import shutil
import subprocess
import tracemalloc
from typing import TYPE_CHECKING

import pygit2
import pytest
from pygit2.enums import ObjectType

from gossip.connectors.git.commit_graph import GraphCommit
from gossip.connectors.git.commit_graph import read_commit_graph as open_commit_graph
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


def read_commit_graph(folders: list[Path]) -> dict[bytes, GraphCommit]:
    """All that the files say."""
    graph = open_commit_graph(folders)
    return {name: commit for name in graph.names() if (commit := graph.get(name)) is not None}


def write_graph(path: Path, *options: str, config: str = "gc.auto=0") -> None:
    """Let Git write the file."""
    command = ["git", "-C", str(path), "-c", config, "commit-graph", "write", "--reachable", *options]
    subprocess.run(command, check=True)


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


FORMS = [
    ((), "commitGraph.generationVersion=1"),
    ((), "commitGraph.generationVersion=2"),
    (("--changed-paths",), "gc.auto=0"),
    (("--split",), "commitGraph.generationVersion=1"),
    (("--split", "--changed-paths"), "gc.auto=0"),
    (("--split=replace",), "gc.auto=0"),
]


@needs_git
@pytest.mark.parametrize(("options", "config"), FORMS, ids=str)
def test_forms(options: tuple[str, ...], config: str, tmp_path: Path) -> None:
    """Generation numbers of either kind and filters of changed paths are passed over; so is how Git splits."""
    writer = history(tmp_path / "repo", 30, 7)
    write_graph(tmp_path / "repo", *options, config=config)
    tips = sorted(name.hex() for name in as_libgit2_reads(tmp_path / "repo"))
    writer.reopen().commit({b"n": b"top"}, tuple(tips[:6]), ref="refs/heads/top")
    write_graph(tmp_path / "repo", *options, config=config)
    assert read_commit_graph([tmp_path / "repo" / "objects"]) == as_libgit2_reads(tmp_path / "repo")


def chained(path: Path, layers: int) -> list[str]:
    """Write a chain of files; their names, the lowest first."""
    writer = history(path, 6, 4)
    for layer in range(layers):
        write_graph(path, "--split=no-merge")
        tips = tuple(sorted(name.hex() for name in as_libgit2_reads(path))[: 3 + layer])
        writer = writer.reopen()
        writer.commit({b"n": b"layer %d" % layer}, tips, ref=f"refs/heads/layer{layer}")
    return (path / "objects" / "info" / "commit-graphs" / "commit-graph-chain").read_text().split()


@needs_git
def test_chains_that_were_tampered_with(tmp_path: Path) -> None:
    """Files in another order, without their base, or under another name: what is said is true, or nothing is said."""
    path = tmp_path / "repo"
    one, two, three = chained(path, 3)
    objects = path / "objects"
    folder = objects / "info" / "commit-graphs"
    whole, truth = read_commit_graph([objects]), as_libgit2_reads(path)
    assert truth.items() > whole.items()
    for names in ((two, three), (one, three, two), (three, two, one), (one, three), (one, two, "0" * 40, three)):
        (folder / "commit-graph-chain").write_text("".join(f"{name}\n" for name in names))
        found = read_commit_graph([objects])
        assert found.items() <= whole.items()
        assert len(found) < len(whole)
    (folder / "commit-graph-chain").write_text(f"{one}\n{two}\n{three}\n")
    (folder / f"graph-{two}.graph").unlink()
    shutil.copyfile(folder / f"graph-{three}.graph", folder / f"graph-{two}.graph")
    assert 0 < len(read_commit_graph([objects])) < len(whole)


@needs_git
def test_chain_on_top_of_an_alternate(tmp_path: Path) -> None:
    """The lower files of a chain may lie in the folder that objects are borrowed from."""
    below = tmp_path / "below"
    history(below, 6, 4)
    write_graph(below, "--split=no-merge")
    borrowed = as_libgit2_reads(below)
    above = RepoWriter.create(tmp_path / "above", bare=True)
    info = tmp_path / "above" / "objects" / "info"
    info.mkdir(exist_ok=True)
    (info / "alternates").write_text(f"{below / 'objects'}\n")
    top = above.reopen().commit({b"n": b"top"}, tuple(sorted(name.hex() for name in borrowed))[:3], ref="refs/heads/t")
    write_graph(tmp_path / "above", "--split=no-merge")
    assert len((info / "commit-graphs" / "commit-graph-chain").read_text().split()) == 2
    folders = ObjectStore(tmp_path / "above" / "objects").folders
    found = read_commit_graph(folders[:1] + folders[1:])
    assert found.keys() == {*borrowed, bytes.fromhex(top)}
    assert found == {name: commit for name, commit in as_libgit2_reads(tmp_path / "above").items() if name in found}


@needs_git
@pytest.mark.parametrize("split", [(), ("--split",)])
def test_what_changes_ancestry(split: tuple[str, ...], tmp_path: Path) -> None:
    """Shallow commits end the history with the file as without; grafts and replaced commits change neither."""
    path = tmp_path / "repo"
    history(path, 20, 9)
    commits = as_libgit2_reads(path)
    names = sorted(commits)
    shallow = frozenset(name for name in names[::4] if commits[name].parents)
    tips = [(name, "x") for name in names]
    store = ObjectStore(path / "objects")
    plain, cut = read_graph(store, tips, frozenset()), read_graph(store, tips, shallow)
    write_graph(path, *split)
    (path / "info").mkdir(exist_ok=True)
    (path / "info" / "grafts").write_text(f"{names[1].hex()} {names[0].hex()}\n")
    git_replace = ["git", "-C", str(path), "update-ref", f"refs/replace/{names[2].hex()}", names[3].hex()]
    subprocess.run(git_replace, check=True)
    store = ObjectStore(path / "objects")
    assert read_graph(store, tips, frozenset()).commits == plain.commits
    assert read_graph(store, tips, shallow).commits == cut.commits
    assert all(not cut.commits[name].parents for name in shallow)
    assert {name: (c.tree, c.parents, c.time) for name, c in plain.commits.items()} == {
        name: (c.tree, c.parents, c.time) for name, c in commits.items()
    }


@needs_git
def test_little_is_held(tmp_path: Path) -> None:
    """A commit is looked up when it is asked for."""
    history(tmp_path / "repo", 300, 3)
    write_graph(tmp_path / "repo")
    tracemalloc.start()
    try:
        graph = open_commit_graph([tmp_path / "repo" / "objects"])
        assert tracemalloc.get_traced_memory()[0] < 40_000
        assert len(graph.names()) == 300
    finally:
        tracemalloc.stop()
