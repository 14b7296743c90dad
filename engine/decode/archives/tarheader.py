"""The 512-byte header of a tar entry."""

from __future__ import annotations

from dataclasses import dataclass

BLOCK = 512
ZEROS = b"\0" * BLOCK


@dataclass(slots=True)
class Header:
    """The fields that matter here."""

    name: bytes
    size: int
    """Stored bytes after the header."""
    type: bytes
    gnu: bool
    block: bytes


def checksum_holds(block: bytes) -> bool:
    """Whether 512 bytes are a tar header, by its checksum, whether of signed or unsigned bytes."""
    if len(block) < BLOCK:
        return False
    stored = _octal(block[148:156])
    if stored is None or stored == 0:
        return False
    total = sum(block) - sum(block[148:156]) + 256
    if stored == total:
        return True
    negative = sum(1 for byte in block if byte > 127) - sum(1 for byte in block[148:156] if byte > 127)
    return stored == total - 256 * negative


def parse(block: bytes) -> Header | None:
    """The header in 512 bytes, or None where they are none."""
    if not checksum_holds(block):
        return None
    size = number(block[124:136])
    if size is None:
        return None
    name = block[:100].split(b"\0", 1)[0]
    gnu = block[257:265] == b"ustar  \0"
    if block[257:263] == b"ustar\0" and block[345]:
        name = block[345:500].split(b"\0", 1)[0] + b"/" + name
    return Header(name, size, block[156:157], gnu, block)


def number(field: bytes) -> int | None:
    """A numeric field, octal or binary; None where it is neither, or negative."""
    if field[0] == 0x80:
        return int.from_bytes(field[1:], "big")
    if field[0] & 0x80:
        return None
    return _octal(field)


def _octal(field: bytes) -> int | None:
    text = field.split(b"\0", 1)[0].strip()
    if not text:
        return 0
    try:
        value = int(text, 8)
    except ValueError:
        return None
    return value if value >= 0 else None
