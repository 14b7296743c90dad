from __future__ import annotations

import hashlib
from typing import cast

from hypothesis import given, settings
from hypothesis import strategies as st

from gossip.connectors.git.history import Commit, Graph
from gossip.connectors.git.loose import MissingObjectError
from gossip.connectors.git.packs.pack import TREE
from gossip.connectors.git.store import ObjectStore
from gossip.connectors.git.trees import (
    Tree,
    TreeReader,
    _common_prefix,
    _common_suffix,
    differing,
    entry_at,
    introduced,
    parse_entries,
    subtree_of,
)
from gossip.schemas.errors import PermanentError

NAMES = [
    b"a",
    b"a.b",
    b"a-b",
    b"a0",
    b"ab",
    b"b",
    b"\xff",
    b"\xc3\xa9",
    b"100644 x",
    b"40000 ",
    b"x 40000 a",
    b"z" * 60,
]
NAMES += [b"40000 a", b"100644 a", b"0", b" "]
MODES = [b"100644", b"100755", b"120000", b"160000"]

Leaf = tuple[bytes, bytes]
"""Mode and id of a file, link or submodule."""
Folder = dict[bytes, "Leaf | Folder"]


@st.composite
def ids(draw: st.DrawFn) -> bytes:
    """Object ids; some look like the beginning of an entry."""
    start = draw(st.sampled_from([b"", b"100644 a\0", b"40000 a\0", b"\0", b"a.b\0"]))
    return (start + bytes([draw(st.integers(0, 5))]) * 20)[:20]


def _nested(levels: int) -> st.SearchStrategy[Folder]:
    leaf: st.SearchStrategy[Leaf | Folder] = st.tuples(st.sampled_from(MODES), ids())
    if levels:
        leaf = st.one_of(leaf, _nested(levels - 1))
    return st.dictionaries(st.sampled_from(NAMES), leaf, max_size=5 if levels else 3)


FOLDERS = _nested(3)


def folders() -> st.SearchStrategy[Folder]:
    """Nested trees."""
    return FOLDERS


@st.composite
def edited(draw: st.DrawFn, folder: Folder) -> Folder:
    """The tree after some additions, removals, renames, changes, and swaps of files and directories."""
    result: Folder = dict(folder)
    for _ in range(draw(st.integers(0, 3))):
        name = draw(st.sampled_from(NAMES))
        action = draw(st.sampled_from(["set", "remove", "rename", "replace", "into", "mode"]))
        old = result.get(name)
        if action == "set":
            result[name] = (draw(st.sampled_from(MODES)), draw(ids()))
        elif action == "replace":
            result[name] = draw(folders())
        elif old is None:
            continue
        elif action == "remove":
            del result[name]
        elif action == "rename":
            result[draw(st.sampled_from(NAMES))] = result.pop(name)
        elif isinstance(old, dict):
            result[name] = draw(edited(old))
        elif action == "mode":
            result[name] = (draw(st.sampled_from(MODES)), old[1])
    return result


class MemoryStore:
    """Trees by id, as an object store."""

    def __init__(self) -> None:
        self.objects: dict[bytes, bytes] = {}

    def read(self, name: bytes) -> tuple[int, bytes]:
        """A tree."""
        if name not in self.objects:
            raise MissingObjectError(name.hex())
        return TREE, self.objects[name]

    def put(self, data: bytes) -> bytes:
        """Store a tree; its id."""
        name = hashlib.sha1(b"tree %d\0" % len(data) + data).digest()
        self.objects[name] = data
        return name

    def write(self, folder: Folder) -> bytes:
        """Store a tree and its subtrees; its id."""
        return self.put(self.raw(folder))

    def raw(self, folder: Folder) -> bytes:
        """A tree object's content."""
        entries = []
        for name, item in folder.items():
            if isinstance(item, dict):
                entries.append((name + b"/", b"40000 " + name + b"\0" + self.write(item)))
            else:
                entries.append((name, item[0] + b" " + name + b"\0" + item[1]))
        return b"".join(raw for _, raw in sorted(entries))


