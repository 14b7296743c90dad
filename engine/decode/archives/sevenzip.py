"""7z: folder by folder, each decoded as one stream that its members are cut from."""

from __future__ import annotations

import lzma
import zlib
from collections.abc import Iterator
from typing import Any

from gossip.engine.decode.archives import codecs
from gossip.engine.decode.archives.budget import Fault, Layer
from gossip.engine.decode.archives.model import Entry, Trouble
from gossip.engine.decode.archives.names import display
from gossip.engine.decode.archives.sevenheader import (
    Coder,
    Fields,
    Folder,
    SevenFile,
    Streams,
    read_files,
    read_streams,
)
from gossip.engine.decode.archives.source import Source, Window
from gossip.engine.decode.archives.zipmember import Check

_AES = b"\x06\xf1\x07\x01"
_SIGNATURE_BYTES = 32
_REPARSE_OR_LINK = 0x400
_FILTERS = {
    b"\x03\x03\x01\x03": "BCJDecoder",
    b"\x04": "BCJDecoder",
    b"\x03\x03\x02\x05": "PPCDecoder",
    b"\x05": "PPCDecoder",
    b"\x03\x03\x05\x01": "ARMDecoder",
    b"\x07": "ARMDecoder",
    b"\x03\x03\x07\x01": "ARMTDecoder",
    b"\x08": "ARMTDecoder",
    b"\x03\x03\x08\x05": "SparcDecoder",
    b"\x09": "SparcDecoder",
}


def read_sevenzip(source: Source, name: str, layer: Layer) -> Iterator[Entry | Trouble]:
    """The files of a 7z."""
    window = source.window()
    if window is None:
        raise Fault("too-large", f"a stream of more than {layer.limits.held_bytes_max} bytes cannot be held")
    streams, files = _header(window, layer)
    yield from _entries(window, layer, streams, files)


def _header(window: Window, layer: Layer) -> tuple[Streams, list[SevenFile]]:
    """The header, unpacked where it is packed."""
    start = window.read_at(0, _SIGNATURE_BYTES)
    if len(start) < _SIGNATURE_BYTES or zlib.crc32(start[12:]) != int.from_bytes(start[8:12], "little"):
        raise Fault("damaged", "start header")
    offset, size = int.from_bytes(start[12:20], "little"), int.from_bytes(start[20:28], "little")
    if not size:
        return Streams(), []
    layer.metadata(size)
    data = window.read_at(_SIGNATURE_BYTES + offset, size)
    if zlib.crc32(data) != int.from_bytes(start[28:32], "little"):
        raise Fault("damaged", "header")
    for _ in range(4):
        fields = Fields(data)
        kind = fields.byte()
        if kind == 1:
            return _plain(fields)
        if kind != 23:
            break
        packed = read_streams(fields)
        if not packed.folders or not packed.packed:
            break
        folder = packed.folders[0]
        layer.metadata(folder.size())
        data = b"".join(_folder(window, layer, packed, 0, folder))
        if folder.crc is not None and zlib.crc32(data) != folder.crc:
            break
    raise Fault("damaged", "header")


def _plain(fields: Fields) -> tuple[Streams, list[SevenFile]]:
    streams, files = Streams(), list[SevenFile]()
    while (kind := fields.byte()) != 0:
        if kind == 2:
            while (prop := fields.number()) != 0:
                fields.take(fields.number())
                del prop
        elif kind == 4:
            streams = read_streams(fields)
        elif kind == 5:
            files = read_files(fields)
        else:
            raise Fault("unsupported", "header")
    return streams, files


def _entries(window: Window, layer: Layer, streams: Streams, files: list[SevenFile]) -> Iterator[Entry | Trouble]:
    with_content = iter([file for file in files if file.content])
    for file in files:
        if not file.content:
            layer.entry()
            if not file.folder:
                yield Entry(display(file.name, layer.limits.name_bytes_max), iter(()))
    first = 0
    for folder in streams.folders:
        chosen = [file for _, file in zip(range(folder.members), with_content, strict=False)]
        yield from _members(window, layer, streams, first, folder, chosen)
        first += folder.packed_streams


