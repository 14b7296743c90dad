from __future__ import annotations

import zlib
from pathlib import Path

import pytest

from gossip.connectors.git import loose as loose_module
from gossip.connectors.git import store as store_module
from gossip.connectors.git.loose import MissingObjectError, read_loose
from gossip.connectors.git.packs.pack import BLOB, TooLargeError
from gossip.connectors.git.store import ObjectStore
from gossip.schemas.errors import PermanentError
from gossip.schemas.summary import Loss
from tests.support.repos import BUILDERS, open_any, plain_token
from tests.unit.git.handmade import blob, object_id, write_pack


def loose(objects: Path, raw: bytes, name: bytes | None = None, compressed: bytes | None = None) -> bytes:
    """Write a loose object file; its name."""
    body = raw.partition(b"\0")[2]
    name = name or object_id(body)
    folder = objects / name.hex()[:2]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name.hex()[2:]).write_bytes(zlib.compress(raw) if compressed is None else compressed)
    return name


def test_loose_object(tmp_path: Path) -> None:
    """Read, found and listed."""
    name = loose(tmp_path, b"blob 3\0abc")
    store = ObjectStore(tmp_path)
    assert store.read(name) == (BLOB, b"abc")
    assert store.has(name)
    assert [listed for listed, _ in store.loose()] == [name]


BAD = {
    "other content": b"blob 3\0abd",
    "wrong size": b"blob 4\0abc",
    "no size": b"blob \0abc",
    "signed size": b"blob -3\0abc",
    "unknown kind": b"bulb 3\0abc",
    "no header": b"abc",
    "empty": b"",
    "a size of 5000 digits": b"blob " + b"9" * 5000 + b"\0abc",
}


@pytest.mark.parametrize("bad", sorted(BAD))
def test_damaged_loose_object(bad: str, tmp_path: Path) -> None:
    """An error of ours that names it."""
    name = loose(tmp_path, BAD[bad], object_id(b"abc"))
    with pytest.raises(PermanentError, match=name.hex()) as caught:
        ObjectStore(tmp_path).read(name)
    assert not isinstance(caught.value, MissingObjectError)


@pytest.mark.parametrize("size", range(0, 14, 3))
def test_cut_loose_object(size: int, tmp_path: Path) -> None:
    """Anywhere before its checksum; nothing waits for the rest."""
    name = loose(tmp_path, b"blob 3\0abc", compressed=zlib.compress(b"blob 3\0abc")[:size])
    with pytest.raises(PermanentError, match=name.hex()):
        ObjectStore(tmp_path).read(name)


def test_loose_object_that_is_a_folder(tmp_path: Path) -> None:
    """Is none."""
    (tmp_path / "ab" / ("c" * 38)).mkdir(parents=True)
    assert not ObjectStore(tmp_path).has(bytes.fromhex("ab" + "c" * 38))
    with pytest.raises(PermanentError):
        read_loose(tmp_path / "ab" / ("c" * 38))


def test_missing_object(tmp_path: Path) -> None:
    """A kind of its own."""
    with pytest.raises(MissingObjectError, match="01" * 20):
        ObjectStore(tmp_path).read(b"\1" * 20)


