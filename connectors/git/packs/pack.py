"""Packs: entry headers, inflation, deltas. Positions are byte offsets in the pack file."""

from __future__ import annotations

import mmap
import sys
from hashlib import sha1
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from dulwich._pack import apply_delta

from gossip.schemas.errors import PermanentError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

try:
    from isal import isal_zlib as zlib
except ImportError:  # no wheel for this platform: correct, only slower
    import zlib  # type: ignore[no-redef]

_InflateError = cast("type[Exception]", zlib.error)  # the stub says that it is an instance

COMMIT, TREE, BLOB, TAG, OFS_DELTA, REF_DELTA = 1, 2, 3, 4, 6, 7
TRAILER_BYTES = 20
_HEADER_BYTES = 12
_DONTNEED: int | None = getattr(mmap, "MADV_DONTNEED", None) if sys.platform == "linux" else None
"""Elsewhere it may mean something else."""
_PAGES_KEPT_BYTES = 64 << 20
"""A pack of this size is never let go of: it costs less memory than finding its pages again costs time."""
_SIZE_MAX = (1 << 63) - 1
_SHIFT_MAX = 63
"""Longer numbers are refused before they are read: adding up a million of their bytes takes for ever."""
OBJECT_BYTES_MAX = 1 << 30
"""Objects and deltas that are held whole. Larger blobs are only read where they can be streamed."""
STREAM_CHUNK_BYTES = 1 << 20


class TooLargeError(PermanentError):
    """The object is over OBJECT_BYTES_MAX, and cannot be streamed."""


def loss_kind(err: PermanentError) -> str:
    """What a loss is called whose cause is this error of reading an object."""
    return "too-large" if isinstance(err, TooLargeError) else "damaged-object"


class Entry(NamedTuple):
    """One object's header."""

    kind: int
    size: int
    """Inflated bytes: the object's, or its delta's."""
    data: int
    """Where the compressed data begins."""
    base: int
    """OFS_DELTA: the base's offset; else 0. REF_DELTA: the base's id lies in the 20 bytes before `data`."""


