from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gossip.engine.decode.archives import ArchiveLimits, ChunkStream, Member, archive_kind, expand
from tests.support.archives import COMPRESSORS, Files, Leaves, ar, cpio, expanded, piped_zip, rpm, seven, tar, zipped

KINDS = [
    "7z",
    "ar",
    "bzip2",
    "cab",
    "compress",
    "cpio",
    "gzip",
    "lz4",
    "lzip",
    "lzma",
    "rar",
    "rpm",
    "tar",
    "xz",
    "zip",
    "zip-behind",
    "zstd",
]
FILES: Files = [(f"file{index}", f"KEY{index}=".encode() * (index * 40 + 1)) for index in range(6)]
VALID: dict[str, bytes] = {
    "tar": tar(FILES),
    "pax": tar([("x" * 200, b"long"), *FILES], tarfile.PAX_FORMAT),
    **{f"tar.{name}": pack(tar(FILES)) for name, pack in COMPRESSORS.items()},
    "zip": zipped(FILES),
    "stored.zip": zipped(FILES, zipfile.ZIP_STORED),
    "lzma.zip": zipped(FILES, zipfile.ZIP_LZMA),
    "piped.zip": piped_zip(FILES),
    "piped-stored.zip": piped_zip(FILES, zipfile.ZIP_STORED),
    "7z": seven(FILES),
    "deb": ar([("data.tar.gz", COMPRESSORS["gz"](tar(FILES)))]),
    "cpio": cpio(FILES),
    "rpm": rpm(COMPRESSORS["gz"](cpio(FILES))),
    "nested": zipped([("a.tar", tar([("b.zip", zipped(FILES))]))]),
}
LIMITS = ArchiveLimits(entries_max=2000, entry_bytes_max=1 << 20, archive_bytes_max=4 << 20, root_bytes_max=8 << 20)


def survive(kind: str, data: bytes, forward: bool) -> int:
    """Bytes given for whatever `data` is, under tight limits."""
    stream = ChunkStream([data[at : at + 700] for at in range(0, len(data), 700)]) if forward else io.BytesIO(data)
    total = problems = 0
    for item in expand(kind, "n", stream, LIMITS, lambda: 0.0):  # type: ignore[arg-type]
        if isinstance(item, Member):
            total += sum(map(len, item.chunks))
        else:
            problems += 1
    assert problems <= 3 * LIMITS.entries_max
    return total


@settings(max_examples=300)
@given(st.sampled_from(KINDS), st.binary(max_size=3000), st.booleans())
def test_any_bytes_as_any_kind(kind: str, data: bytes, forward: bool) -> None:
    """No bytes raise, whatever they are taken for."""
    assert survive(kind, data, forward) <= LIMITS.root_bytes_max + (1 << 20)


@settings(max_examples=500)
@given(
    st.sampled_from(sorted(VALID)),
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=9)), max_size=5),
    st.floats(0, 1),
    st.booleans(),
)
@example("7z", [(0.0, b"7")], 1.0, True)
def test_any_mutation(name: str, changes: list[tuple[float, bytes]], kept: float, forward: bool) -> None:
    """No change of a valid archive and no cut raises, and the output stays bounded."""
    data = bytearray(VALID[name])
    kind = archive_kind(name, bytes(data[:1024]))
    assert kind is not None
    for place, new in changes:
        at = int(place * len(data))
        data[at : at + len(new)] = new
    survive(kind, bytes(data[: int(kept * len(data))]), forward)


PREFIX = [
    "tar",
    "pax",
    "tar.gz",
    "tar.bz2",
    "zip",
    "stored.zip",
    "lzma.zip",
    "piped.zip",
    "piped-stored.zip",
    "deb",
    "cpio",
    "rpm",
]


