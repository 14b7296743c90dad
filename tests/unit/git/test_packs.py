from __future__ import annotations

import zlib
from pathlib import Path

import pytest

from gossip.connectors.git.packs import plan, reader
from gossip.connectors.git.packs.index import PackIndex
from gossip.connectors.git.packs.pack import Pack
from gossip.connectors.git.source import GitSource
from gossip.connectors.git.store import ObjectStore
from gossip.schemas.errors import PermanentError
from gossip.schemas.protocols import Document
from gossip.schemas.summary import Loss
from gossip.schemas.units import PlanReport, ScanUnit, Target
from tests.support.repos import BUILDERS, RepoWriter, open_any, openable, plain_token
from tests.unit.git.handmade import (
    BLOB,
    OFS_DELTA,
    REF_DELTA,
    TREE,
    Item,
    blob,
    delta,
    encode,
    index_v1,
    index_v2,
    object_id,
    pack_bytes,
    varint,
    write_pack,
)
from tests.unit.git.reading import read_pack

PACKED = ["packed", "two_packs", "mixed", "damaged_pack", "partial_clone"]


def packs(repo: Path) -> list[Path]:
    """Packs of a repository."""
    return sorted((repo / ".git" / "objects" / "pack").glob("*.pack"))


def blobs_of(repo: Path, pack: Path) -> dict[bytes, bytes]:
    """Blobs of a pack, as libgit2 reads them."""
    git, index = open_any(repo), PackIndex(pack.with_suffix(".idx"))
    names = [index.name(entry) for entry in range(index.count)]
    found = {name: git[name.hex()] for name in names}
    return {name: item.read_raw() for name, item in found.items() if item.type_str == "blob"}


LIMITS = [
    (plan.UNIT_BYTES, reader.HELD_BYTES_MAX, 4096, 1 << 24),
    (1, 1, 1, 1),
    (3000, 9000, 3, 1),
    (9000, 1, 4096, 64),
]


