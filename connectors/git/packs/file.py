"""A pack with its index, and whether the two are to be believed."""

from __future__ import annotations

import zlib
from functools import cached_property
from hashlib import sha1
from typing import TYPE_CHECKING

from gossip.connectors.git.packs.index import Index, PackIndex
from gossip.connectors.git.packs.layout import Layout
from gossip.connectors.git.packs.multi import MultiPackIndex, PartIndex
from gossip.connectors.git.packs.pack import BLOB, COMMIT, TAG, TREE, Pack
from gossip.schemas.errors import PermanentError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_WORDS = {COMMIT: b"commit", TREE: b"tree", BLOB: b"blob", TAG: b"tag"}


class PackFile:
    """A pack with its index, opened when first used."""

    def __init__(self, path: Path, multi: MultiPackIndex | None = None, *, verify: bool = False) -> None:
        """`multi` stands in for the pack's own index where that is gone. `verify`: check all that is read."""
        self.path = path
        self._multi = multi
        self.verify = verify

    @cached_property
    def pack(self) -> Pack:
        """The mapped pack. Raises PermanentError, OSError."""
        return Pack(self.path)

    @cached_property
    def index(self) -> Index:
        """The mapped index. Raises PermanentError, OSError."""
        try:
            return PackIndex(self.path.with_suffix(".idx"))
        except FileNotFoundError:
            if self._multi is None or self.path.stem not in self._multi.packs:
                raise
            return PartIndex(self._multi, self._multi.packs.index(self.path.stem))

    @cached_property
    def layout(self) -> Layout:
        """Where its entries lie. Raises PermanentError."""
        return Layout(self.index, self.pack.end)

    @cached_property
    def doubt(self) -> str:
        """Why the index may be of another pack, or the pack not whole; empty where nothing speaks for it.

        What is read from such a pack must prove its name, or a secret would be reported in an object that has none.
        """
        ends = self.index.pack_checksum
        if ends is None or ends == self.pack.checksum:
            return ""
        if self.index.count != self.pack.count:
            return f"pack {self.path.name}: of {self.pack.count} objects, its index of {self.index.count}"
        return (
            f"pack {self.path.name}: its end is not what its index says; it was cut short, or the index is of another"
        )

    @cached_property
    def checks(self) -> Checks | None:
        """What has to be checked of each object that is read; None: nothing."""
        return Checks(self) if self.verify or self.doubt else None

    def problems(self) -> Iterator[str]:
        """What is wrong with the files as a whole: all of them is read."""
        if isinstance(self.index, PackIndex) and not self.index.is_sound():
            yield f"pack index {self.index.path.name}: its checksum does not fit its content"
        if not self.doubt and not self.pack.is_sound():
            yield f"pack {self.path.name}: its checksum does not fit its content"

    def end_of(self, offset: int) -> int:
        """Where the entry after the one at `offset` begins."""
        if offset >= self.pack.end:
            raise PermanentError(f"pack {self.path.name}: its index points past the end, to {offset}")
        return self.layout.end_of(offset)

    def entry_at(self, offset: int) -> int | None:
        """The entry in the index of what begins at `offset`."""
        position = self.layout.position(offset)
        return None if position < 0 else self.layout.order[position]


class Checks:
    """Whether the objects of a pack are what its index says: by CRC where it has one, else by name."""

    def __init__(self, file: PackFile) -> None:
        self._file = file
        self._doubted = bool(file.doubt)

    def stored(self, offset: int, end: int) -> None:
        """Raises PermanentError if the bytes of an entry do not have the CRC that the index says."""
        if not self._file.verify:
            return
        entry = self._file.entry_at(offset)
        crc = None if entry is None else self._file.index.crc(entry)
        if crc is not None and zlib.crc32(self._file.pack.stored(offset, end)) != crc:
            raise PermanentError(f"pack {self._file.path.name}: the entry at {offset} does not have its CRC")

    @property
    def by_name(self) -> bool:
        """Whether contents have to prove their names."""
        return self._doubted or self._file.index.crc(0) is None

    def content(self, name: bytes, kind: int, data: bytes) -> None:
        """Raises PermanentError if an object is not the one of this name."""
        if self.by_name:
            hashed = sha1(b"%s %d\0" % (_WORDS[kind], len(data)), usedforsecurity=False)
            hashed.update(data)
            self._compare(name, hashed.digest())

    def streamed(self, name: bytes, size: int, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """The pieces of a blob; after the last one PermanentError if they are not those of this name."""
        if not self.by_name:
            yield from pieces
            return
        hashed = sha1(b"blob %d\0" % size, usedforsecurity=False)
        for piece in pieces:
            hashed.update(piece)
            yield piece
        self._compare(name, hashed.digest())

    def _compare(self, name: bytes, found: bytes) -> None:
        if found != name:
            where = f"pack {self._file.path.name}"
            raise PermanentError(f"{where}: under the name {name.hex()} is the content of another object")
