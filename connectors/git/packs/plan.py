"""From a pack's headers to units: whole delta families of blobs, in pack order.

A delta family is a root object and all that is stored as a delta of it, directly or not. Read in one go, every base is
rebuilt once. Kinds pass from base to delta, so nothing has to be inflated to know which families are blobs.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from gossip.connectors.git.packs.layout import Layout
from gossip.connectors.git.packs.pack import BLOB, OFS_DELTA, REF_DELTA, Pack
from gossip.schemas.errors import PermanentError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gossip.connectors.git.packs.index import Index

UNIT_BYTES = 2 * 1024 * 1024
UNIT_NODES_MAX = 4096
_NONE = -1
_FOREIGN = -2
"""The base is not in this pack: such objects are read one by one."""


@dataclass(frozen=True, slots=True)
class PackUnit:
    """Blobs of one pack. Parallel arrays in an order in which a base comes before its deltas."""

    pack: str
    """Path of the pack file."""
    entries: array[int]
    """Entry number in the index, for the object id."""
    offsets: array[int]
    ends: array[int]
    bases: array[int]
    """Position of the base in these arrays, -1 for a family's root."""
    wanted: bytes
    """One byte each: 1 to scan, 0 only needed as a base."""


@dataclass(slots=True)
class PackPlan:
    """What planning a pack found, besides its units."""

    foreign: list[int]
    """Entries whose base lies elsewhere."""
    damaged: list[tuple[int, str]]
    """(offset, reason) of headers that cannot be read."""


class _Family:
    """Collects nodes into units of about UNIT_BYTES."""

    def __init__(self, pack: str) -> None:
        self.pack = pack
        self.reset()

    def reset(self) -> None:
        self.entries: array[int] = array("I")
        self.offsets: array[int] = array("Q")
        self.ends: array[int] = array("Q")
        self.bases: array[int] = array("i")
        self.wanted = bytearray()
        self.bytes = 0
        self.placed: dict[int, int] = {}

    def add(self, entry: int, offset: int, end: int, base: int, *, wanted: bool) -> int:
        self.entries.append(entry)
        self.offsets.append(offset)
        self.ends.append(end)
        self.bases.append(base)
        self.wanted.append(wanted)
        return len(self.wanted) - 1

    def unit(self) -> tuple[PackUnit, int]:
        unit = PackUnit(self.pack, self.entries, self.offsets, self.ends, self.bases, bytes(self.wanted))
        size = self.bytes
        self.reset()
        return unit, size


class _Tree(NamedTuple):
    """The delta families of a pack, by position: flat arrays, for a pack may have millions of entries."""

    parents: array[int]
    last: array[int]
    """The last child of each node, -1 for none."""
    before: array[int]
    """The child of the same parent that lies before the node, -1 for none."""

    def children(self, node: int) -> Iterator[int]:
        """Those of a node, the last in the pack first."""
        child = self.last[node]
        while child >= 0:
            yield child
            child = self.before[child]


def plan_pack(
    pack: Pack, index: Index, skip: Callable[[bytes], bool] | None, found: PackPlan, layout: Layout | None = None
) -> Iterator[tuple[PackUnit, int]]:
    """Units of all blobs of a pack, each with its estimated bytes. `skip` names objects that another pack has too.

    `layout` is that of the pack, if it is known. Raises PermanentError for an index without sound offsets.
    """
    layout = layout or Layout(index, pack.end)
    order, at = layout.order, layout.at
    tree, roots, sizes, suspect = _headers(pack, index, layout, found)
    pack.release_pages()
    if suspect:
        for i, parent in enumerate(tree.parents):
            if parent == _FOREIGN:
                found.foreign.extend(order[node] for node in _subtree(i, tree))
        found.foreign.extend(order[node] for node in _unrooted(at, tree, found))
    builder = _Family(str(pack.path))
    for root, size in zip(roots, sizes, strict=True):
        stack = [root]
        while stack:
            node = stack.pop()
            entry = order[node]
            base = _base_place(builder, tree.parents[node], tree.parents, order, at)
            wanted = skip is None or not skip(index.name(entry))
            builder.placed[node] = builder.add(entry, at[node], at[node + 1], base, wanted=wanted)
            if wanted:
                builder.bytes += size  # members of a family resemble its root in size
            if tree.last[node] >= 0:
                stack.extend(tree.children(node))
            if builder.bytes >= UNIT_BYTES or len(builder.wanted) >= UNIT_NODES_MAX:
                yield builder.unit()
        builder.placed.clear()
    if builder.wanted:
        yield builder.unit()


def _headers(pack: Pack, index: Index, layout: Layout, found: PackPlan) -> tuple[_Tree, array[int], array[int], bool]:
    """(families, blob roots in pack order, their sizes, suspect).

    Suspect: some delta may lead to no root of this pack. A base by distance lies before its delta, so only bases by
    name, a distance of nothing or to no entry, and damaged headers can cause that; most packs have none of them.
    """
    suspect = False
    count = index.count
    blank = array("i", [_NONE]) * count
    tree = _Tree(blank, blank[:], blank[:])
    parents, last, before = tree
    roots: array[int] = array("I")
    sizes: array[int] = array("Q")
    position, entry_at = layout.position, pack.entry
    for i, offset in enumerate(layout.at[:-1]):
        try:
            header = entry_at(offset)
        except PermanentError as err:
            found.damaged.append((offset, str(err)))
            suspect = True
            continue
        kind = header.kind
        if kind == BLOB:
            roots.append(i)
            sizes.append(header.size)
            continue
        if kind == OFS_DELTA:
            parent = position(header.base)
            suspect = suspect or parent < 0 or parent >= i
        elif kind == REF_DELTA:
            suspect = True
            entry = index.find(pack.base_name(header))
            parent = -1 if entry is None else position(index.offset(entry))
        else:
            continue
        if parent < 0:
            parents[i] = _FOREIGN
        else:
            parents[i] = parent
            before[i] = last[parent]
            last[parent] = i
    return tree, roots, sizes, suspect


def _unrooted(at: array[int], tree: _Tree, found: PackPlan) -> Iterator[int]:
    """Deltas that no sound root leads to: of damaged bases, or in a circle. Reading them one by one says why."""
    damaged = {offset for offset, _ in found.damaged}
    reached = bytearray(len(tree.parents))
    for i, parent in enumerate(tree.parents):
        if parent < 0 and at[i] not in damaged:
            for node in _subtree(i, tree):
                reached[node] = 1
    for i, parent in enumerate(tree.parents):
        if parent >= 0 and not reached[i]:
            yield i


def _subtree(node: int, tree: _Tree) -> Iterator[int]:
    stack = [node]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(tree.children(node))


def _base_place(builder: _Family, parent: int, parents: array[int], order: array[int], at: array[int]) -> int:
    """The place of a base in the unit being built, -1 for none.

    Where a family was cut, the chain of bases is added again, unwanted: inflating it twice is cheap.
    """
    chain = []
    while parent >= 0 and parent not in builder.placed:
        chain.append(parent)
        parent = parents[parent]
    place = builder.placed[parent] if parent >= 0 else -1
    for base in reversed(chain):
        place = builder.placed[base] = builder.add(order[base], at[base], at[base + 1], place, wanted=False)
    return place
