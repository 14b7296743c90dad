from __future__ import annotations

from pathlib import Path

import pytest

from gossip.connectors.git.history import Commit, Graph, author_of, parse_commit, read_graph
from gossip.connectors.git.repository import Repository
from gossip.connectors.git.store import ObjectStore
from gossip.connectors.git.trees import TreeReader, introduced
from gossip.connectors.git.urls import normal_url
from gossip.schemas.errors import PermanentError
from gossip.schemas.summary import Loss
from tests.support.oracle import _peel, _Store, _tips, commit_order
from tests.support.repos import BUILDERS, RepoWriter, open_any, openable, plain_token

TREE_LINE = b"tree " + b"0a" * 20 + b"\n"
TREE_ID = b"\x0a" * 20


def text(author: bytes, committer: bytes = b"C <c@x> 99 +0000") -> bytes:
    """A commit with these two lines."""
    return TREE_LINE + b"author " + author + b"\ncommitter " + committer + b"\n\nMessage\n"


@pytest.mark.parametrize(
    ("author", "wanted"),
    [
        (b"Ada <a@x> 0 +0000", ("Ada", "a@x", "1970-01-01T00:00:00+00:00")),
        (b"Ada L. <a@x> 1700000000 +0130", ("Ada L.", "a@x", "2023-11-14T23:43:20+01:30")),
        (b"Ada <a@x> 1700000000 -0800", ("Ada", "a@x", "2023-11-14T14:13:20-08:00")),
        (b"Ada <a@x> -1 +0000", ("Ada", "a@x", "1969-12-31T23:59:59+00:00")),
        (b" <a@x> 0 +0000", ("", "a@x", "1970-01-01T00:00:00+00:00")),
        (b"<a@x> 0 +0000", ("", "a@x", "1970-01-01T00:00:00+00:00")),
        (b"Ada <> 0 +0000", ("Ada", "", "1970-01-01T00:00:00+00:00")),
        (b"Ada 12 <a 3@x> 0 +0000", ("Ada 12", "a 3@x", "1970-01-01T00:00:00+00:00")),
        ("\u00c5sa <\u00e5@x> 0 +0000".encode(), ("\u00c5sa", "\u00e5@x", "1970-01-01T00:00:00+00:00")),
        (b"\xc5sa <a@x> 0 +0000", ("\ufffdsa", "a@x", "1970-01-01T00:00:00+00:00")),
        (b"Ada <a@x> 99999999999999 +0000", ("Ada", "a@x", "")),
        (b"Ada <a@x> 0 +9900", ("Ada", "a@x", "")),
        (b"Ada <a@x> 0 +051800", ("Ada", "a@x", "")),
        (b"Ada <a@x> 0", ("Ada", "a@x", "")),
        (b"Ada <a@x>", ("Ada", "a@x", "")),
        (b"Ada", ("", "", "")),
        (b"", ("", "", "")),
    ],
)
def test_author(author: bytes, wanted: tuple[str, str, str]) -> None:
    """Name, email and date; what cannot be read is empty, and takes nothing else with it."""
    assert author_of(text(author)) == wanted


def test_author_of_a_huge_time() -> None:
    """Five thousand digits are no time."""
    assert author_of(text(b"Ada <a@x> " + b"9" * 5000 + b" +0000")) == ("Ada", "a@x", "")


def test_author_is_not_looked_for_in_the_message() -> None:
    """Nor in a signature or a merged tag."""
    data = TREE_LINE + b"mergetag object 00\n author Eve <e@x> 0 +0000\n\nauthor Eve <e@x> 0 +0000\n"
    assert author_of(data) == ("", "", "")


@pytest.mark.parametrize(
    ("committer", "time"),
    [
        (b"C <c@x> 99 +0000", 99),
        (b"C 12 +0000 <c@x> 99 -0700", 99),
        (b"C <c@x> -5 +0000", -5),
        (b"C <c@x>", 0),
        (b"C <c@x> x +0000", 0),
        (b"C <c@x> " + b"9" * 5000 + b" +0000", 0),
    ],
)
def test_committer_time(committer: bytes, time: int) -> None:
    """Zero where it cannot be read."""
    parents = b"parent " + b"0b" * 20 + b"\nparent " + b"0c" * 20 + b"\n"
    data = TREE_LINE + parents + b"author A <a@x> 1 +0000\ncommitter " + committer + b"\n\ncommitter X <x> 7 +0000\n"
    assert parse_commit(data) == Commit(TREE_ID, (b"\x0b" * 20, b"\x0c" * 20), time)


@pytest.mark.parametrize(
    "data", [b"", b"\n", b"tree 00\n", b"parent 00\n", b"tree " + b"zz" * 20 + b"\n", TREE_LINE[1:]]
)
def test_commit_without_a_tree(data: bytes) -> None:
    """An error of ours."""
    with pytest.raises(PermanentError):
        parse_commit(data)


