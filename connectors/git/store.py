"""Random access to a repository's objects: packs, loose objects, and those of its alternates.

Packs are read by us, base by base with a cache, because trees and commits of neighbouring commits lie in the same delta
chains. Nothing is written, and no lock is taken. Git may pack anew at any time: packs stay readable once they are
mapped, and where an object is not found, packs that came later are looked for.
"""

from __future__ import annotations

import os
import time
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from gossip.connectors.git.loose import MissingObjectError, read_loose
from gossip.connectors.git.packs.file import PackFile
from gossip.connectors.git.packs.multi import MultiPackIndex
from gossip.connectors.git.packs.pack import OFS_DELTA, REF_DELTA, Entry
from gossip.schemas.errors import PermanentError
from gossip.schemas.summary import Loss

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

CACHE_BYTES_MAX = 24 * 1024 * 1024
READS_PER_RELEASE = 4096
"""Objects read between two times that the pages of packs are let go of; each read may bring in 64 KiB."""
RETRIES_MAX = 64
"""Other copies of damaged objects, bases included, that are tried for one object."""
ALTERNATES_DEPTH_MAX = 5
_LOOSE_NAME = 38
_REMOVAL_SECONDS, _REMOVAL_LOOKS = 0.2, 10


class ObjectStore:
    """All objects that a repository can see. One per thread."""

    def __init__(self, objects: Path, borrowed: Iterable[Path] = (), *, verify: bool = False) -> None:
        """`objects` is the repository's object folder; `borrowed` are others that its objects may be in.
        `verify`: check all that is read from packs.
        """
        self._verify = verify
        self.losses: list[Loss] = []
        """Packs and alternates that cannot be read at all."""
        self._folders_seen: set[Path] = set()
        self.folders = [found for folder in (objects, *borrowed) for found in self._with_alternates(folder, 0)]
        self._stamps = self._pack_stamps()
        self._multi = {folder: multi for folder in self.folders if (multi := _multi_of(folder)) is not None}
        self.packs = [pack for folder in self.folders for pack in self._packs_in(folder)]
        # Where another pack has an object too, that one is asked.
        self.packs.sort(key=lambda file: bool(file.doubt))
        self._tables = self._complete_tables()
        covered = {number for _, numbers in self._tables for number in numbers}
        self._others = [number for number in range(len(self.packs)) if number not in covered]
        """Packs whose objects no table has."""
        self._cache: OrderedDict[tuple[int, int], tuple[int, bytes]] = OrderedDict()
        self._cache_bytes = 0
        self._resolving: set[bytes] = set()
        self._reads = 0
        self._retries = 0

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

    def _complete_tables(self) -> list[tuple[MultiPackIndex, list[int]]]:
        """Multi-pack indexes of which all packs are there and beyond doubt, with the packs' numbers."""
        numbers = {(file.path.parent.parent, file.path.stem): n for n, file in enumerate(self.packs) if not file.doubt}
        found = []
        for folder, multi in self._multi.items():
            if all((folder, name) in numbers for name in multi.packs):
                found.append((multi, [numbers[folder, name] for name in multi.packs]))
        return found

    def _packs_in(self, folder: Path) -> Iterator[PackFile]:
        return self._usable(self._pack_paths(folder))

    def _pack_paths(self, folder: Path) -> list[Path]:
        try:
            names = os.listdir(folder / "pack")
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as err:
            self._lose_folder(folder / "pack", err)
            return []
        return sorted(folder / "pack" / name for name in names if name.startswith("pack-") and name.endswith(".pack"))

    def _lose_folder(self, folder: Path, err: OSError) -> None:
        loss = Loss("unreadable", str(folder), err.strerror or str(err))
        if loss not in self.losses:
            self.losses.append(loss)

    def _usable(self, paths: Iterable[Path]) -> Iterator[PackFile]:
        for path in paths:
            file = PackFile(path, self._multi.get(path.parent.parent), verify=self._verify)
            try:
                doubt = file.doubt  # opened here, so that a damaged one is reported once
            except (PermanentError, OSError) as err:
                if not isinstance(err, FileNotFoundError) or not _is_removed(path):
                    self.losses.append(Loss("damaged-object", str(path), str(err)))
            else:
                if doubt:
                    self.losses.append(Loss("damaged-object", str(path), doubt))
                yield file

    def prepare(self) -> None:
        """Sort the entries of all packs, once for the processes that are forked later."""
        for file in self.packs:
            with suppress(PermanentError):  # a loss once it is planned
                file.layout  # noqa: B018

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
            paths = self._pack_paths(folder)
            self.packs.extend(self._usable(path for path in paths if path not in known))
        self._others.extend(range(len(known), len(self.packs)))
        return len(self.packs) > len(known)

    def pack_at(self, path: Path) -> PackFile | None:
        """The pack of a path; None if it was removed before this store was opened."""
        found = next((file for file in self.packs if file.path == path), None)
        return self.pack_at(path) if found is None and self.look_again() else found

    def find(self, name: bytes) -> tuple[int, int] | None:
        """(pack number, offset) of a packed object."""
        for multi, numbers in self._tables:
            found = multi.find(name)
            if found is not None and found[0] < len(numbers):
                return numbers[found[0]], found[1]
        for number in self._others:
            index = self.packs[number].index
            entry = index.find(name)
            if entry is not None:
                return number, index.offset(entry)
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
            found.update(name for name, _ in self._listed(folder / text[:2]))
        return sorted(name for name in found if name.hex().startswith(text))

    def read(self, name: bytes) -> tuple[int, bytes]:
        """(kind, content) of an object. Raises MissingObjectError, or PermanentError where no copy of it is sound."""
        if not self._resolving:
            self._retries = 0
        found = self.find(name)
        if found is not None:
            try:
                return self._checked(name, *found)
            except PermanentError:
                other = self._other_copy(name, found[0])
                if other is None:
                    raise
                return other
        path = self._loose_path(name)
        if path is not None:
            with suppress(MissingObjectError):  # packed between the two looks
                return read_loose(path)
        if self.look_again():
            return self.read(name)
        raise MissingObjectError(f"object {name.hex()} is not in the repository")

    def _other_copy(self, name: bytes, damaged: int) -> tuple[int, bytes] | None:
        """The object from another pack, or a loose one, if there is a sound one."""
        for number, file in enumerate(self.packs):
            if number == damaged or self._retries >= RETRIES_MAX:
                continue
            with suppress(PermanentError):
                entry = file.index.find(name)
                if entry is not None:
                    self._retries += 1
                    return self._checked(name, number, file.index.offset(entry))
        path = self._loose_path(name)
        if path is not None:
            with suppress(PermanentError):
                return read_loose(path)
        return None

    def _checked(self, name: bytes, number: int, offset: int) -> tuple[int, bytes]:
        kind, data = self._packed(number, offset)
        checks = self.packs[number].checks
        if checks is not None:
            checks.content(name, kind, data)
        return kind, data

    def _packed(self, number: int, offset: int) -> tuple[int, bytes]:
        file = self.packs[number]
        self._reads += 1
        if self._reads % READS_PER_RELEASE == 0:
            for each in self.packs:
                each.pack.release_pages()
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
            try:
                entry, raw = _stored(file, offset)
            except PermanentError:
                base = file.entry_at(offset) if offsets else None
                if base is None:
                    raise
                kind, data = self._read_base(file.index.name(base))
                break
            if entry.kind == OFS_DELTA:
                chain.append(raw)
                offsets.append(offset)
                offset = entry.base
            elif entry.kind == REF_DELTA:
                chain.append(raw)
                offsets.append(offset)
                base = file.index.find(file.pack.base_name(entry))
                if base is None:
                    kind, data = self._read_base(file.pack.base_name(entry))
                    break
                offset = file.index.offset(base)
            else:
                kind, data = entry.kind, raw
                self._remember(number, offset, kind, data)
                break
        for at, raw in zip(reversed(offsets), reversed(chain), strict=True):
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
        return os.path.isfile(folder / text[:2] / text[2:])

    def _listed(self, part: Path) -> Iterator[tuple[bytes, Path]]:
        """(id, path) of the loose objects whose ids begin alike. A folder that cannot be listed is a loss."""
        try:
            paths = sorted(part.iterdir())
        except (FileNotFoundError, NotADirectoryError):
            return  # packed meanwhile: Git removes folders that are empty
        except OSError as err:
            self._lose_folder(part, err)
            return
        for path in paths:
            if len(path.name) == _LOOSE_NAME and not path.name.strip("0123456789abcdef"):
                yield bytes.fromhex(part.name + path.name), path

    def loose(self) -> Iterator[tuple[bytes, Path]]:
        """(id, path) of every loose object, each id once, in id order within a folder."""
        seen: set[bytes] = set()
        for folder in self.folders:
            for part in sorted(folder.glob("[0-9a-f][0-9a-f]")):
                for name, path in self._listed(part):
                    if name not in seen:
                        seen.add(name)
                        yield name, path


def _multi_of(folder: Path) -> MultiPackIndex | None:
    """The multi-pack index of an object folder; None without one that is sound: the packs have their own."""
    try:
        return MultiPackIndex(folder / "pack" / "multi-pack-index")
    except (PermanentError, OSError):
        return None


def _stored(file: PackFile, offset: int) -> tuple[Entry, bytes]:
    """An entry's header, and its data inflated. Raises PermanentError."""
    entry, end = file.pack.entry(offset), file.end_of(offset)
    if file.checks is not None:
        file.checks.stored(offset, end)
    return entry, file.pack.inflate(entry, end)


def _is_removed(pack: Path) -> bool:
    """Whether a pack that lacks its index is about to go: Git removes the index first."""
    for _ in range(_REMOVAL_LOOKS):
        if not pack.exists():
            return True
        time.sleep(_REMOVAL_SECONDS / _REMOVAL_LOOKS)
    return False
