"""Zip read forward, by local headers alone: where there is no random access or no usable central directory."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from gossip.engine.decode.archives.budget import ENTRY, Fault, Layer
from gossip.engine.decode.archives.model import Entry, Trouble
from gossip.engine.decode.archives.names import display
from gossip.engine.decode.archives.source import Source
from gossip.engine.decode.archives.zipmember import (
    CENTRAL,
    DESCRIPTOR,
    FULL,
    LOCAL,
    Check,
    ZipMember,
    local_member,
    plausible,
    refusal,
    unpack,
)


def forward(source: Source, layer: Layer, known: set[int] | frozenset[int] = frozenset()) -> Iterator[Entry | Trouble]:
    """The members whose local headers are found, but for those at the offsets `known`."""
    while _to_header(source, layer):
        offset = source.position
        header = source.exactly(30)
        if len(header) < 30:
            yield Trouble(None, "damaged", "ends inside a header")
            return
        name_size = int.from_bytes(header[26:28], "little")
        extra_size = int.from_bytes(header[28:30], "little")
        layer.entry(name_size + extra_size)
        name = source.exactly(name_size)
        extra = source.exactly(extra_size)
        member = local_member(header, name, extra)
        if offset in known:
            if member.packed != FULL and not member.described:
                source.skip(member.packed)
            continue
        label = display(member.name, layer.limits.name_bytes_max)
        why = refusal(member)
        unsized = member.described and not member.packed
        if why is None and unsized and member.method not in {0, 8, 12, 95}:
            why = "unsupported", f"compression method {member.method} of unknown length, read forward"
        if why is not None:
            yield Trouble(label, *why)
            if not unsized:
                source.skip(member.packed)
            continue
        start = source.position
        if member.folder and not member.described:
            continue
        chunks = _unsized(source, layer, member) if unsized else _sized(source, layer, member)
        yield Entry(label, chunks, lambda: source.position - start)  # noqa: B023 - read before the next is asked for
        layer.drain(chunks)


def _to_header(source: Source, layer: Layer) -> bool:
    """Forward to the next local header. Whether there is one."""
    while True:
        layer.budget.tick()
        head = source.peek(10)
        if head[:4] == LOCAL and plausible(head):
            return True
        if len(head) < 4:
            return False
        if head[:4] == CENTRAL:
            # The directory holds no header of a member: names could look like one.
            fixed = source.exactly(46)
            lengths = [int.from_bytes(fixed[at : at + 2], "little") for at in (28, 30, 32)]
            if len(fixed) < 46 or not source.skip(sum(lengths)):
                return False
            continue
        # Small pieces: what looks like a header and is none makes the rest of a piece be read again.
        data = source.some(4096)
        at = data.find(b"PK", 1)
        while at >= 0 and not LOCAL.startswith(data[at : at + 4]) and not CENTRAL.startswith(data[at : at + 4]):
            at = data.find(b"PK", at + 1)
        if at >= 0:
            source.unread(data[at:])
        elif data.endswith(b"P") and len(data) > 1:
            source.unread(b"P")


def _sized(source: Source, layer: Layer, member: ZipMember) -> Iterator[bytes]:
    """Content whose packed size the header tells."""
    left = member.packed

    def read(count: int) -> bytes:
        nonlocal left
        data = source.some(min(count, left)) if left else b""
        left -= len(data)
        return data

    check = Check()
    broken: Fault | None = None
    try:
        yield from check.follow(unpack(member, read, layer.budget, []))
    except Fault as fault:
        if fault.scope > ENTRY or fault.path is not None:
            raise
        broken = fault
    source.skip(left)
    if broken is not None:
        raise broken
    check.verify(member.crc, member.size)


def _unsized(source: Source, layer: Layer, member: ZipMember) -> Iterator[bytes]:
    """Content whose end only the content tells; sizes and checksum follow it."""
    if member.method == 0:
        yield from _stored(source, layer)
        return
    check, rest = Check(), [b""]
    member.size = 0
    yield from check.follow(unpack(member, source.some, layer.budget, rest))
    source.unread(rest[-1])
    stated = source.peek(16)
    if stated[:4] == DESCRIPTOR:
        stated = stated[4:]
        source.skip(4)
    source.skip(12)
    crc = int.from_bytes(stated[:4], "little")
    if check.crc != crc:
        raise Fault("damaged", "checksum")


def _stored(source: Source, layer: Layer) -> Iterator[bytes]:
    """Stored content up to the descriptor that fits it: its checksum and its size are those of what came before."""
    crc = size = 0
    pending = b""
    while data := source.some(8192):
        layer.budget.tick()
        pending += data
        at = pending.find(DESCRIPTOR)
        while at >= 0 and at + 24 <= len(pending):
            crc = zlib.crc32(pending[:at], crc)
            size += at
            if at:
                yield pending[:at]
            pending = pending[at:]
            for width in (4, 8):
                stated = crc.to_bytes(4, "little") + (size & ((1 << 8 * width) - 1)).to_bytes(width, "little") * 2
                if pending[4 : 4 + len(stated)] == stated:
                    source.unread(pending[4 + len(stated) :])
                    return
            at = pending.find(DESCRIPTOR, 4)
        keep = len(pending) - at if at >= 0 else 3
        ready = pending[: max(len(pending) - keep, 0)]
        if ready:
            crc = zlib.crc32(ready, crc)
            size += len(ready)
            yield ready
            pending = pending[len(ready) :]
    tail = pending
    at = tail.find(DESCRIPTOR)
    crc, size = (zlib.crc32(tail[:at], crc), size + at) if at >= 0 else (crc, size)
    fits = at >= 0 and tail[at + 4 : at + 12] == crc.to_bytes(4, "little") + (size & FULL).to_bytes(4, "little")
    if fits:
        tail = tail[:at]
    if tail:
        yield tail
    if not fits:
        raise Fault("damaged", "ends inside a member")
