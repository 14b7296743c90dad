"""Keeping the number of a mirror's packs small: each fetch adds one, and each costs every reader two file handles.

The smallest are merged, so that an object is written again about log2(size) times in the life of a mirror. Who has the
old packs mapped goes on reading them.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pygit2

from gossip.connectors.git.packs.index import PackIndex
from gossip.schemas.errors import PermanentError

if TYPE_CHECKING:
    from pathlib import Path

PACKS_MAX = 32
"""More are merged."""


def consolidate(repository: Any, folder: Path) -> int:
    """Merge the smallest packs of a folder into one if there are many; how many were merged. The caller holds the
    mirror. What cannot be merged stays as it is.
    """
    sizes = sorted((path.stat().st_size, path) for path in folder.glob("pack-*.pack"))
    if len(sizes) <= PACKS_MAX:
        return 0
    chosen: list[Path] = []
    total = 0
    for number, (size, path) in enumerate(sizes):
        if number > len(sizes) // 2 and size > total:
            break
        chosen.append(path)
        total += size
    try:
        names = _names(chosen)
        merged = _merge(repository, folder, names)
        if merged in chosen or not names <= _names([merged]):
            return 0
    except (PermanentError, pygit2.GitError, KeyError, ValueError, OSError):
        return 0
    for path in chosen:
        # In this order: a pack without its index would look damaged to who opens it now.
        path.unlink()
        path.with_suffix(".idx").unlink()
    return len(chosen)


def _names(packs: list[Path]) -> set[bytes]:
    names: set[bytes] = set()
    for path in packs:
        index = PackIndex(path.with_suffix(".idx"))
        try:
            names.update(index.name(entry) for entry in range(index.count))
        finally:
            index.close()
    return names


def _merge(repository: Any, folder: Path, names: set[bytes]) -> Path:
    """Write one pack of some objects; its path."""
    before = set(folder.glob("pack-*.pack"))
    builder = pygit2.PackBuilder(repository)
    for name in sorted(names):
        builder.add(pygit2.Oid(raw=name))
    builder.write(os.fspath(folder))
    (made,) = set(folder.glob("pack-*.pack")) - before
    return made
