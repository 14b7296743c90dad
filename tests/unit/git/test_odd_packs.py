from __future__ import annotations

import time
import tracemalloc
import zlib
from typing import TYPE_CHECKING

import pytest

from gossip.connectors.git.packs import pack, reader
from gossip.connectors.git.packs.index import PackIndex
from gossip.connectors.git.packs.pack import Pack, TooLargeError
from gossip.connectors.git.source import GitSource
from gossip.connectors.git.store import ObjectStore
from gossip.schemas.errors import PermanentError
from gossip.schemas.summary import Loss
from gossip.schemas.units import PlanReport, ScanUnit, Target
from tests.support.repos import RepoWriter
from tests.unit.git.handmade import BLOB, REF_DELTA, Item, blob, index_v2, object_id, varint, write_pack
from tests.unit.git.reading import read_pack

if TYPE_CHECKING:
    from pathlib import Path

NAME = b"\1" * 20
HEAD = b"PACK\0\0\0\2\0\0\0\1"


def pack_of(folder: Path, data: bytes, offset: int = 12) -> Path:
    """A pack of these bytes with an index of one object."""
    (folder / "pack").mkdir()
    path = folder / "pack" / "pack-1.pack"
    path.write_bytes(data)
    path.with_suffix(".idx").write_bytes(index_v2([(NAME, offset)]))
    return path


def accounted(path: Path) -> bool:
    """Whether the pack is refused with an error of ours, or its object is reported."""
    try:
        read = read_pack(path)
    except PermanentError:
        return True
    return bool(read.errors or read.foreign or read.damaged)


@pytest.mark.parametrize("size", range(8, 33))
def test_pack_shorter_than_its_frame(size: int, tmp_path: Path) -> None:
    """A pack that was cut within its head or trailer: an error of ours, from the plan and from the store."""
    path = pack_of(tmp_path, (HEAD + b"\0" * 20)[:size])
    assert accounted(path)
    with pytest.raises(PermanentError):
        ObjectStore(tmp_path).read(NAME)


@pytest.mark.parametrize("left", range(22))
def test_base_name_past_the_end(left: int, tmp_path: Path) -> None:
    """A delta by name whose header leaves less than a name's bytes: an error of ours, not a lookup of a short name."""
    path = pack_of(tmp_path, HEAD + b"\xf0" + b"\x80" * 24 + b"\0" + b"\0" * left)
    assert accounted(path)
    with pytest.raises(PermanentError):
        ObjectStore(tmp_path).read(NAME)


@pytest.mark.parametrize("kind", [0x10, 0x60, 0x70])
def test_offset_of_the_last_byte(kind: int, tmp_path: Path) -> None:
    """An index that names the trailer's last byte, whatever kind it seems to be."""
    data = HEAD + b"\0" * 19 + bytes([kind])
    path = pack_of(tmp_path, data, len(data) - 1)
    assert accounted(path)
    with pytest.raises(PermanentError):
        ObjectStore(tmp_path).read(NAME)


def test_empty_blob_without_data(tmp_path: Path) -> None:
    """A pack that was cut before an entry's data does not hold an empty blob, nor one without its checksum."""
    for label, raw in (("nothing", b""), ("no checksum", zlib.compress(b"")[:-4])):
        path = write_pack(tmp_path / label, [blob(b"other"), Item(NAME, BLOB, b"", raw=raw)])
        assert read_pack(path).blobs == {object_id(b"other"): b"other"}
        with pytest.raises(PermanentError):
            ObjectStore(tmp_path / label).read(NAME)


BOMB = zlib.compress(bytes(64 << 20))


