"""Listing and reading through fsspec: what every kind of store has in common."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from gossip.connectors.objects.access import endpoint_of, storage_options
from gossip.connectors.objects.asking import REQUESTS_AT_ONCE, Asking, RetryPolicy
from gossip.connectors.objects.entries import Entry, size_of, version_of
from gossip.connectors.objects.failures import ChangedError, NotThereError
from gossip.connectors.objects.names import Place
from gossip.schemas.errors import PermanentError, RetryableError

FOLDERS_DEEP_MAX = 64
"""Deeper than any store that people made; servers can make up folders for ever."""
SHARED_BY_THREADS = frozenset({"abfs", "gcs", "github", "http", "https", "memory", "s3", "sftp"})
"""Whose file systems several threads may use at once."""

T = TypeVar("T")


class Store:
    """One place, opened in one process. `read` may be called from several threads.

    All methods raise errors of ours alone.
    """

    sequential = False
    """Whether only `pieces` knows how a large object can be read."""

    def __init__(self, place: Place, policy: RetryPolicy | None = None) -> None:
        self.place = place
        self._policy = policy
        self._lock = threading.Lock()
        self._opened: tuple[Any, str] | None = None
        self._asking = Asking(
            f"{place.protocol}://{endpoint_of(place)}/{place.url.partition('://')[2].partition('/')[0]}",
            policy,
            one_at_a_time=place.protocol not in SHARED_BY_THREADS or "::" in place.url,
        )

    @property
    def fs(self) -> Any:
        """The file system of fsspec, made when it is first needed: some connect at once."""
        return self._open()[0]

    @property
    def root(self) -> str:
        """The target's name inside the file system, without a slash at its end."""
        return self._open()[1]

    def _open(self) -> tuple[Any, str]:
        with self._lock:
            if self._opened is None:
                self._opened = self._asking(self.place.shown, self._connect, listed=False)
            return self._opened

    def _connect(self) -> tuple[Any, str]:
        from fsspec.core import url_to_fs

        options = storage_options(self.place, REQUESTS_AT_ONCE)
        fs, root = url_to_fs(self.place.url, skip_instance_cache=True, **options)
        if hasattr(getattr(fs, "dircache", None), "use_listings_cache"):
            fs.dircache.use_listings_cache = False  # ten million keys would stay in memory
        return fs, root.rstrip("/")

    def ask(self, what: str, request: Callable[[], T], *, listed: bool = False) -> T:
        """The answer to a request about `what`, a key or nothing."""
        return self._asking(self.shown(what), request, listed=listed)

    def shown(self, key: str) -> str:
        """How messages name an object, or the place itself."""
        return f"{self.place.shown.rstrip('/')}/{key}" if key else self.place.shown

    def full(self, key: str) -> str:
        """An object's name inside the file system."""
        return f"{self.root}/{key}" if key else self.root

    def entries(self) -> Iterator[Entry]:
        """Every object, in key order. The base walks folder by folder: only those on the way are in memory."""
        self.ask("", self.fs.invalidate_cache)
        info = self.ask("", lambda: self.fs.info(self.root or self.fs.root_marker))
        if info.get("type") == "file":
            yield Entry("", size_of(info), version_of(info))
            return
        yield from self._walk("", 0)

    def _walk(self, folder: str, depth: int) -> Iterator[Entry]:
        for key, info in self._children(folder):
            if info is None:
                yield from self._walk(key, self._deeper(depth))
            else:
                yield Entry(key, size_of(info), version_of(info))

    def _deeper(self, depth: int) -> int:
        if depth >= FOLDERS_DEEP_MAX:
            raise PermanentError(f"{self.place.shown}: folders more than {FOLDERS_DEEP_MAX} deep")
        return depth + 1

    def _children(self, folder: str) -> list[tuple[str, dict[str, Any] | None]]:
        """Keys in a folder and what is told of them, in key order; None for a folder, whose key ends with a slash."""
        place = self.full(folder.rstrip("/")) or self.fs.root_marker
        found: list[tuple[str, dict[str, Any] | None]] = []
        for info in self.ask(folder, lambda: self.fs.ls(place, detail=True)):
            name = str(info["name"]).rstrip("/").rpartition("/")[2]
            if info.get("type") == "directory":
                found.append((f"{folder}{name}/", None))
            elif info.get("type") == "file":
                found.append((folder + name, info))
        return sorted(found, key=lambda one: one[0])

    def info(self, key: str) -> Entry:
        """What the store tells of one object now."""
        info = self.ask(key, lambda: self.fs.info(self.full(key)), listed=True)
        if info.get("type") == "directory":
            raise NotThereError(f"{self.shown(key)}: a folder")
        return Entry(key, size_of(info), version_of(info))

    def read(self, entry: Entry, start: int, end: int | None) -> bytes:
        """Bytes of an object from `start` up to `end`, or to its end; fewer only at its end."""
        wanted = end if entry.size < 0 or end is None else min(end, entry.size)
        if wanted is None and entry.size >= 0:
            wanted = entry.size
        if wanted is not None and start >= wanted:
            return b""

        def request() -> bytes:
            data = self._get(entry, start, wanted)
            if entry.size >= 0 and wanted is not None and len(data) != wanted - start:
                if len(data) > wanted - start:
                    raise ChangedError(f"{self.shown(entry.key)}: grew while it was read")
                raise RetryableError(f"{self.shown(entry.key)}: {len(data)} of {wanted - start} bytes came")
            return data

        return self.ask(entry.key, request, listed=True)

    def _get(self, entry: Entry, start: int, end: int | None) -> bytes:
        data: bytes = self.fs.cat_file(self.full(entry.key), start=start, end=end)
        return data

    def pieces(self, entry: Entry, piece_bytes: int) -> Iterator[bytes] | None:
        """The content in sequence, from a server that gives no ranges; None where `read` does."""
        return None

    def unchanged(self, entry: Entry) -> None:
        """Raises ChangedError for an object with a weak version that has another one now. A strong one is compared in
        each request.
        """
        if entry.version and not entry.strong and self.info(entry.key).version != entry.version:
            raise ChangedError(f"{self.shown(entry.key)}: changed while it was read; the next scan reads it anew")


def open_store(place: Place, policy: RetryPolicy | None = None) -> Store:
    """The store of a place. Nothing is connected yet."""
    from gossip.connectors.objects import buckets, web

    kinds: dict[str, type[Store]] = {
        "abfs": buckets.AzureStore,
        "gcs": buckets.GcsStore,
        "http": web.WebStore,
        "https": web.WebStore,
        "s3": buckets.S3Store,
    }
    chained = "::" in place.url
    return kinds.get("" if chained else place.protocol, Store)(place, policy)
