"""Placing blobs: one history unit's commits are walked, and every place of a wanted blob is noted."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gossip.connectors.git.history import parse_commit
from gossip.connectors.git.trees import DIRECTORY, FILE, NAME_BYTES, TREE_DEPTH_MAX, TreeReader, kind_of
from gossip.schemas.errors import PermanentError
from gossip.schemas.units import BlobPlace, Place, WalkResult

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

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


class Walker:
    """What the walks of one process share: trees that were read, and blobs that are known to be there."""

    def __init__(self, store: ObjectStore) -> None:
        self.store = store
        self.trees = TreeReader(store)
        self.present: set[bytes] = set()

    def has(self, blob: bytes) -> bool:
        """Whether an object is there. Asked for every blob of every commit: most answers are known."""
        if blob in self.present:
            return True
        if not self.store.has(blob):
            return False
        self.present.add(blob)
        return True


def walk_commits(
    walker: Walker,
    target: int,
    history: History,
    wanted: frozenset[bytes],
    place_of: Callable[[bytes, bytes], Place],
    path_wanted: Callable[[bytes], bool] | None,
) -> WalkResult:
    """Places in ascending order. Every blob that a commit introduces is checked for presence on the way."""
    first, commits, files = history
    walk = _Walk(walker, wanted, path_wanted)
    for number, commit in enumerate(commits, first):
        for path, blob in walk.hits(commit):
            place = BlobPlace(blob, (number, path), place_of(path, commit.name))
            if blob in wanted:
                walk.place(place)
            if path_wanted is not None and path_wanted(path):
                walk.by_path.append(place)
    last = first + len(commits)
    found = [place for known in walk.places.values() for place in known.values()]
    for number, (path, blob) in enumerate(files):
        place = BlobPlace(blob, (last, b"%010d" % number), Place(path))
        if blob in wanted:
            found.append(place)
        if path and path_wanted is not None and path_wanted(path):
            walk.by_path.append(place)
        if not walker.has(blob):
            walk.trees.lose("missing-object", blob, path.decode("utf-8", "backslashreplace") or "named by a ref")
    return WalkResult(target, tuple(found), walk.trees.taken(), tuple(walk.by_path))


class _Walk:
    """One pass over consecutive commits. Each directory is opened once at each path."""

    def __init__(self, walker: Walker, wanted: frozenset[bytes], path_wanted: Callable[[bytes], bool] | None) -> None:
        self.trees = walker.trees
        self.places: dict[bytes, dict[bytes, BlobPlace]] = {}
        self.by_path: list[BlobPlace] = []
        self._walker = walker
        self._wanted = wanted
        self._path_wanted = path_wanted
        self._seen: set[bytes] = set()

    def place(self, place: BlobPlace) -> None:
        """Note a place of a wanted blob; one at a path is enough, and the first."""
        known = self.places.setdefault(place.blob, {})
        path = place.place.path
        if path not in known and len(known) < PLACES_PER_BLOB_MAX:
            known[path] = place

    def hits(self, commit: PlannedCommit) -> list[tuple[bytes, bytes]]:
        """(path, blob id) of what a commit introduces and somebody asks for, in Git's order: that of whole paths.

        The same as `introduced`, less what is of no interest, whose path is never put together.
        """
        if commit.tree in commit.parents:
            return []
        present, wanted, seen, every = self._walker.present, self._wanted, self._seen, self._path_wanted is not None
        hits: list[tuple[bytes, bytes]] = []
        missing: list[tuple[bytes, bytes]] = []
        stack: list[tuple[bytes, bytes, Sequence[bytes]]] = [(b"", commit.tree, commit.parents)]
        while stack:
            prefix, tree, parents = stack.pop()
            added = self.trees.added(tree, parents, prefix)
            for raw in added.new:
                blob = raw[-NAME_BYTES:]
                mode, _, name = raw[: -NAME_BYTES - 1].partition(b" ")
                kind = kind_of(mode)
                if kind == FILE:
                    if blob not in present and not self._walker.has(blob):
                        missing.append((prefix + name, blob))
                    if every or blob in wanted:
                        hits.append((prefix + name, blob))
                elif kind == DIRECTORY:
                    path = prefix + name
                    key = blob + path
                    if key in seen:
                        continue
                    seen.add(key)
                    if path.count(b"/") + 1 >= TREE_DEPTH_MAX:
                        self.trees.lose("tree-too-deep", blob, f"over {TREE_DEPTH_MAX} levels")
                    else:
                        stack.append((path + b"/", blob, added.before(name)))
        for path, blob in sorted(missing):
            self.trees.lose("missing-object", blob, path.decode("utf-8", "backslashreplace"))
        return sorted(hits)
