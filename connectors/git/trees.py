"""What commits introduce: entries of a commit's tree that none of its parents has at the same path.

The first commit, in history order, that holds a blob cannot have a parent that holds it. So to place a blob it is enough
to look, for every commit, at the entries that differ from every parent's; identical subtrees are never opened. Each run
of consecutive commits can be walked on its own, and the earliest place over all runs is the answer.

Trees are held as sets of raw entries: a set difference of byte strings is the fastest comparison that Python has, several
times faster than parsing both sides, and only what differs is taken apart.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from gossip.connectors.git.packs.pack import TREE
from gossip.connectors.git.store import MissingObjectError, ObjectStore
from gossip.schemas.errors import PermanentError
from gossip.schemas.summary import Loss

TREE_DEPTH_MAX = 256
_CACHED_ENTRIES_MAX = 200_000
_NAME_BYTES = 20
_ENTRY = re.compile(rb"[0-7]+ [^\0/]+\0[\s\S]{20}")
_TYPE_MASK = 0o170000
_TREE_TYPE = 0o040000
_LINK_TYPE = 0o160000

RawTree = frozenset[bytes]
_EMPTY: RawTree = frozenset()


class TreeEntry(NamedTuple):
    """One entry of a tree."""

    order: bytes
    """Sorts entries as Git does: a directory as if its name ended in a slash."""
    name: bytes
    is_tree: bool
    is_link: bool
    """A submodule: its commit is not in this repository."""
    id: bytes


def tree_entry(raw: bytes) -> TreeEntry:
    """Take apart one raw entry."""
    head, name = raw[: -_NAME_BYTES - 1], raw[-_NAME_BYTES:]
    mode_text, _, path = head.partition(b" ")
    kind = int(mode_text, 8) & _TYPE_MASK
    is_tree = kind == _TREE_TYPE
    return TreeEntry(path + b"/" if is_tree else path, path, is_tree, kind == _LINK_TYPE, name)


def parse_entries(data: bytes) -> RawTree:
    """The raw entries of a tree object. Raises PermanentError unless they make up all of it."""
    entries = _ENTRY.findall(data)
    if sum(map(len, entries)) != len(data):
        raise PermanentError("a tree that cannot be parsed")
    return frozenset(entries)


class TreeReader:
    """Trees with a cache. Each missing or damaged tree becomes one loss."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._cache: OrderedDict[bytes, RawTree] = OrderedDict()
        self._cached = 0
        self._lost: set[bytes] = set()
        self.losses: list[Loss] = []

    def entries(self, name: bytes, where: bytes = b"") -> RawTree:
        """The raw entries of a tree; none where it cannot be read. `where` is its path, for the loss."""
        found = self._cache.get(name)
        if found is not None:
            self._cache.move_to_end(name)
            return found
        found = self._read(name, where)
        self._cache[name] = found
        self._cached += len(found)
        while self._cached > _CACHED_ENTRIES_MAX and len(self._cache) > 1:
            self._cached -= len(self._cache.popitem(last=False)[1])
        return found

    def _read(self, name: bytes, where: bytes) -> RawTree:
        try:
            kind, data = self._store.read(name)
            if kind != TREE:
                raise PermanentError("not a tree")
            return parse_entries(data)
        except MissingObjectError:
            self.lose("missing-object", name, f"tree {where.decode('utf-8', 'backslashreplace') or 'of a commit'}")
        except PermanentError as err:
            self.lose("damaged-object", name, str(err))
        return _EMPTY

    def lose(self, kind: str, name: bytes, detail: str) -> None:
        """Count an object as lost, once."""
        if name not in self._lost:
            self._lost.add(name)
            self.losses.append(Loss(kind, name.hex(), detail))


def introduced(trees: TreeReader, tree: bytes, parents: Sequence[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """(path, blob id) of every file entry of `tree` that no tree of `parents` has at that path, in Git's order."""
    if tree in parents:
        return
    stack = [_differing(trees, b"", tree, parents)]
    while stack:
        for path, entry, against in stack[-1]:
            if not entry.is_tree:
                yield path, entry.id
            elif len(stack) >= TREE_DEPTH_MAX:
                trees.lose("tree-too-deep", entry.id, f"over {TREE_DEPTH_MAX} levels")
            else:
                stack.append(_differing(trees, path + b"/", entry.id, against))
                break
        else:
            stack.pop()


def _differing(
    trees: TreeReader, prefix: bytes, tree: bytes, parents: Sequence[bytes]
) -> Iterator[tuple[bytes, TreeEntry, list[bytes]]]:
    """(path, entry, the parents' trees of that name) of the entries that no parent has, less submodules."""
    ours = new = trees.entries(tree, prefix)
    theirs = [trees.entries(parent, prefix) for parent in parents]
    for entries in theirs:
        new = new - entries
    old = [_subtrees(entries - ours) for entries in theirs] if new else []
    for entry in sorted(map(tree_entry, new)):
        if not entry.is_link:
            against = [names[entry.name] for names in old if entry.name in names] if entry.is_tree else []
            yield prefix + entry.name, entry, against


def _subtrees(entries: Iterable[bytes]) -> dict[bytes, bytes]:
    return {entry.name: entry.id for entry in map(tree_entry, entries) if entry.is_tree}
