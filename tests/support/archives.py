"""Archives made in memory for tests, and the whole result of expanding one."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Iterable

import py7zr
import zstandard

from gossip.engine.decode.archives import ArchiveLimits, ChunkStream, Member, archive_kind, expand

Files = list[tuple[str, bytes]]
Leaves = list[tuple[tuple[str, ...], bytes]]
Problems = list[tuple[tuple[str, ...], str]]


def tar(files: Files, form: int = tarfile.GNU_FORMAT) -> bytes:
    """An uncompressed tar."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        for name, data in files:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def zipped(files: Files, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in files:
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return out.getvalue()


class _Forward(io.RawIOBase):
    """A file that zipfile writes to as to a pipe: with data descriptors."""

    def __init__(self) -> None:
        super().__init__()
        self.data = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self.data += data
        return len(data)


def piped_zip(files: Files, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip whose sizes are in data descriptors."""
    out = _Forward()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in files:
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return bytes(out.data)


def seven(files: Files, filters: list[dict[str, int]] | None = None, password: str | None = None) -> bytes:
    """A 7z."""
    out = io.BytesIO()
    with py7zr.SevenZipFile(out, "w", filters=filters, password=password) as archive:
        for name, data in files:
            archive.writestr(data, name)
    return out.getvalue()


def gz(data: bytes, name: str = "") -> bytes:
    """A gzip file with a stored name."""
    out = io.BytesIO()
    with gzip.GzipFile(name, "wb", fileobj=out, mtime=0) as file:
        file.write(data)
    return out.getvalue()


def zst(data: bytes) -> bytes:
    """A zstd file."""
    return zstandard.ZstdCompressor().compress(data)


COMPRESSORS = {"gz": gz, "bz2": bz2.compress, "xz": lzma.compress, "zst": zst}


def ar(files: Files) -> bytes:
    """An ar, as of a deb."""
    out = [b"!<arch>\n"]
    for name, data in files:
        out.append(f"{name + '/':<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(data):<10}`\n".encode())
        out.append(data + b"\n" * (len(data) % 2))
    return b"".join(out)


def cpio(files: Iterable[tuple[str, bytes]]) -> bytes:
    """A cpio of the newc form."""
    out = bytearray()
    for name, data in [*files, ("TRAILER!!!", b"")]:
        label = name.encode() + b"\0"
        values = [1, 0o100644, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(label), 0]
        out += b"070701" + b"".join(b"%08X" % value for value in values) + label
        out += b"\0" * (-len(out) % 4)
        out += data
        out += b"\0" * (-len(out) % 4)
    return bytes(out)


def rpm(payload: bytes) -> bytes:
    """An rpm: lead, two empty headers, payload."""
    header = b"\x8e\xad\xe8\x01" + bytes(4) + (0).to_bytes(4, "big") + (8).to_bytes(4, "big") + bytes(8)
    return b"\xed\xab\xee\xdb" + bytes(92) + header + header + payload


def expanded(
    data: bytes,
    name: str = "root",
    limits: ArchiveLimits | None = None,
    *,
    forward: bool = False,
    keep: bool = True,
    piece: int = 70_000,
) -> tuple[Leaves, Problems]:
    """All members and problems of an archive, read whole; without `keep`, content is only passed over."""
    kind = archive_kind(name, data[:1024])
    assert kind is not None
    stream = ChunkStream(data[at : at + piece] for at in range(0, len(data), piece)) if forward else io.BytesIO(data)
    leaves: Leaves = []
    problems: Problems = []
    for item in expand(kind, name, stream, limits or ArchiveLimits(), lambda: 0.0):  # type: ignore[arg-type]
        if isinstance(item, Member):
            pieces = []
            for chunk in item.chunks:
                assert 0 < len(chunk) <= 1 << 20
                if keep:
                    pieces.append(chunk)
            leaves.append((item.path, b"".join(pieces)))
        else:
            problems.append((item.path, item.reason))
    return leaves, problems
