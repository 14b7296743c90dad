"""A Git repository as a target, in one of four modes.

history   every blob reachable from the refs once, and the files of the checkout that no commit holds (the default)
since     the blobs that commits introduce which are not reachable from a revision
staged    what the index adds to HEAD
checkout  the tracked files as they are on disk

In history mode packs are read family by family, and blobs are scanned before anybody knows where they lie. Only blobs
with findings are placed, by walking the commits; a blob that no ref leads to is unreachable, and its findings say so.
"""

from __future__ import annotations

import os
from contextlib import suppress
from copy import copy
from dataclasses import replace
from functools import cached_property, partial
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, cast

from blake3 import blake3

from gossip.connectors.files.reading import open_file, weak_version
from gossip.connectors.files.source import batched
from gossip.connectors.git.continuing import outdated
from gossip.connectors.git.head import RepositoryHead
from gossip.connectors.git.history import Graph, commits_at, read_graph
from gossip.connectors.git.opening import open_object, open_pack, place_of
from gossip.connectors.git.packs.plan import PackUnit
from gossip.connectors.git.planning import plan_packed
from gossip.connectors.git.repository import Checkout, File, Repository, Surroundings
from gossip.connectors.git.selection import RefSelection
from gossip.connectors.git.store import ObjectStore
from gossip.connectors.git.trees import TreeReader, introduced
from gossip.connectors.git.unreachable import places_beyond
from gossip.connectors.git.walk import (
    COMMITS_PER_UNIT,
    History,
    PlannedCommit,
    Walker,
    planned_commits,
    tree_of,
    walk_commits,
)
from gossip.engine.findings import display_path
from gossip.schemas.errors import MisuseError, PermanentError
from gossip.schemas.protocols import Opened
from gossip.schemas.summary import Loss
from gossip.schemas.units import BlobPlace, HistoryUnit, PlanReport, ScanUnit, Target, WalkResult, WalkUnit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

OBJECTS_PER_UNIT = 256
UNITS_BEFORE_HISTORY = 64
OBJECT_BYTES_GUESS = 16 * 1024
"""For progress only: what an object is worth whose size is not known beforehand."""

INDEX = ".git/index"
"""Where a loss of the index is, whatever folder the worktree keeps it in."""

BlobAt = tuple[bytes, bytes, bytes]
"""Blob id, path, commit id (empty: none)."""


