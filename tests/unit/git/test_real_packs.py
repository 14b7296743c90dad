"""Packs as the `git` program makes them: every object of every form against libgit2, and what damage does to them."""

from __future__ import annotations

import re
import shutil
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from gossip.connectors.git.loose import MissingObjectError
from gossip.connectors.git.packs.file import PackFile
from gossip.connectors.git.packs.index import PackIndex
from gossip.connectors.git.packs.multi import MultiPackIndex
from gossip.connectors.git.packs.pack import BLOB, OFS_DELTA, REF_DELTA, Pack
from gossip.connectors.git.source import GitSource
from gossip.connectors.git.store import ObjectStore
from gossip.schemas.errors import PermanentError
from gossip.schemas.protocols import Document
from gossip.schemas.summary import Loss
from gossip.schemas.units import PlanReport, ScanUnit, Target
from tests.support.realgit import Objects, as_libgit2_reads, chained_history, git, needs_git, pack_some, packs_of
from tests.unit.git.handmade import index_v2, multi_index

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = needs_git


def scanned(path: Path, **options: str) -> tuple[Objects, list[Loss]]:
    """Blobs that a scan opens, each once, and what it loses."""
    source = GitSource(Target("git", str(path), "repo", tuple(options.items())))
    blobs: Objects = {}
    losses: list[Loss] = []
    for item in source.plan():
        if isinstance(item, PlanReport):
            losses.extend(item.losses)
        elif isinstance(item, ScanUnit):
            for opened in source.open(item):
                if isinstance(opened, Loss):
                    losses.append(opened)
                    continue
                assert isinstance(opened, Document)
                try:
                    content = b"".join(opened.chunks)
                except PermanentError as err:
                    losses.append(Loss("damaged-object", opened.object_id, str(err)))
                    continue
                assert bytes.fromhex(opened.object_id) not in blobs
                blobs[bytes.fromhex(opened.object_id)] = (BLOB, content)
    return blobs, losses


def kinds_of(path: Path) -> set[int]:
    """Kinds of the entries of all packs."""
    found: set[int] = set()
    for pack in packs_of(path):
        file = PackFile(pack)
        found |= {file.pack.entry(offset).kind for offset in file.layout.at[:-1]}
    return found


def deep(path: Path) -> None:
    """Long chains."""
    git(path, "repack", "-adfq", "--depth=200", "--window=50")


def shallow_chains(path: Path) -> None:
    """No delta of a delta."""
    git(path, "repack", "-adfq", "--depth=1")


def whole(path: Path) -> None:
    """Blobs over the threshold are never deltas."""
    git(path, "-c", "core.bigFileThreshold=1k", "repack", "-adfq")


def old_index(path: Path) -> None:
    """An index of version 1."""
    git(path, "-c", "pack.indexVersion=1", "repack", "-adfq")
    assert not packs_of(path)[0].with_suffix(".idx").read_bytes().startswith(b"\xfftOc")


def wide_offsets(path: Path) -> None:
    """Every offset from 64 on in the table of 64-bit offsets."""
    git(path, "repack", "-adfq")
    (pack,) = packs_of(path)
    git(path, "index-pack", "--index-version=2,0x40", str(pack))


def by_name(path: Path) -> None:
    """Deltas that name their bases."""
    git(path, "-c", "repack.useDeltaBaseOffset=false", "repack", "-adfq")
    assert REF_DELTA in kinds_of(path)


