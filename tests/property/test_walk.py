"""Places of blobs: what the units of a walk say together, against a comparison of whole trees, commit by commit."""

from __future__ import annotations

from itertools import pairwise
from typing import cast

from hypothesis import given, settings
from hypothesis import strategies as st

from gossip.connectors.git.history import Commit, Graph
from gossip.connectors.git.store import ObjectStore
from gossip.connectors.git.walk import Walker, planned_commits, walk_commits
from gossip.schemas.units import Place
from tests.property.test_introduced import Folder, MemoryStore, edited, folders, leaves, naive


class Store(MemoryStore):
    """Trees, and blobs of which some are missing."""

    def __init__(self, missing: set[bytes]) -> None:
        super().__init__()
        self.missing = missing

    def has(self, name: bytes) -> bool:
        """Whether a blob is there."""
        return name not in self.missing


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[Folder, list[int], int]]:
    """(tree, numbers of the parents, time): merges, octopus and criss-cross ones, equal times, several roots."""
    commits: list[tuple[Folder, list[int], int]] = []
    for number in range(draw(st.integers(1, 9))):
        parents = draw(st.lists(st.integers(0, number - 1), max_size=min(number, 4), unique=True)) if number else []
        before = commits[draw(st.integers(0, number - 1))][0] if number else draw(folders())
        commits.append((draw(edited(before)), parents, draw(st.integers(0, 3))))
    return commits


@given(histories(), st.data())
@settings(max_examples=120)
def test_places_are_those_of_a_naive_walk(commits: list[tuple[Folder, list[int], int]], data: st.DataObject) -> None:
    """Every wanted blob at each of its paths, first commit first, cut into units anywhere, walked in any order."""
    blobs = sorted({blob for folder, _, _ in commits for _, mode, blob in leaves(folder) if mode != b"160000"})
    missing = data.draw(st.sets(st.sampled_from(blobs))) if blobs else set()
    store = Store(missing)
    graph = Graph()
    names: list[bytes] = []
    for number, (folder, parents, time) in enumerate(commits):
        names.append(bytes([number + 1]) * 20)
        graph.commits[names[-1]] = Commit(store.write(folder), tuple(names[parent] for parent in parents), time)
    planned = list(planned_commits(cast("ObjectStore", store), graph))
    wanted = frozenset(data.draw(st.sets(st.sampled_from(blobs)))) if blobs else frozenset()
    cuts = sorted({0, len(planned), *data.draw(st.sets(st.integers(0, len(planned))))})
    units = [(first, tuple(planned[first:last]), ()) for first, last in pairwise(cuts)]
    walker = Walker(cast("ObjectStore", store))
    results = [
        walk_commits(walker, 0, unit, wanted, lambda path, commit: Place(path, commit.hex()), None)
        for unit in data.draw(st.permutations(units))
    ]
    places = sorted((place for result in results for place in result.places), key=lambda place: place.order)
    found: dict[tuple[bytes, bytes], str] = {}
    order: dict[bytes, list[bytes]] = {}
    for place in places:
        if (place.blob, place.place.path) not in found:
            found[place.blob, place.place.path] = place.place.commit
            order.setdefault(place.blob, []).append(place.place.path)

    number_of = {name: number for number, name in enumerate(names)}
    first: dict[tuple[bytes, bytes], str] = {}
    wanted_order: dict[bytes, list[bytes]] = {}
    introduced: set[bytes] = set()
    for commit in planned:
        folder, parents, _ = commits[number_of[commit.name]]
        for path, blob in naive(folder, [commits[parent][0] for parent in parents]):
            introduced.add(blob)
            if blob in wanted and (blob, path) not in first:
                first[blob, path] = commit.name.hex()
                wanted_order.setdefault(blob, []).append(path)
    assert found == first
    assert order == wanted_order
    lost = {loss.where for result in results for loss in result.losses}
    assert lost == {blob.hex() for blob in introduced & missing}