class GitSource:
    """One repository. See the module's text for its modes, chosen by the target's option `mode`."""

    connector = "gitlocal"

    def __init__(self, target: Target) -> None:
        self._target = target
        self._mode = target.option("mode", "history")
        self._selection = RefSelection.of(target)
        around = Surroundings.of(target)
        self._repository = Repository(target.location, target.name, self._selection, around)
        if self._mode in ("staged", "checkout") and self._repository.workdir is None and not around.index_file:
            raise MisuseError(f"{target.name}: a bare repository has no checkout; scan its history")
        since = target.option("since")
        self._since_commit = self._repository.commit_id(since, self._store) if self._mode == "since" else b""
        self._repository.check_selection()
        self._losses: list[Loss] = []
        self._remembered = False
        self._units = self._histories = self._bytes = 0

    @cached_property
    def _store(self) -> ObjectStore:
        return self._repository.store(verify=self._target.option("verify") == "yes")

    @cached_property
    def _walker(self) -> Walker:
        return Walker(self._store)

    @property
    def instance(self) -> bytes:
        """The repository's identity, the same in every clone of it."""
        return self._repository.identity()

    def plan(self) -> Iterator[ScanUnit | HistoryUnit | PlanReport]:
        """Content, and the history that places it."""
        if self._mode == "history":
            content = self._plan_content()
            # The commit graph takes a while: it is read when every worker has something to do, not at the end.
            yield from islice(content, UNITS_BEFORE_HISTORY)
            yield from self._plan_history(self._graph())
            yield from content
        elif self._mode == "since":
            yield from self._plan_blobs(self._since())
        elif self._mode == "staged":
            yield from self._plan_blobs(self._staged())
        else:
            yield from self._plan_files(self._tracked())
        yield self._report()

    def _report(self) -> PlanReport:
        losses = (*self._store.losses, *self._losses)
        return PlanReport(self._target.index, self._units, self._histories, self._bytes, losses)

    @cached_property
    def reach(self) -> str:
        """Digest of what decides which blobs have a place: tips, shallow commits, files of the index."""
        if self._mode != "history":
            return ""
        tips = sorted({name for name, _ in self._repository.tips()})
        parts = (tips, sorted(self._repository.shallow()), sorted(b"\0".join(x) for x in self._checkout.replaced))
        return blake3(b"\0\0\0".join(b"\0\0".join(part) for part in parts)).hexdigest()

    def fingerprint(self) -> bytes:
        """What the refs name, what is shallow, and names, sizes and times of files that no commit holds."""
        files = self._checkout.paths if self._mode == "history" else self._tracked()
        root = self._repository.workdir or b""
        return blake3(
            b"".join((self.reach.encode(), *(weak_version(os.path.join(root, x), x) for x in files)))
        ).digest()

    def plan_beyond(self, covered: frozenset[str]) -> Iterator[ScanUnit | HistoryUnit | PlanReport]:
        """As `plan`, less what covered tips lead to. Nothing is said to be reached while commits are shallow: their
        parents may come later.
        """
        self._remembered = True
        if self._mode != "history":
            yield from self.plan()
            return
        tips = {name.hex() for name, _ in self._repository.tips()}
        reached = () if self._repository.shallow() else tuple(sorted(tips - covered))
        plan = self._plan_rest(covered) if covered else self.plan()
        for item in plan:
            yield replace(item, reached=reached, reach=self.reach) if isinstance(item, PlanReport) else item

    def _plan_rest(self, covered: frozenset[str]) -> Iterator[ScanUnit | HistoryUnit | PlanReport]:
        """Blobs that commits beyond the covered tips introduce, at whatever path: one may have come back where a rule
        wants it. What the checkout holds is planned every time.
        """
        graph = self._graph(covered=frozenset(map(bytes.fromhex, covered)))
        if not graph.empty or self._checkout.replaced:
            trees = TreeReader(self._store)
            seen: set[bytes] = set()
            wanted = chain(
                (
                    blob
                    for c in planned_commits(self._store, graph)
                    for _, blob in introduced(trees, c.tree, c.parents, seen)
                ),
                graph.blobs,
                (blob for _, blob in self._checkout.replaced),
            )
            # The walk meets what is missing again, and counts it.
            yield from self._plan_objects(name for name in dict.fromkeys(wanted) if self._store.has(name))
            yield from self._plan_history(graph)
        yield from self._plan_files(self._checkout.paths)
        yield self._report()

    def fresh(self) -> GitSource:
        """The same repository, planned by nobody yet."""
        other = copy(self)
        vars(other).update(_losses=[], _units=0, _histories=0, _bytes=0)
        return other

    def prepare(self) -> int:
        """Open the packs and read the refs: processes that fork later see them as they are now, whatever Git does
        meanwhile. Returns the number of packs.
        """
        self._repository.tips()
        if self._mode == "history":
            self._store.prepare()
        return len(self._store.packs)

    def outdated(self, covered: frozenset[str], missing: Iterable[str]) -> bool:
        """Whether what was covered has to be walked again to know what is missing in it."""
        tips = [(name, where) for name, where in self._repository.tips()]
        return outdated(self._store, tips, self._repository.shallow(), covered, missing)

    def head(self) -> RepositoryHead:
        """HEAD's files and those of the checkout."""
        return RepositoryHead(self._repository, self._store)

    def content_key(self, unit: ScanUnit) -> bytes:
        """Ids of the blobs; of files of the checkout, names, sizes and times."""
        if unit.kind == "pack":
            assert isinstance(unit.payload, PackUnit)
            file = self._store.pack_at(Path(unit.payload.pack))
            assert file is not None, "planned by this source"
            names = file.index
            wanted = zip(unit.payload.entries, unit.payload.wanted, strict=True)
            return b"".join(sorted(names.name(entry) for entry, yes in wanted if yes))
        if unit.kind == "objects":
            assert isinstance(unit.payload, bytes)
            return unit.payload
        assert isinstance(unit.payload, tuple)
        if unit.kind == "blobs":
            return b"\0\0".join(b"\0".join(blob) for blob in unit.payload)
        root = self._repository.workdir or b""
        return b"\0\0".join(weak_version(os.path.join(root, path), path) for path in unit.payload)

    def _plan_content(self) -> Iterator[ScanUnit]:
        planned = len(self._store.packs)
        yield from self._plan_packs(0, planned)
        yield from self._plan_loose()
        # What was loose at the first look may have been packed before the second.
        while self._store.look_again():
            first, planned = planned, len(self._store.packs)
            yield from self._plan_packs(first, planned)
        yield from self._plan_files(self._checkout.paths)

    @cached_property
    def _checkout(self) -> Checkout:
        """What the checkout and the index hold and no commit of HEAD."""
        if self._repository.workdir is None or not self._selection.everything:
            return Checkout([], [])
        trees = TreeReader(self._store)
        try:
            head = self._repository.head_files(self._store, trees)
        except PermanentError:
            head = set()  # a loss of the history already; more is scanned for it, not less
        try:
            return self._repository.checkout(head, ignored=self._target.option("ignored") == "yes")
        except PermanentError as err:
            self._losses.append(Loss("unreadable", INDEX, f"{err}; the checkout was not compared with it"))
            return Checkout([], [])

    def _tracked(self) -> list[bytes]:
        try:
            return self._repository.tracked()
        except PermanentError as err:
            self._losses.append(Loss("unreadable", INDEX, str(err)))
            return []

    def _staged(self) -> Iterator[BlobAt]:
        trees = TreeReader(self._store)
        head: set[File] = set()
        try:
            head = self._repository.head_files(self._store, trees)
        except PermanentError as err:
            self._losses.append(Loss("unreadable", "HEAD", f"{err}; all of the index was scanned"))
        try:
            for path, blob in self._repository.staged(head):
                yield blob, path, b""
        except PermanentError as err:
            self._losses.append(Loss("unreadable", INDEX, str(err)))
        self._losses.extend(trees.losses)

    def _unit(self, kind: str, payload: object, size: int) -> ScanUnit:
        self._units += 1
        self._bytes += size
        return ScanUnit(self._target.index, kind, payload, size)

    def _plan_packs(self, first: int, end: int) -> Iterator[ScanUnit]:
        for number in range(first, end):
            foreign: list[bytes] = []
            for unit, size in plan_packed(self._store, number, self._losses, foreign):
                yield self._unit("pack", unit, size)
            yield from self._plan_objects(iter(foreign))

    def _plan_loose(self) -> Iterator[ScanUnit]:
        yield from self._plan_objects(name for name, _ in self._store.loose() if self._store.find(name) is None)

    def _plan_objects(self, names: Iterator[bytes]) -> Iterator[ScanUnit]:
        batch: list[bytes] = []
        for name in names:
            batch.append(name)
            if len(batch) >= OBJECTS_PER_UNIT:
                yield self._unit("objects", b"".join(batch), OBJECT_BYTES_GUESS * len(batch))
                batch = []
        if batch:
            yield self._unit("objects", b"".join(batch), OBJECT_BYTES_GUESS * len(batch))

    def _plan_files(self, paths: Iterator[bytes] | list[bytes]) -> Iterator[ScanUnit]:
        root = self._repository.workdir or b""

        def sized() -> Iterator[tuple[bytes, int]]:
            for path in paths:
                try:
                    yield path, os.lstat(os.path.join(root, path)).st_size
                except OSError as err:
                    if not isinstance(err, FileNotFoundError):
                        self._losses.append(Loss("unreadable", display_path(path), err.strerror or str(err)))

        for payload, size in batched(sized(), remembered=self._remembered):
            yield self._unit("files", payload, size)

    def _plan_blobs(self, blobs: Iterator[BlobAt]) -> Iterator[ScanUnit]:
        batch: list[BlobAt] = []
        for blob in blobs:
            batch.append(blob)
            if len(batch) >= OBJECTS_PER_UNIT:
                yield self._unit("blobs", tuple(batch), OBJECT_BYTES_GUESS * len(batch))
                batch = []
        if batch:
            yield self._unit("blobs", tuple(batch), OBJECT_BYTES_GUESS * len(batch))

    def _graph(self, hidden: tuple[bytes, ...] = (), covered: frozenset[bytes] = frozenset()) -> Graph:
        """What refs lead to, less what hidden commits and covered tips do."""
        tips = [(name, where) for name, where in self._repository.tips() if name not in covered]
        if tips:
            hidden += commits_at(self._store, covered)
        graph = read_graph(self._store, tips, self._repository.shallow(), hidden if tips else ())
        self._losses.extend(self._repository.refs.losses)
        self._losses.extend(graph.losses)
        return graph

    def _plan_history(self, graph: Graph) -> Iterator[HistoryUnit]:
        batch: list[PlannedCommit] = []
        first = 0
        for commit in planned_commits(self._store, graph):
            batch.append(commit)
            if len(batch) >= COMMITS_PER_UNIT:
                yield self._history(first, batch, ())
                first += len(batch)
                batch = []
        # Last, so that they are placed there only if no commit has them.
        files = (*((b"", blob) for blob in graph.blobs), *self._checkout.replaced)
        if batch or files:
            yield self._history(first, batch, files)

    def _history(self, first: int, batch: list[PlannedCommit], files: tuple[File, ...]) -> HistoryUnit:
        self._histories += 1
        return HistoryUnit(self._target.index, (first, tuple(batch), files))

    def _since(self) -> Iterator[BlobAt]:
        graph = self._graph((self._since_commit,))
        trees = TreeReader(self._store)
        # A file that was only moved or copied since is not new: what the trees at the range's lower end hold is known.
        seen: set[bytes] = set()
        for name in {self._since_commit, *graph.outside()}:
            tree = tree_of(self._store, name)
            if tree is not None:
                seen.update(blob for _, blob in introduced(trees, tree, ()))
        for commit in planned_commits(self._store, graph):
            for path, blob in introduced(trees, commit.tree, commit.parents):
                if blob not in seen:
                    seen.add(blob)
                    yield blob, path, commit.name
        self._losses.extend(trees.losses)

    def open(self, unit: ScanUnit) -> Iterator[Opened]:
        """The documents of a unit."""
        if unit.kind == "pack":
            assert isinstance(unit.payload, PackUnit)
            yield from open_pack(self._store, unit.payload)
        elif unit.kind == "objects":
            assert isinstance(unit.payload, bytes)
            for start in range(0, len(unit.payload), 20):
                yield from open_object(self._store, unit.payload[start : start + 20], None, b"")
        elif unit.kind == "blobs":
            assert isinstance(unit.payload, tuple)
            for blob, path, commit in unit.payload:
                yield from open_object(self._store, blob, path, commit)
        else:
            assert isinstance(unit.payload, tuple)
            root = self._repository.workdir or b""
            for path in unit.payload:
                yield from open_file(os.path.join(root, path), path)

    def walk(self, unit: WalkUnit, path_wanted: Callable[[bytes], bool] | None) -> WalkResult:
        """The places of a history unit's wanted blobs, and the objects that are missing there."""
        history = cast("History", unit.history.payload)
        place = partial(place_of, self._store)
        return walk_commits(self._walker, self._target.index, history, unit.wanted, place, path_wanted)

    def places_beyond(self, wanted: frozenset[bytes]) -> list[BlobPlace]:
        """Places of blobs that no ref leads to, in commits to which none leads either; else without a path."""
        if not self._selection.everything:
            return []  # who chooses refs has said what is of interest
        own = frozenset(filter(self._store.own, wanted))
        with suppress(PermanentError):  # an index that cannot be read is a loss already
            # What is staged and not committed was scanned as the file on disk, or has its place in the history's last.
            own -= {blob for _, blob in self._repository.staged(set())}
        if not own:
            return []
        reachable = read_graph(self._store, self._repository.tips(), self._repository.shallow())
        return places_beyond(self._walker, self._store, reachable, own)
