"""Random access to a repository's objects: packs, loose objects, and those of its alternates.

Packs are read by us, base by base with a cache, because trees and commits of neighbouring commits lie in the same delta
chains. Nothing is written, and no lock is taken. Git may pack anew at any time: packs stay readable once they are
mapped, and where an object is not found, packs that came later are looked for.
"""

from __future__ import annotations

import time
import zlib
from bisect import bisect_right
from collections import OrderedDict
from contextlib import suppress
from functools import cached_property
from hashlib import sha1
from pathlib import Path
from typing import TYPE_CHECKING

from gossip.connectors.git.packs.index import PackIndex
from gossip.connectors.git.packs.pack import (
    BLOB,
    COMMIT,
    OBJECT_BYTES_MAX,
    OFS_DELTA,
    REF_DELTA,
    TAG,
    TREE,
    Pack,
    TooLargeError,
)
from gossip.schemas.errors import PermanentError
from gossip.schemas.summary import Loss

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

CACHE_BYTES_MAX = 24 * 1024 * 1024
ALTERNATES_DEPTH_MAX = 5
_LOOSE_NAME = 38
_REMOVAL_SECONDS, _REMOVAL_LOOKS = 0.2, 10
_KINDS = {b"commit": COMMIT, b"tree": TREE, b"blob": BLOB, b"tag": TAG}


class MissingObjectError(PermanentError):
    """The object is not in the repository: a partial or damaged clone."""


