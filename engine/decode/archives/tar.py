"""Tar: V7, ustar, GNU and PAX, sparse members, with a way on behind damage.

An own reader of 512-byte blocks: tarfile's stream mode stops at the first bad header, or takes it for the end, and
keeps every header that it has seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from gossip.engine.decode.archives import tarsparse
from gossip.engine.decode.archives.budget import Fault, Layer
from gossip.engine.decode.archives.model import Entry, Trouble
from gossip.engine.decode.archives.names import display
from gossip.engine.decode.archives.source import Source
from gossip.engine.decode.archives.tarheader import BLOCK, ZEROS, Header, parse

_NO_CONTENT = frozenset(b"2 3 4 5 6 K V N D g".split())


@dataclass(slots=True)
class _Next:
    """What extension headers say of the member that follows them."""

    name: bytes | None = None
    pax: dict[bytes, bytes] = field(default_factory=dict)
    segments: list[tuple[bytes, bytes]] = field(default_factory=list)
    """Sparse records of PAX, which repeat their keys."""


def read_tar(source: Source, name: str, layer: Layer) -> Iterator[Entry | Trouble]:
    """The regular files of a tar. Content of a damaged stretch is given under the name `<damaged>`."""
    coming = _Next()
    ended = False
    while block := source.exactly(BLOCK):
        if not block.strip(b"\0"):
            ended = True
            layer.budget.tick()
            continue
        header = parse(block)
        if header is None:
            source.unread(block)
            if ended:
                yield Trouble(None, "trailing-data", "something follows the end")
                yield Entry("<trailing>", source.rest())
            else:
                yield Trouble(None, "damaged", "a header is damaged")
                gap = _gap(source, layer)
                yield Entry("<damaged>", gap)
                layer.drain(gap)
            coming = _Next()
            continue
        layer.entry()
        kind = header.type
        if kind in {b"L", b"x", b"X"}:
            _extend(source, layer, header, coming)
            continue
        if kind in {b"K", b"g"}:
            layer.metadata(header.size)
            source.skip(_padded(header.size))
            continue
        yield from _member(source, layer, header, coming)
        coming = _Next()


def _padded(size: int) -> int:
    return -(-size // BLOCK) * BLOCK


def _gap(source: Source, layer: Layer) -> Iterator[bytes]:
    """The blocks up to the next that is a header."""
    while block := source.exactly(BLOCK):
        layer.budget.tick()
        if block[257:262] == b"ustar" and parse(block) is not None:
            source.unread(block)
            return
        yield block


def _extend(source: Source, layer: Layer, header: Header, coming: _Next) -> None:
    """Take up a long name or PAX records."""
    layer.metadata(header.size)
    data = source.needed(_padded(header.size), "an extension header")[: header.size]
    if header.type == b"L":
        coming.name = data.split(b"\0", 1)[0]
        return
    for key, value in _records(data):
        if key in {b"GNU.sparse.offset", b"GNU.sparse.numbytes"}:
            if len(coming.segments) < 2 * tarsparse.SPANS_MAX:
                coming.segments.append((key, value))
        elif key in {b"size", b"path"} or key.startswith(b"GNU.sparse."):
            coming.pax[key] = value


def _records(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """PAX records: `length key=value\\n`. What does not parse ends them."""
    at = 0
    while at < len(data):
        space = data.find(b" ", at, at + 20)
        digits = data[at:space] if space > 0 else b""
        if not digits.isdigit():
            return
        end = at + int(digits)
        key, equals, value = data[space + 1 : end - 1].partition(b"=")
        if not equals or end <= space or end > len(data):
            return
        yield key, value
        at = end


def _member(source: Source, layer: Layer, header: Header, coming: _Next) -> Iterator[Entry]:
    """The entry of a header where it has content; then to the end of what is stored for it."""
    pax = coming.pax
    size = header.size
    if (stated := pax.get(b"size", b"")).isdigit() and len(stated) < 20:
        size = int(stated)
    name = pax.get(b"GNU.sparse.name") or pax.get(b"path") or coming.name or header.name
    folder = header.type in {b"\0", b"0"} and size == 0 and name.endswith(b"/")
    start = source.position
    if header.type == b"1" and (size == 0 or _header_follows(source)):
        return
    extra = 0
    if header.type in _NO_CONTENT or folder:
        if header.type in {b"2", b"3", b"4", b"5", b"6", b"V"} and _header_follows(source):
            return
    else:
        label = display(name, layer.limits.name_bytes_max)
        try:
            sparse = tarsparse.segments(source, layer, header, pax, coming.segments)
        except Fault:
            layer.budget.tick()
            sparse = None
        if sparse is None:
            chunks = source.take(size, "a member")
        else:
            extra, stored, total, spans = sparse
            chunks = tarsparse.content(source, spans, total, stored or size - (source.position - start))
        yield Entry(label, chunks)
    done = source.position - start
    source.skip(max(_padded(size) + extra - done, 0))


def _header_follows(source: Source) -> bool:
    """Whether the next block is a header or zeros: the size of such an entry is then not one of content."""
    block = source.peek(BLOCK)
    return block in {ZEROS, b""} or parse(block) is not None
