"""Tree comparison and pack reading against naive oracles."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pygit2
from hypothesis import given, settings
from hypothesis import strategies as st

from gossip.connectors.git.packs import plan, reader
from gossip.connectors.git.packs.plan import PackPlan, plan_pack
from gossip.connectors.git.packs.reader import UnitReader
from gossip.connectors.git.store import ObjectStore
from gossip.connectors.git.trees import Tree, TreeReader, differing, introduced, parse_entries

NAMES = [b"a", b"a.b", b"a-b", b"a0", b"b", b"100644 x", b"40000 y", b"\xff", b"zz", b"long" * 30]
MODES = [0o100644, 0o100755, 0o120000]
leaves = st.tuples(st.sampled_from(MODES), st.integers(0, 5))
folders = st.recursive(leaves, lambda inner: st.dictionaries(st.sampled_from(NAMES), inner, max_size=6), max_leaves=20)
roots = st.dictionaries(st.sampled_from(NAMES), folders, max_size=8)


def write(repo: pygit2.Repository, folder: dict[bytes, object]) -> bytes:
    """Write a nested folder as trees; its raw id."""
    lines = []
    for name, value in folder.items():
        if isinstance(value, dict):
            lines.append((name + b"/", b"40000 " + name + b"\0" + write(repo, value)))
        else:
            mode, content = value  # type: ignore[misc]
            blob = bytes.fromhex(str(repo.create_blob(b"content %d" % content)))
            lines.append((name, b"%o " % mode + name + b"\0" + blob))
    data = b"".join(line for _, line in sorted(lines))
    return bytes.fromhex(str(repo.odb.write(pygit2.enums.ObjectType.TREE, data)))


def flat(folder: dict[bytes, object], prefix: bytes = b"") -> set[tuple[bytes, int, int]]:
    """(path, mode, content) of every file."""
    found: set[tuple[bytes, int, int]] = set()
    for name, value in folder.items():
        if isinstance(value, dict):
            found |= flat(value, prefix + name + b"/")
        else:
            found.add((prefix + name, *value))  # type: ignore[misc]
    return found


@settings(max_examples=80)
@given(roots, st.lists(roots, max_size=3))
def test_introduced_is_what_no_parent_has(new: dict[bytes, object], parents: list[dict[bytes, object]]) -> None:
    """Paths that no parent has with that mode and content, for any number of parents."""
    with tempfile.TemporaryDirectory() as folder:
        repo = pygit2.init_repository(folder, bare=True)
        tree, others = write(repo, new), [write(repo, parent) for parent in parents]
        trees = TreeReader(ObjectStore(Path(folder) / "objects"))
        paths = [path for path, _ in introduced(trees, tree, others)]
    known = set().union(*map(flat, parents)) if parents else set()
    assert sorted(paths) == sorted({path for path, *_ in flat(new) - known})
    assert trees.losses == []


entries = st.dictionaries(st.sampled_from(NAMES), st.binary(min_size=20, max_size=20), max_size=10)


@settings(max_examples=300)
@given(entries, entries)
def test_differing_is_a_set_difference(new: dict[bytes, bytes], old: dict[bytes, bytes]) -> None:
    """Whatever bytes the ids hold: spaces, digits and NULs do not shift the boundaries."""

    def data(folder: dict[bytes, bytes]) -> bytes:
        return b"".join(b"100644 " + name + b"\0" + folder[name] for name in sorted(folder))

    ours, theirs = data(new), data(old)
    start = next((i for i, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b), min(len(ours), len(theirs)))
    most = min(len(ours), len(theirs)) - start
    rest = next((i for i in range(most) if ours[-1 - i] != theirs[-1 - i]), most)
    only_new, only_old = differing(Tree(ours), Tree(theirs), start, rest)
    want_new, want_old = set(parse_entries(ours)), set(parse_entries(theirs))
    assert set(only_new) - set(only_old) == want_new - want_old
    assert set(only_old) - set(only_new) == want_old - want_new


edits = st.lists(st.tuples(st.integers(0, 30), st.binary(max_size=200)), min_size=1, max_size=12)


@settings(max_examples=25)
@given(st.lists(edits, min_size=1, max_size=3), st.sampled_from([1, 4096, 1 << 21]), st.sampled_from([1, 1 << 24]))
def test_packs_are_read_as_libgit2_reads_them(chains: list[list[tuple[int, bytes]]], unit: int, held: int) -> None:
    """Every blob of edit chains that libgit2 packed, once, whatever the sizes of units and of what may be held."""
    before = plan.UNIT_BYTES, reader.HELD_BYTES_MAX
    plan.UNIT_BYTES, reader.HELD_BYTES_MAX = unit, held
    try:
        with tempfile.TemporaryDirectory() as folder:
            repo = pygit2.init_repository(folder, bare=True)
            for chain in chains:
                lines = [b"line %d\n" % number * 20 for number in range(31)]
                for at, text in chain:
                    lines[at] = text
                    repo.create_blob(b"".join(lines))
            repo.pack()
            store = ObjectStore(Path(folder) / "objects")
            (file,) = store.packs
            read = {}
            for part, _ in plan_pack(file.pack, file.index, None, PackPlan([], [])):
                for rebuilt in UnitReader(file.pack, part).objects():
                    name = file.index.name(part.entries[rebuilt.node])
                    assert name not in read
                    read[name] = rebuilt.data
            expected = {bytes.fromhex(str(oid)): repo[oid].data for oid in repo}
            assert read == expected
            assert {name: store.read(name)[1] for name in expected} == expected
    finally:
        plan.UNIT_BYTES, reader.HELD_BYTES_MAX = before
