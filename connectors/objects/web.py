"""Files and indexes of web servers: each page of links that lie below it is a folder."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

from gossip.connectors.objects.entries import Entry, size_of, version_of
from gossip.connectors.objects.failures import ChangedError
from gossip.connectors.objects.stores import Store
from gossip.schemas.errors import RetryableError

HEADS_AT_ONCE = 16
_PARTIAL = 206
"""The status of an answer that holds the range that was asked for."""


class WebStore(Store):
    """`http://`, `https://`: a URL that ends with a slash is an index, every other one a file."""

    sequential = True

    def _connect(self) -> tuple[Any, str]:
        fs, _ = super()._connect()
        return fs, self.place.url

    def full(self, key: str) -> str:
        """The URL of an object: keys are as the index writes them."""
        return self.root + key

    def entries(self) -> Iterator[Entry]:
        """Folder by folder; what the headers of each file tell is asked for several at once."""
        if not self.root.endswith("/"):
            yield self.info("")
            return
        with ThreadPoolExecutor(HEADS_AT_ONCE, thread_name_prefix="heads") as pool:
            yield from self._below("", 0, pool)

    def _below(self, folder: str, depth: int, pool: ThreadPoolExecutor) -> Iterator[Entry]:
        names = [key for key, _ in self._children(folder)]
        told = pool.map(self.info, [name for name in names if not name.endswith("/")])
        for name in names:
            if name.endswith("/"):
                yield from self._below(name, self._deeper(depth), pool)
            else:
                yield next(told)

    def _children(self, folder: str) -> list[tuple[str, dict[str, Any] | None]]:
        """Links one level below a folder's page; those that sort it, or lead elsewhere, are none."""
        base = self.root + folder
        found: dict[str, dict[str, Any] | None] = {}
        for url in self.ask(folder, lambda: self.fs.ls(base, detail=False)):
            parts = urlsplit(url)
            plain = f"{parts.scheme}://{parts.netloc}{parts.path}"
            name = plain.removeprefix(base).removeprefix("/") if plain.startswith(base) else ""
            level = name.rstrip("/")
            if level and "/" not in level and level not in (".", "..") and not parts.query:
                found[folder + name] = None if name.endswith("/") else {}
        return sorted(found.items())

    def info(self, key: str) -> Entry:
        """What the headers of a file tell."""
        info = self.ask(key, lambda: self.fs.info(self.full(key)), listed=bool(key))
        return Entry(key, size_of(info), version_of(info))

    def _get(self, entry: Entry, start: int, end: int | None) -> bytes:
        from fsspec.asyn import sync

        data: bytes = sync(self.fs.loop, self._ranged, entry, start, end)
        return data

    async def _ranged(self, entry: Entry, start: int, end: int | None) -> bytes:
        """A part of a file, of that very version."""
        fs = self.fs
        headers = {"Accept-Encoding": "identity"}
        if start or end != entry.size:
            headers["Range"] = f"bytes={start}-" if end is None else f"bytes={start}-{end - 1}"
        session = await fs.set_session()
        async with session.get(fs.encode_url(self.full(entry.key)), headers=headers) as answer:
            answer.raise_for_status()
            now = version_of({"ETag": answer.headers.get("ETag")})
            if entry.strong and now and now != entry.version:
                raise ChangedError(f"{self.shown(entry.key)}: changed while it was read; the next scan reads it anew")
            if answer.status == _PARTIAL or end is None:
                data: bytes = await answer.read()
                return data
            return await _first(answer.content, start, end)

    def pieces(self, entry: Entry, piece_bytes: int) -> Iterator[bytes] | None:
        """The content in sequence, where the server knows no ranges or does not say how long it is."""
        if entry.size >= 0 and self._gives_ranges(entry):
            return None
        return self._sequence(entry, piece_bytes)

    def _gives_ranges(self, entry: Entry) -> bool:
        from fsspec.asyn import sync

        async def status() -> int:
            headers = {"Accept-Encoding": "identity", "Range": "bytes=0-0"}
            session = await self.fs.set_session()
            async with session.get(self.fs.encode_url(self.full(entry.key)), headers=headers) as answer:
                answer.raise_for_status()
                return int(answer.status)

        return self.ask(entry.key, lambda: sync(self.fs.loop, status), listed=True) == _PARTIAL

    def _sequence(self, entry: Entry, piece_bytes: int) -> Iterator[bytes]:
        """One request for everything: where it breaks off, nobody can go on."""
        file = self.ask(entry.key, lambda: self.fs.open(self.full(entry.key), "rb", block_size=0), listed=True)
        with file:
            came = 0
            while True:
                piece = self._asking.once(self.shown(entry.key), lambda: file.read(piece_bytes))
                if not piece:
                    break
                came += len(piece)
                yield piece
        if 0 <= entry.size != came:
            raise RetryableError(f"{self.shown(entry.key)}: {came} of {entry.size} bytes came")


async def _first(content: Any, start: int, end: int) -> bytes:
    """The bytes from `start` to `end` of a body that a server without ranges sends from its beginning."""
    left, parts, skipped = end - start, [], 0
    async for part in content.iter_chunked(1 << 16):
        here = part[max(0, start - skipped) :][:left]
        skipped += len(part)
        parts.append(here)
        left -= len(here)
        if not left:
            break
    return b"".join(parts)