def leaves(folder: Folder, prefix: bytes = b"") -> list[tuple[bytes, bytes, bytes]]:
    """(path, mode, id) of all files, in Git's order."""
    found = []
    for name, item in sorted(folder.items(), key=lambda pair: pair[0] + (b"/" if isinstance(pair[1], dict) else b"")):
        if isinstance(item, dict):
            found.extend(leaves(item, prefix + name + b"/"))
        else:
            found.append((prefix + name, *item))
    return found


def naive(folder: Folder, parents: list[Folder]) -> list[tuple[bytes, bytes]]:
    """Files that no parent has at that path, submodules left out."""
    known = {leaf for parent in parents for leaf in leaves(parent)}
    return [
        (path, blob) for path, mode, blob in leaves(folder) if mode != b"160000" and (path, mode, blob) not in known
    ]


@st.composite
def merges(draw: st.DrawFn) -> tuple[Folder, list[Folder]]:
    """A tree and up to four parents, which are edits of one another."""
    base = draw(folders())
    parents = [draw(edited(base)) for _ in range(draw(st.integers(0, 4)))]
    return draw(edited(draw(st.sampled_from([base, *parents])))), parents


def reader(store: MemoryStore) -> TreeReader:
    """A reader of these trees."""
    return TreeReader(cast("ObjectStore", store))


@given(merges())
@settings(max_examples=25)
def test_introduced_is_what_no_parent_has(case: tuple[Folder, list[Folder]]) -> None:
    """The same files in the same order as a comparison of whole trees, and no loss."""
    folder, parents = case
    store = MemoryStore()
    tree, others = store.write(folder), [store.write(parent) for parent in parents]
    trees = reader(store)
    assert list(introduced(trees, tree, others)) == naive(folder, parents)
    assert trees.losses == []


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[Folder, list[int]]]:
    """Trees with the numbers of their parents, ancestors first."""
    commits: list[tuple[Folder, list[int]]] = []
    for number in range(draw(st.integers(1, 7))):
        most = min(number, 3)
        parents = draw(st.lists(st.integers(0, number - 1), max_size=most, unique=True)) if number else []
        before = commits[draw(st.integers(0, number - 1))][0] if number else draw(folders())
        commits.append((draw(edited(before)), parents))
    return commits


@given(histories())
@settings(max_examples=80)
def test_history_places_every_file_at_its_first_commit(commits: list[tuple[Folder, list[int]]]) -> None:
    """With one reader, and with its memory of directories: (path, blob) first appears where it first is."""
    store = MemoryStore()
    names = [store.write(folder) for folder, _ in commits]
    trees, seen = reader(store), set[bytes]()
    first: dict[tuple[bytes, bytes], int] = {}
    wanted: dict[tuple[bytes, bytes], int] = {}
    for number, (folder, parents) in enumerate(commits):
        for place in introduced(trees, names[number], [names[parent] for parent in parents], seen):
            first.setdefault(place, number)
        for path, mode, blob in leaves(folder):
            if mode != b"160000":
                wanted.setdefault((path, blob), number)
    assert first == wanted


@given(folders(), st.data())
@settings(max_examples=25)
def test_differing_is_the_set_difference(folder: Folder, data: st.DataObject) -> None:
    """Also for trees of many entries, whose known boundaries are passed on from one to the next."""
    store = MemoryStore()
    many = {b"n%04d" % n: (b"100644", bytes([n % 251]) * 20) for n in range(data.draw(st.integers(0, 120)))}
    old_folder: Folder = {**folder, **many}
    old = Tree(store.raw(old_folder))
    for _ in range(4):
        new_folder = data.draw(edited(old_folder))
        for name in data.draw(st.lists(st.sampled_from(sorted(many) or [b"n"]), max_size=2)):
            new_folder.pop(name, None)
        new = Tree(store.raw(new_folder))
        start = _common_prefix(new.data, old.data)
        rest = _common_suffix(new.data, old.data, min(len(new.data), len(old.data)) - start)
        only_new, only_old = differing(new, old, start, rest)
        ours, theirs = set(parse_entries(new.data)), set(parse_entries(old.data))
        assert (set(only_new) - set(only_old), set(only_old) - set(only_new)) == (ours - theirs, theirs - ours)
        sizes, at = {0}, 0
        for entry in parse_entries(new.data):
            at += len(entry)
            sizes.add(at)
        assert set(new.marks) <= sizes
        assert new.marks == sorted(new.marks)
        old, old_folder = new, new_folder


