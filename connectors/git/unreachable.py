"""Commits that no ref leads to: of deleted branches, amended or dropped. They are only looked for when a match needs a
place and has none.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from gossip.connectors.git.history import Graph, parse_commit
from gossip.connectors.git.opening import place_of
from gossip.connectors.git.packs.pack import COMMIT, OFS_DELTA, REF_DELTA
from gossip.connectors.git.walk import planned_commits, walk_commits
from gossip.schemas.errors import PermanentError
from gossip.schemas.units import BlobPlace, Place

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from gossip.connectors.git.packs.file import PackFile
    from gossip.connectors.git.store import ObjectStore
    from gossip.connectors.git.walk import Walker


def places_beyond(walker: Walker, store: ObjectStore, reachable: Graph, wanted: frozenset[bytes]) -> list[BlobPlace]:
    """A place of each wanted blob in a commit that is not reachable; without a path where no commit has it."""
    beyond = tuple(planned_commits(store, commits_beyond(store, reachable.commits)))
    found = walk_commits(walker, 0, (0, beyond, ()), wanted, partial(place_of, store), None).places
    placed = {place.blob for place in found}
    found += tuple(BlobPlace(blob, (len(beyond), b""), Place(b"")) for blob in sorted(wanted - placed))
    return [place._replace(place=place.place._replace(unreachable=True)) for place in found]


def commits_beyond(store: ObjectStore, reachable: Container[bytes]) -> Graph:
    """Every sound commit of the store that is not among the reachable ones. What cannot be read is left out."""
    graph = Graph()
    for name in all_commits(store):
        if name in reachable or name in graph.commits:
            continue
        try:
            graph.commits[name] = parse_commit(store.read(name)[1])
        except PermanentError:
            continue
    return graph


def all_commits(store: ObjectStore) -> Iterator[bytes]:
    """Ids of the commits of all packs and of the loose ones; some more than once."""
    for file in store.packs:
        yield from _packed(store, file)
    for name, _ in store.loose():
        if _kind(store, name) == COMMIT:
            yield name


def _packed(store: ObjectStore, file: PackFile) -> Iterator[bytes]:
    """By headers alone, where the chain of bases lies in front of the object, as it nearly always does."""
    offsets = file.index.offsets()
    kinds: dict[int, int] = {}
    for entry in sorted(range(len(offsets)), key=offsets.__getitem__):
        offset = offsets[entry]
        try:
            header = file.pack.entry(offset)
        except PermanentError:
            continue
        kind = kinds.get(header.base, REF_DELTA) if header.kind == OFS_DELTA else header.kind
        if kind == REF_DELTA:
            kind = _kind(store, file.index.name(entry))
        kinds[offset] = kind
        if kind == COMMIT:
            yield file.index.name(entry)


def _kind(store: ObjectStore, name: bytes) -> int:
    try:
        return store.read(name)[0]
    except PermanentError:
        return 0
