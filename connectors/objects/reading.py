"""Reading the objects of a unit: several at once and ahead of the scanner, in bounded memory.

An object up to PIECE_BYTES is fetched in one request; a larger one piece by piece, with the next pieces on their way
while one is scanned. It is never whole in memory.
"""

from __future__ import annotations

import io
import os
from abc import abstractmethod
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, BinaryIO, cast

from blake3 import blake3

from gossip.connectors.objects.entries import STRONG, Entry
from gossip.connectors.objects.stores import Store
from gossip.engine.findings import display_path
from gossip.schemas.errors import GossipError
from gossip.schemas.protocols import Document, Opened
from gossip.schemas.summary import Loss
from gossip.schemas.units import Place

PIECE_BYTES = 4 * 1024 * 1024
CHUNK_BYTES = 1024 * 1024
"""What the scanner gets at once."""
AHEAD_BYTES_MAX = 24 * 1024 * 1024
"""Of objects that are fetched and not yet scanned."""
AHEAD_OBJECTS_MAX = 24
PIECES_AHEAD = 2
BLOCK_BYTES = 1024 * 1024
BLOCKS_KEPT = 8
"""For formats that are read from their end: what was read last is likely to be read again."""


class Reader:
    """Opens objects of one store. For one thread; requests are made by threads of the pool."""

    def __init__(self, store: Store, pool: ThreadPoolExecutor, name: Callable[[str], bytes]) -> None:
        """`name`: the path that a key has in findings."""
        self._store = store
        self._pool = pool
        self._name = name

    def documents(self, entries: Sequence[Entry]) -> Iterator[Opened]:
        """A document for each object, or what became of it, in order. Closing it gives up what is on its way."""
        todo = deque(entries)
        ahead: deque[tuple[Entry, Future[bytes] | None, int]] = deque()
        on_the_way = 0
        try:
            while todo or ahead:
                while todo and len(ahead) < AHEAD_OBJECTS_MAX and (not ahead or on_the_way < AHEAD_BYTES_MAX):
                    entry = todo.popleft()
                    cost = PIECE_BYTES if entry.size < 0 else min(entry.size, PIECE_BYTES)
                    ahead.append((entry, self._first(entry), cost))
                    on_the_way += cost
                entry, first, cost = ahead.popleft()
                yield from self._document(entry, first)
                on_the_way -= cost
        finally:
            for _, future, _ in ahead:
                if future is not None:
                    future.cancel()

    def _first(self, entry: Entry) -> Future[bytes] | None:
        """The beginning of an object whose size is known."""
        if entry.size < 0 or (entry.size > PIECE_BYTES and self._store.sequential):
            return None
        return self._pool.submit(self._store.read, entry, 0, min(entry.size, PIECE_BYTES))

    def _document(self, entry: Entry, first: Future[bytes] | None) -> Iterator[Opened]:
        path = self._name(entry.key)
        name = display_path(path)
        try:
            content = self._content(entry, first)
        except GossipError as err:
            yield Loss(err.loss_kind, name, str(err).removeprefix(f"{self._store.shown(entry.key)}: "))
            return
        strong = entry.version[len(STRONG) :] if entry.strong else ""
        tag = strong.strip('"')
        yield Document(
            name,
            content.chunks(),
            lambda: path + b"\0" + (strong.encode("utf-8", "surrogateescape") or content.digest()),
            lambda: Place(path),
            path=path,
            object_id=tag,
            seekable=content.seekable(),
        )

    def _content(self, entry: Entry, first: Future[bytes] | None) -> Content:
        if first is None:
            pieces = self._store.pieces(entry, PIECE_BYTES)
            if pieces is not None:
                return _Sequence(pieces)
            if entry.size < 0:
                return _Sequence(self._until_short(entry))
        data = first.result() if first is not None else self._store.read(entry, 0, PIECE_BYTES)
        if entry.size <= PIECE_BYTES:
            return _Whole(data)
        return _Pieces(self._store, entry, data, self._pool)

    def _until_short(self, entry: Entry) -> Iterator[bytes]:
        """Pieces of an object of unknown size: the one that is not full is the last."""
        at = 0
        while True:
            piece = self._store.read(entry, at, at + PIECE_BYTES)
            if piece:
                yield piece
            if len(piece) < PIECE_BYTES:
                return
            at += len(piece)


