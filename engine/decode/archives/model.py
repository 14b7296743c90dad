"""What the readers of archives take and give."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields

from gossip.schemas.errors import MisuseError

CHUNK_BYTES_MAX = 1024 * 1024
"""No piece of a member is larger."""


@dataclass(frozen=True, slots=True)
class Member:
    """A file inside the root that is no archive itself, or one that could not be opened as an archive."""

    path: tuple[str, ...]
    """One name per nesting level, as stored, undecodable bytes as `\\xNN`. A compressed tar or cpio is one level.
    Empty: the root itself, given raw because it could not be read as the archive that it seemed to be."""
    chunks: Iterator[bytes]
    """Content in pieces of at most 1 MiB. Read it before asking for the next member; an error in it ends the iterator
    and comes as a Problem after the member."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something inside the root that was not, or not wholly, given."""

    path: tuple[str, ...]
    """Where: a member, or the archive all of whose rest is concerned. Empty: the root."""
    reason: str
    """A stable code: `damaged`, `encrypted`, `overlap`, `ratio`, `timeout`, `too-deep`, `too-large`,
    `too-many-entries`, `trailing-data`, `unreadable`, `unsupported`."""
    detail: str
    """Why, in a few words. Never content."""


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """What one root may cost. All must be positive; entry <= archive <= root."""

    depth_max: int = 8
    """Archives inside one another, the root counted. A deeper one is given raw, as a file."""
    entries_max: int = 262_144
    """Entries of any type, over all levels of the root."""
    entry_bytes_max: int = 1 << 30
    """Content of one file. What is beyond is not given."""
    archive_bytes_max: int = 8 << 30
    """Output of one archive on any level."""
    root_bytes_max: int = 16 << 30
    """Output of all archives of the root together, those of inner archives added to those of outer ones."""
    ratio_max: int = 128
    """Output over input: of each compressed entry, and of the root."""
    ratio_floor_bytes: int = 16 << 20
    """Output below this is never a matter of ratio."""
    metadata_bytes_max: int = 16 << 20
    """Headers, long names and directories of one archive."""
    name_bytes_max: int = 4096
    """Longer names are cut and end in `~#` and 16 hex digits of their hash."""
    held_bytes_max: int = 64 << 20
    """Archives that need random access and come as a stream are held in memory, all levels together up to this. Beyond,
    a zip is read forward, a 7z is given raw."""
    window_bytes_max: int = 128 << 20
    """Memory of one xz, lzma or zstd decoder; halved for each further one that is open at the same time,
    down to 16 MiB."""
    seconds_max: float = 300.0
    """From the first member asked for, including the consumer's own time between members."""

    def __post_init__(self) -> None:
        for item in fields(self):
            if getattr(self, item.name) <= 0:
                raise MisuseError(f"archive limit {item.name} is {getattr(self, item.name)}: give more than 0")
        if not self.entry_bytes_max <= self.archive_bytes_max <= self.root_bytes_max:
            raise MisuseError("archive limits: entry_bytes_max <= archive_bytes_max <= root_bytes_max must hold")


@dataclass(slots=True)
class Entry:
    """What a reader of one format gives: a file, perhaps an archive. For use inside this package."""

    name: str
    chunks: Iterator[bytes]
    """May raise Fault."""
    packed: Callable[[], int] | None = None
    """Compressed bytes that the content comes from, so far or in all; None where nothing is compressed."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """What a reader of one format could not give, while it goes on. For use inside this package."""

    name: str | None
    """None: the archive itself."""
    reason: str
    detail: str
