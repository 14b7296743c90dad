"""Reading forward with look-ahead, and at random where the bytes can be had so."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO

from gossip.engine.decode.archives.budget import Budget, Fault
from gossip.engine.decode.archives.model import CHUNK_BYTES_MAX

READ_BYTES = 256 * 1024
RECORD_BYTES_MAX = 4 * 1024 * 1024
"""How much of a nested stream is kept until its first entry was read, to be given raw where that fails."""


class ChunkStream(io.RawIOBase):
    """A forward-only file over pieces of bytes, such as those of a Git blob or of an object read over the network."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        super().__init__()
        self._chunks = iter(chunks)
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill `buffer` with at most one piece; 0 at the end."""
        while not self._rest:
            piece = next(self._chunks, None)
            if piece is None:
                return 0
            self._rest = memoryview(piece)
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count


class Window:
    """Random access to a seekable file or to bytes held in memory."""

    def __init__(self, file: BinaryIO, budget: Budget, *, root: bool) -> None:
        self._file = file
        self._budget = budget
        self._root = root
        self.size = file.seek(0, io.SEEK_END)
        if root:
            budget.ceiling(self.size)

    def read_at(self, offset: int, count: int) -> bytes:
        """Up to `count` bytes at `offset`; fewer only at the end."""
        self._budget.tick()
        if offset < 0 or offset >= self.size:
            return b""
        try:
            self._file.seek(offset)
            data = _read_all(self._file, min(count, self.size - offset))
        except OSError as error:
            raise self._budget.stop("unreadable", type(error).__name__) from error
        if self._root:
            self._budget.took(len(data))
        return data

    def chunks(self, start: int, end: int) -> Iterator[bytes]:
        """The bytes from `start` to `end` or to the end of the file, in pieces."""
        while start < end:
            data = self.read_at(start, min(READ_BYTES, end - start))
            if not data:
                return
            start += len(data)
            yield data


def _read_all(file: BinaryIO, count: int) -> bytes:
    """`count` bytes of a file whose reads may be short; fewer at its end."""
    data = file.read(count)
    while data and len(data) < count:
        more = file.read(count - len(data))
        if not more:
            break
        data += more
    return data or b""


class Source:
    """A stream of bytes read forward, with look-ahead. A Fault of what it reads from comes again at each later read."""

    def __init__(self, pull: Callable[[], bytes], budget: Budget, file: BinaryIO | None = None) -> None:
        """`pull` gives the next bytes, none at the end. `file` is the same content where it is seekable."""
        self.budget = budget
        self.position = 0
        """Bytes handed out so far."""
        self._pull = pull
        self._tail = pull
        self._file = file
        self._buffer = b""
        self._offset = 0
        self._record: list[bytes] | None = []
        self._recorded = 0
        self._held: io.BytesIO | None = None

    def _more(self) -> bytes:
        data = self._pull()
        if data and self._record is not None and self._file is None:
            self._recorded += len(data)
            self._record.append(data)
            if self._recorded > RECORD_BYTES_MAX:
                self._record = None
        return data

    def commit(self) -> None:
        """The first entry was read: the beginning need not be kept any longer."""
        self._record = None

    def raw(self) -> Iterator[bytes] | None:
        """The whole stream from its beginning, or None where that is gone."""
        if self._file is not None:
            return Window(self._file, self.budget, root=False).chunks(0, 1 << 62)
        if self._held is not None:
            return _replayed(self._held, self._tail)
        if self._record is None:
            return None
        return self._replay(iter(self._record))

    def _replay(self, first: Iterator[bytes]) -> Iterator[bytes]:
        yield from first
        while data := self._pull():
            yield data

    def window(self) -> Window | None:
        """Random access: to the file, or to what fits into memory. None where it does not: the source is then still at
        its beginning, to be read forward.
        """
        if self._file is not None:
            return Window(self._file, self.budget, root=True)
        room = self.budget.limits.held_bytes_max - self.budget.held
        held = io.BytesIO()
        first = b"".join(self._record or ()) or self._buffer[self._offset :]
        self._record = None
        data = first or self._pull()
        self._held = held
        while data:
            held.write(data)
            self.budget.held += len(data)
            if held.tell() > room:
                self._pull = _puller(_replayed(held, self._pull))
                self._buffer, self._offset = b"", 0
                return None
            data = self._pull()
        return Window(held, self.budget, root=False)

    def release(self) -> None:
        """Forget what was held."""
        if self._held is not None:
            self.budget.held -= self._held.seek(0, io.SEEK_END)
            self._held = None

    def some(self, count: int = READ_BYTES) -> bytes:
        """Between one and `count` bytes; none at the end only."""
        if self._offset >= len(self._buffer):
            self._buffer, self._offset = self._more(), 0
        end = min(self._offset + count, len(self._buffer))
        data = self._buffer[self._offset : end] if self._offset or end < len(self._buffer) else self._buffer
        self._offset = end
        self.position += len(data)
        return data

    def exactly(self, count: int) -> bytes:
        """`count` bytes, fewer at the end only."""
        start, end = self._offset, self._offset + count
        if end <= len(self._buffer):
            self._offset = end
            self.position += count
            return self._buffer[start:end]
        parts = []
        while count and (data := self.some(count)):
            parts.append(data)
            count -= len(data)
        return b"".join(parts)

    def needed(self, count: int, what: str) -> bytes:
        """`count` bytes; raises Fault where the source ends before."""
        data = self.exactly(count)
        if len(data) < count:
            raise Fault("damaged", f"ends inside {what}")
        return data

    def peek(self, count: int) -> bytes:
        """The next `count` bytes without taking them; fewer at the end only."""
        data = self.exactly(count)
        self.unread(data)
        return data

    def unread(self, data: bytes) -> None:
        """Put back what was read last."""
        if not data:
            return
        self.position -= len(data)
        start = self._offset - len(data)
        if start >= 0:
            self._offset = start
        else:
            self._buffer, self._offset = data + self._buffer[self._offset :], 0

    def skip(self, count: int) -> bool:
        """Pass over `count` bytes. Whether there were as many."""
        while count > 0:
            data = self.some(min(count, CHUNK_BYTES_MAX))
            if not data:
                return False
            count -= len(data)
        return True

    def take(self, count: int, what: str) -> Iterator[bytes]:
        """The next `count` bytes in pieces; raises Fault where the source ends before."""
        while count > 0:
            data = self.some(min(count, READ_BYTES))
            if not data:
                raise Fault("damaged", f"ends inside {what}")
            count -= len(data)
            yield data

    def rest(self) -> Iterator[bytes]:
        """All that is left, in pieces."""
        while data := self.some():
            yield data

    def skip_zeros(self) -> bool:
        """Pass over NUL bytes. Whether something else follows."""
        while data := self.some():
            self.budget.tick()
            left = data.lstrip(b"\0")
            if left:
                self.unread(left)
                return True
        return False


def _pieces(held: io.BytesIO) -> Iterator[bytes]:
    held.seek(0)
    while data := held.read(READ_BYTES):
        yield data


def _replayed(held: io.BytesIO, pull: Callable[[], bytes]) -> Iterator[bytes]:
    yield from _pieces(held)
    while data := pull():
        yield data


def _puller(chunks: Iterator[bytes]) -> Callable[[], bytes]:
    return lambda: next(chunks, b"")


def root_source(stream: BinaryIO, budget: Budget) -> Source:
    """The source of a root: a file from its beginning where it can seek, else what comes next."""
    seekable = stream.seekable()
    if seekable:
        stream.seek(0)

    def pull() -> bytes:
        budget.tick()
        try:
            data = stream.read(READ_BYTES) or b""
        except OSError as error:
            raise budget.stop("unreadable", type(error).__name__) from error
        budget.took(len(data))
        return data

    return Source(pull, budget, stream if seekable else None)
