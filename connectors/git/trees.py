"""What commits introduce: entries of a commit's tree that none of its parents has at the same path.

The first commit, in history order, that holds a blob cannot have a parent that holds it. So to place a blob it is
enough
to look, for every commit, at the entries that differ from every parent's; identical subtrees are never opened. Each run
of consecutive commits can be walked on its own, and the earliest place over all runs is the answer.

Two versions of a tree are compared as bytes: only what lies between their common beginning and their common end is
parsed.
"""

from __future__ import annotations

import re
from bisect import bisect_right, insort
from collections import OrderedDict
from typing import TYPE_CHECKING, NamedTuple

from gossip.connectors.git.loose import MissingObjectError
from gossip.connectors.git.packs.pack import TREE, loss_kind
from gossip.connectors.git.store import ObjectStore
from gossip.schemas.errors import PermanentError
from gossip.schemas.summary import Loss

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

TREE_DEPTH_MAX = 256
_CACHE_BYTES_MAX = 16 * 1024 * 1024
_SMALL_BYTES = 512
"""Trees up to this size are compared as sets of their entries, each parsed once."""
NAME_BYTES = 20
_MARK_BYTES = 1024
"""About how far apart known boundaries of a tree are."""
_ENTRY = re.compile(rb"[0-7]+ [^\0/]+\0[\s\S]{20}")
_ENTRIES = re.compile(rb"(?:[0-7]+ [^\0/]+\0[\s\S]{20})*+")
_TREE_HEAD, _OLD_TREE_HEAD = b"40000 ", b"040000 "  # some tools write the second form
_TYPE_MASK = 0o170000
_TREE_TYPE = 0o040000
_LINK_TYPE = 0o160000
FILE, DIRECTORY, LINK = range(3)
_KINDS_MAX = 64


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
    head, name = raw[: -NAME_BYTES - 1], raw[-NAME_BYTES:]
    mode_text, _, path = head.partition(b" ")
    kind = int(mode_text, 8) & _TYPE_MASK
    is_tree = kind == _TREE_TYPE
    return TreeEntry(path + b"/" if is_tree else path, path, is_tree, kind == _LINK_TYPE, name)


class Tree:
    """A tree object's content, and some of the places where its entries begin.

    Most trees are compared with an older version of themselves, whose known boundaries are the new one's too, shifted
    after
    the change: so hardly any tree is ever parsed from its first byte.
    """

    __slots__ = ("_entries", "data", "marks")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.marks = [0]
        self._entries: frozenset[bytes] | None = None

    @property
    def entries(self) -> frozenset[bytes]:
        """All raw entries, parsed once. Raises PermanentError."""
        if self._entries is None:
            self._entries = frozenset(parse_entries(self.data))
        return self._entries

    def boundary(self, limit: int) -> int:
        """The last boundary at or before `limit`, up to the first byte that cannot be parsed."""
        at = self.marks[bisect_right(self.marks, limit) - 1]
        while limit - at > _MARK_BYTES:
            found = _ENTRIES.match(self.data, at, min(limit, at + _MARK_BYTES))
            assert found is not None  # no entries match too
            if found.end() == at:
                break  # an entry longer than the distance of marks, or damage
            at = found.end()
            insort(self.marks, at)
        found = _ENTRIES.match(self.data, at, limit)
        assert found is not None
        return found.end()

    def inherit(self, old: Tree, start: int, resume: int) -> None:
        """Take over the marks of `old`: it is the same up to boundary `start`, and from here on as from `resume`."""
        shift = len(self.data) - len(old.data)
        marks = old.marks
        first = bisect_right(marks, start)
        last = bisect_right(marks, resume - shift - 1)
        self.marks = marks[:first] + [mark + shift for mark in marks[last:]]


def parse_entries(data: bytes) -> list[bytes]:
    """The raw entries of a tree object. Raises PermanentError unless they make up all of it."""
    entries = _ENTRY.findall(data)
    if sum(map(len, entries)) != len(data):
        raise PermanentError("a tree that cannot be parsed")
    return entries


def differing(new: Tree, old: Tree, start: int, rest: int) -> tuple[list[bytes], list[bytes]]:
    """Raw entries of two tree objects, less those of their common beginning (`start` bytes) and end (`rest` bytes).

    Exact, not a guess at where entries begin: the common beginning is parsed from a known boundary, and the common
    end is
    only left alone once both sides have reached a boundary at the same distance from it. Raises PermanentError.
    """
    boundary = old.boundary(start)
    only_new = _between(new.data, boundary, len(new.data) - rest)
    only_old = _between(old.data, boundary, len(old.data) - rest)
    at_new = boundary + sum(map(len, only_new))
    at_old = boundary + sum(map(len, only_old))
    at_new = _aligned(new.data, old.data, (at_new, at_old, rest), only_new, only_old)
    if len(new.marks) == 1:
        new.inherit(old, boundary, at_new)
    return only_new, only_old