def several(path: Path) -> None:
    """Packs that overlap, and a multi-pack index over two of three."""
    names = sorted(as_libgit2_reads(path))
    pack_some(path, names[: 2 * len(names) // 3])
    pack_some(path, names[len(names) // 3 :])
    git(path, "multi-pack-index", "write")
    pack_some(path, names[::2])
    git(path, "prune-packed", "-q")
    assert (path / "objects" / "pack" / "multi-pack-index").exists()


def without_indexes(path: Path) -> None:
    """Packs that overlap, of which only the multi-pack index says what they hold."""
    names = sorted(as_libgit2_reads(path))
    pack_some(path, names[: 2 * len(names) // 3])
    pack_some(path, names[len(names) // 3 :])
    git(path, "prune-packed", "-q")
    git(path, "multi-pack-index", "write")
    for pack in packs_of(path):
        pack.with_suffix(".idx").rename(pack.with_suffix(".gone"))


def cruft(path: Path) -> None:
    """A pack of what nothing leads to."""
    git(path, "hash-object", "-w", "--stdin", data=b"nobody wants this\n")
    git(path, "gc", "-q", "--cruft", "--prune=2.weeks.ago")
    assert list((path / "objects" / "pack").glob("*.mtimes"))


def mixed(path: Path) -> None:
    """Some objects packed, some loose, some both."""
    names = sorted(as_libgit2_reads(path))
    pack_some(path, names[::2])
    git(path, "prune-packed", "-q")
    pack_some(path, names[1::4])


SHAPES: list[Callable[[Path], None]] = [
    deep,
    shallow_chains,
    whole,
    old_index,
    wide_offsets,
    by_name,
    several,
    without_indexes,
    cruft,
    mixed,
]


@pytest.mark.parametrize("verify", ["no", "yes"])
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
def test_every_object_of_every_form(shape: Callable[[Path], None], verify: str, tmp_path: Path) -> None:
    """As libgit2 reads them; each blob is scanned once, and nothing is lost, with checks and without."""
    path = chained_history(tmp_path / "repo", 25)
    loose = as_libgit2_reads(path)
    shape(path)
    wanted = dict(loose) if shape is without_indexes else as_libgit2_reads(path)
    assert wanted.keys() >= loose.keys()
    store = ObjectStore(path / "objects", verify=verify == "yes")
    assert {name: store.read(name) for name in wanted} == wanted
    assert {name: store.read(name) for name in reversed(list(wanted))} == wanted
    assert store.losses == []
    assert scanned(path, verify=verify) == ({n: item for n, item in wanted.items() if item[0] == BLOB}, [])


def test_chains_are_as_long_as_asked(tmp_path: Path) -> None:
    """So that the test above is about something."""
    path = chained_history(tmp_path / "repo", 60, files=1)
    deep(path)
    told = git(path, "verify-pack", "-s", str(packs_of(path)[0])).decode()
    assert max(int(found) for found in re.findall(r"chain length = (\d+)", told)) >= 20
    assert OFS_DELTA in kinds_of(path)


@pytest.mark.parametrize("base", ["loose", "packed", "nowhere"])
def test_thin_pack(base: str, tmp_path: Path) -> None:
    """A pack whose bases are not in it: elsewhere in the repository, or counted as lost; as Git completes it."""
    path = chained_history(tmp_path / "repo", 12, files=1)
    everything = as_libgit2_reads(path)
    old = {bytes.fromhex(line[:40]) for line in git(path, "rev-list", "--objects", "main~6").decode().splitlines()}
    thin = git(path, "pack-objects", "-q", "--thin", "--stdout", "--revs", data=b"main\n^main~6\n")
    other = tmp_path / "other"
    shutil.copytree(path, other)
    fixed = other / "objects" / "pack" / "pack-fixed.pack"
    git(other, "index-pack", "--fix-thin", "--stdin", str(fixed), data=thin)
    assert {name: ObjectStore(other / "objects").read(name) for name in everything} == everything

    index, count = PackIndex(fixed.with_suffix(".idx")), int.from_bytes(thin[8:12], "big")
    own = sorted((index.offset(entry), index.name(entry)) for entry in range(index.count))[:count]
    new = {name for _, name in own}
    assert index.count > count, "thin indeed"
    for part in (path / "objects").glob("[0-9a-f][0-9a-f]/*"):
        name = bytes.fromhex(part.parent.name + part.name)
        if name in new or base == "nowhere":
            part.unlink()
    if base == "packed":
        pack_some(path, sorted(old))
        git(path, "prune-packed", "-q")
    place = path / "objects" / "pack" / "pack-thin.pack"
    place.write_bytes(thin)
    place.with_suffix(".idx").write_bytes(index_v2([(name, offset) for offset, name in own], pack=thin))
    store = ObjectStore(path / "objects")
    blobs, losses = scanned(path)
    assert store.losses == []
    if base != "nowhere":
        assert {name: store.read(name) for name in everything} == everything
        assert blobs == {name: item for name, item in everything.items() if item[0] == BLOB}
        assert losses == []
        return
    for name in new:
        with suppress(MissingObjectError):
            assert store.read(name) == everything[name]
    lost = {bytes.fromhex(loss.where) for loss in losses if len(loss.where) == 40}
    assert lost
    assert lost >= {name for name in new if everything[name][0] == BLOB} - blobs.keys()


def repacked(tmp_path: Path, commits: int = 25, seed: int = 1) -> tuple[Path, Path]:
    """(repository, its only pack)."""
    path = chained_history(tmp_path / f"repo{seed}", commits, seed)
    git(path, "repack", "-adfq")
    (pack,) = packs_of(path)
    for file in (pack, pack.with_suffix(".idx")):
        file.chmod(0o644)
    return path, pack


def test_index_of_another_pack(tmp_path: Path) -> None:
    """Nothing is handed out under a wrong name, and the file and all of its objects are lost."""
    path, pack = repacked(tmp_path)
    _, other = repacked(tmp_path, seed=2)
    shutil.copyfile(other.with_suffix(".idx"), pack.with_suffix(".idx"))
    blobs, losses = scanned(path)
    assert blobs == {}
    assert [loss.where for loss in losses][-1:] == [str(pack)] or str(pack) in {loss.where for loss in losses}
    names = PackIndex(other.with_suffix(".idx"))
    store = ObjectStore(path / "objects")
    for entry in range(names.count):
        with pytest.raises(PermanentError):
            store.read(names.name(entry))


def test_offsets_in_another_order(tmp_path: Path) -> None:
    """An index that is sound in itself but swaps two objects: found where checks are asked for."""
    path, pack = repacked(tmp_path)
    wanted = {name: item for name, item in as_libgit2_reads(path).items() if item[0] == BLOB}
    index = PackIndex(pack.with_suffix(".idx"))
    places = {index.name(entry): index.offset(entry) for entry in range(index.count)}
    one, two = sorted(wanted)[:2]
    places[one], places[two] = places[two], places[one]
    pack.with_suffix(".idx").write_bytes(index_v2(list(places.items()), pack=pack.read_bytes()))
    blobs, losses = scanned(path, verify="yes")
    assert all(wanted[name] == item for name, item in blobs.items())
    assert {one.hex(), two.hex()} <= {loss.where for loss in losses}


@pytest.mark.parametrize("left", [0.1, 0.5, 0.9, 0.999])
def test_cut_pack(left: float, tmp_path: Path) -> None:
    """What lies before the cut is read, under its name; all else is lost and named."""
    path, pack = repacked(tmp_path)
    wanted = {name: item for name, item in as_libgit2_reads(path).items() if item[0] == BLOB}
    data = pack.read_bytes()
    pack.write_bytes(data[: int(len(data) * left)])
    blobs, losses = scanned(path)
    assert all(wanted[name] == item for name, item in blobs.items())
    assert str(pack) in {loss.where for loss in losses}
    assert len(blobs) + len(losses) >= len(wanted)
    assert len(blobs) < len(wanted)


def flipped(file: Path, at: int) -> None:
    """Change a byte."""
    data = bytearray(file.read_bytes())
    data[at] ^= 0x10
    file.write_bytes(data)


def test_flipped_byte_of_an_object(tmp_path: Path) -> None:
    """Objects of the damaged one are lost, no other; where a loose copy or another pack has them, nothing is."""
    path, pack = repacked(tmp_path)
    wanted = {name: item for name, item in as_libgit2_reads(path).items() if item[0] == BLOB}
    spare = tmp_path / "spare"
    shutil.copytree(path, spare)
    file = PackFile(pack)
    roots = [at for at in file.layout.at[:-1] if file.pack.entry(at).kind == BLOB]
    flipped(pack, file.pack.entry(roots[0]).data + 8)
    blobs, losses = scanned(path)
    assert 0 < len(blobs) < len(wanted)
    assert {loss.where for loss in losses} == {name.hex() for name in wanted.keys() - blobs.keys()}
    assert all("damaged data" in loss.detail or "is not in" in loss.detail for loss in losses)
    (whole_pack,) = packs_of(spare)
    for suffix in (".pack", ".idx"):
        shutil.copyfile(whole_pack.with_suffix(suffix), pack.with_name(f"pack-zz{suffix}"))
    assert scanned(path) == (wanted, [])


@pytest.mark.parametrize("where", ["pack", "crc", "head", "end", "names"])
def test_checks_find_every_flipped_byte(where: str, tmp_path: Path) -> None:
    """With checks no changed byte of a pack or its index passes; contents that are handed out are right."""
    path, pack = repacked(tmp_path)
    wanted = {name: item for name, item in as_libgit2_reads(path).items() if item[0] == BLOB}
    file = PackFile(pack)
    index, count = pack.with_suffix(".idx"), file.index.count
    places = {
        "pack": [(pack, file.layout.at[number] + more) for number in range(0, count, 9) for more in (0, 1, 5)],
        "crc": [(index, 8 + 1024 + 20 * count + 4 * number) for number in range(0, count, 9)],
        "head": [(pack, 11)],
        "end": [(pack, pack.stat().st_size - 1), (index, index.stat().st_size - 1), (index, index.stat().st_size - 21)],
        "names": [(index, 8 + 1024 + 20 * number + 19) for number in range(0, count, 9)],
    }
    for changed, at in places[where]:
        flipped(changed, at)
        blobs, losses = scanned(path, verify="yes")
        assert losses, at
        assert all(wanted[name] == item for name, item in blobs.items() if name in wanted), at
        flipped(changed, at)
    assert scanned(path, verify="yes") == (wanted, [])


def test_damaged_multi_pack_index_is_none(tmp_path: Path) -> None:
    """Any byte changed, cut anywhere, or naming packs that are gone: the packs' own indexes are read."""
    path = chained_history(tmp_path / "repo", 8)
    several(path)
    wanted = as_libgit2_reads(path)
    file = path / "objects" / "pack" / "multi-pack-index"
    file.chmod(0o644)
    sound = file.read_bytes()
    assert {MultiPackIndex(file).find(name) is not None for name in wanted} == {True}
    for at in range(0, len(sound), 97):
        for data in (sound[:at], sound[:at] + bytes([sound[at] ^ 4]) + sound[at + 1 :]):
            file.write_bytes(data)
            with pytest.raises(PermanentError):
                MultiPackIndex(file)
    store = ObjectStore(path / "objects")
    assert ({name: store.read(name) for name in wanted}, store.losses) == (wanted, [])
    file.write_bytes(sound)
    gone = MultiPackIndex(file).packs[0]
    for suffix in (".pack", ".idx"):
        (path / "objects" / "pack" / f"{gone}{suffix}").unlink()
    indexes = [PackIndex(pack.with_suffix(".idx")) for pack in packs_of(path)]
    left = {name: item for name, item in wanted.items() if any(index.find(name) is not None for index in indexes)}
    assert 0 < len(left) < len(wanted)
    store = ObjectStore(path / "objects")
    assert ({name: store.read(name) for name in left}, store.losses) == (left, [])
    assert not any(store.has(name) for name in wanted.keys() - left.keys())


@pytest.mark.parametrize("large", [False, True])
def test_multi_pack_index_by_hand(large: bool, tmp_path: Path) -> None:
    """As the one of Git, to the byte of what it says; offsets of 64 bits are in a table of their own."""
    path = chained_history(tmp_path / "repo", 3)
    several(path)
    file = path / "objects" / "pack" / "multi-pack-index"
    git_made = MultiPackIndex(file)
    places = {name: git_made.find(name) for name in as_libgit2_reads(path)}
    found = [(name, *place) for name, place in places.items() if place is not None]
    file.unlink()
    file.write_bytes(multi_index(git_made.packs, found, large=large))
    ours = MultiPackIndex(file)
    assert ours.packs == git_made.packs
    assert {name: ours.find(name) for name in places} == places
    assert ours.find(b"\0" * 20) is None
    far = [(bytes([n]) * 20, 0, (1 << 33) + n) for n in range(5)]
    file.write_bytes(multi_index(["pack-a"], far))
    assert [MultiPackIndex(file).find(name) for name, _, _ in far] == [(0, offset) for _, _, offset in far]


def test_objects_of_a_pack_that_is_no_pack(tmp_path: Path) -> None:
    """An index in the place of a pack, and the other way round."""
    path, pack = repacked(tmp_path)
    data = pack.read_bytes()
    shutil.copyfile(pack.with_suffix(".idx"), pack)
    with pytest.raises(PermanentError, match="not a pack"):
        Pack(pack)
    assert [loss.where for loss in scanned(path)[1]][:1] == [str(pack)]
    pack.with_suffix(".idx").write_bytes(data)
    pack.write_bytes(data)
    assert [loss.where for loss in scanned(path)[1]][:1] == [str(pack)]
