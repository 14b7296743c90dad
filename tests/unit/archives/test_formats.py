from __future__ import annotations

import io
import lzma
import tarfile
import zipfile
from collections.abc import Callable

import py7zr
import pytest

from gossip.engine.decode.archives import archive_kind
from tests.support.archives import COMPRESSORS, Files, ar, cpio, expanded, gz, piped_zip, rpm, seven, tar, zipped

NOISE = bytes((index * index * 7 + index // 3) % 251 for index in range(300_000))
FILES: Files = [
    ("a.env", b"KEY=value\n"),
    ("folder/empty", b""),
    ("folder/b.bin", NOISE),
    ("../../etc/passwd", b"verbatim"),
    ("line\nbreak\x01", b"odd"),
    ("long/" * 60 + "name", b"long"),
    ("ü/日本", b"unicode"),
]
WHOLE = [((name,), data) for name, data in FILES]

BUILDS: dict[str, Callable[[Files], bytes]] = {
    "tar-gnu": tar,
    "tar-pax": lambda files: tar(files, tarfile.PAX_FORMAT),
    **{f"tar.{name}": lambda files, pack=pack: pack(tar(files)) for name, pack in COMPRESSORS.items()},
    "zip": zipped,
    "zip-stored": lambda files: zipped(files, zipfile.ZIP_STORED),
    "zip-bzip2": lambda files: zipped(files, zipfile.ZIP_BZIP2),
    "zip-lzma": lambda files: zipped(files, zipfile.ZIP_LZMA),
    "zip-piped": piped_zip,
    "zip-piped-stored": lambda files: piped_zip(files, zipfile.ZIP_STORED),
    "cpio": cpio,
    "rpm-gz": lambda files: rpm(gz(cpio(files))),
    "rpm-xz": lambda files: rpm(lzma.compress(cpio(files))),
    "rpm-zst": lambda files: rpm(COMPRESSORS["zst"](cpio(files))),
    "rpm-bz2": lambda files: rpm(COMPRESSORS["bz2"](cpio(files))),
    "rpm-plain": lambda files: rpm(cpio(files)),
}


@pytest.mark.parametrize("forward", [False, True])
@pytest.mark.parametrize("build", BUILDS.values(), ids=BUILDS)
def test_every_file_of_every_format(build: Callable[[Files], bytes], forward: bool) -> None:
    """All files come, whole, in order, under their names, from a file as from a stream."""
    assert expanded(build(FILES), forward=forward) == (WHOLE, [])


SEVEN = {
    "lzma2": None,
    "lzma": [{"id": py7zr.FILTER_LZMA}],
    "lzma2-x86": [{"id": py7zr.FILTER_X86}, {"id": py7zr.FILTER_LZMA2, "preset": 6}],
    "lzma-x86": [{"id": py7zr.FILTER_X86}, {"id": py7zr.FILTER_LZMA}],
    "lzma2-delta": [{"id": py7zr.FILTER_DELTA, "dist": 3}, {"id": py7zr.FILTER_LZMA2, "preset": 6}],
    "bzip2": [{"id": py7zr.FILTER_BZIP2}],
    "deflate": [{"id": py7zr.FILTER_DEFLATE}],
    "copy": [{"id": py7zr.FILTER_COPY}],
    "zstd": [{"id": py7zr.FILTER_ZSTD, "level": 3}],
}


@pytest.mark.parametrize("forward", [False, True])
@pytest.mark.parametrize("filters", SEVEN.values(), ids=SEVEN)
def test_7z(filters: list[dict[str, int]] | None, forward: bool) -> None:
    """All files of a 7z come, empty ones too, by every method that is read."""
    files = [item for item in FILES if not item[0].startswith("..")]
    leaves, problems = expanded(seven(files, filters), forward=forward)
    assert (sorted(leaves), problems) == (sorted(((name,), data) for name, data in files), [])


@pytest.mark.parametrize(("name", "pack"), COMPRESSORS.items(), ids=COMPRESSORS)
def test_single(name: str, pack: Callable[[bytes], bytes]) -> None:
    """A compressed file holds one, called like itself without the ending; streams one behind the other are one."""
    assert expanded(pack(NOISE), f"x/a.txt.{name}") == ([(("a.txt",), NOISE)], [])
    assert expanded(pack(b"one") + pack(b"two"), f"a.{name}", forward=True) == ([(("a",), b"onetwo")], [])
    assert expanded(pack(b""), f"a.{name}") == ([(("a",), b"")], [])


def test_gzip_name() -> None:
    """The name stored in a gzip file goes before its own."""
    assert expanded(gz(b"x", "stored.txt"), "a.gz") == ([(("stored.txt",), b"x")], [])


def test_lzma_alone() -> None:
    """The old lzma format is known by its ending."""
    data = lzma.compress(NOISE, lzma.FORMAT_ALONE)
    assert expanded(data, "a.lzma") == ([(("a",), NOISE)], [])
    assert archive_kind("a", data[:512]) is None


def test_deb() -> None:
    """A deb is an ar with tars in it."""
    data = ar(
        [
            ("debian-binary", b"2.0\n"),
            ("control.tar.gz", gz(tar([("./control", b"Package: a\n")]))),
            ("data.tar.zst", COMPRESSORS["zst"](tar([("./etc/a.env", b"secret")]))),
        ]
    )
    assert expanded(data, "a.deb", forward=True) == (
        [
            (("debian-binary",), b"2.0\n"),
            (("control.tar.gz", "./control"), b"Package: a\n"),
            (("data.tar.zst", "./etc/a.env"), b"secret"),
        ],
        [],
    )


def test_docker_layers() -> None:
    """Every layer of an image is read by itself: what a later one deletes is still there."""
    first = tar([("etc/key", b"secret"), ("etc/app", b"1")])
    second = tar([("etc/.wh.key", b"")])
    image = tar([("aa/layer.tar", first), ("blobs/sha256/bb", gz(second)), ("manifest.json", b"[]")])
    assert expanded(image, "image.tar") == (
        [
            (("aa/layer.tar", "etc/key"), b"secret"),
            (("aa/layer.tar", "etc/app"), b"1"),
            (("blobs/sha256/bb", "etc/.wh.key"), b""),
            (("manifest.json",), b"[]"),
        ],
        [],
    )


def test_links_and_folders_are_no_content() -> None:
    """Only files with content come; a symbolic link is never followed."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, kind in (
            ("d", tarfile.DIRTYPE),
            ("s", tarfile.SYMTYPE),
            ("h", tarfile.LNKTYPE),
            ("c", tarfile.CHRTYPE),
            ("f", tarfile.FIFOTYPE),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
        info = tarfile.TarInfo("file")
        info.size = 3
        archive.addfile(info, io.BytesIO(b"abc"))
    assert expanded(out.getvalue()) == ([(("file",), b"abc")], [])


def test_nested() -> None:
    """Archives in archives, one name a level."""
    data = zipped([("b.7z", seven([("c.tar.xz", lzma.compress(tar([("d.env", b"x")])))]))])
    assert expanded(tar([("a.zip", data)]), forward=True) == ([(("a.zip", "b.7z", "c.tar.xz", "d.env"), b"x")], [])


@pytest.mark.parametrize(("levels", "problems"), [(8, []), (9, ["too-deep"])])
@pytest.mark.parametrize("build", [tar, zipped], ids=["tar", "zip"])
def test_depth(build: Callable[[Files], bytes], levels: int, problems: list[str]) -> None:
    """Eight levels are opened; the archive on the ninth is given as a file."""
    data, inside = b"deep", [b"deep"]
    for _ in range(levels):
        data = build([("n", data)])
        inside.append(data)
    expected = inside[0] if levels == 8 else inside[1]
    assert expanded(data) == ([(("n",) * 8, expected)], [(("n",) * 8, reason) for reason in problems])


@pytest.mark.parametrize(
    "text", [b"", b"plain text\n" * 99, b"BZh9 is a magic", b"070701 and more", b"PK", b"\x1f\x8b", b"#!/bin/sh\n"]
)
def test_no_archive(text: bytes) -> None:
    """Text that begins a bit like an archive is none."""
    assert archive_kind("a.txt", text) is None
