"""Sparse members of a tar: GNU's old form, and PAX 0.0, 0.1 and 1.0."""

from __future__ import annotations

from collections.abc import Iterator

from gossip.engine.decode.archives.budget import Fault, Layer
from gossip.engine.decode.archives.source import Source
from gossip.engine.decode.archives.tarheader import BLOCK, Header, number

HOLE_BYTES_MAX = 64 * 1024
"""A hole is given as zeros, of which so many are enough: there is no secret in it and no line ends in it."""

SPANS_MAX = 65_536
"""A map of more spans is not followed: the stored content is given without its holes."""

Spans = list[tuple[int, int]]
Sparse = tuple[int, int, int, Spans]
"""Bytes of maps that the size of the member does not count; bytes of content stored (0: what is left of the member's
size); size with the holes; the spans of content, offset and length."""


def segments(
    source: Source, layer: Layer, header: Header, pax: dict[bytes, bytes], records: list[tuple[bytes, bytes]]
) -> Sparse | None:
    """The map of a sparse member, read to where its content begins; None for an ordinary one. Raises Fault."""
    try:
        if header.type == b"S":
            return _old(source, layer, header)
        if pax.get(b"GNU.sparse.major") == b"1":
            total = int(pax.get(b"GNU.sparse.realsize", b"0"))
            return 0, 0, total, _map_in_content(source, layer)
        total = int(pax.get(b"GNU.sparse.size", b"0"))
        if b"GNU.sparse.map" in pax:
            return 0, 0, total, _pairs([int(item) for item in pax[b"GNU.sparse.map"].split(b",", 2 * SPANS_MAX)])
        if records:
            return 0, 0, total, _pairs([int(value) for _, value in records])
    except ValueError as error:
        raise Fault("damaged", "map of a sparse member") from error
    return None


def _pairs(numbers: list[int]) -> Spans:
    if any(value < 0 for value in numbers):
        raise ValueError
    return list(zip(numbers[::2], numbers[1::2], strict=False))


def _entries(data: bytes, count: int) -> Iterator[tuple[int, int]]:
    for index in range(count):
        offset = number(data[index * 24 : index * 24 + 12])
        length = number(data[index * 24 + 12 : index * 24 + 24])
        if offset is None or length is None:
            raise ValueError
        if length:
            yield offset, length


def _old(source: Source, layer: Layer, header: Header) -> Sparse:
    spans = list(_entries(header.block[386:482], 4))
    more = header.block[482]
    extra = 0
    while more:
        layer.metadata(BLOCK)
        block = source.needed(BLOCK, "a map of a sparse member")
        extra += BLOCK
        spans.extend(_entries(block, 21))
        more = block[504]
    return extra, header.size, number(header.block[483:495]) or 0, spans


def _map_in_content(source: Source, layer: Layer) -> Spans:
    """Decimal numbers, a line each, the first their count; padded to a whole block."""
    numbers: list[int] = []
    text = b""
    wanted = None
    while wanted is None or len(numbers) < wanted:
        layer.metadata(BLOCK)
        text += source.needed(BLOCK, "a map of a sparse member")
        *lines, text = text.split(b"\n")
        values = [int(line) for line in lines if line.strip(b"\0")]
        if wanted is None and values:
            wanted = 2 * values.pop(0)
        numbers.extend(values)
        if len(text) > BLOCK or len(numbers) > 2 * SPANS_MAX:
            raise ValueError
    return _pairs(numbers[:wanted])


def content(source: Source, spans: Spans, total: int, stored: int) -> Iterator[bytes]:
    """Stored content with its holes as zeros. Raises Fault where the source ends early."""
    at = 0
    for offset, stated in spans:
        length = min(stated, stored)
        if offset > at:
            yield b"\0" * min(offset - at, HOLE_BYTES_MAX)
        stored -= length
        yield from source.take(length, "a sparse member")
        at = offset + length
    if stored > 0:
        yield from source.take(stored, "a sparse member")
    elif total > at:
        yield b"\0" * min(total - at, HOLE_BYTES_MAX)
