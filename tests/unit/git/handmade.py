"""Packs and indexes written byte by byte, so that they can be odd in ways that no Git would make them."""

from __future__ import annotations

import hashlib
import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

COMMIT, TREE, BLOB, TAG, OFS_DELTA, REF_DELTA = 1, 2, 3, 4, 6, 7
WORDS = {COMMIT: b"commit", TREE: b"tree", BLOB: b"blob", TAG: b"tag"}


def object_id(data: bytes, kind: int = BLOB) -> bytes:
    """The raw id of an object."""
    return hashlib.sha1(WORDS[kind] + b" %d\0" % len(data) + data).digest()


@dataclass(frozen=True)
class Item:
    """One pack entry. `data` is the object, or the delta."""

    name: bytes
    kind: int
    data: bytes
    base: int | bytes = 0
    """OFS_DELTA: how far back the base's header lies; REF_DELTA: its id."""
    size: int | None = None
    """What the header says; default: the truth."""
    raw: bytes | None = None
    """The compressed data; default: `data` compressed."""


def blob(data: bytes) -> Item:
    """A whole blob."""
    return Item(object_id(data), BLOB, data)


def varint(value: int) -> bytes:
    """Seven bits a byte, lowest first."""
    out = bytearray()
    while True:
        byte, value = value & 0x7F, value >> 7
        if not value:
            return bytes([*out, byte])
        out.append(byte | 0x80)


def header(kind: int, size: int) -> bytes:
    """An entry's kind and size."""
    low, rest = kind << 4 | size & 15, size >> 4
    return bytes([low | 0x80]) + varint(rest) if rest else bytes([low])


def distance(value: int) -> bytes:
    """The offset of an OFS_DELTA's base."""
    out = [value & 0x7F]
    value >>= 7
    while value:
        value -= 1
        out.insert(0, 0x80 | value & 0x7F)
        value >>= 7
    return bytes(out)


def delta(base: bytes, *, insert: bytes) -> bytes:
    """A delta that puts `insert` after the whole base (of 1 to 65,535 bytes)."""
    copy = b"\xb0" + struct.pack("<H", len(base))
    return varint(len(base)) + varint(len(base) + len(insert)) + copy + bytes([len(insert)]) + insert


def encode(item: Item) -> bytes:
    """A pack entry."""
    head = header(item.kind, len(item.data) if item.size is None else item.size)
    if item.kind == OFS_DELTA:
        assert isinstance(item.base, int)
        head += distance(item.base)
    elif item.kind == REF_DELTA:
        assert isinstance(item.base, bytes)
        head += item.base
    return head + (zlib.compress(item.data) if item.raw is None else item.raw)


def index_v2(names: Sequence[tuple[bytes, int]], *, large: bool = False, pack: bytes = b"") -> bytes:
    """An index of (name, offset); `large`: every offset through the table of 64-bit offsets. `pack`: whose it is."""
    ordered = sorted(names)
    fanout = b"".join(struct.pack(">I", sum(name[0] <= first for name, _ in ordered)) for first in range(256))
    crcs = b"\0\0\0\0" * len(ordered)
    wide = [offset for _, offset in ordered if large or offset >= 1 << 31]
    small = b""
    for _, offset in ordered:
        is_wide = large or offset >= 1 << 31
        small += struct.pack(">I", 0x8000_0000 | wide.index(offset) if is_wide else offset)
    table = b"".join(struct.pack(">Q", offset) for offset in wide)
    body = (
        b"\xfftOc\0\0\0\2"
        + fanout
        + b"".join(name for name, _ in ordered)
        + crcs
        + small
        + table
        + (pack[-20:] or b"\0" * 20)
    )
    return body + hashlib.sha1(body).digest()


def index_v1(names: Sequence[tuple[bytes, int]], pack: bytes = b"") -> bytes:
    """An index in the old form. `pack`: whose it is."""
    ordered = sorted(names)
    fanout = b"".join(struct.pack(">I", sum(name[0] <= first for name, _ in ordered)) for first in range(256))
    body = fanout + b"".join(struct.pack(">I", offset) + name for name, offset in ordered)
    body += pack[-20:] or b"\0" * 20
    return body + hashlib.sha1(body).digest()


def multi_index(packs: Sequence[str], objects: Sequence[tuple[bytes, int, int]], *, large: bool = False) -> bytes:
    """A multi-pack index of (name, number of the pack, offset); `large`: every offset through the 64-bit table."""
    ordered = sorted(objects)
    wide = [offset for _, _, offset in ordered if large or offset >= 1 << 31]
    table = b""
    for _, pack, offset in ordered:
        is_wide = large or offset >= 1 << 31
        table += struct.pack(">II", pack, 0x8000_0000 | wide.index(offset) if is_wide else offset)
    names = b"".join(f"{pack}.idx".encode() + b"\0" for pack in packs)
    chunks = [
        (b"PNAM", names + b"\0" * (-len(names) % 4)),
        (b"OIDF", b"".join(struct.pack(">I", sum(name[0] <= n for name, _, _ in ordered)) for n in range(256))),
        (b"OIDL", b"".join(name for name, _, _ in ordered)),
        (b"OOFF", table),
    ]
    if wide:
        chunks.append((b"LOFF", b"".join(struct.pack(">Q", offset) for offset in wide)))
    head = b"MIDX" + struct.pack(">BBBBI", 1, 1, len(chunks), 0, len(packs))
    at = len(head) + 12 * (len(chunks) + 1)
    for name, data in chunks:
        head += name + struct.pack(">Q", at)
        at += len(data)
    body = head + b"\0" * 4 + struct.pack(">Q", at) + b"".join(data for _, data in chunks)
    return body + hashlib.sha1(body).digest()


def pack_bytes(items: Sequence[Item]) -> tuple[bytes, list[tuple[bytes, int]]]:
    """A pack, and the (name, offset) of its entries."""
    data = b"PACK\0\0\0\2" + struct.pack(">I", len(items))
    names = []
    for item in items:
        names.append((item.name, len(data)))
        data += encode(item)
    return data + hashlib.sha1(data).digest(), names


def write_pack(objects: Path, items: Sequence[Item], label: str = "1") -> Path:
    """Write a pack and its index into an object folder; the pack's path."""
    folder = objects / "pack"
    folder.mkdir(parents=True, exist_ok=True)
    data, names = pack_bytes(items)
    path = folder / f"pack-{label}.pack"
    path.write_bytes(data)
    path.with_suffix(".idx").write_bytes(index_v2(names, pack=data))
    return path