@given(folders(), st.sampled_from(NAMES))
def test_subtrees_are_found_by_name(folder: Folder, name: bytes) -> None:
    """Not by what looks like one within an id or another name."""
    store = MemoryStore()
    raw = store.raw(folder)
    item = folder.get(name)
    assert subtree_of(Tree(raw), name) == (store.write(item) if isinstance(item, dict) else None)
    at = 0
    for entry in parse_entries(raw):
        assert entry_at(Tree(raw), entry) == at
        at += len(entry)


@given(st.binary(max_size=80), st.binary(max_size=80), st.binary(max_size=40))
def test_common_ends(a: bytes, b: bytes, shared: bytes) -> None:
    """Longest common beginning; longest common end within a limit."""
    a, b = shared + a + shared, shared + b + shared
    start = next((n for n, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    assert _common_prefix(a, b) == start
    most = min(len(a), len(b)) - start
    rest = next((n for n in range(most) if a[-1 - n] != b[-1 - n]), most)
    assert _common_suffix(a, b, most) == rest


@given(
    st.lists(st.one_of(st.binary(max_size=60), st.sampled_from([b"100644 a\0" + b"\1" * 20])), max_size=4), folders()
)
@settings(max_examples=80)
def test_damaged_trees_are_losses(parts: list[bytes], folder: Folder) -> None:
    """Any bytes as a tree, alone or against a sound one: a loss or its entries, never another error."""
    store = MemoryStore()
    bad, good = store.put(b"".join(parts)), store.write(folder)
    for tree, parents in ((bad, []), (bad, [good]), (good, [bad]), (good, [good, bad]), (b"\0" * 20, [good])):
        trees = reader(store)
        list(introduced(trees, tree, parents))
        assert {loss.kind for loss in trees.losses} <= {"damaged-object", "missing-object"}
    try:
        parse_entries(store.objects[bad])
    except PermanentError:
        trees = reader(store)
        assert list(introduced(trees, bad, [])) == []
        assert [loss.where for loss in trees.losses] == [bad.hex()]


@given(
    st.lists(st.tuples(st.integers(-3, 3), st.sets(st.integers(0, 11), max_size=4)), min_size=1, max_size=12),
    st.randoms(),
)
def test_order_is_that_of_kahn(nodes: list[tuple[int, set[int]]], random: object) -> None:
    """Repeatedly the least (time, id) of the commits whose parents are placed; input order does not count."""
    names = [hashlib.sha1(b"%d" % n).digest() for n in range(len(nodes))]
    commits = {
        names[n]: Commit(b"", tuple(names[p] for p in sorted(parents) if p < n), time)
        for n, (time, parents) in enumerate(nodes)
    }
    left, expected = dict(commits), []
    while left:
        free = [(c.time, name) for name, c in left.items() if not set(c.parents) & set(left)]
        expected.append(min(free)[1])
        del left[expected[-1]]
    turned = list(commits.items())
    random.shuffle(turned)  # type: ignore[attr-defined]
    assert [name for name, _ in Graph(dict(turned)).ordered()] == expected


def test_modes_of_old_tools() -> None:
    """A directory whose mode has a leading zero is the same directory."""
    store = MemoryStore()
    inner = store.put(b"100644 f\0" + b"\1" * 20)
    newer = store.put(b"100644 f\0" + b"\1" * 20 + b"100644 g\0" + b"\2" * 20)
    old, new = store.put(b"040000 d\0" + inner), store.put(b"40000 d\0" + newer)
    assert list(introduced(reader(store), new, [old])) == [(b"d/g", b"\2" * 20)]
    assert list(introduced(reader(store), old, [])) == [(b"d/f", b"\1" * 20)]
