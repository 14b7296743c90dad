"""What the two ways of reading a zip share: fields of headers, and the content of one member."""

from __future__ import annotations

import lzma
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from gossip.engine.decode.archives import codecs
from gossip.engine.decode.archives.budget import Budget, Fault
from gossip.engine.decode.archives.source import Source

LOCAL = b"PK\x03\x04"
CENTRAL = b"PK\x01\x02"
DESCRIPTOR = b"PK\x07\x08"
LOCAL_FIELDS = struct.Struct("<4sHHHHHIIIHH")
CENTRAL_FIELDS = struct.Struct("<4sHHHHHHIIIHHHHHII")
FULL = 0xFFFFFFFF


@dataclass(slots=True)
class ZipMember:
    """A member as its local or central header tells it."""

    name: bytes
    flags: int
    method: int
    crc: int
    packed: int
    size: int
    offset: int = 0
    attributes: int = 0
    system: int = 0

    @property
    def encrypted(self) -> bool:
        """By the traditional, the strong or the AES method."""
        return bool(self.flags & 0x41) or self.method == 99

    @property
    def described(self) -> bool:
        """Whether sizes and checksum follow the content."""
        return bool(self.flags & 8)

    @property
    def folder(self) -> bool:
        """A directory."""
        return self.name.endswith(b"/") and self.size == 0

    @property
    def link(self) -> bool:
        """A symbolic link, or a device or pipe, of a Unix archiver."""
        kind = self.attributes >> 28
        return self.system == 3 and kind not in {0, 4, 8}


def zip64(member: ZipMember, extra: bytes, *, central: bool) -> None:
    """Put in the 64-bit values of the extra field. What does not parse is left."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, at)
        if kind == 1:
            data = extra[at + 4 : at + 4 + length]
            wide = [int.from_bytes(data[i : i + 8], "little") for i in range(0, len(data) - 7, 8)]
            if member.size == FULL and wide:
                member.size = wide.pop(0)
            if member.packed == FULL and wide:
                member.packed = wide.pop(0)
            if central and member.offset == FULL and wide:
                member.offset = wide.pop(0)
            return
        at += 4 + length


def local_member(header: bytes, name: bytes, extra: bytes) -> ZipMember:
    """The member of a local header."""
    _, _, flags, method, _, _, crc, packed, size, _, _ = LOCAL_FIELDS.unpack(header)
    member = ZipMember(name, flags, method, crc, packed, size)
    zip64(member, extra, central=False)
    return member


def plausible(head: bytes) -> bool:
    """Whether 10 bytes, or as many as there are, can begin a local header: version and method are such as exist."""
    if len(head) < 10:
        return True
    version, method = head[4], int.from_bytes(head[8:10], "little")
    return version <= 99 and (method <= 20 or 90 <= method <= 200)


def refusal(member: ZipMember) -> tuple[str, str] | None:
    """Why the content of a member cannot be read: reason and detail."""
    if member.encrypted:
        return "encrypted", "needs a password"
    if member.method not in {0, 8, 12, 14, 93, 95}:
        return "unsupported", f"compression method {member.method}"
    return None


def unpack(member: ZipMember, read: Callable[[int], bytes], budget: Budget, rest: list[bytes]) -> Iterator[bytes]:
    """The content of a member whose packed bytes `read` gives; those behind its end are put into `rest`.

    Raises Fault for damage, which a wrong checksum is too, at the very end.
    """
    method = member.method
    size = member.size if not member.described or member.size else None
    budget.windows += 1
    try:
        if method == 93:
            yield from codecs.unzstd(budget, Source(lambda: read(codecs.INPUT_BYTES), budget))
            return
        decoder: codecs.Decoder
        if method == 0:
            while data := read(codecs.OUTPUT_BYTES):
                yield data
            return
        if method == 8:
            decoder, size = codecs.Inflate(), None
        elif method == 12:
            decoder, size = codecs.bunzip2(budget), None
        elif method == 95:
            decoder, size = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=budget.window()), None
        else:
            head = _exactly(read, 4)
            properties = _exactly(read, int.from_bytes(head[2:4], "little") & 0xFF)
            decoder = codecs.raw_lzma(budget, lzma.FILTER_LZMA1, properties, FULL if size is None else size)
            if member.flags & 2:
                size = None
        yield from codecs.run(decoder, read, size)
        rest.append(decoder.unused_data)
    finally:
        budget.windows -= 1


def _exactly(read: Callable[[int], bytes], count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = read(count - len(data))
        if not more:
            raise Fault("damaged", "ends early")
        data += more
    return data


class Check:
    """Checksum and size of content that passes through."""

    def __init__(self) -> None:
        self.crc = 0
        self.size = 0

    def follow(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """The same pieces."""
        for chunk in chunks:
            self.crc = zlib.crc32(chunk, self.crc)
            self.size += len(chunk)
            yield chunk

    def verify(self, crc: int, size: int) -> None:
        """Raise Fault unless they are those."""
        if self.size != size:
            raise Fault("damaged", "the size is not the stated one")
        if self.crc != crc:
            raise Fault("damaged", "checksum")
