"""Compressed files that hold one stream: gzip, bzip2, xz, lzma, zstd."""

from __future__ import annotations

import lzma
import zlib
from collections.abc import Callable, Iterator

from gossip.engine.decode.archives import codecs
from gossip.engine.decode.archives.budget import Fault, Layer
from gossip.engine.decode.archives.model import Entry, Trouble
from gossip.engine.decode.archives.names import display, inner_name
from gossip.engine.decode.archives.source import Source

Reader = Iterator[Entry | Trouble]


class _Stream:
    """The pieces of a stream, and whether they were read to the end."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self.done = False
        self.chunks = self._follow(chunks)

    def _follow(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        yield from chunks
        self.done = True


def _single(source: Source, layer: Layer, name: str, chunks: Iterator[bytes]) -> Reader:
    """The one entry, then whatever follows it."""
    start = source.position
    stream = _Stream(chunks)
    layer.entry()
    yield Entry(name, stream.chunks, lambda: source.position - start)
    if not stream.done:
        return
    yield from trailing(source)


def trailing(source: Source) -> Reader:
    """What follows the end of an archive, unless that is padding: named, and given as a file."""
    if source.skip_zeros():
        yield Trouble(None, "trailing-data", "something follows the end")
        yield Entry("<trailing>", source.rest())


def read_gzip(source: Source, name: str, layer: Layer) -> Reader:
    """A gzip file: its members as one stream, under the name stored in the first."""
    stored = _gzip_header(source, layer)
    label = display(stored, layer.limits.name_bytes_max) if stored else inner_name(name)
    return _single(source, layer, label, _gunzip(source, layer))


def _gzip_header(source: Source, layer: Layer) -> bytes:
    """Pass over a member's header; the name stored in it."""
    header = source.needed(10, "a gzip header")
    flags = header[3]
    if header[:3] != b"\x1f\x8b\x08" or flags & 0xE0:
        raise Fault("damaged", "gzip header")
    if flags & 4:
        source.needed(int.from_bytes(source.needed(2, "a gzip header"), "little"), "a gzip header")
    name = _until_nul(source, layer) if flags & 8 else b""
    if flags & 16:
        _until_nul(source, layer)
    if flags & 2:
        source.needed(2, "a gzip header")
    return name


def _until_nul(source: Source, layer: Layer) -> bytes:
    parts = []
    while data := source.some(4096):
        head, nul, rest = data.partition(b"\0")
        layer.metadata(len(head))
        parts.append(head)
        if nul:
            source.unread(rest)
            return b"".join(parts)
    raise Fault("damaged", "ends inside a gzip header")


def _gunzip(source: Source, layer: Layer) -> Iterator[bytes]:
    """The output of all members; the header of the first was read."""
    while True:
        layer.budget.tick()
        decoder = codecs.Inflate()
        crc = size = 0
        for chunk in codecs.run(decoder, source.some):
            crc = zlib.crc32(chunk, crc)
            size += len(chunk)
            yield chunk
        source.unread(decoder.unused_data)
        foot = source.needed(8, "a gzip checksum")
        if foot != crc.to_bytes(4, "little") + (size & 0xFFFFFFFF).to_bytes(4, "little"):
            raise Fault("damaged", "gzip checksum")
        if source.peek(3) != b"\x1f\x8b\x08":
            return
        _gzip_header(source, layer)


def _concatenated(
    source: Source, layer: Layer, make: Callable[[], codecs.Decoder], follows: Callable[[Source], bool]
) -> Iterator[bytes]:
    """The output of streams one behind the other, as long as another one follows."""
    layer.budget.windows += 1
    try:
        while True:
            layer.budget.tick()
            decoder = make()
            yield from codecs.run(decoder, source.some)
            source.unread(decoder.unused_data)
            if not follows(source):
                return
    finally:
        layer.budget.windows -= 1


def read_bzip2(source: Source, name: str, layer: Layer) -> Reader:
    """A bzip2 file."""
    chunks = _concatenated(source, layer, lambda: codecs.bunzip2(layer.budget), lambda source: source.peek(3) == b"BZh")
    return _single(source, layer, inner_name(name), chunks)


def read_xz(source: Source, name: str, layer: Layer) -> Reader:
    """An xz file: streams, with padding between them."""

    def follows(source: Source) -> bool:
        while (block := source.peek(4)) == b"\0\0\0\0":
            layer.budget.tick()
            source.skip(4)
        return block == b"\xfd7zX"

    budget = layer.budget
    limit = budget.window()

    def make() -> codecs.Decoder:
        return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=limit)

    return _single(source, layer, inner_name(name), _concatenated(source, layer, make, follows))


def read_lzma(source: Source, name: str, layer: Layer) -> Reader:
    """An lzma file of the old format, which has no magic."""
    limit = layer.budget.window()

    def make() -> codecs.Decoder:
        return lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=limit)

    return _single(source, layer, inner_name(name), _concatenated(source, layer, make, lambda _: False))


def read_zstd(source: Source, name: str, layer: Layer) -> Reader:
    """A zstd file: frames and skippable frames."""
    return _single(source, layer, inner_name(name), _unzstd(source, layer))


def _unzstd(source: Source, layer: Layer) -> Iterator[bytes]:
    chunks = codecs.unzstd(layer.budget, source)
    layer.budget.windows += 1
    try:
        yield from chunks
    finally:
        layer.budget.windows -= 1