@settings(max_examples=200)
@given(st.sampled_from(PREFIX), st.floats(0.02, 1), st.booleans())
def test_what_is_before_a_cut_is_given(name: str, kept: float, forward: bool) -> None:
    """Of an archive cut short the members before the cut are given whole, and nothing that was not in it."""
    data = VALID[name]
    whole = expanded(data, name)[0]
    cut = data[: int(kept * len(data))]
    if archive_kind(name, cut[:1024]) is None:
        return
    leaves, problems = expanded(cut, name, forward=forward)
    leaves = [leaf for leaf in leaves if leaf[0][-1:] not in {("<damaged>",), ("<trailing>",)}]
    if leaves and len(leaves) <= len(whole) and leaves[-1][0] == whole[len(leaves) - 1][0]:
        assert leaves[:-1] == whole[: len(leaves) - 1]
        content = whole[len(leaves) - 1][1]
        # A cut inside a data descriptor leaves its first bytes at the end of stored content.
        assert content.startswith(leaves[-1][1][: len(content)])
    if leaves != whole:
        assert problems or name in {"tar", "pax"}


@settings(max_examples=150)
@given(st.sampled_from(["tar", "cpio", "stored.zip", "zip"]), st.integers(1, 5), st.booleans())
def test_members_before_damage_are_given(name: str, at: int, forward: bool) -> None:
    """Content overwritten in one member leaves those before it, and with a zip or tar those behind it, intact."""
    data = bytearray(VALID[name])
    files = [item for item in FILES if item[0] != f"file{at}"]
    start = data.index(f"file{at}".encode()) + (512 if name == "tar" else 120 if name == "cpio" else 10)
    data[start : start + 4] = b"\xff\xff\xff\xff"
    leaves = expanded(bytes(data), name, forward=forward)[0]
    assert [leaf for leaf in leaves if leaf[0] != (f"file{at}",)] == [((label,), content) for label, content in files]


BUILDERS: dict[str, Callable[[Files], bytes]] = {
    "tar": tar,
    "zip": zipped,
    "piped.zip": piped_zip,
    "7z": seven,
    "cpio": cpio,
    "ar": ar,
    **{f"tar.{name}": lambda files, pack=pack: pack(tar(files)) for name, pack in COMPRESSORS.items()},
}
Tree = bytes | tuple[str, list["Tree"]]
TREES = st.recursive(
    st.binary(max_size=400).map(lambda data: b"text " + data),
    lambda inner: st.tuples(st.sampled_from(sorted(BUILDERS)), st.lists(inner, min_size=1, max_size=3)),
    max_leaves=8,
)


def planted(tree: Tree, path: tuple[str, ...]) -> tuple[bytes, Leaves]:
    """The bytes of a tree and its leaves."""
    if isinstance(tree, bytes):
        return tree, [(path, tree)]
    kind, parts = tree
    files, leaves = [], []
    for index, part in enumerate(parts):
        data, inside = planted(part, (*path, f"n{index}"))
        files.append((f"n{index}", data))
        leaves += inside
    return BUILDERS[kind](files), leaves


@settings(max_examples=80, suppress_health_check=[HealthCheck.too_slow])
@given(TREES.filter(lambda tree: isinstance(tree, tuple)), st.booleans(), st.sampled_from([1, 7, 4096, 1 << 20]))
def test_trees(tree: Tree, forward: bool, piece: int) -> None:
    """Trees of archives give exactly what was planted, however the stream is cut."""
    data, leaves = planted(tree, ())
    if max(len(path) for path, _ in leaves) <= 8:
        assert expanded(data, forward=forward, piece=piece) == (leaves, [])


@pytest.mark.parametrize("name", sorted(VALID))
def test_no_member_read(name: str) -> None:
    """A consumer that reads no content still gets all members."""
    data = VALID[name]
    kind = archive_kind(name, data[:1024])
    assert kind is not None
    items = list(expand(kind, name, io.BytesIO(data), ArchiveLimits(), lambda: 0.0))
    assert [item.path for item in items] == [path for path, _ in expanded(data, name)[0]]