def test_order_of_commits() -> None:
    """Parents first; then the oldest, then the least id; a parent outside holds nobody back."""
    commits = {
        b"e": Commit(b"", (b"a", b"d"), 0),
        b"d": Commit(b"", (b"a",), 5),
        b"c": Commit(b"", (b"a", b"a"), 4),
        b"b": Commit(b"", (b"outside",), 9),
        b"a": Commit(b"", (), 9),
    }
    graph = Graph(commits)
    assert [name for name, _ in graph.ordered()] == [b"a", b"c", b"d", b"e", b"b"]
    assert graph.outside() == {b"outside"}


@pytest.mark.parametrize("shape", sorted(set(openable()) - {"linked_worktree"}))
def test_graph_of_every_shape(shape: str, tmp_path: Path) -> None:
    """Commits, trees and order as the oracle, which shares no code, has them."""
    built = BUILDERS[shape](tmp_path / "repo", plain_token)
    repository, git = Repository(str(built.path), "repo"), open_any(built.path)
    graph = read_graph(repository.store(), repository.tips(), repository.shallow())
    store = _Store(git)
    peeled = [found for tip in _tips(git) if (found := _peel(store, tip))]
    order = commit_order(store, [name for kind, name in peeled if kind == "commit"])
    assert [(name.hex(), commit.tree.hex()) for name, commit in graph.ordered()] == order
    assert {tree.hex() for tree in graph.trees} == {name for kind, name in peeled if kind == "tree"}
    assert {blob.hex() for blob in graph.blobs} == {name for kind, name in peeled if kind == "blob"}


def test_missing_and_damaged_commits_are_losses(tmp_path: Path) -> None:
    """Each is named with what leads to it."""
    w = RepoWriter.create(tmp_path / "repo")
    first = w.commit({b"a": b"a"})
    tree = w.tree({b"a": b"a"})
    second = w.commit({b"a": b"b"}, (first, tree))
    w.forget(first)
    graph = read_graph(ObjectStore(w.git_dir / "objects"), [(bytes.fromhex(second), "refs/x")], frozenset())
    assert list(graph.commits) == [bytes.fromhex(second)]
    where = f"parent of commit {second}"
    assert sorted(graph.losses, key=lambda loss: loss.kind) == [
        Loss("damaged-object", tree, f"{where}: not a commit"),
        Loss("missing-object", first, where),
    ]


def test_hidden_commits_and_their_ancestors_are_left_out(tmp_path: Path) -> None:
    """As `A..B` does."""
    w = RepoWriter.create(tmp_path / "repo")
    first = w.commit({b"a": b"1"})
    second = w.commit({b"a": b"2"}, (first,))
    third = w.commit({b"a": b"3"}, (second,))
    side = w.commit({b"a": b"4"}, (first,))
    tips = [(bytes.fromhex(third), "x"), (bytes.fromhex(side), "y")]
    store = ObjectStore(w.git_dir / "objects")
    graph = read_graph(store, tips, frozenset(), [bytes.fromhex(second)])
    assert [name.hex() for name, _ in graph.ordered()] == [third, side]
    assert {name.hex() for name in graph.outside()} == {first, second}


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("https://example.org/team/app.git", "example.org/team/app"),
        ("https://user:secret@Example.org/team/app/", "example.org/team/app"),
        ("ssh://git@example.org/team/app.git", "example.org/team/app"),
        ("git@example.org:team/app.git", "example.org/team/app"),
        ("example.org:team/app", "example.org/team/app"),
        ("git://example.org//team/app", "example.org/team/app"),
    ],
)
def test_one_form_for_every_spelling_of_a_remote(url: str, normal: str) -> None:
    """Without credentials, too."""
    assert normal_url(url) == normal


def test_tree_that_is_too_deep_is_a_loss(tmp_path: Path) -> None:
    """The rest of the commit is walked."""
    w = RepoWriter.create(tmp_path / "repo")
    files = {b"/".join([b"d"] * depth + [b"f"]): b"%d" % depth for depth in (1, 255, 300)}
    tree = bytes.fromhex(w.tree(files))
    trees = TreeReader(ObjectStore(w.git_dir / "objects"))
    assert [path.count(b"/") for path, _ in introduced(trees, tree, ())] == [255, 1]
    assert [loss.kind for loss in trees.losses] == ["tree-too-deep"]


def test_tags_of_tags(tmp_path: Path) -> None:
    """A long chain is said to be one; it names something."""
    w = RepoWriter.create(tmp_path / "repo")
    name = commit = w.commit({b"a": b"a"})
    chain = []
    for number in range(12):
        name = w.tag(name, "tag" if number else "commit", f"t{number}")
        chain.append(name)
    store = ObjectStore(w.git_dir / "objects")
    graph = read_graph(store, [(bytes.fromhex(chain[8]), "refs/tags/t8")], frozenset())
    assert (list(graph.commits), graph.losses) == ([bytes.fromhex(commit)], [])
    graph = read_graph(store, [(bytes.fromhex(chain[11]), "refs/tags/t11")], frozenset())
    assert graph.losses == [Loss("damaged-object", chain[1], "refs/tags/t11: tags of tags, over 10 levels")]
