"""The commit graph of a repository, read once: which commits, in which order, with which trees.

Order: ancestors first; among commits whose parents are all placed, the oldest committer time first, then the smallest
id.
So "the first commit that introduced a blob" does not depend on how the repository is packed.
"""

from __future__ import annotations

import contextlib
import heapq
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

from gossip.connectors.git.commit_graph import read_commit_graph
from gossip.connectors.git.loose import MissingObjectError
from gossip.connectors.git.packs.pack import BLOB, COMMIT, TAG, TREE, loss_kind
from gossip.connectors.git.store import ObjectStore
from gossip.schemas.errors import PermanentError
from gossip.schemas.summary import Loss

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_COMMITTER = re.compile(rb"^committer .*? (-?\d{1,18}) [+-]\d{4}$", re.MULTILINE)
_AUTHOR = re.compile(rb"^author (.*?) ?<([^>\n]*)>(.*)$", re.MULTILINE)
_DATE = re.compile(rb" (-?\d{1,18}) ([+-])(\d\d)(\d\d)")
_TAG_DEPTH_MAX = 10
WALK_ON_MAX = 64
"""Commits that a walk of new commits looks at past the last that seems new: clocks may be wrong."""


@dataclass(slots=True)
class Commit:
    """What the walk needs of a commit."""

    tree: bytes
    parents: tuple[bytes, ...]
    time: int


@dataclass(slots=True)
class Graph:
    """Commits by id, and what hangs on refs without a commit."""

    commits: dict[bytes, Commit] = field(default_factory=dict)
    trees: list[bytes] = field(default_factory=list)
    """Trees that a tag or ref names directly; so `blobs`."""
    blobs: list[bytes] = field(default_factory=list)
    losses: list[Loss] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        """Whether there is nothing in it."""
        return not (self.commits or self.trees or self.blobs)

    def outside(self) -> set[bytes]:
        """Parents of commits of the graph that are not in it."""
        return {parent for commit in self.commits.values() for parent in commit.parents if parent not in self.commits}

    def ordered(self) -> Iterator[tuple[bytes, Commit]]:
        """Every commit, ancestors first. Parents that are not in the graph do not hold a commit back."""
        children: dict[bytes, list[bytes]] = {}
        waiting: dict[bytes, int] = {}
        ready: list[tuple[int, bytes]] = []
        for name, commit in self.commits.items():
            known = {parent for parent in commit.parents if parent in self.commits}
            for parent in known:
                children.setdefault(parent, []).append(name)
            if known:
                waiting[name] = len(known)
            else:
                ready.append((commit.time, name))
        heapq.heapify(ready)
        while ready:
            _, name = heapq.heappop(ready)
            yield name, self.commits[name]
            for child in children.pop(name, ()):
                waiting[child] -= 1
                if not waiting[child]:
                    heapq.heappush(ready, (self.commits[child].time, child))


def read_graph(
    store: ObjectStore, tips: Iterable[tuple[bytes, str]], shallow: frozenset[bytes], hidden: Iterable[bytes] = ()
) -> Graph:
    """Everything reachable from `tips` (id, what names it), less the ancestors of `hidden` commits.

    Shallow commits have no parents here. Objects that are missing or damaged become losses.
    """
    graph = Graph()
    written = _Written(store)
    stack: list[tuple[bytes, str]] = []
    for name, where in tips:
        stack.extend([(name, where)] if written.get(name) else _peeled(store, name, where, graph))
    excluded = _ancestors(store, hidden, shallow, written)
    while stack:
        name, where = stack.pop()
        if name in graph.commits or name in excluded:
            continue
        commit = written.get(name) or _read_commit(store, name, where, graph)
        if commit is None:
            continue
        if name in shallow:
            commit.parents = ()
        graph.commits[name] = commit
        stack.extend((parent, f"parent of commit {name.hex()}") for parent in commit.parents)
    return graph


