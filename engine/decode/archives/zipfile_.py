"""Zip by its central directory, with Zip64, prepended data and overlapping members.

Not by the standard library's zipfile: it holds the whole directory as objects, gives up at the first thing wrong with
it, and decompresses without a bound on what one call makes.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field

from gossip.engine.decode.archives.budget import Fault, Layer, NotAnArchiveError
from gossip.engine.decode.archives.model import Entry, Trouble
from gossip.engine.decode.archives.names import display
from gossip.engine.decode.archives.source import Source, Window
from gossip.engine.decode.archives.zipforward import forward
from gossip.engine.decode.archives.zipmember import (
    CENTRAL,
    CENTRAL_FIELDS,
    FULL,
    LOCAL,
    Check,
    ZipMember,
    refusal,
    unpack,
    zip64,
)

_END = b"PK\x05\x06"
_END_BYTES = 22
_TAIL_BYTES = 66 * 1024
_CANDIDATES_MAX = 16


@dataclass(slots=True)
class _Directory:
    """Where the central directory is."""

    start: int
    size: int
    count: int
    shift: int
    """What was prepended: to be added to every offset."""


@dataclass(slots=True)
class _Progress:
    """What was seen of a zip, for what the directory does not tell."""

    seen: set[int] = field(default_factory=set)
    """Offsets of local headers that were read."""
    lost: bool = False
    """Some entry of the directory led nowhere."""


def read_zip(source: Source, name: str, layer: Layer) -> Iterator[Entry | Trouble]:
    """The files of a zip."""
    window = source.window()
    if window is None:
        yield from _forward_only(source, layer)
    else:
        yield from _by_directory(window, layer, _directory(window))


def read_zip_behind(source: Source, name: str, layer: Layer) -> Iterator[Entry | Trouble]:
    """The files of a zip behind a program or script, and what is before it. None there: raises NotAnArchiveError."""
    window = source.window()
    directory = _directory(window) if window is not None else None
    if window is None or directory is None or not directory.count:
        raise NotAnArchiveError
    yield from _by_directory(window, layer, directory)


def _directory(window: Window) -> _Directory | None:
    """Find the end record, from the end backwards, that leads to a directory."""
    start = max(window.size - _TAIL_BYTES, 0)
    tail = window.read_at(start, _TAIL_BYTES)
    at = len(tail)
    for _ in range(_CANDIDATES_MAX):
        at = tail.rfind(_END, 0, at)
        if at < 0:
            return None
        if at + _END_BYTES <= len(tail):
            found = _end_record(window, tail[at : at + _END_BYTES], start + at)
            if found is not None:
                return found
    return None


def _end_record(window: Window, record: bytes, at: int) -> _Directory | None:
    _, _, _, _, count, size, offset, _ = struct.unpack("<4sHHHHIIH", record)
    end = at
    if FULL in {size, offset} or count == 0xFFFF:
        locator = window.read_at(at - 20, 20)
        if locator[:4] == b"PK\x06\x07":
            stated = int.from_bytes(locator[8:16], "little")
            for place in (stated, at - 76):
                wide = window.read_at(place, 56)
                if wide[:4] == b"PK\x06\x06" and len(wide) == 56:
                    count, size, offset = struct.unpack("<QQQ", wide[32:56])
                    end = place
                    break
    for start in (end - size, offset):
        if 0 <= start <= window.size and (window.read_at(start, 4) == CENTRAL or (count == 0 and start == end - size)):
            return _Directory(start, size, count, start - offset)
    return None


def _members(window: Window, layer: Layer, directory: _Directory) -> Iterator[ZipMember]:
    """The entries of the directory. Raises Fault where it is damaged."""
    at, end = directory.start, min(directory.start + directory.size, window.size)
    buffer, base = b"", at
    while at < end:
        if at + CENTRAL_FIELDS.size > base + len(buffer):
            buffer, base = window.read_at(at, 256 * 1024), at
        here = at - base
        if buffer[here : here + 4] != CENTRAL or here + CENTRAL_FIELDS.size > len(buffer):
            raise Fault("damaged", "central directory")
        values = CENTRAL_FIELDS.unpack_from(buffer, here)
        _, made, _, flags, method, _, _, crc, packed, size, name_size, extra_size, note_size, *_ = values
        length = CENTRAL_FIELDS.size + name_size + extra_size + note_size
        layer.metadata(length)
        if here + length > len(buffer):
            buffer, base, here = window.read_at(at, max(256 * 1024, length)), at, 0
        name_at = here + CENTRAL_FIELDS.size
        name = buffer[name_at : name_at + name_size]
        member = ZipMember(name, flags, method, crc, packed, size, values[16], values[15], made >> 8)
        zip64(member, buffer[name_at + name_size : name_at + name_size + extra_size], central=True)
        member.offset += directory.shift
        yield member
        at += length


def _by_directory(window: Window, layer: Layer, directory: _Directory | None) -> Iterator[Entry | Trouble]:
    """Members as the directory has them, then those that only local headers tell of where it is damaged."""
    progress = _Progress()
    if directory is None:
        first = window.read_at(0, 4)
        if first != LOCAL and window.read_at(4, 4) != LOCAL:
            raise Fault("damaged", "no central directory")
        yield from _without_directory(_leftovers(window, layer, progress))
        return
    else:
        first_member, overlap = _survey(window, layer, directory)
        if 0 < first_member <= directory.start and window.read_at(0, 4) != LOCAL:
            layer.entry()
            yield Entry("<prepended>", window.chunks(0, first_member))
        if overlap:
            yield Trouble(None, "overlap", f"{overlap} members share bytes with others")
        try:
            for member in _members(window, layer, directory):
                yield from _member(window, layer, member, progress)
        except Fault as fault:
            if fault.reason != "damaged" or fault.path is not None:
                raise
            yield Trouble(None, fault.reason, fault.detail)
            progress.lost = True
    if progress.lost:
        yield from _leftovers(window, layer, progress)


def _forward_only(source: Source, layer: Layer) -> Iterator[Entry | Trouble]:
    """Members of a stream that is too large to be held."""
    items = forward(source, layer)
    first = next(items, None)
    if first is None:
        raise Fault("damaged", "no member found")
    yield first
    yield from items


def _without_directory(items: Iterator[Entry | Trouble]) -> Iterator[Entry | Trouble]:
    """Members by local headers alone, said to be so. Raises Fault where there is none."""
    first = next(items, None)
    if first is None:
        raise Fault("damaged", "no central directory")
    yield Trouble(None, "damaged", "no central directory")
    yield first
    yield from items


def _survey(window: Window, layer: Layer, directory: _Directory) -> tuple[int, int]:
    """Offset of the first member (the directory's own where there is none), and how many members overlap others."""
    starts, ends = array("Q"), array("Q")
    look = Layer(layer.budget)
    try:
        for member in _members(window, look, directory):
            if 0 <= member.offset < window.size and len(starts) <= layer.limits.entries_max:
                starts.append(member.offset)
                ends.append(min(member.offset + 30 + len(member.name) + member.packed, window.size))
    except Fault:
        layer.budget.tick()
    order = sorted(range(len(starts)), key=starts.__getitem__)
    overlap = reach = 0
    for index in order:
        overlap += starts[index] < reach
        reach = max(reach, ends[index])
    return (starts[order[0]] if order else directory.start), overlap


def _member(window: Window, layer: Layer, member: ZipMember, progress: _Progress) -> Iterator[Entry | Trouble]:
    layer.entry()
    label = display(member.name, layer.limits.name_bytes_max)
    header = window.read_at(member.offset, 30)
    if header[:4] != LOCAL or len(header) < 30:
        progress.lost = True
        yield Trouble(label, "damaged", "no local header where the central directory says")
        return
    progress.seen.add(member.offset)
    if member.folder or member.link:
        return
    why = refusal(member)
    if why is not None:
        yield Trouble(label, *why)
        return
    names, extras = struct.unpack_from("<HH", header, 26)
    start = member.offset + 30 + names + extras
    yield Entry(label, _content(window, layer, member, start), lambda: member.packed)


def _content(window: Window, layer: Layer, member: ZipMember, start: int) -> Iterator[bytes]:
    at, end = start, start + member.packed

    def read(count: int) -> bytes:
        nonlocal at
        data = window.read_at(at, min(count, end - at)) if at < end else b""
        at += len(data)
        return data

    check = Check()
    yield from check.follow(unpack(member, read, layer.budget, []))
    check.verify(member.crc, member.size)


def _leftovers(window: Window, layer: Layer, progress: _Progress) -> Iterator[Entry | Trouble]:
    """Members by their local headers that the directory did not lead to."""
    chunks = window.chunks(0, window.size)
    source = Source(lambda: next(chunks, b""), layer.budget)
    source.commit()
    yield from forward(source, layer, progress.seen)
