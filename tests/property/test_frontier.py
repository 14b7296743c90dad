"""The walk of new commits from both ends, against the walk of everything."""

from __future__ import annotations

from typing import cast

from hypothesis import given, settings
from hypothesis import strategies as st

from gossip.connectors.git.history import read_frontier, read_graph
from gossip.connectors.git.loose import MissingObjectError
from gossip.connectors.git.packs.pack import COMMIT
from gossip.connectors.git.store import ObjectStore

TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"


class Commits:
    """A store of commits alone."""

    folders = ()

    def __init__(self) -> None:
        self.data: dict[bytes, bytes] = {}
        self.read_names: list[bytes] = []

    def add(self, number: int, parents: list[int], time: int) -> None:
        """Write a commit."""
        lines = [f"tree {TREE}", *(f"parent {name(parent).hex()}" for parent in parents)]
        self.data[name(number)] = "\n".join([*lines, f"committer A <a@example.com> {time} +0000", "", ""]).encode()

    def has(self, wanted: bytes) -> bool:
        """Whether there is such a commit."""
        return wanted in self.data

    def read(self, wanted: bytes) -> tuple[int, bytes]:
        """A commit."""
        self.read_names.append(wanted)
        if wanted not in self.data:
            raise MissingObjectError(wanted.hex())
        return COMMIT, self.data[wanted]


def name(number: int) -> bytes:
    """The id of a commit."""
    return number.to_bytes(2, "big") * 10


@st.composite
def histories(draw: st.DrawFn) -> tuple[Commits, list[list[int]]]:
    """Commits with up to three parents each, of which some are missing; clocks go wrong by some seconds."""
    store, parents = Commits(), []
    skew = draw(st.sampled_from((0, 0, 3, 40)))
    count = draw(st.integers(1, 14))
    for number in range(count):
        parents.append(draw(st.lists(st.integers(0, number - 1), max_size=3, unique=True)) if number else [])
        store.add(number, parents[-1], 100 + 2 * number + draw(st.integers(-skew, skew)))
    for number in draw(st.sets(st.integers(0, count - 1), max_size=1)):
        del store.data[name(number)]
    return store, parents


@given(histories(), st.data())
@settings(max_examples=300)
def test_a_frontier_is_the_graph_less_what_is_hidden(
    built: tuple[Commits, list[list[int]]], data: st.DataObject
) -> None:
    """The same commits, parents and losses, whatever the clocks of so few commits say."""
    store, parents = built
    numbers = st.lists(st.integers(0, len(parents) - 1), max_size=4)
    tips = [(name(number), "tip") for number in data.draw(numbers)]
    hidden = [name(number) for number in data.draw(numbers) if store.has(name(number))]
    shallow = frozenset(map(name, data.draw(st.sets(st.integers(0, len(parents) - 1), max_size=1))))
    objects = cast("ObjectStore", store)
    whole = read_graph(objects, tips, shallow, hidden)
    found = read_frontier(objects, tips, shallow, hidden)
    assert {key: (c.parents, c.tree) for key, c in found.commits.items()} == {
        key: (c.parents, c.tree) for key, c in whole.commits.items()
    }
    assert {(loss.kind, loss.where) for loss in found.losses} == {(loss.kind, loss.where) for loss in whole.losses}


def test_a_frontier_costs_what_is_new() -> None:
    """Ten commits on top of five thousand: the old ones are not read."""
    store = Commits()
    for number in range(5010):
        store.add(number, [number - 1] if number else [], number)
    graph = read_frontier(cast("ObjectStore", store), [(name(5009), "tip")], frozenset(), [name(4999)])
    assert sorted(graph.commits) == [name(number) for number in range(5000, 5010)]
    assert len(store.read_names) < 100