class PackFile:
    """A pack with its index, opened when first used."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @cached_property
    def pack(self) -> Pack:
        """The mapped pack."""
        return Pack(self.path)

    @cached_property
    def index(self) -> PackIndex:
        """The mapped index."""
        return PackIndex(self.path.with_suffix(".idx"))

    @cached_property
    def _bounds(self) -> list[int]:
        return [*sorted(self.index.offsets()), self.pack.end]

    def end_of(self, offset: int) -> int:
        """Where the entry after the one at `offset` begins."""
        bounds = self._bounds
        if offset >= self.pack.end:
            raise PermanentError(f"pack {self.path.name}: its index points past the end, to {offset}")
        return bounds[bisect_right(bounds, offset)]


class ObjectStore:
    """All objects that a repository can see. One per thread."""

    def __init__(self, objects: Path, borrowed: Iterable[Path] = ()) -> None:
        """`objects` is the repository's object folder; `borrowed` are others that its objects may be in."""
        self.losses: list[Loss] = []
        """Packs and alternates that cannot be read at all."""
        self._folders_seen: set[Path] = set()
        self.folders = [found for folder in (objects, *borrowed) for found in self._with_alternates(folder, 0)]
        self._stamps = self._pack_stamps()
        self.packs = [pack for folder in self.folders for pack in self._packs_in(folder)]
        self._cache: OrderedDict[tuple[int, int], tuple[int, bytes]] = OrderedDict()
        self._cache_bytes = 0
        self._resolving: set[bytes] = set()

    def _with_alternates(self, folder: Path, depth: int) -> Iterator[Path]:
        real = folder.resolve()
        if real in self._folders_seen:
            return
        self._folders_seen.add(real)
        yield folder
        try:
            lines = (folder / "info" / "alternates").read_bytes().splitlines()
        except OSError:
            return
        for line in lines:
            if not line or line.startswith(b"#"):
                continue
            other = folder / Path(line.decode("utf-8", "surrogateescape"))
            if not other.is_dir():
                self.losses.append(Loss("unreadable", str(other), "alternate object folder: no such folder"))
                continue
            if depth >= ALTERNATES_DEPTH_MAX and other.resolve() not in self._folders_seen:
                why = f"alternate object folders of one another, over {ALTERNATES_DEPTH_MAX} levels"
                self.losses.append(Loss("unreadable", str(other), why))
                continue
            yield from self._with_alternates(other, depth + 1)

    def _packs_in(self, folder: Path) -> Iterator[PackFile]:
        return self._usable(sorted((folder / "pack").glob("pack-*.pack")))

    def _usable(self, paths: Iterable[Path]) -> Iterator[PackFile]:
        for path in paths:
            file = PackFile(path)
            try:
                file.index  # noqa: B018 - opened here, so that a damaged one is reported once
                file.pack  # noqa: B018
            except (PermanentError, OSError) as err:
                if not isinstance(err, FileNotFoundError) or not _is_removed(path):
                    self.losses.append(Loss("damaged-object", str(path), str(err)))
            else:
                yield file

    def _pack_stamps(self) -> list[int]:
        """Changes with the packs that there are."""
        found = []
        for folder in self.folders:
            try:
                found.append((folder / "pack").stat().st_mtime_ns)
            except OSError:
                found.append(0)
        return found

    def look_again(self) -> bool:
        """Whether there were new packs, which are now known. Those that are gone stay: they are mapped."""
        stamps = self._pack_stamps()
        if stamps == self._stamps:
            return False
        self._stamps = stamps
        known = {file.path for file in self.packs}
        for folder in self.folders:
            paths = sorted((folder / "pack").glob("pack-*.pack"))
            self.packs.extend(self._usable(path for path in paths if path not in known))
        return len(self.packs) > len(known)

    def pack_at(self, path: Path) -> PackFile | None:
        """The pack of a path; None if it was removed before this store was opened."""
        found = next((file for file in self.packs if file.path == path), None)
        return self.pack_at(path) if found is None and self.look_again() else found

    def find(self, name: bytes) -> tuple[int, int] | None:
        """(pack number, offset) of a packed object."""
        for number, file in enumerate(self.packs):
            entry = file.index.find(name)
            if entry is not None:
                return number, file.index.offset(entry)
        return None

    def has(self, name: bytes) -> bool:
        """Whether the object is there, packed or loose."""
        there = self.find(name) is not None or self._loose_path(name) is not None
        return there or (self.look_again() and self.find(name) is not None)

    def own(self, name: bytes) -> bool:
        """Whether the object is there and not only borrowed from an alternate object folder."""
        folder = self.folders[0]
        packs = (file for file in self.packs if file.path.parent.parent == folder)
        return any(file.index.find(name) is not None for file in packs) or self._loose_in_folder(folder, name)

    def new(self, name: bytes) -> bool:
        """Whether the object is in the repository's folder and in none that it borrows from."""
        own = self.folders[0]
        packs = (file for file in self.packs if file.path.parent.parent != own)
        if any(file.index.find(name) is not None for file in packs):
            return False
        return self.own(name) and not any(self._loose_in_folder(folder, name) for folder in self.folders[1:])

    def starting_with(self, text: str) -> list[bytes]:
        """Ids whose hexadecimal form begins with `text` (at least two digits), in order."""
        first = bytes.fromhex(text[:2])
        found = {name for file in self.packs for name in file.index.names(first[0])}
        for folder in self.folders:
            found.update(name for name, _ in _loose_in(folder / text[:2]))
        return sorted(name for name in found if name.hex().startswith(text))

    def read(self, name: bytes) -> tuple[int, bytes]:
        """(kind, content) of an object. Raises MissingObjectError, or PermanentError where it is damaged."""
        found = self.find(name)
        if found is not None:
            return self._packed(*found)
        path = self._loose_path(name)
        if path is not None:
            with suppress(MissingObjectError):  # packed between the two looks
                return read_loose(path)
        if self.look_again():
            return self.read(name)
        raise MissingObjectError(f"object {name.hex()} is not in the repository")

    def _packed(self, number: int, offset: int) -> tuple[int, bytes]:
        file = self.packs[number]
        chain: list[bytes] = []
        offsets: list[int] = []
        seen: set[int] = set()
        while True:
            cached = self._cache.get((number, offset))
            if cached is not None:
                self._cache.move_to_end((number, offset))
                kind, data = cached
                break
            if offset in seen:
                raise PermanentError(f"pack {file.path.name}: deltas at {offset} form a circle")
            seen.add(offset)
            entry = file.pack.entry(offset)
            raw = file.pack.inflate(entry, file.end_of(offset))
            offsets.append(offset)
            if entry.kind == OFS_DELTA:
                chain.append(raw)
                offset = entry.base
            elif entry.kind == REF_DELTA:
                chain.append(raw)
                base = file.index.find(file.pack.base_name(entry))
                if base is None:
                    kind, data = self._read_base(file.pack.base_name(entry))
                    offsets.append(-1)
                    break
                offset = file.index.offset(base)
            else:
                kind, data = entry.kind, raw
                self._remember(number, offsets[-1], kind, data)
                break
        for at, raw in zip(reversed(offsets[: len(chain)]), reversed(chain), strict=True):
            data = file.pack.resolve(data, raw)
            self._remember(number, at, kind, data)
        return kind, data

    def _read_base(self, name: bytes) -> tuple[int, bytes]:
        """A base that another pack, or none, holds."""
        if name in self._resolving:
            raise PermanentError(f"object {name.hex()}: its bases form a circle")
        self._resolving.add(name)
        try:
            return self.read(name)
        finally:
            self._resolving.discard(name)

    def _remember(self, number: int, offset: int, kind: int, data: bytes) -> None:
        if len(data) > CACHE_BYTES_MAX // 8:
            return
        self._cache[(number, offset)] = (kind, data)
        self._cache_bytes += len(data)
        while self._cache_bytes > CACHE_BYTES_MAX:
            _, (_, dropped) = self._cache.popitem(last=False)
            self._cache_bytes -= len(dropped)

    def _loose_path(self, name: bytes) -> Path | None:
        for folder in self.folders:
            if self._loose_in_folder(folder, name):
                return folder / name.hex()[:2] / name.hex()[2:]
        return None

    def _loose_in_folder(self, folder: Path, name: bytes) -> bool:
        text = name.hex()
        return (folder / text[:2] / text[2:]).is_file()

    def loose(self) -> Iterator[tuple[bytes, Path]]:
        """(id, path) of every loose object, each id once, in id order within a folder."""
        seen: set[bytes] = set()
        for folder in self.folders:
            for part in sorted(folder.glob("[0-9a-f][0-9a-f]")):
                for name, path in _loose_in(part):
                    if name not in seen:
                        seen.add(name)
                        yield name, path