@pytest.mark.parametrize("limits", LIMITS, ids=str)
@pytest.mark.parametrize("shape", PACKED)
def test_blobs_of_a_pack(
    shape: str, limits: tuple[int, int, int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every blob once, as libgit2 reads it, however small the units and the memory."""
    monkeypatch.setattr(plan, "UNIT_BYTES", limits[0])
    monkeypatch.setattr(reader, "HELD_BYTES_MAX", limits[1])
    monkeypatch.setattr(plan, "UNIT_NODES_MAX", limits[2])
    monkeypatch.setattr(reader, "STREAM_BYTES_MIN", limits[3])
    repo = BUILDERS[shape](tmp_path / "repo", plain_token).path
    for pack in packs(repo):
        wanted, read = blobs_of(repo, pack), read_pack(pack)
        assert read.blobs == wanted
        assert dict(read.times) == dict.fromkeys(wanted, 1)
        assert (read.errors, read.foreign, read.damaged) == ({}, [], [])


def test_skipped_blobs_are_only_bases(tmp_path: Path) -> None:
    """What another pack has is not handed out, but deltas of it are."""
    repo = BUILDERS["packed"](tmp_path / "repo", plain_token).path
    (pack,) = packs(repo)
    wanted = blobs_of(repo, pack)
    skip = set(sorted(wanted)[::2])
    assert read_pack(pack, skip).blobs == {name: data for name, data in wanted.items() if name not in skip}


@pytest.mark.parametrize("shape", sorted(set(openable()) - {"damaged", "linked_worktree"}))
def test_store_reads_every_object(shape: str, tmp_path: Path) -> None:
    """Packed, loose, or an alternate's; and knows what it does not have."""
    built = BUILDERS[shape](tmp_path / "repo", plain_token)
    git = open_any(built.path)
    store = ObjectStore(Path(git.path) / "objects")
    wanted = {bytes.fromhex(str(oid)): (git[oid].type, git[oid].read_raw()) for oid in git}
    assert {name: store.read(name) for name in wanted} == wanted
    assert {name: store.read(name) for name in reversed(list(wanted))} == wanted
    assert all(store.has(name) for name in wanted)
    assert [store.has(bytes.fromhex(name)) for name in (*built.missing, "00" * 20)] == [False] * (
        len(built.missing) + 1
    )
    assert store.losses == []
    loose = {name for name, _ in store.loose()}
    assert loose | {name for name in wanted if store.find(name)} == set(wanted)


NAMES = [(bytes([n % 7]) + object_id(b"%d" % n)[1:], 12 + 3 * n) for n in range(900)]


@pytest.mark.parametrize("form", ["v1", "v2", "large"])
def test_index_forms(form: str, tmp_path: Path) -> None:
    """Both versions, and 64-bit offsets, say the same."""
    raw = index_v1(NAMES) if form == "v1" else index_v2(NAMES, large=form == "large")
    (tmp_path / "a.idx").write_bytes(raw)
    index = PackIndex(tmp_path / "a.idx")
    ordered = sorted(NAMES)
    assert index.count == len(NAMES)
    assert [(index.name(n), index.offset(n)) for n in range(index.count)] == ordered
    assert list(index.offsets()) == [offset for _, offset in ordered]
    assert [index.find(name) for name, _ in ordered] == list(range(len(ordered)))
    strangers = [object_id(b"no %d" % n) for n in range(300)]
    strangers += [name[:-1] + bytes([name[-1] ^ 1]) for name, _ in NAMES]
    assert [index.find(name) for name in strangers] == [None] * len(strangers)


def test_offsets_beyond_four_gigabytes(tmp_path: Path) -> None:
    """As they are."""
    names = [(object_id(b"a"), 5), (object_id(b"b"), 1 << 33), (object_id(b"c"), (1 << 31) + 7)]
    (tmp_path / "a.idx").write_bytes(index_v2(names))
    index = PackIndex(tmp_path / "a.idx")
    assert [index.offset(n) for n in range(3)] == list(index.offsets()) == [offset for _, offset in sorted(names)]


def test_large_offset_past_the_end(tmp_path: Path) -> None:
    """Refused by both ways to ask; a hash that follows is no offset."""
    raw = bytearray(index_v2(NAMES[:3], large=True))
    at = 8 + 1024 + 3 * 24
    raw[at : at + 4] = b"\x80\0\0\x09"
    (tmp_path / "a.idx").write_bytes(raw)
    index = PackIndex(tmp_path / "a.idx")
    with pytest.raises(PermanentError, match="points past"):
        index.offsets()
    with pytest.raises(PermanentError, match="points past"):
        index.offset(0)


@pytest.mark.parametrize("size", [0, 7, 1031, 1071])
def test_short_index(size: int, tmp_path: Path) -> None:
    """An error of ours."""
    (tmp_path / "a.idx").write_bytes(index_v2(NAMES)[:size])
    with pytest.raises(PermanentError):
        PackIndex(tmp_path / "a.idx")


@pytest.mark.parametrize("data", [b"", b"PACK", b"PACK\0\0\0\4" + b"\0" * 30, b"KCAP\0\0\0\2" + b"\0" * 30])
def test_what_is_no_pack(data: bytes, tmp_path: Path) -> None:
    """An error of ours."""
    (tmp_path / "a.pack").write_bytes(data)
    with pytest.raises(PermanentError):
        Pack(tmp_path / "a.pack")


BASE = b"base content\n"
CHILD = BASE + b"more"
OTHER = blob(b"another blob\n")


def child(kind: int = REF_DELTA, base: int | bytes = b"") -> Item:
    """A delta of BASE."""
    return Item(object_id(CHILD), kind, delta(BASE, insert=b"more"), base or object_id(BASE))


def test_hand_made_pack_of_both_delta_kinds(tmp_path: Path) -> None:
    """By distance and by name, the base before or after its delta."""
    second = Item(object_id(BASE + b"x"), OFS_DELTA, delta(BASE, insert=b"x"), len(encode(blob(BASE))))
    read = read_pack(write_pack(tmp_path, [child(), blob(BASE), second, OTHER]))
    contents = [BASE, CHILD, BASE + b"x", OTHER.data]
    assert read.blobs == {object_id(data): data for data in contents}


def test_delta_of_a_tree_is_no_blob(tmp_path: Path) -> None:
    """Kinds pass from base to delta."""
    tree = b"100644 a\0" + b"\1" * 20
    both = tree + b"100644 b\0" + b"\2" * 20
    named = Item(object_id(both, TREE), REF_DELTA, delta(tree, insert=both[len(tree) :]), object_id(tree, TREE))
    objects = tmp_path / "objects"
    assert read_pack(write_pack(objects, [Item(object_id(tree, TREE), TREE, tree), named])).blobs == {}
    assert ObjectStore(objects).read(named.name) == (TREE, both)


def test_delta_of_a_foreign_base(tmp_path: Path) -> None:
    """It is named, to be read one by one; the store finds the base in another pack."""
    path = write_pack(tmp_path, [child(), OTHER], "1")
    write_pack(tmp_path, [blob(BASE)], "2")
    read = read_pack(path)
    assert (read.foreign, read.blobs) == ([object_id(CHILD)], {OTHER.name: OTHER.data})
    assert ObjectStore(tmp_path).read(object_id(CHILD)) == (BLOB, CHILD)


def accounted(path: Path) -> set[bytes]:
    """Ids of which a scan hears: content, an error, or an object to be read on its own."""
    read = read_pack(path)
    index = PackIndex(path.with_suffix(".idx"))
    at = {index.offset(entry): index.name(entry) for entry in range(index.count)}
    return {*read.blobs, *read.errors, *read.foreign, *(at[offset] for offset in read.damaged)}


RING = [
    [Item(b"\1" * 20, REF_DELTA, delta(BASE, insert=b"x"), b"\1" * 20)],
    [Item(b"\1" * 20, OFS_DELTA, delta(BASE, insert=b"x"), 0)],
    [
        Item(b"\1" * 20, REF_DELTA, delta(BASE, insert=b"x"), b"\2" * 20),
        Item(b"\2" * 20, REF_DELTA, delta(BASE, insert=b"y"), b"\1" * 20),
        Item(b"\3" * 20, REF_DELTA, delta(BASE, insert=b"z"), b"\1" * 20),
    ],
]


@pytest.mark.parametrize("ring", RING, ids=["self by name", "self by distance", "two and a child"])
def test_deltas_in_a_circle(ring: list[Item], tmp_path: Path) -> None:
    """No object goes missing without a word, and none is read for ever."""
    path = write_pack(tmp_path, [*ring, OTHER])
    store = ObjectStore(tmp_path)
    for item in ring:
        with pytest.raises(PermanentError):
            store.read(item.name)
    assert read_pack(path).blobs == {OTHER.name: OTHER.data}
    assert accounted(path) == {OTHER.name, *(item.name for item in ring)}


def test_deltas_in_a_circle_over_two_packs(tmp_path: Path) -> None:
    """The same where each base lies in the other pack."""
    write_pack(tmp_path, [Item(b"\1" * 20, REF_DELTA, delta(BASE, insert=b"x"), b"\2" * 20)], "1")
    write_pack(tmp_path, [Item(b"\2" * 20, REF_DELTA, delta(BASE, insert=b"x"), b"\1" * 20)], "2")
    with pytest.raises(PermanentError):
        ObjectStore(tmp_path).read(b"\1" * 20)


def test_deltas_of_a_damaged_header(tmp_path: Path) -> None:
    """A base of no kind is reported, and so are the objects that need it."""
    bad = Item(object_id(BASE), 5, BASE)
    path = write_pack(tmp_path, [bad, child(), OTHER])
    assert accounted(path) == {bad.name, object_id(CHILD), OTHER.name}


ODD: dict[str, Item] = {
    "longer than announced": Item(b"\1" * 20, BLOB, BASE, size=3),
    "shorter than announced": Item(b"\1" * 20, BLOB, BASE, size=300),
    "announced above 64 bits": Item(b"\1" * 20, BLOB, BASE, size=1 << 70),
    "announced at 64 bits": Item(b"\1" * 20, BLOB, BASE, size=1 << 64),
    "announced large, streamed": Item(b"\1" * 20, BLOB, BASE, size=1 << 30),
    "no zlib data": Item(b"\1" * 20, BLOB, BASE, raw=b"\xff" * 20),
    "no zlib data, streamed": Item(b"\1" * 20, BLOB, BASE, size=1 << 30, raw=b"\xff" * 20),
    "cut zlib data": Item(b"\1" * 20, BLOB, BASE * 50, raw=zlib.compress(BASE * 50)[:10]),
    "wrong checksum": Item(b"\1" * 20, BLOB, BASE, raw=zlib.compress(BASE)[:-4] + b"\0\0\0\0"),
    "kind 0": Item(b"\1" * 20, 0, BASE),
    "base before the pack": Item(b"\1" * 20, OFS_DELTA, delta(BASE, insert=b"x"), 1 << 40),
    "base within an entry": Item(b"\1" * 20, OFS_DELTA, delta(BASE, insert=b"x"), 3),
    "empty delta": Item(b"\1" * 20, REF_DELTA, b"", OTHER.name),
    "delta of another base": Item(b"\1" * 20, REF_DELTA, delta(b"xy", insert=b"z"), OTHER.name),
    "delta that announces much": Item(
        b"\1" * 20, REF_DELTA, varint(len(OTHER.data)) + varint(1 << 60) + b"\1a", OTHER.name
    ),
    "absent base": Item(b"\1" * 20, REF_DELTA, delta(BASE, insert=b"x"), b"\7" * 20),
}


@pytest.mark.parametrize("odd", sorted(ODD))
def test_odd_entry_harms_no_other(odd: str, tmp_path: Path) -> None:
    """It is an error of ours, once; the blobs beside it are read."""
    path = write_pack(tmp_path, [OTHER, ODD[odd], blob(BASE)])
    assert read_pack(path).blobs == {OTHER.name: OTHER.data, object_id(BASE): BASE}
    assert accounted(path) == {OTHER.name, object_id(BASE), b"\1" * 20}
    with pytest.raises(PermanentError):
        ObjectStore(tmp_path).read(b"\1" * 20)


@pytest.mark.parametrize("odd", sorted(set(ODD) - {"kind 0", "base before the pack"}))
def test_odd_entry_is_one_loss_of_a_scan(odd: str, tmp_path: Path) -> None:
    """The source reports it and goes on with the unit."""
    w = RepoWriter.create(tmp_path / "repo")
    w.commit({b"a": b"x"}, ref="refs/heads/main")
    write_pack(w.git_dir / "objects", [OTHER, ODD[odd], blob(BASE)])
    source = GitSource(Target("git", str(tmp_path / "repo"), "repo"))
    planned = list(source.plan())
    scanned, losses = {}, sum(len(item.losses) for item in planned if isinstance(item, PlanReport))
    units = [unit for unit in planned if isinstance(unit, ScanUnit) and unit.kind != "files"]
    for unit in units:
        for opened in source.open(unit):
            if isinstance(opened, Loss):
                losses += 1
                continue
            assert isinstance(opened, Document)
            try:
                scanned[opened.object_id] = b"".join(opened.chunks)
            except PermanentError:
                losses += 1
    assert {object_id(BASE).hex(), OTHER.name.hex()} <= set(scanned)
    assert losses == 1


def test_index_that_points_into_the_trailer(tmp_path: Path) -> None:
    """The last 20 bytes are no entry, whatever they look like."""
    path = write_pack(tmp_path, [OTHER])
    data, names = pack_bytes([OTHER])
    for offset in range(len(data) - 20, len(data) + 3):
        path.with_suffix(".idx").write_bytes(index_v2([*names, (b"\1" * 20, offset)]))
        with pytest.raises(PermanentError):
            ObjectStore(tmp_path).read(b"\1" * 20)
