"""From one root to the files inside it, however deep."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import BinaryIO

from gossip.engine.decode.archives import ar, compressed, cpio, sevenzip, tar, zipfile_
from gossip.engine.decode.archives.budget import ARCHIVE, Budget, Fault, Layer
from gossip.engine.decode.archives.kinds import SINGLE, UNSUPPORTED, archive_kind
from gossip.engine.decode.archives.model import ArchiveLimits, Entry, Member, Problem, Trouble
from gossip.engine.decode.archives.source import Source, root_source

_HEAD_BYTES = 1024

_Reader = Callable[[Source, str, Layer], Iterator[Entry | Trouble]]
_READERS: dict[str, _Reader] = {
    "7z": sevenzip.read_sevenzip,
    "ar": ar.read_ar,
    "bzip2": compressed.read_bzip2,
    "cpio": cpio.read_cpio,
    "gzip": compressed.read_gzip,
    "lzma": compressed.read_lzma,
    "rpm": cpio.read_rpm,
    "tar": tar.read_tar,
    "xz": compressed.read_xz,
    "zip": zipfile_.read_zip,
    "zip-behind": zipfile_.read_zip_behind,
    "zstd": compressed.read_zstd,
}


def expand(
    kind: str, name: str, stream: BinaryIO, limits: ArchiveLimits, clock: Callable[[], float]
) -> Iterator[Member | Problem]:
    """The files inside the archive `stream`, of the kind that `archive_kind` told, and what could not be read of it.

    A seekable stream is read from its beginning, at random where the format asks for it; another is read forward.
    Nothing in the bytes raises; a Gossip error of the stream itself passes through, an OSError becomes a Problem.
    `clock` gives monotonic seconds.
    """
    budget = Budget(limits, clock)
    yield from _Expansion(budget).archive(kind, name, root_source(stream, budget), _Place((), (), 1))


class _Place:
    """Where an archive is."""

    __slots__ = ("counted", "depth", "path", "raw_path")

    def __init__(self, path: tuple[str, ...], raw_path: tuple[str, ...], depth: int, *, counted: bool = True) -> None:
        self.path = path
        """Of the level that its members are on."""
        self.raw_path = raw_path
        """Of itself, were it no archive."""
        self.depth = depth
        self.counted = counted
        """Whether its output is not yet counted as that of the compression around it."""


class _Feed:
    """The content of an entry on its way to a consumer or to the reader of an inner archive."""

    def __init__(self, entry: Entry, path: tuple[str, ...], layer: Layer) -> None:
        self.path = path
        self.fault: Fault | None = None
        self.leaf = False
        self.given = 0
        self._entry = entry
        self._layer = layer
        self._ahead: deque[bytes] = deque()
        self._done = False

    def pull(self) -> bytes:
        """The next bytes; none at the end. Raises the Fault that ended it, again and again."""
        return self._ahead.popleft() if self._ahead else self._fresh()

    def _fresh(self) -> bytes:
        if self.fault is not None:
            raise self.fault
        if self._done:
            return b""
        try:
            self._layer.budget.tick()
            chunk = next(self._entry.chunks, b"")
            self._done = not chunk
        except Fault as fault:
            self._fail(fault)
            raise
        self.given += len(chunk)
        passed = self._layer.charge(len(chunk)) or self._over()
        if passed is not None:
            self._fail(passed)
        return chunk

    def _over(self) -> Fault | None:
        """The cap of this entry that was passed."""
        limits = self._layer.limits
        if self.leaf and self.given > limits.entry_bytes_max:
            return Fault("too-large", f"more than {limits.entry_bytes_max} bytes in one file")
        if self._entry.packed is not None and self.given > limits.ratio_floor_bytes:
            packed = self._entry.packed()
            if self.given > limits.ratio_max * max(packed, 1):
                return Fault("ratio", f"{self.given} bytes out of {packed}")
        return None

    def _fail(self, fault: Fault) -> None:
        if fault.path is None:
            fault.path = self.path
        self.fault = fault

    def head(self) -> bytes:
        """The first bytes, without taking them."""
        taken: list[bytes] = []
        size = 0
        try:
            while size < _HEAD_BYTES and (chunk := self.pull()):
                taken.append(chunk)
                size += len(chunk)
        except Fault:
            pass
        self._ahead.extend(taken)
        return b"".join(taken)[:_HEAD_BYTES] if len(taken) != 1 else taken[0][:_HEAD_BYTES]

    def chunks(self) -> Iterator[bytes]:
        """What a consumer reads: a Fault just ends it."""
        self.leaf = True
        try:
            while chunk := self.pull():
                yield chunk
        except Fault:
            return


class _Expansion:
    """One run of `expand`."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget

    def archive(self, kind: str, name: str, source: Source, place: _Place) -> Iterator[Member | Problem]:
        """All that is inside one archive."""
        try:
            yield from self._inside(kind, name, source, place)
        finally:
            source.release()

    def _inside(self, kind: str, name: str, source: Source, place: _Place) -> Iterator[Member | Problem]:
        if kind in UNSUPPORTED:
            yield from self._raw(source, place)
            yield Problem(place.raw_path, "unsupported", f"archives of kind {kind} are not read")
            return
        layer = Layer(self._budget, counted=place.counted)
        opened = False
        fault: Fault | None = None
        try:
            for item in _READERS[kind](source, name, layer):
                if isinstance(item, Trouble):
                    inside = () if item.name is None else (item.name,)
                    yield Problem(place.path + inside, item.reason, item.detail)
                    continue
                feed = _Feed(item, (*place.path, item.name), layer)
                head = feed.head()
                if not opened and not head and feed.fault is not None and kind in SINGLE:
                    feed.fault.path = None
                    raise feed.fault
                opened = True
                source.commit()
                yield from self._entry(kind, item.name, feed, head, place)
                if self._ends(feed):
                    break
        except Fault as caught:
            fault = caught
        if not opened and fault is not None and fault is not self._budget.halt:
            yield from self._raw(source, place)
        fault = fault or self._budget.halt
        if fault is not None and not fault.reported:
            fault.reported = True
            yield Problem(fault.path if fault.path is not None else place.raw_path, fault.reason, fault.detail)

    def _ends(self, feed: _Feed) -> bool:
        """Whether an entry's fault ends its archive too."""
        return self._budget.halt is not None or (feed.fault is not None and feed.fault.scope >= ARCHIVE)

    def _entry(self, kind: str, name: str, feed: _Feed, head: bytes, place: _Place) -> Iterator[Member | Problem]:
        """One entry: a file, or an archive and all that is inside it."""
        inner = archive_kind(name, head)
        if inner is None:
            yield Member(feed.path, feed.chunks())
        elif kind in SINGLE and inner in {"tar", "cpio"}:
            inside = _Place(place.path, feed.path, place.depth, counted=False)
            yield from self.archive(inner, name, Source(feed.pull, self._budget), inside)
        elif place.depth >= self._budget.limits.depth_max:
            yield Member(feed.path, feed.chunks())
            yield Problem(feed.path, "too-deep", f"archives inside one another, more than {place.depth}")
        else:
            inside = _Place(feed.path, feed.path, place.depth + 1)
            yield from self.archive(inner, name, Source(feed.pull, self._budget), inside)
        fault = feed.fault
        if fault is not None and not fault.reported:
            fault.reported = True
            yield Problem(fault.path if fault.path is not None else feed.path, fault.reason, fault.detail)

    def _raw(self, source: Source, place: _Place) -> Iterator[Member]:
        """What could not be opened as an archive, as the file that it is."""
        chunks = source.raw()
        if chunks is not None:
            yield Member(place.raw_path, _quiet(chunks))


def _quiet(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Pieces up to a Fault, which is reported by whoever it belongs to."""
    try:
        yield from chunks
    except Fault:
        return