class Pack:
    """One pack file, mapped. Not thread-safe to close while in use."""

    def __init__(self, path: Path) -> None:
        """Raises PermanentError for what is not a pack, OSError if it cannot be read."""
        self.path = path
        with path.open("rb") as file:
            try:
                self.map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            except ValueError as err:
                raise PermanentError(f"pack {path.name}: empty file") from err
        if len(self.map) < _HEADER_BYTES + TRAILER_BYTES:
            raise PermanentError(f"pack {path.name}: only {len(self.map)} bytes long")
        if self.map[:4] != b"PACK" or self.map[4:8] not in (b"\0\0\0\x02", b"\0\0\0\x03"):
            raise PermanentError(f"pack {path.name}: not a pack of version 2 or 3")
        self.end = len(self.map) - TRAILER_BYTES
        self.count = int.from_bytes(self.map[8:12], "big")
        """How many objects its head announces."""
        self._view = memoryview(self.map)

    def entry(self, offset: int) -> Entry:
        """The header at an offset. Raises PermanentError where there can be none."""
        data = self.map
        try:
            byte = data[offset]
            at = offset + 1
            kind, size, base = byte >> 4 & 7, byte & 15, 0
            if byte & 0x80:
                shift = 4
                while byte & 0x80 and shift < _SHIFT_MAX:
                    byte = data[at]
                    size |= (byte & 0x7F) << shift
                    shift += 7
                    at += 1
                if byte & 0x80 or size > _SIZE_MAX:
                    raise PermanentError(f"pack {self.path.name}: impossible size at {offset}")
            if kind == OFS_DELTA:
                byte = data[at]
                at += 1
                distance = byte & 0x7F
                while byte & 0x80 and distance <= offset:
                    byte = data[at]
                    distance = ((distance + 1) << 7) | (byte & 0x7F)
                    at += 1
                if byte & 0x80 or distance > offset:
                    raise PermanentError(f"pack {self.path.name}: impossible base at {offset}")
                base = offset - distance
        except IndexError:
            raise PermanentError(f"pack {self.path.name}: header at {offset} runs past the end") from None
        if kind == REF_DELTA:
            at += 20
        elif kind not in (COMMIT, TREE, BLOB, TAG, OFS_DELTA):
            raise PermanentError(f"pack {self.path.name}: object kind {kind} at {offset}")
        if at > self.end:
            raise PermanentError(f"pack {self.path.name}: header at {offset} runs past the end")
        return Entry(kind, size, at, base)

    @property
    def checksum(self) -> bytes:
        """What it ends with."""
        return self.map[self.end :]

    def is_sound(self) -> bool:
        """Whether that is the checksum of its content: all of it is read."""
        hashed = sha1(usedforsecurity=False)
        for start in range(0, self.end, STREAM_CHUNK_BYTES):
            hashed.update(self._view[start : min(start + STREAM_CHUNK_BYTES, self.end)])
            self.release_pages()
        return hashed.digest() == self.checksum

    def stored(self, offset: int, end: int) -> memoryview:
        """The bytes of an entry as they are stored, header included."""
        return self._view[offset:end]

    def base_name(self, entry: Entry) -> bytes:
        """The id of a REF_DELTA's base."""
        return self.map[entry.data - 20 : entry.data]

    def inflate(self, entry: Entry, end: int) -> bytes:
        """The entry's data; `end` is where the next entry begins. Raises PermanentError if it is damaged or too large.

        No more is inflated than the header announces, and one byte that shows that there is more.
        """
        self._check_size(entry.size, f" at {entry.data}")
        inflater: Any = zlib.decompressobj()
        try:
            data: bytes = inflater.decompress(self._view[entry.data : end], entry.size + 1)
        except _InflateError as err:
            raise PermanentError(f"pack {self.path.name}: damaged data at {entry.data}: {err}") from err
        if len(data) != entry.size or not inflater.eof:
            raise self._wrong_size(len(data), entry)
        return data

    def _check_size(self, size: int, at: str) -> None:
        if size > OBJECT_BYTES_MAX:
            raise TooLargeError(f"pack {self.path.name}: {size} bytes announced{at}, over {OBJECT_BYTES_MAX}")

    def _wrong_size(self, size: int, entry: Entry) -> PermanentError:
        found = f"over {entry.size}" if size > entry.size else f"only {size}" if size < entry.size else "unfinished"
        return PermanentError(f"pack {self.path.name}: {found} bytes at {entry.data}, {entry.size} announced")

    def inflate_chunks(self, entry: Entry, end: int) -> Iterator[bytes]:
        """The same, in pieces of about STREAM_CHUNK_BYTES, for objects too large to hold."""
        inflater: Any = zlib.decompressobj()
        total = 0
        try:
            pending: Any = self._view[entry.data : end]
            while not inflater.eof:
                piece = inflater.decompress(pending, STREAM_CHUNK_BYTES)
                pending = inflater.unconsumed_tail
                if not piece and not pending:
                    break
                total += len(piece)
                if total > entry.size:
                    break
                yield piece
        except _InflateError as err:
            raise PermanentError(f"pack {self.path.name}: damaged data at {entry.data}: {err}") from err
        if total != entry.size or not inflater.eof:
            raise self._wrong_size(total, entry)

    def resolve(self, base: bytes, delta: bytes) -> bytes:
        """The object that a delta makes of its base. Raises PermanentError if it does not fit or makes too much."""
        self._check_size(_result_size(delta), " by a delta")
        try:
            return b"".join(apply_delta(base, delta))
        except Exception as err:  # dulwich's compiled module raises its own, and plain errors for odd input
            raise PermanentError(f"pack {self.path.name}: a delta does not fit its base: {err}") from err

    def release_pages(self) -> None:
        """Let go of the pages of the file that were read, which this process counts as its own. Read again, they come
        from the system's cache.
        """
        if _DONTNEED is not None and len(self.map) > _PAGES_KEPT_BYTES:
            self.map.madvise(_DONTNEED)

    def close(self) -> None:
        """Release the map."""
        self._view.release()
        self.map.close()


def _result_size(delta: bytes) -> int:
    """The second of the two numbers that a delta begins with, 0 where it is cut short."""
    at = size = shift = 0
    try:
        while delta[at] & 0x80 and at < _SHIFT_MAX // 7:
            at += 1
        for byte in delta[at + 1 : at + 2 + _SHIFT_MAX // 7]:
            size |= (byte & 0x7F) << shift
            if not byte & 0x80:
                return size
            shift += 7
    except IndexError:
        pass
    return 0
