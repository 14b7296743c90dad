"""Which archive, if any, begins with these bytes."""

from __future__ import annotations

import re

from gossip.engine.decode.archives.tarheader import parse

SINGLE = frozenset({"gzip", "bzip2", "xz", "lzma", "zstd", "rpm"})
"""Kinds that hold one stream. Where that is a tar or cpio the two count as one level."""

_MAGICS: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"PK\x06\x06", "zip"),
    (b"PK\x07\x08", "zip"),
    (b"PK00PK\x03\x04", "zip"),
    (b"\x1f\x8b\x08", "gzip"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"!<arch>\n", "ar"),
    (b"\xed\xab\xee\xdb", "rpm"),
    # Known, and not read: what they hold is lost, which has to be said.
    (b"Rar!\x1a\x07", "rar"),
    (b"MSCF\x00\x00\x00\x00", "cab"),
    (b"\x04\x22\x4d\x18", "lz4"),
    (b"LZIP\x01", "lzip"),
)
UNSUPPORTED = frozenset({"rar", "cab", "lz4", "lzip", "compress"})
_FIRST = frozenset(magic[0] for magic, _ in _MAGICS)
_CPIO = re.compile(rb"07070(?:[12][0-9a-fA-F]{104}|7[0-7]{70})")
_BZIP2 = re.compile(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)")
_SKIPPABLE = re.compile(rb"[\x50-\x5f]\x2a\x4d\x18")
_COMPRESS = re.compile(rb"\x1f\x9d[\x80\x89-\x90]")
_LZMA = re.compile(rb"[\x00-\xe0]\x00\x00..(?:\xff{8}|.{5}\x00\x00\x00)", re.DOTALL)
_PATTERNS = {
    0x42: (_BZIP2, "bzip2"),
    0x30: (_CPIO, "cpio"),
    0x1F: (_COMPRESS, "compress"),
    **dict.fromkeys(range(0x50, 0x60), (_SKIPPABLE, "zstd")),
}
_OCTAL = frozenset(bytes((digit,)) for digit in b" 01234567")
_PREPENDED = re.compile(rb"MZ|\x7fELF|#!|Cr24")
_PREPENDED_NAMES = (".exe", ".zip", ".jar", ".war", ".pyz", ".pex", ".par", ".crx", ".run", ".sfx", ".xpi")


def archive_kind(name: str, head: bytes) -> str | None:
    """The kind of archive that a document called `name` and beginning with `head` is, or None.

    `head` is at least 512 bytes where there are so many. Content decides; the name only where there is no magic: raw
    lzma, and programs with a zip behind them.
    """
    if not head:
        return None
    first = head[0]
    if first in _FIRST:
        for magic, kind in _MAGICS:
            if head.startswith(magic):
                return kind
    maybe_tar = head[257:262] == b"ustar" or (len(head) >= 512 and head[511] == 0 and head[124:125] in _OCTAL)
    if maybe_tar and parse(head[:512]) is not None:
        return "tar"
    if name.endswith(".lzma") and _LZMA.match(head):
        return "lzma"
    if (pattern := _PATTERNS.get(first)) is not None:
        return pattern[1] if pattern[0].match(head) else None
    if _PREPENDED.match(head) and name.lower().endswith(_PREPENDED_NAMES):
        return "zip-behind"
    return None
