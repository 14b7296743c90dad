"""Small hostile archives, made when asked for, the same each time: what they are called, their bytes, and the reasons
of the problems that expanding them must give.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator

from tests.support.archives import COMPRESSORS, ar, cpio, gz, piped_zip, rpm, seven, tar, zipped, zst

Case = tuple[str, bytes, set[str]]
MIB = 1 << 20
FAST = [{"id": lzma.FILTER_LZMA2, "preset": 0}]
FILES = [("a.env", b"KEY=a\n" * 40), ("b.env", b"KEY=b\n" * 40), ("c.env", b"KEY=c\n" * 40)]
NOISE = b"".join(zlib.crc32(b"%d" % index).to_bytes(4, "little") for index in range(20_000))


def cases() -> Iterator[Case]:
    """All of them."""
    for group in (_bombs, _truncated, _tars, _zips, _lying_zips, _sevens, _others, _nested, _names):
        yield from group()


def _deflated_zeros(mib: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    zeros = bytes(MIB)
    return b"".join(packer.compress(zeros) for _ in range(mib)) + packer.flush()


def _gzip_of(deflated: bytes, size: int) -> bytes:
    """A gzip file around a deflate stream whose checksum is not known."""
    return b"\x1f\x8b\x08\0\0\0\0\0\0\3" + deflated + struct.pack("<II", 0, size)


def raw_zip(members: list[tuple[bytes, int, int, bytes, int, int]], shared: bool = False) -> bytes:
    """A zip by hand: name, flags, method, packed bytes, checksum and size as stated; or all over one packed stream."""
    body, directory = bytearray(), bytearray()
    offset = 0
    for name, flags, method, packed, crc, size in members:
        if not (shared and body):
            offset = len(body)
            body += struct.pack(
                "<4sHHHHHIIIHH", b"PK\3\4", 20, flags, method, 0, 0, crc, len(packed), size, len(name), 0
            )
            body += name + packed
        fields = (b"PK\1\2", 20, 20, flags, method, 0, 0, crc, len(packed), size, len(name), 0, 0, 0, 0, 0, offset)
        directory += struct.pack("<4sHHHHHHIIIHHHHHII", *fields) + name
    count = min(len(members), 0xFFFE)
    end = struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, count, count, len(directory), len(body), 0)
    return bytes(body + directory) + end


def _bombs() -> Iterator[Case]:
    zeros = _deflated_zeros(100)
    yield "bomb.gz", _gzip_of(zeros, 100 * MIB), {"ratio"}
    yield "bomb.zip", raw_zip([(b"zeros", 0, 8, zeros, 0, 100 * MIB)]), {"ratio"}
    yield "bombs.zip", raw_zip([(b"z%d" % i, 0, 8, zeros, 0, 100 * MIB) for i in range(4)]), {"ratio"}
    yield (
        "overlap.zip",
        raw_zip([(b"z%d" % i, 0, 8, zeros, 0, 100 * MIB) for i in range(300)], shared=True),
        {"overlap", "ratio"},
    )
    yield "bomb.bz2", bz2.compress(bytes(24 * MIB)), {"ratio"}
    yield "bomb.xz", lzma.compress(bytes(24 * MIB), preset=0), {"ratio"}
    yield "bomb.lzma", lzma.compress(bytes(24 * MIB), lzma.FORMAT_ALONE, preset=0), {"ratio"}
    yield "bomb.zst", zst(bytes(24 * MIB)), {"ratio"}
    block = struct.pack("<I", (128 * 1024 << 3) | 2)[:3] + b"\0"
    yield "bomb-rle.zst", b"\x28\xb5\x2f\xfd\x00\x38" + block * 40_000, {"ratio"}
    yield "bomb.7z", seven([("zeros", bytes(24 * MIB))], FAST), {"ratio"}
    yield "bomb.tar.gz", gzip.compress(tar([("zeros", bytes(24 * MIB))]), mtime=0), {"ratio"}
    inner = gzip.compress(bytes(24 * MIB), mtime=0)
    yield "bomb.gz.gz", gzip.compress(inner, mtime=0), {"ratio"}
    yield "bombs.tar", tar([("a.gz", inner), ("b.txt", b"after")]), {"ratio"}
    yield "empty-members.gz", gzip.compress(b"", mtime=0) * 20_000, set()
    yield "headers.tar", tar([(f"d{i}", b"") for i in range(2000)]), set()


def _truncated() -> Iterator[Case]:
    whole = {
        "gz": gzip.compress(NOISE, mtime=0),
        "bz2": bz2.compress(NOISE),
        "xz": lzma.compress(NOISE),
        "zip": zipped([("a", NOISE), ("b", NOISE)]),
        "tar": tar([("a", NOISE), ("b", NOISE)]),
        "cpio": cpio([("a", NOISE), ("b", NOISE)]),
        "ar": ar([("a", NOISE), ("b", NOISE)]),
        "7z": seven([("a", NOISE), ("b", NOISE)]),
        "tar.gz": gzip.compress(tar([("a", NOISE), ("b", NOISE)]), mtime=0),
        "rpm": rpm(gz(cpio([("a", NOISE)]))),
    }
    for name, data in whole.items():
        yield f"half.{name}", data[: len(data) // 2], {"damaged"}
    for name in ("gz", "xz", "7z", "rpm"):
        yield f"magic-only.{name}", whole[name][:12], {"damaged"}
    yield "headers.zip", b"PK\3\4\xff\xff" * 300_000, {"damaged"}
    yield "descriptors.zip", piped_zip([("a", b"PK\7\x08" * 60_000)], zipfile.ZIP_STORED)[:200_000], {"damaged"}
    yield "half.zst", zst(NOISE)[:40_000], {"damaged"}
    yield "magic-only.zip", b"PK\3\4", {"damaged"}
    yield "text.zip", b"PK\3\4 is how a zip begins\n" * 40, {"damaged"}
    flipped = bytearray(whole["gz"])
    flipped[len(flipped) // 2] ^= 0xFF
    yield "flipped.gz", bytes(flipped), {"damaged"}
    yield "checksum.gz", whole["gz"][:-8] + bytes(8), {"damaged"}
    yield "garbage-behind.gz", whole["gz"] + b"KEY=behind\n", {"trailing-data"}
    yield "garbage-behind.xz", whole["xz"] + b"KEY=behind\n", {"trailing-data"}
    yield "garbage-behind.bz2", whole["bz2"] + b"KEY=behind\n", {"trailing-data"}
    yield "garbage-behind.zst", zst(NOISE) + b"KEY=behind\n", {"trailing-data"}
    yield "zeros-behind.gz", whole["gz"] + bytes(5000), set()


def _patched(data: bytes, at: int, new: bytes) -> bytes:
    return data[:at] + new + data[at + len(new) :]


def _summed(header: bytes) -> bytes:
    """A tar header with its checksum made right."""
    blank = _patched(header, 148, b" " * 8)
    return _patched(blank, 148, b"%06o\0 " % sum(blank))


def _tars() -> Iterator[Case]:
    data = tar(FILES)
    second = _summed(_patched(data[1024:1536], 124, b"77777777777\0"))
    negative = _summed(_patched(data[1024:1536], 124, b"\xff" * 12))
    huge = _summed(_patched(data[1024:1536], 124, b"\x80" + b"\x7f" * 11))
    small = _summed(_patched(data[1024:1536], 124, b"00000000001\0"))
    loop = _summed(_patched(_patched(data[:512], 156, b"L"), 124, b"00777777777\0"))
    sparse = _summed(_patched(_patched(data[:512], 156, b"S"), 386, b"\x80" + b"\x7f" * 11 + b"00000000004\0"))
    yield "damaged-header.tar", _patched(data, 1024, b"\xff" * 512), {"damaged"}
    yield "damaged-name.tar", _patched(data, 1024, b"?"), {"damaged"}
    yield "lying-size.tar", data[:1024] + second + data[1536:], {"damaged"}
    yield "huge-size.tar", data[:1024] + huge + data[1536:], {"damaged"}
    yield "negative-size.tar", data[:1024] + negative + data[1536:], {"damaged"}
    yield "small-size.tar", data[:1024] + small + data[1536:], set()
    yield "long-name-bomb.tar", loop + bytes(600 * 512), {"too-large"}
    yield "sparse-bomb.tar", sparse + data[512:], set()
    yield "concatenated.tar", data + data, set()
    yield "no-end.tar", data[: 3 * 1024], set()
    yield "garbage-behind.tar", data + b"\1" * 700, {"trailing-data"}
    yield "pax-lie.tar", tar([("p" * 300, b"x")], tarfile.PAX_FORMAT).replace(b" path=", b" qath="), set()
    yield "empty.tar", tar(FILES)[:512] + bytes(1024), set()


def _zips() -> Iterator[Case]:
    data = zipped(FILES)
    at = data.index(b"PK\1\2")
    yield "no-directory.zip", data[:at], {"damaged"}
    yield "half-directory.zip", data[: at + 60], {"damaged"}
    yield "damaged-directory.zip", _patched(data, at + 50, b"\xff" * 30), {"damaged"}
    yield "prepended.zip.sh.run", b"#!/bin/sh\nexit\n" + data, set()
    yield "behind.exe", b"MZ" + bytes(1000) + data, set()
    yield "no-archive.exe", b"MZ" + bytes(2000), set()
    yield "empty.zip", zipped([]), set()
    yield "piped.zip", piped_zip(FILES), set()
    yield "comment.zip", data[:-2] + struct.pack("<H", 30) + b"PK\5\6 in the comment            ", set()
    yield "quine-like.zip", zipped([("a.zip", data), ("b.zip", data)]), set()
    flipped = _patched(zipped([("a", NOISE), ("b", b"x")]), 5000, b"\xff\0\xff\0\xff")
    yield "flipped.zip", flipped, {"damaged"}


def _lying_zips() -> Iterator[Case]:
    packed = zlib.compress(b"content" * 50, 9)[2:-4]
    crc = zlib.crc32(b"content" * 50)

    def one(flags: int, method: int, data: bytes, check: int, size: int) -> bytes:
        return raw_zip(
            [(b"lies", flags, method, data, check, size), (b"truth", 0, 0, b"truth", zlib.crc32(b"truth"), 5)]
        )

    yield "size-too-small.zip", one(0, 8, packed, crc, 5), {"damaged"}
    yield "size-too-large.zip", one(0, 8, packed, crc, 1 << 31), {"damaged"}
    yield "checksum.zip", one(0, 8, packed, crc ^ 1, 350), {"damaged"}
    yield "encrypted.zip", one(1, 8, packed, crc, 350), {"encrypted"}
    yield "aes.zip", one(1, 99, packed, crc, 350), {"encrypted"}
    yield "deflate64.zip", one(0, 9, packed, crc, 350), {"unsupported"}
    yield "method-200.zip", one(0, 200, packed, crc, 350), {"unsupported"}
    yield "not-deflate.zip", one(0, 8, b"\xff" * 50, crc, 350), {"damaged"}
    yield "not-bzip2.zip", one(0, 12, b"\xff" * 50, crc, 350), {"damaged"}
    yield "not-lzma.zip", one(0, 14, b"\xff" * 50, crc, 350), {"damaged"}
    yield "not-zstd.zip", one(0, 93, b"\xff" * 50, crc, 350), {"damaged"}
    window = b"\x09\x14\x05\x00]" + b"\xff\xff\xff\xff" + b"\0" * 40
    yield "lzma-window.zip", one(0, 14, window, crc, 1 << 31), {"too-large"}
    frame = zst(b"content" * 50)
    yield "zstd.zip", one(0, 93, frame, crc, 350), set()
    good = raw_zip([(b"a", 0, 0, b"x", zlib.crc32(b"x"), 1)])
    offset = good.index(b"PK\1\2") + 42
    yield "offset.zip", _patched(good, offset, b"\xf0\xff\xff\x7f"), {"damaged"}
    duplicate = raw_zip([(b"a", 0, 0, b"1", zlib.crc32(b"1"), 1), (b"a", 0, 0, b"2", zlib.crc32(b"2"), 1)])
    yield "duplicates.zip", duplicate, set()


def _sevens() -> Iterator[Case]:
    data = seven([("a", b"one"), ("b", NOISE)])
    yield "start-header.7z", _patched(data, 12, b"\xff" * 8), {"damaged"}
    yield "header.7z", data[:-5] + b"\xff" * 5, {"damaged"}
    yield "content.7z", _patched(data, 20_000, b"\xff" * 64), {"damaged"}
    yield "encrypted.7z", seven([("a", b"one")], password="p"), {"encrypted"}
    yield "empty.7z", seven([]), set()
    for count in (b"\xff" * 9, b"\xfe" + b"\xff" * 7, b"\xdf\xff\xff"):
        header = b"\1\5" + count + b"\0\0"
        start = struct.pack("<QQI", 0, len(header), zlib.crc32(header))
        yield (
            f"count-{len(count)}.7z",
            b"7z\xbc\xaf\x27\x1c\0\4" + struct.pack("<I", zlib.crc32(start)) + start + header,
            {"damaged"},
        )


def _others() -> Iterator[Case]:
    yield "rar.rar", b"Rar!\x1a\x07\x01\x00" + bytes(600), {"unsupported"}
    yield "cab.cab", b"MSCF" + bytes(600), {"unsupported"}
    yield "lz4.lz4", b"\x04\x22\x4d\x18" + bytes(600), {"unsupported"}
    yield "size.ar", ar(FILES).replace(b"240       `\n", b"999999999 `\n"), {"damaged"}
    yield "magic.ar", ar(FILES).replace(b"`\n", b"??", 1), {"damaged"}
    yield "magic.cpio", cpio(FILES).replace(b"070701", b"070799", 2).replace(b"070799", b"070701", 1), {"damaged"}
    yield "name-size.cpio", _patched(cpio(FILES), 94, b"FFFFFFFF"), {"too-large"}
    yield "two.cpio", cpio(FILES) + bytes(100) + cpio(FILES), set()
    yield "initramfs.cpio", cpio(FILES) + gz(cpio(FILES)), {"trailing-data"}
    yield "header.rpm", _patched(rpm(gz(cpio(FILES))), 104, b"\xff" * 8), {"too-large"}
    yield "payload.rpm", rpm(b"what is this"), {"unsupported"}


def _nested() -> Iterator[Case]:
    builders: list[tuple[str, Callable[[bytes], bytes]]] = [
        ("zip", lambda data: zipped([("n.zip", data)])),
        ("tar", lambda data: tar([("n.tar", data)])),
        ("gz", gz),
        ("7z", lambda data: seven([("n.7z", data)])),
    ]
    for name, build in builders:
        data = build(b"deep")
        for _ in range(12):
            data = build(data)
        yield f"deep.{name}", data, {"too-deep"}
    yield "damaged-inside.tar", tar([("a.gz", b"\x1f\x8b\x08\xff" + NOISE[:500]), ("b", b"after")]), {"damaged"}
    yield "damaged-inside.zip", zipped([("a.zip", b"PK\3\4" + NOISE[:500]), ("b", b"after")]), {"damaged"}
    yield (
        "every.zip",
        zipped([(f"a.{n}", pack(tar(FILES))) for n, pack in COMPRESSORS.items()], zipfile.ZIP_STORED),
        set(),
    )


def _names() -> Iterator[Case]:
    odd = ["../../etc/passwd", "/etc/passwd", "a\nb", "a\x1b[31m", "C:\\x", "\u202ename", "x" * 60_000]
    yield "names.tar", tar([(name, b"x") for name in odd]), set()
    yield "names.zip", zipped([(name, b"x") for name in odd]), set()
    yield "undecodable.zip", raw_zip([(b"\xff\xfe\x80", 0, 0, b"x", zlib.crc32(b"x"), 1)]), set()
    yield "nul.zip", raw_zip([(b"a\0b", 0, 0, b"x", zlib.crc32(b"x"), 1)]), set()
    yield "no-name.zip", raw_zip([(b"", 0, 0, b"x", zlib.crc32(b"x"), 1)]), set()
