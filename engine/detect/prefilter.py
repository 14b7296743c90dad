"""Where Vectorscan says that a rule or encoded text may be: by a look at a whole document, or at what changed in it.

A hit is one number, its end and then its expression, so that hits sort by place, move by an addition, and a thousand of
them cost little. A document that was made of another one by copying ranges of it has the hits of those ranges, moved.
Only hits that hold a changed byte, or bytes of two ranges, are looked for anew, in the neighbourhood of the change: no
hit of an expression is longer than its width, and what an expression may ask for around a hit lies beside it. The few
expressions with a width over NEAR_BYTES_MAX are a database of their own, which reads every document whole. So hits are
the same, however they were found.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from itertools import islice
from typing import TYPE_CHECKING, Any

import hyperscan

from gossip.engine.detect.windows import HIT_BITS, HIT_MASK, Hits, ProbeTable
from gossip.engine.limits import HITS_HELD_MAX, NEAR_BYTES_MAX
from gossip.engine.rules.compiler import load_database

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from gossip.engine.rules.compiler import Program

_EDGE_BYTES = 4
"""More than an expression looks at beside a hit: one byte, and whether the document begins or ends there."""
_MARGIN = NEAR_BYTES_MAX + _EDGE_BYTES
_CARRIED_MIN = 2 * _MARGIN
"""Fewer bytes are not worth leaving out."""

Copy = tuple[int, int, int]
"""(start, start in the base, size) of a range that was copied."""
Zone = tuple[int, int]
"""First and last offset at which a hit may end."""
Carried = tuple[int, int, int]
"""A zone, and what is added to an offset of the base to get that of the result."""


class Prefilter:
    """The databases of one program. One instance per thread: it owns their scratch space."""

    def __init__(self, program: Program) -> None:
        self._table = ProbeTable(program.probes)
        self._database = load_database(program.database)
        self._apart = load_database(program.wide_database)
        self._wide = frozenset(program.wide)

    def observe(self, wrap: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
        """Let somebody put a function around every search, to measure it."""
        self.hits = wrap(self.hits)  # type: ignore[method-assign]
        self.moved = wrap(self.moved)  # type: ignore[method-assign]

    def hits(self, data: bytes) -> list[int] | None:
        """All hits, in order; None where there are more than HITS_HELD_MAX."""
        return [] if self._database is None else _scanned(self._database, data)

    def streamed(self, data: bytes) -> Hits:
        """What the hits say, however many there are."""
        held = self.hits(data)
        if held is not None:
            return self.read(held)
        hits = Hits(self._table)
        self._database.scan(data, match_event_handler=hits.add)
        return hits

    def read(self, hits: list[int]) -> Hits:
        """What hits say."""
        said = Hits(self._table)
        said.add_all(hits)
        return said

    def kept(self, hits: list[int]) -> array[int]:
        """Hits that can be carried over to another document."""
        return array("Q", [hit for hit in hits if hit & HIT_MASK not in self._wide] if self._wide else hits)

    def moved(self, data: bytes, known: Sequence[int], zones: list[Zone], carried: list[Carried]) -> list[int] | None:
        """The hits of `data`: those `known` of its base in the carried zones, and what is found in the others."""
        if self._database is None:
            return []
        hits: list[int] = []
        for first, last, shift in carried if known else ():
            low = bisect_left(known, (first - shift) << HIT_BITS)
            high = bisect_left(known, (last - shift + 1) << HIT_BITS, low)
            if low < high:
                by = shift << HIT_BITS
                hits += [hit + by for hit in islice(known, low, high)]
        new = self._near(data, zones)
        far = _scanned(self._apart, data) if self._apart is not None else []
        if new is None or far is None or len(hits) + len(new) + len(far) > HITS_HELD_MAX:
            return None
        if new or far:
            hits += new
            hits += far
            hits.sort()
        return hits

    def _near(self, data: bytes, zones: list[Zone]) -> list[int] | None:
        """Hits of the other expressions that end in the zones."""
        size = len(data)
        spans = [(max(0, first - _MARGIN), min(size, last + _EDGE_BYTES)) for first, last in zones]
        found = _scanned(self._database, b"".join([data[low:high] for low, high in spans]))
        if not found:
            return found
        hits: list[int] = []
        at = 0
        for (low, high), (first, last) in zip(spans, zones, strict=True):
            begin = bisect_left(found, (at + first - low) << HIT_BITS)
            end = bisect_left(found, (at + last - low + 1) << HIT_BITS, begin)
            by = (low - at) << HIT_BITS
            hits += [hit + by for hit in found[begin:end] if hit & HIT_MASK not in self._wide]
            at += high - low
        return hits


def _scanned(database: hyperscan.Database, data: bytes) -> list[int] | None:
    hits: list[int] = []
    append = hits.append

    def add(number: int, _start: int, end: int, _flags: int, _context: object) -> bool | None:
        append(end << HIT_BITS | number)
        return len(hits) > HITS_HELD_MAX or None

    try:
        database.scan(data, match_event_handler=add)
    except hyperscan.ScanTerminated:
        return None
    if len(hits) > 1:
        hits.sort()
    return hits


def neighbourhoods(copies: Iterable[Copy], size: int, base_size: int) -> tuple[list[Zone], list[Carried]]:
    """Where the hits of a result of `size` bytes have to be looked for, and where its base's are also its own.

    `copies` are in the order of the result and do not overlap there.
    """
    zones: list[Zone] = []
    carried: list[Carried] = []
    reached = 0
    for start, source, length in _joined(copies):
        first = 0 if start == source == 0 else start + _MARGIN
        end = start + length
        last = end if end == size and source + length == base_size else end - _EDGE_BYTES
        if last - first >= _CARRIED_MIN:
            if first > reached:
                zones.append((reached, first - 1))
            carried.append((first, last, start - source))
            reached = last + 1
    if reached <= size:
        zones.append((reached, size))
    return zones, carried


def _joined(copies: Iterable[Copy]) -> list[Copy]:
    """Copies of neighbouring ranges in a row are one."""
    joined: list[Copy] = []
    start = source = length = 0
    for copy in copies:
        if length and copy[0] == start + length and copy[1] == source + length:
            length += copy[2]
        else:
            if length:
                joined.append((start, source, length))
            start, source, length = copy
    if length:
        joined.append((start, source, length))
    return joined
