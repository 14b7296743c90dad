from __future__ import annotations

import contextlib
import hashlib
import shutil
import tempfile
from pathlib import Path

import pygit2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gossip.connectors.git.packs import plan, reader
from gossip.connectors.git.packs.index import PackIndex
from gossip.connectors.git.store import ObjectStore
from gossip.schemas.errors import PermanentError
from tests.unit.git.handmade import REF_DELTA, Item, blob, delta, encode, index_v1, index_v2, object_id, pack_bytes
from tests.unit.git.reading import read_pack

LINES = [b"line %03d: %s\n" % (n, hashlib.sha1(b"%d" % n).hexdigest().encode()) for n in range(60)]
DISK = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])


@st.composite
def edit_chains(draw: st.DrawFn) -> list[bytes]:
    """Versions of a few files, each an edit of an earlier one: food for deltas of deltas."""
    versions: list[list[bytes]] = [LINES[: draw(st.integers(0, 60))]]
    for _ in range(draw(st.integers(0, 14))):
        lines = list(versions[draw(st.integers(0, len(versions) - 1))])
        for _ in range(draw(st.integers(1, 3))):
            at = draw(st.integers(0, len(lines)))
            if draw(st.booleans()):
                lines[at:at] = [draw(st.sampled_from(LINES)), draw(st.binary(max_size=12))]
            else:
                del lines[at : at + draw(st.integers(1, 9))]
        versions.append(lines)
    return [b"".join(lines) for lines in versions]


@given(
    edit_chains(),
    st.integers(1, 20_000),
    st.integers(1, 20_000),
    st.integers(1, 20),
    st.sampled_from([1, 500, 1 << 24]),
)
@settings(DISK, max_examples=25)
def test_packs_of_libgit2(chain: list[bytes], unit: int, held: int, nodes: int, stream: int) -> None:
    """Every blob of a pack once, with its content, whatever the sizes of units and memory; the store agrees."""
    folder = Path(tempfile.mkdtemp())
    try:
        repo = pygit2.init_repository(str(folder), bare=True)
        names = {bytes.fromhex(str(repo.create_blob(data))): data for data in chain}
        repo.pack(n_threads=1)
        (pack,) = (folder / "objects" / "pack").glob("*.pack")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(plan, "UNIT_BYTES", unit)
            patch.setattr(plan, "UNIT_NODES_MAX", nodes)
            patch.setattr(reader, "HELD_BYTES_MAX", held)
            patch.setattr(reader, "STREAM_BYTES_MIN", stream)
            read = read_pack(pack)
        assert (read.blobs, dict(read.times), read.errors) == (names, dict.fromkeys(names, 1), {})
        store = ObjectStore(folder / "objects")
        assert {name: store.find(name) is not None and store.read(name)[1] for name in names} == names
    finally:
        shutil.rmtree(folder)


BASE = b"".join(LINES[:5])
CHILD = Item(object_id(BASE + b"x"), REF_DELTA, delta(BASE, insert=b"x"), object_id(BASE))
FAR = Item(object_id(BASE + b"y"), 6, delta(BASE, insert=b"y"), len(encode(CHILD)) + len(encode(blob(BASE))))
ITEMS = [blob(BASE), CHILD, FAR, blob(b""), blob(b"short")]
NAMES = [item.name for item in ITEMS]


@st.composite
def harmed(draw: st.DrawFn, data: bytes, heads: list[int]) -> bytes:
    """A file with some bytes changed, removed or added; often where an entry or a table begins."""
    raw = bytearray(data)
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.one_of(st.integers(0, len(raw)), st.sampled_from([0, *heads, len(raw)])))
        action = draw(st.sampled_from(["set", "set", "set", "cut", "remove", "insert"]))
        if action == "set":
            new = draw(
                st.one_of(st.sampled_from([b"\0", b"\xff", b"\x7f", b"\x80", b"\xff" * 12]), st.binary(max_size=4))
            )
            raw[at : at + len(new)] = new
        elif action == "cut":
            del raw[at:]
        elif action == "remove":
            del raw[at : at + draw(st.integers(1, 4))]
        else:
            raw[at:at] = draw(st.binary(max_size=4))
    return bytes(raw)


@pytest.mark.parametrize("form", ["v1", "v2", "large"])
@given(st.data())
@settings(DISK, max_examples=25)
def test_damaged_packs_and_indexes_raise_errors_of_ours(form: str, data: st.DataObject) -> None:
    """Whatever is wrong: PermanentError, an error in the result, or the right content; nothing else, and no hang."""
    packed, names = pack_bytes(ITEMS)
    heads = [offset for _, offset in names]
    tables = [4, 8, 1024, 1032]
    tables += [1032 + size * len(ITEMS) + more for size in (20, 24, 28) for more in (0, 3, 4)]
    index = index_v1(names) if form == "v1" else index_v2(names, large=form == "large")
    sound = {
        item.name: content for item, content in zip(ITEMS, [BASE, BASE + b"x", BASE + b"y", b"", b"short"], strict=True)
    }
    folder = Path(tempfile.mkdtemp())
    try:
        (folder / "pack").mkdir()
        path = folder / "pack" / "pack-1.pack"
        path.write_bytes(data.draw(harmed(packed, heads)))
        path.with_suffix(".idx").write_bytes(data.draw(harmed(index, tables)))
        with contextlib.suppress(PermanentError):
            read_pack(path)
        store = ObjectStore(folder)
        for name in NAMES:
            try:
                store.has(name)
                store.read(name)
            except PermanentError:
                continue
        if path.read_bytes() == packed and path.with_suffix(".idx").read_bytes() == index:
            assert {name: store.read(name)[1] for name in NAMES} == sound
    finally:
        shutil.rmtree(folder)


@given(
    st.lists(
        st.tuples(st.binary(min_size=20, max_size=20), st.integers(12, 1 << 34)), max_size=40, unique_by=lambda n: n[0]
    )
)
@settings(DISK, max_examples=80)
def test_indexes_say_what_was_written(names: list[tuple[bytes, int]]) -> None:
    """Any names and offsets, 64-bit ones in version 2."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.idx"
        small = [(name, offset & 0xFFFF_FFFF) for name, offset in names]
        for raw, wanted in ((index_v1(small), small), (index_v2(names), names), (index_v2(names, large=True), names)):
            path.write_bytes(raw)
            index = PackIndex(path)
            ordered = sorted(wanted)
            assert [(index.name(n), index.offset(n)) for n in range(index.count)] == ordered
            assert list(index.offsets()) == [offset for _, offset in ordered]
            assert [index.find(name) for name, _ in ordered] == list(range(len(ordered)))
            index.close()
