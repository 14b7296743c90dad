"""The commit-graph file: what Git wrote down of commits, so that nobody needs to read them.

https://git-scm.com/docs/commit-graph-format, version 1 with SHA-1: one file, or a chain of files, each on top of the
one before. It is a cache: a file that is damaged, cut short or of another kind is as good as none, and commits that it
lacks are read from the object store. Its own checksum is verified, so what it says is what Git wrote. Nothing of it is
held but the map of the file: a commit is looked up when it is asked for.
"""

from __future__ import annotations

import mmap
import struct
from hashlib import sha1
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from gossip.connectors.git.packs.index import big_endian, find_name

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAME_BYTES = 20
GRAPH_BYTES_MAX = 1 << 30
CHAIN_FILES_MAX = 64
_HEADER = struct.Struct(">4sBBBB")
_CHUNK = struct.Struct(">4sQ")
_COMMIT = struct.Struct(">20sIIQ")
_EDGE = struct.Struct(">I")
_FANOUT_BYTES = 1024
_SIGNATURE, _VERSION, _SHA1 = b"CGPH", 1, 1
_NO_PARENT = 0x70000000
_MORE = 0x80000000
"""In the place of the second parent: the others are in the list of extra edges. There: the last one of a commit."""
_TIME_MASK = (1 << 34) - 1


class GraphCommit(NamedTuple):
    """One commit of the file."""

    name: bytes
    tree: bytes
    parents: tuple[bytes, ...]
    time: int
    """Committer time in seconds, of which the file has 34 bits: no time before 1970 or after 2514 is right."""


class _DamageError(Exception):
    """The file does not hold what it says."""