def _members(
    window: Window, layer: Layer, streams: Streams, first: int, folder: Folder, files: list[SevenFile]
) -> Iterator[Entry | Trouble]:
    """The members of one folder. What is damaged takes the rest of the folder with it."""
    packed = sum(streams.packed[first : first + folder.packed_streams])
    try:
        content = _Cutter(_folder(window, layer, streams, first, folder))
    except Fault as fault:
        if fault.path is not None or fault.scope:
            raise
        for file in files:
            layer.entry()
            yield Trouble(display(file.name, layer.limits.name_bytes_max), fault.reason, fault.detail)
        return
    for file, size, crc in zip(files, folder.member_sizes, folder.member_crcs, strict=False):
        layer.entry()
        label = display(file.name, layer.limits.name_bytes_max)
        chunks = content.member(size, crc)
        if content.fault is not None:
            yield Trouble(label, content.fault.reason, "behind damage in the same block")
        elif not (file.attributes & _REPARSE_OR_LINK or _unix_link(file.attributes)):
            yield Entry(label, chunks, lambda: packed)
        layer.drain(chunks)


def _unix_link(attributes: int) -> bool:
    return bool(attributes & 0x8000) and (attributes >> 28) not in {0, 4, 8}


class _Cutter:
    """Members cut from the output of a folder."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self.fault: Fault | None = None
        self._chunks = chunks
        self._rest = b""

    def member(self, size: int, crc: int | None) -> Iterator[bytes]:
        """The next `size` bytes. Raises Fault for damage, a wrong checksum too."""
        check = Check()
        yield from check.follow(self._take(size))
        if crc is not None:
            check.verify(crc, size)

    def _take(self, size: int) -> Iterator[bytes]:
        while size:
            if self.fault is not None:
                return
            if not self._rest:
                try:
                    self._rest = next(self._chunks, b"")
                    if not self._rest:
                        raise Fault("damaged", "ends early")
                except Fault as fault:
                    self.fault = fault
                    raise
            piece, self._rest = self._rest[:size], self._rest[size:]
            size -= len(piece)
            yield piece


def _folder(window: Window, layer: Layer, streams: Streams, first: int, folder: Folder) -> Iterator[bytes]:
    """The output of a folder. Raises Fault at once where it cannot be decoded."""
    if any(coder.method == _AES for coder in folder.coders):
        raise Fault("encrypted", "needs a password")
    if folder.packed_streams != 1 or not all(coder.simple for coder in folder.coders):
        raise Fault("unsupported", "compression of several streams")
    steps = folder.steps()
    if not steps or first >= len(streams.packed):
        raise Fault("damaged", "header")
    start = _SIGNATURE_BYTES + streams.starts[first]
    chunks = window.chunks(start, min(start + streams.packed[first], window.size))
    for coder, size in steps:
        chunks = _decode(layer, coder, size, chunks)
    return chunks


def _decode(layer: Layer, coder: Coder, size: int, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """One step. Raises Fault at once where the method is not known."""
    budget, method, properties = layer.budget, coder.method, coder.properties

    def read(count: int) -> bytes:
        return next(chunks, b"")

    if method in {b"\0", b""}:
        return chunks
    if method in {b"\x21", b"\x03\x01\x01"}:
        kind = lzma.FILTER_LZMA2 if method == b"\x21" else lzma.FILTER_LZMA1
        return _windowed(layer, codecs.run(codecs.raw_lzma(budget, kind, properties, size), read, size))
    if method == b"\x03":
        distance = (properties[0] if properties else 0) + 1
        return _delta(chunks, distance)
    if method == b"\x04\x01\x08":
        return codecs.run(codecs.Inflate(), read, size)
    if method == b"\x04\x02\x02":
        return codecs.run(codecs.bunzip2(budget), read, size)
    if method == b"\x04\xf7\x11\x01":
        return _windowed(layer, codecs.unzstd(budget, Source(lambda: read(0), budget)))
    if method in _FILTERS:
        import bcj

        return _branch(getattr(bcj, _FILTERS[method])(size), chunks)
    raise Fault("unsupported", f"compression method {method.hex()}")


def _windowed(layer: Layer, chunks: Iterator[bytes]) -> Iterator[bytes]:
    layer.budget.windows += 1
    try:
        yield from chunks
    finally:
        layer.budget.windows -= 1


def _delta(chunks: Iterator[bytes], distance: int) -> Iterator[bytes]:
    """Undo the delta filter: each byte is the difference to the one `distance` before."""
    last = bytearray(distance)
    for chunk in chunks:
        out = bytearray(chunk)
        for index, byte in enumerate(out):
            slot = index % distance
            last[slot] = out[index] = (byte + last[slot]) & 0xFF
        shift = len(out) % distance
        last = last[shift:] + last[:shift]
        yield bytes(out)


def _branch(decoder: Any, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Undo a filter of branch addresses in programs."""
    for chunk in chunks:
        yield decoder.decode(chunk)
    yield decoder.decode(b"")