class Content:
    """An object's bytes, once, and what says which bytes they were."""

    def __init__(self) -> None:
        self._hash = blake3()
        self._over = False
        self._running: Iterator[bytes] | None = None

    def chunks(self) -> Iterator[bytes]:
        """The content in chunks; the same iterator however often it is asked for. Raises errors of ours."""
        if self._running is None:
            self._running = self._hashed()
        return self._running

    def _hashed(self) -> Iterator[bytes]:
        for piece in self._pieces():
            for at in range(0, len(piece), CHUNK_BYTES):
                chunk = piece[at : at + CHUNK_BYTES]
                self._hash.update(chunk)
                yield chunk

    @abstractmethod
    def _pieces(self) -> Iterator[bytes]:
        """The content, once."""

    def digest(self) -> bytes:
        """32 bytes of BLAKE3 over the content; what nobody has read yet is read now."""
        for _ in self.chunks():
            pass
        return self._hash.digest()

    def seekable(self) -> Callable[[], BinaryIO] | None:
        """Opens the content anew; None where that would be another request for everything."""
        return None


class _Whole(Content):
    def __init__(self, data: bytes) -> None:
        super().__init__()
        self._data = data

    def _pieces(self) -> Iterator[bytes]:
        yield self._data

    def digest(self) -> bytes:
        return blake3(self._data).digest()

    def seekable(self) -> Callable[[], BinaryIO]:
        return lambda: io.BytesIO(self._data)


class _Sequence(Content):
    def __init__(self, pieces: Iterator[bytes]) -> None:
        super().__init__()
        self._given = pieces

    def _pieces(self) -> Iterator[bytes]:
        yield from self._given


class _Pieces(Content):
    def __init__(self, store: Store, entry: Entry, first: bytes, pool: ThreadPoolExecutor) -> None:
        super().__init__()
        self._store = store
        self._entry = entry
        self._first = first
        self._pool = pool

    def _pieces(self) -> Iterator[bytes]:
        piece, self._first = self._first, b""
        ahead: deque[Future[bytes]] = deque()
        at, size = len(piece), self._entry.size
        try:
            while at < size or ahead:
                while at < size and len(ahead) < PIECES_AHEAD:
                    ahead.append(self._pool.submit(self._store.read, self._entry, at, min(at + PIECE_BYTES, size)))
                    at += PIECE_BYTES
                yield piece
                piece = ahead.popleft().result()
            yield piece
        finally:
            for future in ahead:
                future.cancel()
        self._store.unchanged(self._entry)

    def seekable(self) -> Callable[[], BinaryIO]:
        return lambda: cast("BinaryIO", io.BufferedReader(_Blocks(self._store, self._entry), 1 << 16))


class _Blocks(io.RawIOBase):
    """An object by position: blocks of it, the last few kept."""

    def __init__(self, store: Store, entry: Entry) -> None:
        self._store = store
        self._entry = entry
        self._at = 0
        self._kept: OrderedDict[int, bytes] = OrderedDict()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at}.get(whence, self._entry.size)
        self._at = max(0, start + offset)
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        if self._at >= self._entry.size:
            return 0
        number, inside = divmod(self._at, BLOCK_BYTES)
        data = self._block(number)[inside : inside + len(buffer)]
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def _block(self, number: int) -> bytes:
        if number in self._kept:
            self._kept.move_to_end(number)
        else:
            start = number * BLOCK_BYTES
            self._kept[number] = self._store.read(self._entry, start, min(start + BLOCK_BYTES, self._entry.size))
            if len(self._kept) > BLOCKS_KEPT:
                self._kept.popitem(last=False)
        return self._kept[number]
