"""What is given, and what is said, of archives that are damaged, odd, or past a limit."""

from __future__ import annotations

import io
import zipfile
import zlib
from itertools import count

import pytest

from gossip.engine.decode.archives import ArchiveLimits, Member, Problem, archive_kind, expand
from gossip.schemas.errors import MisuseError
from tests.golden.hostile.make_archives import _patched, _summed, raw_zip
from tests.support.archives import Files, expanded, gz, piped_zip, seven, tar, zipped

FILES: Files = [("a", b"one" * 10), ("b", b"two" * 10), ("c", b"three" * 10)]
WHOLE = [((name,), data) for name, data in FILES]
NOISE = b"".join(zlib.crc32(b"%d" % index).to_bytes(4, "little") for index in range(100_000))


def test_damaged_header_amid_a_tar() -> None:
    """The member's content comes under another name; those around it as ever."""
    data = _patched(tar(FILES), 1024, b"\xff" * 20)
    leaves, problems = expanded(data)
    assert [leaf for leaf in leaves if leaf[0] != ("<damaged>",)] == [WHOLE[0], WHOLE[2]]
    assert FILES[1][1] in leaves[1][1]
    assert problems == [((), "damaged")]


def test_damaged_at_its_start_is_given_raw() -> None:
    """What cannot be opened is a file; so is the root, under no name."""
    bad = b"\x1f\x8b\x08\xff no gzip at all"
    assert expanded(bad, forward=True) == ([((), bad)], [((), "damaged")])
    assert expanded(bad) == ([((), bad)], [((), "damaged")])
    assert expanded(tar([("x.gz", bad), ("b", b"after")])) == (
        [(("x.gz",), bad), (("b",), b"after")],
        [(("x.gz",), "damaged")],
    )
    text = b"PK\3\4 is how a zip begins\n"
    assert expanded(zipped([("x.zip", text)])) == ([(("x.zip",), text)], [(("x.zip",), "damaged")])
    rar = b"Rar!\x1a\x07\x00 and so on"
    assert expanded(zipped([("x.rar", rar)])) == ([(("x.rar",), rar)], [(("x.rar",), "unsupported")])


def test_cut_gzip_amid_a_tar() -> None:
    """All that can be decoded comes; the tar goes on."""
    cut = gz(NOISE, "n")[:200_000]
    leaves, problems = expanded(tar([("n.gz", cut), ("b", b"after")]), forward=True)
    assert [path for path, _ in leaves] == [("n.gz", "n"), ("b",)]
    assert NOISE.startswith(leaves[0][1])
    assert len(leaves[0][1]) > 190_000
    assert problems == [(("n.gz", "n"), "damaged")]


