"""Placing blobs: one history unit's commits are walked, and every place of a wanted blob is noted."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gossip.connectors.git.history import parse_commit
from gossip.connectors.git.trees import TreeReader, introduced
from gossip.schemas.errors import PermanentError
from gossip.schemas.units import BlobPlace, Place, WalkResult

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gossip.connectors.git.history import Graph
    from gossip.connectors.git.store import ObjectStore

COMMITS_PER_UNIT = 512
PLACES_PER_BLOB_MAX = 4096
"""Distinct paths of one blob that a unit reports, earliest first: path allowlists may reject the first ones."""


class PlannedCommit(NamedTuple):
    """What a walk needs of a commit."""

    name: bytes
    """Raw id; empty for a tree that a tag names directly."""
    tree: bytes
    parents: tuple[bytes, ...]
    """Trees of the parents."""


History = tuple[int, tuple[PlannedCommit, ...], tuple[tuple[bytes, bytes], ...]]
"""Order of the first commit, the commits, and (path, blob id) of what no commit needs to hold: files of the index, and
blobs that a ref names directly, whose path is empty."""


def planned_commits(store: ObjectStore, graph: Graph) -> Iterator[PlannedCommit]:
    """The commits of a graph in its order, then the trees that tags name directly."""
    outside: dict[bytes, bytes | None] = {}
    for name, commit in graph.ordered():
        parents = []
        for parent in commit.parents:
            known = graph.commits.get(parent)
            if known is not None:
                parents.append(known.tree)
                continue
            if parent not in outside:
                outside[parent] = tree_of(store, parent)
            tree = outside[parent]
            if tree is not None:
                parents.append(tree)
        yield PlannedCommit(name, commit.tree, tuple(parents))
    for tree in graph.trees:
        yield PlannedCommit(b"", tree, ())


def tree_of(store: ObjectStore, commit: bytes) -> bytes | None:
    """The tree of a commit, None where that is not here: its loss is counted already."""
    try:
        return parse_commit(store.read(commit)[1]).tree
    except PermanentError:
        return None


def walk_commits(
    store: ObjectStore,
    target: int,
    history: History,
    wanted: frozenset[bytes],
    place_of: Callable[[bytes, bytes], Place],
    path_wanted: Callable[[bytes], bool] | None,
) -> WalkResult:
    """Places in ascending order. Every blob that a commit introduces is checked for presence on the way."""
    first, commits, files = history
    trees = TreeReader(store)
    places: dict[bytes, dict[bytes, BlobPlace]] = {}
    by_path: list[BlobPlace] = []
    checked: set[bytes] = set()
    seen: set[bytes] = set()
    for number, commit in enumerate(commits, first):
        for position, (path, blob) in enumerate(introduced(trees, commit.tree, commit.parents, seen)):
            if blob not in checked:
                checked.add(blob)
                if not store.has(blob):
                    where = path.decode("utf-8", "backslashreplace")
                    trees.lose("missing-object", blob, where)
            if blob in wanted:
                known = places.setdefault(blob, {})
                if path not in known and len(known) < PLACES_PER_BLOB_MAX:
                    known[path] = BlobPlace(blob, (number, position), place_of(path, commit.name))
            if path_wanted is not None and path_wanted(path):
                by_path.append(BlobPlace(blob, (number, position), place_of(path, commit.name)))
    last = first + len(commits)
    found = [place for known in places.values() for place in known.values()]
    for number, (path, blob) in enumerate(files):
        place = BlobPlace(blob, (last, number), Place(path))
        if blob in wanted:
            found.append(place)
        if path and path_wanted is not None and path_wanted(path):
            by_path.append(place)
        if not store.has(blob):
            trees.lose("missing-object", blob, path.decode("utf-8", "backslashreplace") or "named by a ref")
    return WalkResult(target, tuple(found), tuple(trees.losses), tuple(by_path))
