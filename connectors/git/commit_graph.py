"""The commit-graph file: what Git wrote down of commits, so that nobody needs to read them.

https://git-scm.com/docs/commit-graph-format, version 1 with SHA-1: one file, or a chain of files, each on top of the
one before. It is a cache: a file that is damaged, cut short or of another kind is as good as none, and commits that it
lacks are read from the object store. Its own checksum is verified, so what it says is what Git wrote.
"""

from __future__ import annotations

import struct
from hashlib import sha1
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAME_BYTES = 20
GRAPH_BYTES_MAX = 1 << 30
CHAIN_FILES_MAX = 64
_HEADER = struct.Struct(">4sBBBB")
_CHUNK = struct.Struct(">4sQ")
_COMMIT = struct.Struct(">20sIIQ")
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


class _File(NamedTuple):
    names: list[bytes]
    data: bytes
    edges: bytes


def read_commit_graph(folders: list[Path]) -> dict[bytes, GraphCommit]:
    """Every commit of the commit-graph files of object folders, by id; nothing of files that are not sound."""
    found: dict[bytes, GraphCommit] = {}
    for folder in folders:
        for files in (_single(folder), _chain(folder)):
            try:
                for commit in _commits(files):
                    found.setdefault(commit.name, commit)
            except _DamageError:
                continue
    return found


def _single(folder: Path) -> list[_File]:
    try:
        return [_parsed(folder / "info" / "commit-graph", 0)]
    except (_DamageError, OSError):
        return []


def _chain(folder: Path) -> list[_File]:
    """The files of a chain from its base on, up to the first one that is not sound."""
    root = folder / "info" / "commit-graphs"
    try:
        names = (root / "commit-graph-chain").read_text("ascii", "replace").split()
    except OSError:
        return []
    files: list[_File] = []
    for number, name in enumerate(names[:CHAIN_FILES_MAX]):
        if len(name) != 2 * NAME_BYTES or name.strip("0123456789abcdef"):
            break
        try:
            files.append(_parsed(root / f"graph-{name}.graph", number))
        except (_DamageError, OSError):
            break
    return files


def _parsed(path: Path, below: int) -> _File:
    """A file that stands on `below` others. Raises _DamageError and OSError."""
    if path.stat().st_size > GRAPH_BYTES_MAX:
        raise _DamageError
    data = path.read_bytes()
    if len(data) < _HEADER.size + _CHUNK.size + NAME_BYTES:
        raise _DamageError
    signature, version, kind, chunks, bases = _HEADER.unpack_from(data)
    if (signature, version, kind, bases) != (_SIGNATURE, _VERSION, _SHA1, below):
        raise _DamageError
    if sha1(data[:-NAME_BYTES], usedforsecurity=False).digest() != data[-NAME_BYTES:]:
        raise _DamageError
    parts = _chunks(data, chunks)
    raw, table = parts.get(b"OIDL", b""), parts.get(b"CDAT", b"")
    if len(raw) % NAME_BYTES or len(table) != len(raw) // NAME_BYTES * _COMMIT.size:
        raise _DamageError
    names = [raw[at : at + NAME_BYTES] for at in range(0, len(raw), NAME_BYTES)]
    return _File(names, table, parts.get(b"EDGE", b""))


def _chunks(data: bytes, count: int) -> dict[bytes, bytes]:
    if len(data) < _HEADER.size + (count + 1) * _CHUNK.size + NAME_BYTES:
        raise _DamageError
    marks = [_CHUNK.unpack_from(data, _HEADER.size + number * _CHUNK.size) for number in range(count + 1)]
    found = {}
    for (name, start), (_, end) in pairwise(marks):
        if not 0 < start <= end <= len(data) - NAME_BYTES:
            raise _DamageError
        found[name] = data[start:end]
    return found


def _commits(files: list[_File]) -> Iterator[GraphCommit]:
    """Commits of a chain; positions of parents count through all of its files. Raises _DamageError."""
    names = [name for file in files for name in file.names]
    position = 0
    for file in files:
        for tree, first, second, packed in _COMMIT.iter_unpack(file.data):
            parents: tuple[int, ...] = ()
            if first != _NO_PARENT:
                parents = (first,)
                if second & _MORE:
                    parents += tuple(_extra(file.edges, second & ~_MORE))
                elif second != _NO_PARENT:
                    parents = (first, second)
            try:
                ids = tuple(names[parent] for parent in parents)
            except IndexError:
                raise _DamageError from None
            yield GraphCommit(names[position], tree, ids, packed & _TIME_MASK)
            position += 1


def _extra(edges: bytes, at: int) -> Iterator[int]:
    """The second and further parents of a commit with three or more."""
    while True:
        raw = edges[4 * at : 4 * at + 4]
        if len(raw) < len(b"edge"):
            raise _DamageError
        value = int.from_bytes(raw, "big")
        yield value & ~_MORE
        if value & _MORE:
            return
        at += 1