class _Written:
    """What Git wrote down of commits. It is believed of commits that are there: Git may still know of others."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._known = read_commit_graph(store.folders)

    def get(self, name: bytes) -> Commit | None:
        """None for a commit that has to be read: without a time, too, for Git writes 0 for all that it cannot."""
        known = self._known.get(name)
        if known is None or not known.time or not self._store.has(name):
            return None
        return Commit(known.tree, known.parents, known.time)


def _ancestors(store: ObjectStore, tips: Iterable[bytes], shallow: frozenset[bytes], written: _Written) -> set[bytes]:
    scratch = Graph()
    seen: set[bytes] = set()
    stack = list(tips)
    while stack:
        name = stack.pop()
        if name in seen:
            continue
        seen.add(name)
        commit = written.get(name) or _read_commit(store, name, "", scratch)
        if commit is not None and name not in shallow:
            stack.extend(commit.parents)
    return seen


def commits_at(store: ObjectStore, tips: Iterable[bytes]) -> tuple[bytes, ...]:
    """The commits that tips name, by way of tags too; those that are not here any more are left out."""
    scratch = Graph()
    return tuple(commit for tip in tips for commit, _ in _peeled(store, tip, "", scratch))


def _peeled(store: ObjectStore, name: bytes, where: str, graph: Graph) -> list[tuple[bytes, str]]:
    """Follow tags of tags; commits are returned, trees and blobs noted in the graph."""
    for _ in range(_TAG_DEPTH_MAX):
        try:
            kind, data = store.read(name)
        except MissingObjectError:
            graph.losses.append(Loss("missing-object", name.hex(), where))
            return []
        except PermanentError as err:
            graph.losses.append(Loss(loss_kind(err), name.hex(), f"{where}: {err}"))
            return []
        if kind == COMMIT:
            return [(name, where)]
        if kind == TREE:
            graph.trees.append(name)
            return []
        if kind == BLOB:
            graph.blobs.append(name)
            return []
        line = data.partition(b"\n")[0]
        if kind != TAG or not line.startswith(b"object ") or len(line) != 47 or not _is_hex(line[7:]):
            graph.losses.append(Loss("damaged-object", name.hex(), f"{where}: a tag that names nothing"))
            return []
        name = bytes.fromhex(line[7:].decode())
    graph.losses.append(Loss("damaged-object", name.hex(), f"{where}: tags of tags, over {_TAG_DEPTH_MAX} levels"))
    return []


def _is_hex(text: bytes) -> bool:
    return not text.strip(b"0123456789abcdef")


def _read_commit(store: ObjectStore, name: bytes, where: str, graph: Graph) -> Commit | None:
    try:
        kind, data = store.read(name)
        if kind != COMMIT:
            raise PermanentError("not a commit")
        return parse_commit(data)
    except MissingObjectError:
        graph.losses.append(Loss("missing-object", name.hex(), where))
    except PermanentError as err:
        graph.losses.append(Loss(loss_kind(err), name.hex(), f"{where}: {err}"))
    return None


class _Paint:
    """One walk from both ends at once, newest commits first: what tips lead to, less what hidden commits lead to.

    It ends once it is past the last commit that is wanted, so that it costs what is new and not what there is. A hidden
    commit may be dated wrongly and be met late: its ancestors are then taken back, and the walk goes on a little.
    """

    def __init__(self, store: ObjectStore, shallow: frozenset[bytes], graph: Graph) -> None:
        self._store, self._shallow, self._graph = store, shallow, graph
        self._written = _Written(store)
        self._known: dict[bytes, Commit | None] = {}
        self._queue: list[tuple[int, bytes]] = []
        self._wanted: set[bytes] = set()
        """Queued and not hidden, as far as is known."""
        self._hidden: set[bytes] = set()
        self._lost: dict[bytes, list[Loss]] = {}
        """What could not be read, until it is known whether it is hidden."""

    def add(self, name: bytes, where: str, *, hidden: bool) -> None:
        """A commit that was met. Of hidden ones nothing is said: what is missing there is not needed."""
        if hidden:
            self._hide(name)
        if name in self._known:
            return
        scratch = Graph()
        commit = self._written.get(name) or _read_commit(self._store, name, where, scratch)
        self._known[name] = commit
        if not hidden:
            self._lost[name] = scratch.losses
        if commit is not None:
            if name in self._shallow:
                commit.parents = ()
            heapq.heappush(self._queue, (-commit.time, name))
            if name not in self._hidden:
                self._wanted.add(name)

    def _hide(self, name: bytes) -> None:
        stack = [name]
        while stack:
            name = stack.pop()
            if name in self._hidden:
                continue
            self._hidden.add(name)
            self._wanted.discard(name)
            self._graph.commits.pop(name, None)
            self._lost.pop(name, None)
            commit = self._known.get(name)
            if commit is not None:
                stack.extend(parent for parent in commit.parents if parent in self._known)

    def run(self) -> None:
        """Walk until nothing wanted is left, and so far past it that clocks may be wrong."""
        oldest, slop = 0, WALK_ON_MAX
        while self._queue and (self._wanted or slop):
            negative, name = heapq.heappop(self._queue)
            commit = self._known[name]
            assert commit is not None, "only commits that were read are queued"
            hidden = name in self._hidden
            if not hidden:
                self._wanted.discard(name)
                self._graph.commits[name] = commit
                oldest = -negative
            elif not self._wanted and -negative < oldest:
                slop -= 1
            for parent in commit.parents:
                self.add(parent, f"parent of commit {name.hex()}", hidden=hidden)
        for losses in self._lost.values():
            self._graph.losses.extend(losses)


def read_frontier(
    store: ObjectStore, tips: Iterable[tuple[bytes, str]], shallow: frozenset[bytes], hidden: Iterable[bytes]
) -> Graph:
    """As `read_graph`, at the cost of what is new. Where commits are dated before their parents it may hold commits
    that hidden ones lead to; it never lacks one that they do not.
    """
    graph = Graph()
    paint = _Paint(store, shallow, graph)
    for commit in commits_at(store, hidden):
        paint.add(commit, "", hidden=True)
    for name, where in tips:
        for commit, what in _peeled(store, name, where, graph):
            paint.add(commit, what, hidden=False)
    paint.run()
    return graph


def parse_commit(data: bytes) -> Commit:
    """Tree, parents and committer time of a commit object. Raises PermanentError if it has no sound tree line."""
    head = data.partition(b"\n\n")[0]
    lines = head.split(b"\n")
    if not lines[0].startswith(b"tree ") or len(lines[0]) != 45 or not _is_hex(lines[0][5:]):
        raise PermanentError("commit without a tree")
    parents = []
    for line in lines[1:]:
        if not line.startswith(b"parent ") or len(line) != 47 or not _is_hex(line[7:]):
            break
        parents.append(bytes.fromhex(line[7:].decode()))
    found = _COMMITTER.search(head)
    # A commit without a readable time (old tools made such) sorts first among its peers.
    return Commit(bytes.fromhex(lines[0][5:].decode()), tuple(parents), int(found[1]) if found else 0)


def author_of(data: bytes) -> tuple[str, str, str]:
    """(name, email, ISO 8601 date) of a commit's author; empty strings for what is not there."""
    found = _AUTHOR.search(data.partition(b"\n\n")[0])
    if not found:
        return "", "", ""
    date = ""
    when = _DATE.fullmatch(found[3])
    if when:
        offset = timedelta(hours=int(when[3]), minutes=int(when[4]))
        with contextlib.suppress(ValueError, OverflowError, OSError):  # outside years 1 to 9999, or a zone over a day
            zone = timezone(-offset if when[2] == b"-" else offset)
            date = datetime.fromtimestamp(int(when[1]), UTC).astimezone(zone).isoformat()
    return found[1].decode("utf-8", "replace"), found[2].decode("utf-8", "replace"), date