def _aligned(new: bytes, old: bytes, at: tuple[int, int, int], only_new: list[bytes], only_old: list[bytes]) -> int:
    """Parse on until both sides stand at a boundary at the same distance from the end; the place in `new`."""
    at_new, at_old, rest = at
    while True:
        left_new, left_old = len(new) - at_new, len(old) - at_old
        if left_new == left_old and left_new <= rest:
            return at_new
        if left_new >= left_old:
            at_new = _next(new, at_new, only_new)
        if left_old >= left_new:
            at_old = _next(old, at_old, only_old)


def _between(data: bytes, start: int, end: int) -> list[bytes]:
    """The entries that begin at a boundary and end by `end`, without a gap."""
    found = _ENTRY.findall(data, start, end)
    if len(found) > 1 and data[start : start + sum(map(len, found))] != b"".join(found):
        raise PermanentError("a tree that cannot be parsed")
    return found if found and data.startswith(found[0], start) else []


def entry_at(tree: Tree, text: bytes) -> int:
    """Where an entry of a tree begins with `text`, -1 if none does."""
    at = tree.data.find(text)
    while at >= 0:
        if tree.boundary(at) == at:
            return at
        at = tree.data.find(text, at + 1)
    return -1


def subtree_of(tree: Tree, name: bytes) -> bytes | None:
    """The id of the directory `name` of a tree."""
    for mode in (_TREE_HEAD, _OLD_TREE_HEAD):
        at = entry_at(tree, mode + name + b"\0")
        if at >= 0:
            start = at + len(mode) + len(name) + 1
            return tree.data[start : start + NAME_BYTES]
    return None


def _next(data: bytes, at: int, entries: list[bytes]) -> int:
    found = _ENTRY.match(data, at)
    if found is None:
        raise PermanentError("a tree that cannot be parsed")
    entries.append(found[0])
    return found.end()


def _common_prefix(a: bytes, b: bytes) -> int:
    low, high = 0, min(len(a), len(b))
    if a[:high] == b[:high]:
        return high
    while high - low > 1:
        middle = (low + high) >> 1
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle
    return low


def _common_suffix(a: bytes, b: bytes, most: int) -> int:
    """Length of the common end, at most `most`."""
    size_a, size_b = len(a), len(b)
    if a[size_a - most :] == b[size_b - most :]:
        return most
    low, high = 0, most
    while high - low > 1:
        middle = (low + high) >> 1
        if a[size_a - middle : size_a - low] == b[size_b - middle : size_b - low]:
            low = middle
        else:
            high = middle
    return low


class Added:
    """What a tree has and its parents have not."""

    __slots__ = ("_heads", "_old", "_others", "new")

    def __init__(self, new: Collection[bytes], old: Collection[bytes] = (), others: Sequence[Tree] = ()) -> None:
        """`old`: at least the entries that the tree lacks of its nearest parent; the other parents."""
        self.new = new
        """Raw entries, in no order."""
        self._old = old
        self._others = others
        self._heads: dict[bytes, bytes] | None = None

    def before(self, name: bytes) -> list[bytes]:
        """The ids of the parents' directories of this name."""
        if self._heads is None:
            self._heads = {raw[: -NAME_BYTES - 1]: raw[-NAME_BYTES:] for raw in self._old}
        nearest = self._heads.get(_TREE_HEAD + name) or self._heads.get(_OLD_TREE_HEAD + name)
        found = [nearest] if nearest else []
        if self._others:
            found += [inner for other in self._others if (inner := subtree_of(other, name))]
        return found