def test_other_files_are_no_objects(tmp_path: Path) -> None:
    """Temporary files, short names, folders of other names."""
    for name in ("ab/tmp_obj_x", "ab/12", "zz/" + "0" * 38, "info/x", "pack/x.pack"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    store = ObjectStore(tmp_path)
    assert (list(store.loose()), store.packs, store.losses) == ([], [], [])


def alternate(of: Path, *lines: str) -> None:
    """Write an alternates file."""
    (of / "info").mkdir(parents=True, exist_ok=True)
    (of / "info" / "alternates").write_text("".join(f"{line}\n" for line in lines))


def test_alternates_relative_absolute_and_nested(tmp_path: Path) -> None:
    """Objects of the alternates of alternates are ours; comments and empty lines are no folders."""
    a, b, c = (tmp_path / name for name in "abc")
    names = [loose(folder, b"blob 1\0" + folder.name.encode()) for folder in (a, b, c)]
    alternate(a, "# comment", "", "../b")
    alternate(b, str(c))
    store = ObjectStore(a)
    assert [store.read(name)[1] for name in names] == [b"a", b"b", b"c"]
    assert store.losses == []


def test_absent_alternate_is_a_loss(tmp_path: Path) -> None:
    """Named; what is there can be read."""
    alternate(tmp_path / "a", str(tmp_path / "none"))
    why = "alternate object folder: no such folder"
    assert ObjectStore(tmp_path / "a").losses == [Loss("unreadable", str(tmp_path / "none"), why)]


def test_alternates_that_go_too_deep(tmp_path: Path) -> None:
    """The first folder past the limit is named; one that names itself or an earlier one is not."""
    for number in range(8):
        alternate(tmp_path / str(number), str(tmp_path / str(number + 1)), str(tmp_path / str(number)))
    (tmp_path / "8").mkdir()
    store = ObjectStore(tmp_path / "0")
    assert [folder.name for folder in store.folders] == list("012345")
    why = "alternate object folders of one another, over 5 levels"
    assert store.losses == [Loss("unreadable", str(tmp_path / "6"), why)]


def test_loose_object_over_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is no damage: it has a name of its own."""
    monkeypatch.setattr(loose_module, "OBJECT_BYTES_MAX", 100)
    name = loose(tmp_path, b"blob 200\0" + b"a" * 200)
    with pytest.raises(TooLargeError, match=name.hex()):
        ObjectStore(tmp_path).read(name)


@pytest.mark.parametrize("ring", [["a"], ["b"]], ids=["itself", "each other"])
def test_alternates_in_a_circle_are_no_loss(ring: list[str], tmp_path: Path) -> None:
    """Git takes each folder once; nothing is missing."""
    a, b = tmp_path / "a", tmp_path / "b"
    names = [loose(a, b"blob 1\0a"), loose(b, b"blob 1\0b")]
    write_pack(a, [blob(b"packed")])
    alternate(a, *(f"../{name}" for name in ring), "../b")
    alternate(b, "../a")
    store = ObjectStore(a)
    assert all(store.has(name) for name in names)
    assert store.losses == []
    assert len(store.packs) == 1


def test_damaged_pack_files_are_losses(tmp_path: Path) -> None:
    """Once each; other packs are read. A pack without an index is one too."""
    good = write_pack(tmp_path, [blob(b"good")], "1")
    bad = write_pack(tmp_path, [blob(b"bad")], "2")
    bad.write_bytes(b"")
    cut = write_pack(tmp_path, [blob(b"cut")], "3")
    cut.with_suffix(".idx").write_bytes(b"\xfftOc")
    lone = write_pack(tmp_path, [blob(b"lone")], "4")
    lone.with_suffix(".idx").unlink()
    store = ObjectStore(tmp_path)
    assert [file.path for file in store.packs] == [good]
    assert [(loss.kind, loss.where) for loss in store.losses] == [
        ("damaged-object", str(path)) for path in (bad, cut, lone)
    ]


@pytest.mark.parametrize("budget", [0, 9000, 100_000])
def test_cache_size_changes_nothing(budget: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bases that were dropped are rebuilt; the cache never holds more than its budget and the last object."""
    monkeypatch.setattr(store_module, "CACHE_BYTES_MAX", budget)
    repo = BUILDERS["packed"](tmp_path / "repo", plain_token).path
    git = open_any(repo)
    store = ObjectStore(repo / ".git" / "objects")
    for oid in [*git, *reversed(list(git))]:
        assert store.read(bytes.fromhex(str(oid)))[1] == git[oid].read_raw()
        held = sum(len(data) for _, data in store._cache.values())
        assert store._cache_bytes == held <= budget
