"""What a push brings: the blobs of commits that no ref leads to yet, read from the quarantine that Git keeps them in.

Unlike a scan `--since` a revision, this costs what is new, not what there is: commits are walked from both ends, and
the tree below the new commits is read only if a blob is met that is not new to the repository.
"""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING

from gossip.connectors.git.history import Graph, read_frontier
from gossip.connectors.git.opening import open_object
from gossip.connectors.git.repository import Repository, Surroundings
from gossip.connectors.git.trees import TreeReader, introduced
from gossip.connectors.git.walk import planned_commits, tree_of
from gossip.schemas.errors import MisuseError
from gossip.schemas.protocols import Document
from gossip.schemas.summary import Loss
from gossip.schemas.units import HistoryUnit, PlanReport, ScanUnit, Target

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gossip.connectors.git.store import ObjectStore
    from gossip.schemas.protocols import Opened

TIPS, HIDDEN, OBJECTS_MAX, BYTES_MAX = "tips", "hidden", "objects_max", "bytes_max"
"""Options of a target. `tips`: `id=ref`, with an id in hex or a ref, and spaces between. `hidden`: ids that are known
already, or patterns of refs that are. The limits are numbers."""
OVER_LIMIT = "push-limit"
"""The kind of loss of what a limit leaves out."""

_OBJECTS_PER_UNIT = 256
_BYTES_GUESS = 16 * 1024
_ID = re.compile("[0-9a-f]{40}")

BlobAt = tuple[bytes, bytes, bytes]
"""Blob id, path, commit id."""


class PushedSource:
    """The new blobs of a push. Findings have the ids that a scan of the whole repository gives them.

    A loss of kind `push-limit` says that a push was too large to be scanned in full.
    """

    connector = "gitlocal"

    def __init__(self, target: Target) -> None:
        """Raises MisuseError where there is no repository, or options are no ids and numbers."""
        self._target = target
        around = Surroundings.of(target)
        self._apart = bool(around.objects)
        self._repository = Repository(target.location, target.name, around=around)
        self._tips = [self._tip(word) for word in target.option(TIPS).split()]
        self._objects_left = int(target.option(OBJECTS_MAX, "0"))
        self._bytes_left = int(target.option(BYTES_MAX, "0"))
        self._losses: list[Loss] = []

    @cached_property
    def _store(self) -> ObjectStore:
        return self._repository.store()

    @property
    def instance(self) -> bytes:
        """The repository's identity, the same in every clone of it."""
        return self._repository.identity()

    def _tip(self, word: str) -> tuple[bytes, str]:
        """(id, what names it) of a word of the option."""
        text, _, ref = word.partition("=")
        known = self._repository.refs.ids.get(text.encode("utf-8", "surrogateescape"))
        if known is None and not _ID.fullmatch(text):
            raise MisuseError(f"{self._repository.name}: {text}: neither a ref nor the id of an object")
        return known or bytes.fromhex(text), ref

    def plan(self) -> Iterator[ScanUnit | HistoryUnit | PlanReport]:
        """Units of new blobs, first commits first; past the limit of objects, a loss."""
        batch: list[BlobAt] = []
        units = count = left_out = 0
        for blob in self._blobs():
            if count >= self._objects_left:
                left_out += 1
                continue
            count += 1
            batch.append(blob)
            if len(batch) >= _OBJECTS_PER_UNIT:
                units += 1
                yield self._unit(batch)
                batch = []
        if batch:
            units += 1
            yield self._unit(batch)
        if left_out:
            why = f"{left_out:,} of {count + left_out:,} new files: over the limit of {self._objects_left:,}"
            self._losses.append(Loss(OVER_LIMIT, "the push", why))
        losses = (*self._store.losses, *self._losses)
        yield PlanReport(self._target.index, units, 0, count * _BYTES_GUESS, losses)

    def _unit(self, batch: list[BlobAt]) -> ScanUnit:
        return ScanUnit(self._target.index, "blobs", tuple(batch), _BYTES_GUESS * len(batch))

    def _hidden(self) -> list[bytes]:
        """What is known: commits by id, and what refs of a pattern (a prefix that ends in `*`) lead to."""
        found: list[bytes] = []
        for word in self._target.option(HIDDEN).split():
            if _ID.fullmatch(word):
                name = bytes.fromhex(word)
                found.extend([name] if self._store.has(name) else [])
            else:
                prefix = word.removesuffix("*").encode("utf-8", "surrogateescape")
                found.extend(name for ref, name in self._repository.refs.ids.items() if ref.startswith(prefix))
        return list(dict.fromkeys(found))

    def _blobs(self) -> Iterator[BlobAt]:
        """Every new blob once, at its first place."""
        graph = read_frontier(self._store, self._tips, self._repository.shallow(), self._hidden())
        trees = TreeReader(self._store)
        seen: set[bytes] = set()
        old: set[bytes] | None = None
        for commit in planned_commits(self._store, graph):
            for path, blob in introduced(trees, commit.tree, commit.parents):
                if blob in seen:
                    continue
                seen.add(blob)
                if not (self._apart and self._store.new(blob)):
                    # Moved, copied, or in a branch that was deleted: only what the new commits stand on tells.
                    old = self._below(graph) if old is None else old
                    if blob in old:
                        continue
                yield blob, path, commit.name
        for blob in graph.blobs:
            if blob not in seen:
                seen.add(blob)
                yield blob, b"", b""
        self._losses.extend((*graph.losses, *trees.taken()))

    def _below(self, graph: Graph) -> set[bytes]:
        """The blobs of the commits that the new ones stand on. What is missing there hides nothing."""
        trees = TreeReader(self._store)
        found: set[bytes] = set()
        opened: set[bytes] = set()
        for name in sorted(graph.outside()):
            tree = tree_of(self._store, name)
            if tree is not None:
                found.update(blob for _, blob in introduced(trees, tree, (), opened))
        return found

    def open(self, unit: ScanUnit) -> Iterator[Opened]:
        """The documents of a unit, until the limit of bytes; what is left out then is one loss a unit."""
        assert isinstance(unit.payload, tuple)
        for number, (blob, path, commit) in enumerate(unit.payload):
            if self._bytes_left <= 0:
                why = f"{len(unit.payload) - number:,} new files: over the limit of bytes"
                yield Loss(OVER_LIMIT, "the push", why)
                return
            for opened in open_object(self._store, blob, path, commit):
                if isinstance(opened, Document) and isinstance(opened.chunks, tuple):
                    self._bytes_left -= sum(map(len, opened.chunks))
                yield opened