def test_flipped_deflate_gives_all_before() -> None:
    """Output comes up to the very place of the damage."""
    data = b"".join(b"%d," % index for index in range(200_000))
    packed = gz(data)
    bad = _patched(packed, len(packed) // 2, b"\xff" * 9)
    (leaf,), problems = expanded(bad)
    same = next(index for index, (left, right) in enumerate(zip(leaf[1] + b"?", data, strict=False)) if left != right)
    assert same > len(data) * 0.4
    assert [reason for _, reason in problems] == ["damaged"]


def test_zip_without_directory() -> None:
    """Members are found by their local headers."""
    data = zipped(FILES)
    assert expanded(data[: data.index(b"PK\1\2")]) == (WHOLE, [((), "damaged")])


def test_zip_behind_a_script() -> None:
    """What was prepended comes too; a program without a zip is just a file."""
    script = b"#!/bin/sh\nKEY=x\nexit\n"
    assert expanded(script + zipped(FILES), "a.run") == ([(("<prepended>",), script), *WHOLE], [])
    assert expanded(b"MZ" + bytes(900), "a.exe", forward=True) == ([((), b"MZ" + bytes(900))], [])


def test_duplicate_names() -> None:
    """Both members of one name come."""
    members = [(b"a", 0, 0, data, zlib.crc32(data), 1) for data in (b"1", b"2")]
    assert expanded(raw_zip(members)) == ([(("a",), b"1"), (("a",), b"2")], [])
    assert expanded(tar([("a", b"1"), ("a", b"2")])) == ([(("a",), b"1"), (("a",), b"2")], [])


def test_encrypted_members() -> None:
    """They are named, and the rest comes."""
    members = [(b"a", 1, 8, b"????", 0, 4), (b"b", 0, 0, b"2", zlib.crc32(b"2"), 1)]
    assert expanded(raw_zip(members)) == ([(("b",), b"2")], [(("a",), "encrypted")])
    assert expanded(seven([("a", b"x")], password="p")) == ([], [(("a",), "encrypted")])


def test_zip64() -> None:
    """Sizes and offsets of 64 bits are read."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive, archive.open("a", "w", force_zip64=True) as file:
        file.write(b"wide")
    data = out.getvalue()
    end = data.index(b"PK\5\6")
    at = data.index(b"PK\1\2")
    wide = (
        b"PK\6\6"
        + (44).to_bytes(8, "little")
        + bytes(12)
        + b"".join(value.to_bytes(8, "little") for value in (1, 1, end - at, at))
    )
    locator = b"PK\6\7" + bytes(4) + end.to_bytes(8, "little") + (1).to_bytes(4, "little")
    last = data[end : end + 8] + b"\xff" * 12 + bytes(2)
    assert expanded(data[:end] + wide + locator + last) == ([(("a",), b"wide")], [])


def test_old_sparse_member() -> None:
    """Holes are zeros, at most 64 KiB of each."""
    block = tar([("s", b"headtail")])[:512]
    spans = b"".join(b"%011o\0" % value for value in (0, 4, 1000, 4))
    block = _patched(_patched(_patched(block, 156, b"S"), 386, spans), 483, b"%011o\0" % 10_000_000)
    data = _summed(block) + b"headtail".ljust(512, b"\0") + tar([("b", b"after")])
    whole = b"head" + bytes(996) + b"tail" + bytes(65536)
    assert expanded(data) == ([(("s",), whole), (("b",), b"after")], [])


def test_trailing_data() -> None:
    """What follows the end comes, and is opened if it is an archive."""
    assert expanded(gz(b"x") + b"KEY=y", "a.gz") == (
        [(("a",), b"x"), (("<trailing>",), b"KEY=y")],
        [((), "trailing-data")],
    )


@pytest.mark.parametrize("build", [zipped, piped_zip])
def test_zip_larger_than_what_is_held(build: object) -> None:
    """A stream that cannot be held is read forward; a 7z is given raw."""
    files = [("a", NOISE), ("b", NOISE[:1000])]
    limits = ArchiveLimits(held_bytes_max=1000)
    leaves, problems = expanded(build(files), limits=limits, forward=True)  # type: ignore[operator]
    assert (leaves, problems) == ([((name,), data) for name, data in files], [])
    raw = seven(files)
    assert expanded(raw, limits=limits, forward=True) == ([((), raw)], [((), "too-large")])


def test_limits() -> None:
    """Each limit ends what it is about, and says so."""
    data = tar(FILES)
    assert expanded(data, limits=ArchiveLimits(entries_max=2)) == (WHOLE[:2], [((), "too-many-entries")])
    small = ArchiveLimits(entry_bytes_max=1000)
    assert expanded(zipped([("a", bytes(300_000) + NOISE), ("b", b"x")]), limits=small)[1] == [(("a",), "too-large")]
    small = ArchiveLimits(entry_bytes_max=1, archive_bytes_max=1, root_bytes_max=1)
    assert expanded(data, limits=small) == (WHOLE[:1], [(("a",), "too-large")])
    assert expanded(tar([("n" * 5000, b"x"), ("b", b"y")]), limits=ArchiveLimits(metadata_bytes_max=4096)) == (
        [((), tar([("n" * 5000, b"x"), ("b", b"y")]))],
        [((), "too-large")],
    )
    ticks = count()
    items = list(expand("tar", "n", io.BytesIO(data), ArchiveLimits(seconds_max=6), lambda: float(next(ticks))))
    assert [item.reason for item in items if isinstance(item, Problem)] == ["timeout"]


def test_long_name_is_cut() -> None:
    """A name past the limit ends in a hash of the whole."""
    items = expanded(tar([("n" * 9000, b"x")]))
    (((name,), data),) = items[0]
    assert (len(name), name[:4096], name[4096:4098], data) == (4114, "n" * 4096, "~#", b"x")


def test_ratio_of_an_entry_leaves_the_others() -> None:
    """A bomb beside other files ends alone."""
    limits = ArchiveLimits(ratio_floor_bytes=1 << 20)
    data = zipped([("bomb", bytes(4 << 20)), ("noise", NOISE), ("b", b"x")])
    leaves, problems = expanded(data, limits=limits)
    assert leaves[1:] == [(("noise",), NOISE), (("b",), b"x")]
    assert problems == [(("bomb",), "ratio")]


@pytest.mark.parametrize("changes", [{"depth_max": 0}, {"entry_bytes_max": 1 << 60}])
def test_wrong_limits(changes: dict[str, int]) -> None:
    """Limits that cannot be are refused."""
    with pytest.raises(MisuseError):
        ArchiveLimits(**changes)  # type: ignore[arg-type]


def test_unread_members() -> None:
    """Content that a consumer leaves is passed over."""
    for data in (tar(FILES), zipped(FILES), piped_zip(FILES), seven(FILES)):
        kind = archive_kind("n", data[:1024])
        assert kind is not None
        paths = [
            item.path
            for item in expand(kind, "n", io.BytesIO(data), ArchiveLimits(), lambda: 0.0)
            if isinstance(item, Member)
        ]
        assert paths == [path for path, _ in WHOLE]