class _File:
    """One file of a chain. Positions are those of its own commits, in name order."""

    def __init__(self, path: Path, bases: bytes, checksum: bytes | None) -> None:
        """`bases`: the checksums of the files that it stands on; `checksum`: what it must have, if that is known.

        Raises _DamageError and OSError.
        """
        with path.open("rb") as file:
            size = path.stat().st_size
            if not _HEADER.size + _CHUNK.size + NAME_BYTES <= size <= GRAPH_BYTES_MAX:
                raise _DamageError
            self.data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        data = self.data
        signature, version, kind, chunks, below = _HEADER.unpack_from(data)
        if (signature, version, kind, below) != (_SIGNATURE, _VERSION, _SHA1, len(bases) // NAME_BYTES):
            raise _DamageError
        with memoryview(data) as view, view[:-NAME_BYTES] as body:
            found = sha1(body, usedforsecurity=False).digest()
        if found != data[-NAME_BYTES:] or checksum not in (None, found):
            raise _DamageError
        parts = _chunks(data, chunks)
        nothing = (0, 0)
        if data[slice(*parts.get(b"BASE", nothing))] != bases:
            raise _DamageError
        fanout = data[slice(*parts.get(b"OIDF", nothing))]
        self._names_at, names_end = parts.get(b"OIDL", nothing)
        self._table_at, table_end = parts.get(b"CDAT", nothing)
        self._edges_at, self._edges_end = parts.get(b"EDGE", nothing)
        self.count = (names_end - self._names_at) // NAME_BYTES
        if (
            len(fanout) != _FANOUT_BYTES
            or (names_end - self._names_at) % NAME_BYTES
            or table_end - self._table_at != self.count * _COMMIT.size
        ):
            raise _DamageError
        self._starts = [0, *big_endian("I", fanout)]
        if self._starts[-1] != self.count or any(a > b for a, b in pairwise(self._starts)):
            raise _DamageError

    def name(self, position: int) -> bytes:
        """The id of a commit."""
        start = self._names_at + NAME_BYTES * position
        return self.data[start : start + NAME_BYTES]

    def find(self, name: bytes) -> int | None:
        """The position of a commit."""
        return find_name(self.data, self._starts, self._names_at, NAME_BYTES, name)

    def entry(self, position: int) -> tuple[bytes, tuple[int, ...], int]:
        """(tree, positions of the parents in the whole chain, time) of a commit. Raises _DamageError."""
        tree, first, second, packed = _COMMIT.unpack_from(self.data, self._table_at + _COMMIT.size * position)
        parents: tuple[int, ...] = ()
        if first != _NO_PARENT:
            parents = (first,)
            if second & _MORE:
                parents += tuple(self._extra(second & ~_MORE))
            elif second != _NO_PARENT:
                parents = (first, second)
        return tree, parents, packed & _TIME_MASK

    def _extra(self, number: int) -> Iterator[int]:
        """The second and further parents of a commit with three or more."""
        for at in range(self._edges_at + _EDGE.size * number, self._edges_end - _EDGE.size + 1, _EDGE.size):
            (value,) = _EDGE.unpack_from(self.data, at)
            yield value & ~_MORE
            if value & _MORE:
                return
        raise _DamageError


class CommitGraph:
    """Commits of all sound files of some object folders."""

    def __init__(self, chains: list[list[_File]]) -> None:
        self._chains = chains

    def get(self, name: bytes) -> GraphCommit | None:
        """A commit, None for one that the files lack or do not describe soundly."""
        for files in self._chains:
            for file in files:
                position = file.find(name)
                if position is None:
                    continue
                try:
                    tree, parents, time = file.entry(position)
                    return GraphCommit(name, tree, tuple(_name_at(files, parent) for parent in parents), time)
                except _DamageError:
                    break
        return None

    def names(self) -> set[bytes]:
        """Ids of all commits of the files."""
        return {file.name(at) for files in self._chains for file in files for at in range(file.count)}


def _name_at(files: list[_File], position: int) -> bytes:
    """The id of the commit at a position, which counts through all files of a chain. Raises _DamageError."""
    for file in files:
        if position < file.count:
            return file.name(position)
        position -= file.count
    raise _DamageError


def read_commit_graph(folders: list[Path]) -> CommitGraph:
    """The commit-graph files of object folders: of each its one file, and its chain as far as it is sound."""
    return CommitGraph([files for folder in folders for files in (_single(folder), _chain(folder, folders)) if files])


def _single(folder: Path) -> list[_File]:
    try:
        return [_File(folder / "info" / "commit-graph", b"", None)]
    except (_DamageError, OSError):
        return []


def _chain(folder: Path, folders: list[Path]) -> list[_File]:
    """The files of a chain from its base on, up to the first one that is not sound. The lower ones may be files of an
    alternate object folder.
    """
    try:
        names = (folder / "info" / "commit-graphs" / "commit-graph-chain").read_text("ascii", "replace").split()
    except OSError:
        return []
    files: list[_File] = []
    bases = b""
    for name in names[:CHAIN_FILES_MAX]:
        if len(name) != 2 * NAME_BYTES or name.strip("0123456789abcdef"):
            break
        checksum = bytes.fromhex(name)
        paths = [each / "info" / "commit-graphs" / f"graph-{name}.graph" for each in (folder, *folders)]
        try:
            files.append(_File(next((path for path in paths if path.exists()), paths[0]), bases, checksum))
        except (_DamageError, OSError):
            break
        bases += checksum
    return files


def _chunks(data: mmap.mmap, count: int) -> dict[bytes, tuple[int, int]]:
    """Where each part begins and ends. Raises _DamageError."""
    if len(data) < _HEADER.size + (count + 1) * _CHUNK.size + NAME_BYTES:
        raise _DamageError
    marks = [_CHUNK.unpack_from(data, _HEADER.size + number * _CHUNK.size) for number in range(count + 1)]
    if any(not 0 < start <= end <= len(data) - NAME_BYTES for (_, start), (_, end) in pairwise(marks)):
        raise _DamageError
    return {name: (start, end) for (name, start), (_, end) in pairwise(marks)}
