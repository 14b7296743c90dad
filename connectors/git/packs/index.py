"""Pack indexes, versions 1 and 2 (https://git-scm.com/docs/pack-format), read through a memory map."""

from __future__ import annotations

import mmap
import sys
from array import array
from hashlib import sha1
from itertools import pairwise
from typing import TYPE_CHECKING, Protocol

from gossip.schemas.errors import PermanentError

if TYPE_CHECKING:
    from pathlib import Path

NAME_BYTES = 20
_MAGIC_V2 = b"\xfftOc"
LARGE = 0x8000_0000
"""Marks an offset that does not fit: the rest is its place in a table of 64-bit ones."""
_NEAR = 24
"""Entries around the likely place of a name, about the deviation of a bucket of a few thousand."""


class Index(Protocol):
    """Names and offsets of the objects of one pack. Entries are numbered in name order."""

    path: Path
    count: int

    @property
    def pack_checksum(self) -> bytes | None:
        """The checksum that the pack ends with, None if it is not known."""

    def name(self, entry: int) -> bytes:
        """The raw object id of an entry."""

    def names(self, first: int) -> list[bytes]:
        """Ids that begin with this byte, in order."""

    def find(self, name: bytes) -> int | None:
        """The entry of an object id, None if it is not here. Raises PermanentError."""

    def offset(self, entry: int) -> int:
        """Pack offset of one entry. Raises PermanentError."""

    def offsets(self) -> array[int]:
        """Pack offsets of all entries, in name order. Raises PermanentError."""

    def crc(self, entry: int) -> int | None:
        """CRC-32 of what the pack holds of an entry, its header included; None if it is not known."""

    def close(self) -> None:
        """Release what is mapped."""


class PackIndex:
    """Object names and pack offsets of one pack. Entries are numbered in name order."""

    def __init__(self, path: Path) -> None:
        """Raises PermanentError for a file that is not a sound index, OSError if it cannot be read."""
        self.path = path
        with path.open("rb") as file:
            size = path.stat().st_size
            if size < 1024 + 2 * NAME_BYTES:
                raise PermanentError(f"pack index {path.name}: only {size} bytes long")
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._v2 = self._map[:4] == _MAGIC_V2
        if self._v2 and self._map[4:8] != b"\0\0\0\x02":
            raise PermanentError(f"pack index {path.name}: version {self._map[4:8].hex()} is not 1 or 2")
        head = 8 if self._v2 else 0
        fanout = big_endian("I", self._map[head : head + 1024])
        self.count: int = fanout[255]
        self._starts = [0, *fanout]
        self._names_at = head + 1024
        self._stride = NAME_BYTES if self._v2 else 24
        self._name_base = self._names_at + (0 if self._v2 else 4)
        least = head + 1024 + self.count * (28 if self._v2 else 24) + 2 * NAME_BYTES
        if size < least or any(a > b for a, b in pairwise(self._starts)):
            raise PermanentError(f"pack index {path.name}: cut short or inconsistent")

    def name(self, entry: int) -> bytes:
        """The raw object id of an entry."""
        start = self._name_base + entry * self._stride
        return self._map[start : start + NAME_BYTES]

    def names(self, first: int) -> list[bytes]:
        """Ids that begin with this byte, in order."""
        return [self.name(entry) for entry in range(self._starts[first], self._starts[first + 1])]

    def find(self, name: bytes) -> int | None:
        """The entry of an object id, None if it is not here."""
        return find_name(self._map, self._starts, self._name_base, self._stride, name)

    def offsets(self) -> array[int]:
        """Pack offsets of all entries, in name order."""
        if not self._v2:
            raw = self._map[self._names_at : self._names_at + 24 * self.count]
            return array("Q", (int.from_bytes(raw[i : i + 4], "big") for i in range(0, len(raw), 24)))
        start = self._names_at + self.count * (NAME_BYTES + 4)
        small = big_endian("I", self._map[start : start + 4 * self.count])
        offsets = array("Q", small)
        for entry, value in enumerate(small):
            if value & LARGE:
                offsets[entry] = self._large(value)
        return offsets

    def offset(self, entry: int) -> int:
        """Pack offset of one entry."""
        if not self._v2:
            start = self._names_at + 24 * entry
            return int.from_bytes(self._map[start : start + 4], "big")
        start = self._names_at + self.count * (NAME_BYTES + 4) + 4 * entry
        value = int.from_bytes(self._map[start : start + 4], "big")
        return self._large(value) if value & LARGE else value

    @property
    def pack_checksum(self) -> bytes:
        """The checksum that the pack ends with."""
        return self._map[-2 * NAME_BYTES : -NAME_BYTES]

    def is_sound(self) -> bool:
        """Whether its own checksum fits its content: all of it is read."""
        with memoryview(self._map) as view, view[:-NAME_BYTES] as body:
            return sha1(body, usedforsecurity=False).digest() == self._map[-NAME_BYTES:]

    def crc(self, entry: int) -> int | None:
        """CRC-32 of what the pack holds of an entry, its header included; version 1 has none."""
        if not self._v2:
            return None
        start = self._names_at + NAME_BYTES * self.count + 4 * entry
        return int.from_bytes(self._map[start : start + 4], "big")

    def _large(self, value: int) -> int:
        """The 64-bit offset that a 32-bit one refers to."""
        at = self._names_at + self.count * (NAME_BYTES + 8) + 8 * (value & ~LARGE)
        if at + 8 > len(self._map) - 2 * NAME_BYTES:
            raise PermanentError(f"pack index {self.path.name}: a large offset points past its end")
        return int.from_bytes(self._map[at : at + 8], "big")

    def close(self) -> None:
        """Release the map."""
        self._map.close()


def find_name(data: mmap.mmap, starts: list[int], base: int, stride: int, name: bytes) -> int | None:
    """The place of a name in a sorted table of `stride` bytes a row that begins at `base`. `starts`: the fan-out."""
    low, high = starts[name[0]], starts[name[0] + 1]
    # Names are evenly spread: their second to fourth byte say about where in the bucket one must be.
    if high - low > 4 * _NEAR:
        guess = low + ((high - low) * int.from_bytes(name[1:4], "big") >> 24)
        at = data.find(name, base + max(low, guess - _NEAR) * stride, base + min(high, guess + _NEAR) * stride)
        if at >= 0 and (at - base) % stride == 0:
            return (at - base) // stride
    while low < high:
        middle = (low + high) >> 1
        start = base + middle * stride
        found = data[start : start + NAME_BYTES]
        if found < name:
            low = middle + 1
        elif found == name:
            return middle
        else:
            high = middle
    return None


def big_endian(code: str, raw: bytes) -> array[int]:
    """Numbers as files hold them. Raises ValueError for a part of one."""
    values: array[int] = array(code)
    values.frombytes(raw)
    if sys.byteorder == "little":
        values.byteswap()
    return values