def _is_removed(pack: Path) -> bool:
    """Whether a pack that lacks its index is about to go: Git removes the index first."""
    for _ in range(_REMOVAL_LOOKS):
        if not pack.exists():
            return True
        time.sleep(_REMOVAL_SECONDS / _REMOVAL_LOOKS)
    return False


def _loose_in(part: Path) -> Iterator[tuple[bytes, Path]]:
    """(id, path) of the loose objects whose ids begin alike."""
    try:
        paths = sorted(part.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return  # packed meanwhile: Git removes folders that are empty
    for path in paths:
        if len(path.name) == _LOOSE_NAME and not path.name.strip("0123456789abcdef"):
            yield bytes.fromhex(part.name + path.name), path


def read_loose(path: Path) -> tuple[int, bytes]:
    """(kind, content) of a loose object file. Raises MissingObjectError where there is none any more, PermanentError
    where it is damaged or cannot be read.
    """
    try:
        inflater = zlib.decompressobj()
        raw = inflater.decompress(path.read_bytes(), OBJECT_BYTES_MAX)
    except zlib.error as err:
        raise PermanentError(f"loose object {path.parent.name}{path.name}: damaged: {err}") from err
    except FileNotFoundError as err:
        raise MissingObjectError(f"object {path.parent.name}{path.name} is not in the repository any more") from err
    except OSError as err:
        raise PermanentError(f"loose object {path.parent.name}{path.name}: {err.strerror}") from err
    if len(raw) >= OBJECT_BYTES_MAX:
        raise TooLargeError(f"loose object {path.parent.name}{path.name}: over {OBJECT_BYTES_MAX} bytes")
    head, _, data = raw.partition(b"\0")
    word, _, size = head.partition(b" ")
    if word not in _KINDS or not inflater.eof or size != b"%d" % len(data):
        raise PermanentError(f"loose object {path.parent.name}{path.name}: damaged header, or cut short")
    if sha1(raw, usedforsecurity=False).hexdigest() != path.parent.name + path.name:
        raise PermanentError(f"loose object {path.parent.name}{path.name}: holds the content of another object")
    return _KINDS[word], data
