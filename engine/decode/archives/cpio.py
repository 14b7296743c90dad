"""Cpio in its portable forms (newc, newc with checksum, odc), and rpm, which holds one behind its headers."""

from __future__ import annotations

from collections.abc import Iterator

from gossip.engine.decode.archives import compressed
from gossip.engine.decode.archives.budget import Fault, Layer
from gossip.engine.decode.archives.model import Entry, Trouble
from gossip.engine.decode.archives.names import display, inner_name
from gossip.engine.decode.archives.source import Source

_TYPE, _REGULAR = 0o170000, 0o100000
_TRAILER = b"TRAILER!!!"


def read_cpio(source: Source, name: str, layer: Layer) -> Iterator[Entry | Trouble]:
    """The regular files of a cpio, and of those that follow it; what follows damage is given as `<damaged>`."""
    ended = False
    while True:
        if ended and not source.skip_zeros():
            return
        magic = source.peek(6)
        if not magic:
            yield Trouble(None, "damaged", "ends without its end mark")
            return
        fields = _fields(source, magic)
        if fields is None:
            reason = "trailing-data" if ended else "damaged"
            yield Trouble(None, reason, "something follows the end" if ended else "a header is damaged")
            yield Entry("<trailing>" if ended else "<damaged>", source.rest())
            return
        mode, name_size, size, align, header_size = fields
        layer.entry(name_size)
        label = source.needed(name_size, "a name").rstrip(b"\0")
        source.skip(-(header_size + name_size) % align)
        ended = label == _TRAILER
        if ended:
            continue
        end = source.position + size
        if mode & _TYPE == _REGULAR:
            yield Entry(display(label, layer.limits.name_bytes_max), source.take(size, "a member"))
        source.skip(end - source.position + -size % align)


def _fields(source: Source, magic: bytes) -> tuple[int, int, int, int, int] | None:
    """Take a header: mode, size of the name, size of the content, alignment, size of the header. None: it is none."""
    form = {b"070701": 110, b"070702": 110, b"070707": 76}.get(magic)
    if form is None:
        return None
    header = source.exactly(form)
    try:
        if form == 76:
            return int(header[18:24], 8), int(header[59:65], 8), int(header[65:76], 8), 1, form
        values = [int(header[at : at + 8], 16) for at in range(6, 110, 8)]
        return values[1], values[11], values[6], 4, form
    except ValueError:
        source.unread(header)
        return None


_PAYLOADS = {
    b"\x1f\x8b": compressed.read_gzip,
    b"BZ": compressed.read_bzip2,
    b"\xfd7": compressed.read_xz,
    b"\x28\xb5": compressed.read_zstd,
    b"]\0": compressed.read_lzma,
}


def read_rpm(source: Source, name: str, layer: Layer) -> Iterator[Entry | Trouble]:
    """The payload of an rpm, decompressed: a cpio."""
    source.needed(96, "the lead")
    _rpm_header(source, layer, pad=True)
    _rpm_header(source, layer, pad=False)
    payload = _PAYLOADS.get(source.peek(2))
    label = inner_name(name)
    if payload is not None:
        for item in payload(source, label, layer):
            if isinstance(item, Entry) and item.name != "<trailing>":
                item.name = label
            yield item
    elif source.peek(5) == b"07070":
        yield Entry(label, source.rest())
    else:
        raise Fault("unsupported", "compression of the payload")


def _rpm_header(source: Source, layer: Layer, *, pad: bool) -> None:
    """Pass over the signature or the main header."""
    intro = source.needed(16, "a header")
    if intro[:4] != b"\x8e\xad\xe8\x01":
        raise Fault("damaged", "a header is damaged")
    size = 16 * int.from_bytes(intro[8:12], "big") + int.from_bytes(intro[12:16], "big")
    layer.metadata(size)
    if not source.skip(size + (-size % 8 if pad else 0)):
        raise Fault("damaged", "ends inside a header")
