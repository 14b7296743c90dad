"""A bucket, a prefix, an object, an index of a web server: whatever a URL that fsspec reads names."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from zlib import crc32

from blake3 import blake3

from gossip.connectors.files.presence import ReadHead
from gossip.connectors.objects.access import endpoint_of
from gossip.connectors.objects.entries import Entry
from gossip.connectors.objects.names import check_protocol, parse_url
from gossip.connectors.objects.reading import Reader
from gossip.connectors.objects.stores import Store, open_store
from gossip.schemas.errors import GossipError
from gossip.schemas.summary import Loss
from gossip.schemas.units import HistoryUnit, PlanReport, ScanUnit, Target

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gossip.connectors.objects.asking import RetryPolicy
    from gossip.schemas.protocols import Head, Opened

UNIT_BYTES = 4 * 1024 * 1024
UNIT_OBJECTS_MAX = 256
UNIT_OBJECTS_MEAN = 128
READS_AT_ONCE = 16
"""Threads that wait for a store."""
KIND = "objects"


class ObjectSource:
    """Every object below a prefix or folder, or one object. Nothing is connected before it is needed."""

    connector = "objects"
    reach = ""
    """Every object has its place."""

    def __init__(self, target: Target, policy: RetryPolicy | None = None) -> None:
        self._target = target
        self._place = parse_url(target.location)
        check_protocol(self._place)
        self._policy = policy
        self._store: Store | None = None
        self._pool: ThreadPoolExecutor | None = None
        self._process = 0

    @property
    def instance(self) -> bytes:
        """Server and place: two spellings of one bucket are one target."""
        return f"{endpoint_of(self._place)} {self._place.url.rstrip('/')}".encode("utf-8", "surrogateescape")

    def plan(self) -> Iterator[ScanUnit | HistoryUnit | PlanReport]:
        """Objects in key order, batched. Some keys end a unit whatever it holds, so that a new object changes the units
        near it and not all that follow.
        """
        units = total = 0
        for batch in batched(self._opened().entries()):
            size = sum(max(0, entry.size) for entry in batch)
            yield ScanUnit(self._target.index, KIND, tuple(tuple(entry) for entry in batch), size)
            units, total = units + 1, total + size
        yield PlanReport(self._target.index, units, 0, total)

    def plan_beyond(self, covered: frozenset[str]) -> Iterator[ScanUnit | HistoryUnit | PlanReport]:
        """As `plan`: whether an object has changed is for its unit's key to say."""
        return self.plan()

    def fresh(self) -> ObjectSource:
        """Nothing is remembered of a plan."""
        return self

    def outdated(self, covered: frozenset[str], missing: Iterable[str]) -> bool:
        """Never: objects are not covered."""
        return False

    def fingerprint(self) -> bytes:
        """Keys, sizes and versions of all objects: the store lists them, and none is read."""
        digest = blake3()
        for entry in self._opened().entries():
            digest.update(_text(entry))
        return digest.digest()

    def content_key(self, unit: ScanUnit) -> bytes:
        """Keys, sizes and versions. An object without a version is another one in every run."""
        return b"\0\0".join(map(_text, _entries(unit)))

    def head(self) -> Head:
        """The objects as they are now."""
        return ReadHead(self._open_path)

    def open(self, unit: ScanUnit) -> Iterator[Opened]:
        """The objects of a unit, read ahead."""
        return self._reader().documents(_entries(unit))

    def _open_path(self, path: bytes) -> Iterator[Opened]:
        """The object at a path, as it is now."""
        key = "" if path == self._own_name() else path.decode("utf-8", "surrogateescape")
        try:
            entry = self._opened().info(key)
        except GossipError as err:
            yield Loss(err.loss_kind, key, str(err))
            return
        yield from self._reader().documents((entry,))

    def _own_name(self) -> bytes:
        """The path of the object that the target itself names."""
        return self._place.url.rstrip("/").rpartition("/")[2].encode("utf-8", "surrogateescape")

    def _path(self, key: str) -> bytes:
        return key.encode("utf-8", "surrogateescape") if key else self._own_name()

    def _opened(self) -> Store:
        """This process's store: connections do not survive a fork."""
        if self._store is None or self._process != os.getpid():
            self._process = os.getpid()
            self._store = open_store(self._place, self._policy)
            self._pool = None
        return self._store

    def _reader(self) -> Reader:
        store = self._opened()
        if self._pool is None:
            self._pool = ThreadPoolExecutor(READS_AT_ONCE, thread_name_prefix="objects")
        return Reader(store, self._pool, self._path)


def _entries(unit: ScanUnit) -> tuple[Entry, ...]:
    assert isinstance(unit.payload, tuple)
    return tuple(Entry(*item) for item in unit.payload)


def _text(entry: Entry) -> bytes:
    version = entry.version or f"read at {os.urandom(16).hex()}"
    return f"{entry.key}\0{entry.size}\0{version}\0".encode("utf-8", "surrogateescape")


def batched(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    """Entries in units of about UNIT_BYTES and at most UNIT_OBJECTS_MAX."""
    batch: list[Entry] = []
    total = 0
    for entry in entries:
        batch.append(entry)
        total += max(0, entry.size)
        last = crc32(entry.key.encode("utf-8", "surrogateescape")) % UNIT_OBJECTS_MEAN == 0
        if last or total >= UNIT_BYTES or len(batch) >= UNIT_OBJECTS_MAX:
            yield batch
            batch, total = [], 0
    if batch:
        yield batch
