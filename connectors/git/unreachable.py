"""Commits that no ref leads to: of deleted branches, amended or dropped. They are only looked for when a match needs a
place and has none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gossip.connectors.git.history import Graph, parse_commit
from gossip.connectors.git.packs.pack import COMMIT, OFS_DELTA, REF_DELTA
from gossip.schemas.errors import PermanentError

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from gossip.connectors.git.store import ObjectStore, PackFile


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