class TreeReader:
    """Trees with a cache. Each missing or damaged tree becomes one loss."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._cache: OrderedDict[bytes, Tree] = OrderedDict()
        self._cached = 0
        self._lost: set[bytes] = set()
        self.losses: list[Loss] = []

    def tree(self, name: bytes, where: bytes) -> Tree:
        """A tree object; empty where it cannot be read. `where` is its path, for the loss."""
        found = self._cache.get(name)
        if found is not None:
            self._cache.move_to_end(name)
            return found
        found = Tree(self._read(name, where))
        self._cache[name] = found
        self._cached += len(found.data)
        while self._cached > _CACHE_BYTES_MAX and len(self._cache) > 1:
            self._cached -= len(self._cache.popitem(last=False)[1].data)
        return found

    def _read(self, name: bytes, where: bytes) -> bytes:
        try:
            kind, data = self._store.read(name)
            if kind != TREE:
                raise PermanentError("not a tree")
            return data
        except MissingObjectError:
            self.lose("missing-object", name, f"tree {where.decode('utf-8', 'backslashreplace') or 'of a commit'}")
        except PermanentError as err:
            self.lose(loss_kind(err), name, str(err))
        return b""

    def lose(self, kind: str, name: bytes, detail: str) -> None:
        """Count an object as lost, once."""
        if name not in self._lost:
            self._lost.add(name)
            self.losses.append(Loss(kind, name.hex(), detail))

    def taken(self) -> tuple[Loss, ...]:
        """The losses so far, which are then forgotten: met again, they are counted again."""
        losses = tuple(self.losses)
        self.losses.clear()
        self._lost.clear()
        return losses

    def changes(self, tree: bytes, parents: Sequence[bytes], where: bytes) -> list[tuple[TreeEntry, list[bytes]]]:
        """(entry, the parents' directories of that name) of the entries that no parent has, in Git's order."""
        added = self.added(tree, parents, where)
        entries = sorted(map(tree_entry, added.new))
        return [(entry, added.before(entry.name) if entry.is_tree else []) for entry in entries]

    def added(self, tree: bytes, parents: Sequence[bytes], where: bytes) -> Added:
        """What `tree` has and no parent has.

        Of large trees, only the parent that is most alike is compared entry by entry: of a merge, one side is often far
        away. The few entries that are left are then looked up in the others.
        """
        ours = self.tree(tree, where)
        theirs = [self.tree(parent, where) for parent in parents]
        try:
            if not theirs:
                return Added(ours.entries)
            if len(theirs) == 1 and len(ours.data) <= _SMALL_BYTES and len(theirs[0].data) <= _SMALL_BYTES:
                return Added(ours.entries - theirs[0].entries, theirs[0].entries - ours.entries)
            nearest, start, rest = _nearest(ours.data, [other.data for other in theirs])
            only_ours, old = differing(ours, theirs[nearest], start, rest)
        except PermanentError as err:
            self.lose("damaged-object", tree, str(err))
            return Added(())
        new = set(only_ours).difference(old)
        others = theirs[:nearest] + theirs[nearest + 1 :] if new else []
        for other in others:
            new = {entry for entry in new if entry_at(other, entry) < 0}
        return Added(new, old, others)


def _nearest(data: bytes, others: list[bytes]) -> tuple[int, int, int]:
    """(number, common beginning, common end) of the content that differs least from `data`."""
    best = (0, 0, 0)
    least: int | None = None
    for number, other in enumerate(others):
        start = _common_prefix(data, other)
        rest = _common_suffix(data, other, min(len(data), len(other)) - start)
        apart = len(data) + len(other) - 2 * (start + rest)
        if least is None or apart < least:
            least, best = apart, (number, start, rest)
    return best


_KINDS: dict[bytes, int] = {}


def kind_of(mode: bytes) -> int:
    """DIRECTORY, LINK (a submodule) or FILE, by the mode of an entry."""
    kind = _KINDS.get(mode)
    if kind is None:
        form = int(mode, 8) & _TYPE_MASK
        kind = DIRECTORY if form == _TREE_TYPE else LINK if form == _LINK_TYPE else FILE
        if len(_KINDS) < _KINDS_MAX:
            _KINDS[mode] = kind
    return kind


def introduced(
    trees: TreeReader, tree: bytes, parents: Sequence[bytes], seen: set[bytes] | None = None
) -> Iterator[tuple[bytes, bytes]]:
    """(path, blob id) of every file entry of `tree` that no tree of `parents` has at that path, in Git's order.

    `seen` remembers the directories that were opened, by path: branches that were rebased or cherry-picked introduce
    the same
    ones again. With it, what an earlier call with the same set has reported or passed over is left out.
    """
    if tree in parents:
        return
    stack = [_below(trees, b"", tree, parents)]
    while stack:
        for path, entry, against in stack[-1]:
            if not entry.is_tree:
                yield path, entry.id
                continue
            if seen is not None:
                key = entry.id + path
                if key in seen:
                    continue
                seen.add(key)
            if len(stack) >= TREE_DEPTH_MAX:
                trees.lose("tree-too-deep", entry.id, f"over {TREE_DEPTH_MAX} levels")
            else:
                stack.append(_below(trees, path + b"/", entry.id, against))
                break
        else:
            stack.pop()


def _below(
    trees: TreeReader, prefix: bytes, tree: bytes, parents: Sequence[bytes]
) -> Iterator[tuple[bytes, TreeEntry, list[bytes]]]:
    """(path, entry, the parents' trees of that name) of the entries that no parent has, less submodules."""
    for entry, against in trees.changes(tree, parents, prefix):
        if not entry.is_link:
            yield prefix + entry.name, entry, against
