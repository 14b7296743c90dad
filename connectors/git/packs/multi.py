"""The multi-pack index: one table of names for many packs (https://git-scm.com/docs/gitformat-pack).

It is a cache of what the packs' own indexes say, with each object in one pack of those that have it. Its checksum is
verified, so what it says is what Git wrote; one that is damaged, of another kind, or older than the packs is as good as
none. For a pack whose own index is gone it stands in.
"""

from __future__ import annotations

import mmap
import struct
from array import array
from bisect import bisect_left
from functools import cached_property
from hashlib import sha1
from itertools import pairwise
from typing import TYPE_CHECKING

from gossip.connectors.git.packs.index import LARGE, NAME_BYTES, big_endian, find_name
from gossip.schemas.errors import PermanentError

if TYPE_CHECKING:
    from pathlib import Path

_HEADER = struct.Struct(">4sBBBBI")
_CHUNK = struct.Struct(">4sQ")
_SIGNATURE, _VERSION, _SHA1 = b"MIDX", 1, 1
_FANOUT_BYTES = 1024
_PLACE_BYTES = 8


class MultiPackIndex:
    """Objects of many packs, in name order."""

    def __init__(self, path: Path) -> None:
        """Raises PermanentError for a file that is not a sound index, OSError if it cannot be read."""
        self.path = path
        with path.open("rb") as file:
            if path.stat().st_size < _HEADER.size + _CHUNK.size + NAME_BYTES:
                raise self._error("cut short")
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        data = self._map
        signature, version, kind, chunks, bases, packs = _HEADER.unpack_from(data)
        if (signature, version, kind, bases) != (_SIGNATURE, _VERSION, _SHA1, 0):
            raise self._error("not one of version 1 with SHA-1")
        with memoryview(data) as view, view[:-NAME_BYTES] as body:
            if sha1(body, usedforsecurity=False).digest() != data[-NAME_BYTES:]:
                raise self._error("its checksum does not fit its content")
        parts = self._chunks(chunks)
        raw = data[slice(*parts.get(b"OIDF", (0, 0)))]
        if len(raw) != _FANOUT_BYTES:
            raise self._error("no fan-out")
        fanout = big_endian("I", raw)
        self.count: int = fanout[255]
        self.starts = [0, *fanout]
        self.names_at, names_end = parts.get(b"OIDL", (0, 0))
        self._places_at, places_end = parts.get(b"OOFF", (0, 0))
        self._large_at, self._large_end = parts.get(b"LOFF", (0, 0))
        names = data[slice(*parts.get(b"PNAM", (0, 0)))].split(b"\0")[:packs]
        self.packs = [name.decode("ascii", "replace").removesuffix(".idx") for name in names]
        """Names of the pack files, without an extension."""
        if (
            names_end - self.names_at != NAME_BYTES * self.count
            or places_end - self._places_at != _PLACE_BYTES * self.count
            or len(self.packs) != packs
            or any(a > b for a, b in pairwise(self.starts))
        ):
            raise self._error("its tables are inconsistent")

    def _error(self, why: str) -> PermanentError:
        return PermanentError(f"multi-pack index {self.path}: {why}")

    def _chunks(self, count: int) -> dict[bytes, tuple[int, int]]:
        if len(self._map) < _HEADER.size + (count + 1) * _CHUNK.size + NAME_BYTES:
            raise self._error("cut short")
        marks = [_CHUNK.unpack_from(self._map, _HEADER.size + number * _CHUNK.size) for number in range(count + 1)]
        if any(not 0 < start <= end <= len(self._map) - NAME_BYTES for (_, start), (_, end) in pairwise(marks)):
            raise self._error("its tables lie outside")
        return {name: (start, end) for (name, start), (_, end) in pairwise(marks)}

    def name(self, entry: int) -> bytes:
        """The raw object id of an entry."""
        start = self.names_at + NAME_BYTES * entry
        return self._map[start : start + NAME_BYTES]

    def entry(self, name: bytes) -> int | None:
        """The entry of an object id, None if it is not here."""
        return find_name(self._map, self.starts, self.names_at, NAME_BYTES, name)

    def place(self, entry: int) -> tuple[int, int]:
        """(number of the pack, offset in it) of an entry. Raises PermanentError."""
        start = self._places_at + _PLACE_BYTES * entry
        pack, offset = struct.unpack_from(">II", self._map, start)
        if offset & LARGE and self._large_at:
            at = self._large_at + 8 * (offset & ~LARGE)
            if at + 8 > self._large_end:
                raise self._error("a large offset points past its end")
            offset = int.from_bytes(self._map[at : at + 8], "big")
        return pack, offset

    def find(self, name: bytes) -> tuple[int, int] | None:
        """(number of the pack, offset in it) of an object id, None if it is not here."""
        entry = self.entry(name)
        return None if entry is None else self.place(entry)

    @cached_property
    def entries_of(self) -> list[array[int]]:
        """By pack: its entries, ascending."""
        found: list[array[int]] = [array("I") for _ in self.packs]
        for entry in range(self.count):
            pack, _ = self.place(entry)
            if pack >= len(found):
                raise self._error("an object lies in a pack that it does not name")
            found[pack].append(entry)
        return found

    def close(self) -> None:
        """Release the map."""
        self._map.close()


class PartIndex:
    """The objects of one pack of a multi-pack index: an `Index`, without those that it has in another pack."""

    pack_checksum = None

    def __init__(self, multi: MultiPackIndex, number: int) -> None:
        """Raises PermanentError."""
        self.path = multi.path
        self._multi = multi
        self._number = number
        self._entries = multi.entries_of[number]
        self.count = len(self._entries)

    def name(self, entry: int) -> bytes:
        """The raw object id of an entry."""
        return self._multi.name(self._entries[entry])

    def names(self, first: int) -> list[bytes]:
        """Ids that begin with this byte, in order."""
        low, high = self._multi.starts[first : first + 2]
        return [self._multi.name(entry) for entry in self._entries if low <= entry < high]

    def find(self, name: bytes) -> int | None:
        """The entry of an object id, None if it is not here."""
        found = self._multi.entry(name)
        if found is None or self._multi.place(found)[0] != self._number:
            return None
        return bisect_left(self._entries, found)

    def offsets(self) -> array[int]:
        """Pack offsets of all entries, in name order."""
        return array("Q", map(self.offset, range(self.count)))

    def offset(self, entry: int) -> int:
        """Pack offset of one entry."""
        return self._multi.place(self._entries[entry])[1]

    def crc(self, entry: int) -> int | None:
        """There are none."""
        return None

    def close(self) -> None:
        """The multi-pack index stays open: other packs use it."""
