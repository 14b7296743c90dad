"""A file or a tree of files on this machine."""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING
from zlib import crc32

from blake3 import blake3

from gossip.connectors.files.ignore import IgnoreRules
from gossip.connectors.files.presence import DiskHead
from gossip.connectors.files.reading import open_file, weak_version
from gossip.engine.findings import display_path
from gossip.schemas.errors import MisuseError
from gossip.schemas.summary import Loss
from gossip.schemas.units import HistoryUnit, PlanReport, ScanUnit, Target

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gossip.schemas.protocols import Head, Opened

UNIT_BYTES = 4 * 1024 * 1024
UNIT_FILES_MAX = 512
UNIT_FILES_MEAN = 256
GIT_FOLDER = b".git"
GIT_OBJECTS = frozenset({b"objects", b"lfs", b"modules"})
"""Compressed or huge: the repository itself is the target that scans them."""


class FileSource:
    """Every regular file below a folder, or one file. Symlinks are not followed; hidden files are not special."""

    connector = "fslocal"

    def __init__(self, target: Target) -> None:
        self._index = target.index
        self._root = os.fsencode(target.location)
        self._gitignore = target.option("gitignore") == "yes"
        self._is_folder = os.path.isdir(self._root)
        if not os.path.lexists(self._root):
            raise MisuseError(f"{target.name}: no such file or folder")

    @property
    def instance(self) -> bytes:
        """The real path: two spellings of one folder are one target."""
        return os.path.realpath(self._root)

    def plan(self) -> Iterator[ScanUnit | HistoryUnit | PlanReport]:
        """Files in path order, batched."""
        return self._plan(remembered=False)

    def _plan(self, *, remembered: bool) -> Iterator[ScanUnit | HistoryUnit | PlanReport]:
        skipped: Counter[str] = Counter()
        losses: list[Loss] = []
        units = total = 0
        for payload, size in batched(self._files(skipped, losses), remembered=remembered):
            yield ScanUnit(self._index, "files", payload, size)
            units += 1
            total += size
        yield PlanReport(self._index, units, 0, total, tuple(losses), tuple(sorted(skipped.items())))

    def _files(self, skipped: Counter[str], losses: list[Loss]) -> Iterator[tuple[bytes, int]]:
        if not self._is_folder:
            yield b"", _size(self._root)
            return
        rules = IgnoreRules().within(self._root, b"") if self._gitignore else IgnoreRules()
        stack: list[tuple[bytes, IgnoreRules]] = [(b"", rules)]
        while stack:
            prefix, rules = stack.pop()
            folders = []
            for entry in self._entries(prefix, losses):
                path = prefix + entry.name
                try:
                    is_folder, is_file = entry.is_dir(follow_symlinks=False), entry.is_file(follow_symlinks=False)
                    if entry.is_symlink():
                        skipped["symlink"] += 1
                    elif self._gitignore and rules.ignored(path, is_folder=is_folder):
                        skipped["ignored"] += 1
                    elif is_folder:
                        if entry.name in GIT_OBJECTS and prefix.endswith(GIT_FOLDER + b"/"):
                            skipped["git-objects"] += 1
                        else:
                            folders.append(path + b"/")
                    elif is_file:
                        yield path, entry.stat(follow_symlinks=False).st_size
                    else:
                        skipped["special"] += 1
                except OSError as err:
                    losses.append(Loss("unreadable", display_path(path), err.strerror or str(err)))
            for path in reversed(folders):
                inner = rules.within(os.path.join(self._root, path), path) if self._gitignore else rules
                stack.append((path, inner))

    def _entries(self, prefix: bytes, losses: list[Loss]) -> list[os.DirEntry[bytes]]:
        try:
            with os.scandir(os.path.join(self._root, prefix)) as found:
                return sorted(found, key=lambda entry: entry.name)
        except OSError as err:
            losses.append(Loss("unreadable", display_path(prefix) or ".", err.strerror or str(err)))
            return []

    reach = ""
    """Every file has its place."""

    def plan_beyond(self, covered: frozenset[str]) -> Iterator[ScanUnit | HistoryUnit | PlanReport]:
        """As `plan`: whether a file has changed is for its unit's key to say."""
        return self._plan(remembered=True)

    def fresh(self) -> FileSource:
        """Nothing is remembered of a plan."""
        return self

    def outdated(self, covered: frozenset[str], missing: Iterable[str]) -> bool:
        """Never: files are not covered."""
        return False

    def fingerprint(self) -> bytes:
        """Names, sizes and times of all files."""
        digest = blake3()
        for item in self._plan(remembered=True):
            if isinstance(item, ScanUnit):
                digest.update(self.content_key(item))
            else:
                digest.update(repr(item).encode("utf-8", "surrogateescape"))
        return digest.digest()

    def head(self) -> Head:
        """The files as they are now."""
        return DiskHead(self._root, folder=self._is_folder)

    def content_key(self, unit: ScanUnit) -> bytes:
        """Names, sizes and times of the files: weak versions, for which nothing is read."""
        assert isinstance(unit.payload, tuple)
        return b"\0\0".join(
            weak_version(os.path.join(self._root, path) if path else self._root, path) for path in unit.payload
        )

    def open(self, unit: ScanUnit) -> Iterator[Opened]:
        """The files of a unit."""
        assert isinstance(unit.payload, tuple)
        for path in unit.payload:
            if path:
                yield from open_file(os.path.join(self._root, path), path)
            else:
                yield from open_file(self._root, os.path.basename(self._root), follow=True)


def _size(path: bytes) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0  # opening it will say what is wrong


def batched(files: Iterator[tuple[bytes, int]], *, remembered: bool = False) -> Iterator[tuple[tuple[bytes, ...], int]]:
    """(paths, bytes) of units of about UNIT_BYTES.

    `remembered`: some names end a unit whatever it holds, so that a new file changes the units near it and not all that
    follow.
    """
    batch: list[bytes] = []
    total = 0
    for path, size in files:
        batch.append(path)
        total += size
        last = remembered and crc32(path) % UNIT_FILES_MEAN == 0
        if last or total >= UNIT_BYTES or len(batch) >= UNIT_FILES_MAX:
            yield tuple(batch), total
            batch, total = [], 0
    if batch:
        yield tuple(batch), total