@pytest.mark.parametrize("stream", [1, 1 << 24])
def test_no_more_is_inflated_than_announced(stream: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten bytes that become 64 MiB, held whole or streamed: damage, and no memory."""
    monkeypatch.setattr(reader, "STREAM_BYTES_MIN", stream)
    path = write_pack(tmp_path, [Item(NAME, BLOB, b"", size=10, raw=BOMB)])
    tracemalloc.start()
    try:
        assert set(read_pack(path).errors) == {NAME}
        with pytest.raises(PermanentError, match="over 10 bytes"):
            ObjectStore(tmp_path).read(NAME)
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


BASE = b"base of a delta"
COPIES = varint(len(BASE)) + varint(len(BASE) * 100) + (b"\x90" + bytes([len(BASE)])) * 100
LARGE = {
    "announced": Item(NAME, BLOB, b"a" * 2000),
    "delta announced": Item(NAME, REF_DELTA, b"a" * 2000, object_id(BASE)),
    "made by a delta": Item(NAME, REF_DELTA, COPIES, object_id(BASE)),
}


@pytest.mark.parametrize("large", sorted(LARGE))
def test_objects_over_the_limit(large: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are too large, which is no damage; the blobs beside them are read."""
    monkeypatch.setattr(pack, "OBJECT_BYTES_MAX", 1000)
    w = RepoWriter.create(tmp_path / "repo")
    write_pack(w.git_dir / "objects", [blob(BASE), LARGE[large]])
    with pytest.raises(TooLargeError):
        ObjectStore(w.git_dir / "objects").read(NAME)
    source = GitSource(Target("git", str(w.built().path), "repo"))
    opened = [each for unit in source.plan() if isinstance(unit, ScanUnit) for each in source.open(unit)]
    assert [(each.kind, each.where) for each in opened if isinstance(each, Loss)] == [("too-large", NAME.hex())]
    assert len(opened) == 2


def test_large_blob_is_streamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit holds for what is held whole."""
    monkeypatch.setattr(pack, "OBJECT_BYTES_MAX", 1000)
    monkeypatch.setattr(reader, "STREAM_BYTES_MIN", 1000)
    assert read_pack(write_pack(tmp_path, [blob(b"a" * 2000)])).blobs == {object_id(b"a" * 2000): b"a" * 2000}


@pytest.mark.parametrize("kind", [b"\xb0", b"\x60"])
def test_endless_numbers(kind: bytes, tmp_path: Path) -> None:
    """A size or a base's distance of a million bytes is refused at once."""
    path = pack_of(tmp_path, HEAD + kind + b"\xff" * 1_000_000 + b"\0" * 40)
    begun = time.monotonic()
    with pytest.raises(PermanentError, match="impossible"):
        Pack(path).entry(12)
    assert time.monotonic() - begun < 1


def test_large_offsets_one_by_one_and_together(tmp_path: Path) -> None:
    """The same numbers, and the same error past the table."""
    names = [(b"\1" * 20, 1 << 33), (b"\2" * 20, 40)]
    path = tmp_path / "a.idx"
    path.write_bytes(index_v2(names, large=True))
    index = PackIndex(path)
    assert list(index.offsets()) == [index.offset(entry) for entry in range(2)] == [1 << 33, 40]
    path.write_bytes(index_v2(names).replace(b"\x80\0\0\0", b"\x80\0\0\7"))
    index = PackIndex(path)
    for ask in (index.offsets, lambda: index.offset(0)):
        with pytest.raises(PermanentError, match="large offset"):
            ask()


def test_index_of_a_pack_that_is_laid_out_alike(tmp_path: Path) -> None:
    """Every offset of the other pack is one of this one too: only the names are wrong, and they are not believed."""
    w = RepoWriter.create(tmp_path / "repo")
    objects = w.git_dir / "objects"
    one = write_pack(objects, [blob(b"%d is one" % n) for n in range(3)], "1")
    two = write_pack(tmp_path / "two", [blob(b"%d is two" % n) for n in range(3)], "2")
    one.with_suffix(".idx").write_bytes(two.with_suffix(".idx").read_bytes())
    source = GitSource(Target("git", str(w.built().path), "repo"))
    planned = list(source.plan())
    opened = [each for unit in planned if isinstance(unit, ScanUnit) for each in source.open(unit)]
    assert {each.where for each in opened if isinstance(each, Loss)} == {
        object_id(b"%d is two" % n).hex() for n in range(3)
    }
    assert len(opened) == 3
    (report,) = (each for each in planned if isinstance(each, PlanReport))
    assert [(loss.kind, loss.where) for loss in report.losses] == [("damaged-object", str(one))]
