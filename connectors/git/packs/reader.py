"""Rebuilding the objects of a unit, each base once, in bounded memory."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from gossip.connectors.git.packs.delta import copies_of
from gossip.connectors.git.packs.pack import BLOB, Pack
from gossip.schemas.errors import PermanentError
from gossip.schemas.protocols import Lineage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gossip.connectors.git.packs.file import Checks
    from gossip.connectors.git.packs.index import Index
    from gossip.connectors.git.packs.plan import PackUnit

HELD_BYTES_MAX = 48 * 1024 * 1024
"""Bases kept while their deltas are rebuilt; past it they are dropped and rebuilt when needed again."""
STREAM_BYTES_MIN = 16 * 1024 * 1024
"""Larger whole objects without deltas are inflated piece by piece."""
RESULT_BYTES_MIN = 8 * 1024
"""A smaller result of a delta is looked at whole in less time than the delta's instructions are read."""
DELTA_SHARE = 24
"""And so is one that is not so many times its delta."""


class Rebuilt(NamedTuple):
    """One wanted object of a unit: its content, or pieces of it, or why there is none."""

    node: int
    data: bytes | None
    pieces: Iterator[bytes] | None = None
    lineage: Lineage | None = None
    """With `data`: what it was made of."""
    error: PermanentError | None = None


class UnitReader:
    """Rebuilds the wanted objects of one unit in its order."""

    def __init__(self, pack: Pack, unit: PackUnit, index: Index | None = None, checks: Checks | None = None) -> None:
        """With `checks`, and the index that they need, objects that do not stand them are errors."""
        self._pack = pack
        self._index = index
        self._checks = checks
        self._unit = unit
        self._held: dict[int, bytes] = {}
        self._held_bytes = 0
        self._lineages: dict[int, Lineage] = {}
        """Of the objects that deltas wait for."""
        self._waiting = [0] * len(unit.bases)
        for base in unit.bases:
            if base >= 0:
                self._waiting[base] += 1

    def objects(self) -> Iterator[Rebuilt]:
        """Every wanted object once; an object that cannot be rebuilt is reported, and its deltas after it."""
        unit = self._unit
        for node, wanted in enumerate(unit.wanted):
            try:
                pieces = self._pieces(node)
                if pieces is not None:
                    if wanted:
                        yield Rebuilt(node, None, pieces)
                    continue
                data, raw = self._content(node)
                if wanted and self._checks is not None:
                    self._checks.content(self._name(node), BLOB, data)
            except PermanentError as err:
                if wanted:
                    yield Rebuilt(node, None, error=err)
                continue
            lineage = self._lineage(node, data, raw) if wanted else Lineage(data)
            if self._waiting[node]:
                lineage.awaited, lineage.size = True, len(data)
            self._keep(node, data, lineage)
            if wanted:
                yield Rebuilt(node, data, lineage=lineage)
        self._pack.release_pages()

    def _pieces(self, node: int) -> Iterator[bytes] | None:
        if self._unit.bases[node] >= 0 or self._waiting[node]:
            return None
        entry = self._pack.entry(self._unit.offsets[node])
        if entry.kind != BLOB or entry.size < STREAM_BYTES_MIN:
            return None
        pieces = self._pack.inflate_chunks(entry, self._unit.ends[node])
        if self._checks is None:
            return pieces
        self._checks.stored(self._unit.offsets[node], self._unit.ends[node])
        return self._checks.streamed(self._name(node), entry.size, pieces)

    def _name(self, node: int) -> bytes:
        assert self._index is not None
        return self._index.name(self._unit.entries[node])

    def _content(self, node: int) -> tuple[bytes, bytes]:
        """The object of a node, and what is stored of it: a delta, or the object again. Bases that are no longer held
        are rebuilt first, without recursion.
        """
        unit, pack = self._unit, self._pack
        chain = []
        while node >= 0 and node not in self._held:
            chain.append(node)
            node = unit.bases[node]
        data = raw = self._held[node] if node >= 0 else b""
        for step in reversed(chain):
            if self._checks is not None:
                self._checks.stored(unit.offsets[step], unit.ends[step])
            raw = pack.inflate(pack.entry(unit.offsets[step]), unit.ends[step])
            data = raw if unit.bases[step] < 0 else pack.resolve(data, raw)
        return data, raw

    def _lineage(self, node: int, data: bytes, raw: bytes) -> Lineage:
        base = self._unit.bases[node]
        if base < 0 or base not in self._lineages:
            return Lineage(data)
        if len(data) < RESULT_BYTES_MIN or len(raw) * DELTA_SHARE > len(data):
            return Lineage(data, cause="large-delta")
        return Lineage(data, self._lineages[base], partial(copies_of, raw))

    def _keep(self, node: int, data: bytes, lineage: Lineage) -> None:
        """Hold a base for its deltas; let go of the node's own base after its last delta."""
        base = self._unit.bases[node]
        if base >= 0:
            self._waiting[base] -= 1
            if not self._waiting[base]:
                self._drop(base)
                self._lineages.pop(base, None)
        if self._waiting[node]:
            self._lineages[node] = lineage
            self._held[node] = data
            self._held_bytes += len(data)
            while self._held_bytes > HELD_BYTES_MAX and len(self._held) > 1:
                self._drop(next(iter(self._held)))

    def _drop(self, node: int) -> None:
        data = self._held.pop(node, None)
        if data is not None:
            self._held_bytes -= len(data)
            self._lineages[node].data = None
