"""Refs, read from their files: one that cannot be read is a loss and hides no other.

libgit2 passes over a ref whose file is damaged, and refuses all of them where `packed-refs` is.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gossip.engine.findings import display_path
from gossip.schemas.errors import PermanentError
from gossip.schemas.summary import Loss

if TYPE_CHECKING:
    from collections.abc import Iterator

SYMBOLIC_DEPTH_MAX = 5
REF_BYTES_MAX = 4096
"""No file of one ref is longer, whatever a symbolic one names."""
_HEAD = b"HEAD"
_ID = re.compile(rb"([0-9a-fA-F]{40})(?:\s|\Z)")
_SYMBOLIC = re.compile(rb"ref:\s*([^\s\0](?:[^\0\n]*[^\s\0])?)\s*\Z")
_PACKED = re.compile(rb"([0-9a-fA-F]{40}) (refs/[^\0]+)\n")
_PEELED = re.compile(rb"\^[0-9a-fA-F]{40}\n")


@dataclass(slots=True)
class Refs:
    """What the refs of a repository and of its linked worktrees name. Names are paths in the common folder."""

    ids: dict[bytes, bytes] = field(default_factory=dict)
    """Raw object ids by name."""
    symbolic: dict[bytes, bytes] = field(default_factory=dict)
    """The refs that symbolic refs name. They may lead nowhere: `origin/HEAD` of a pruned branch is everyday life."""
    losses: list[Loss] = field(default_factory=list)
    broken: set[bytes] = field(default_factory=set)

    def head(self, worktree: bytes) -> bytes | None:
        """The id that the HEAD of a linked worktree (prefix of its names; empty: the main one) leads to.

        None for a branch without a commit. Raises PermanentError where that cannot be known.
        """
        name = worktree + _HEAD
        for _ in range(SYMBOLIC_DEPTH_MAX):
            if name in self.broken:  # what `packed-refs` says of it is out of date
                break
            if name in self.ids:
                return self.ids[name]
            if name not in self.symbolic:
                if name == worktree + _HEAD:
                    break
                return None
            name = self._named(worktree, self.symbolic[name])
        raise PermanentError(f"{display_path(name)}: no id of a commit")

    def end_of(self, name: bytes) -> bytes | None:
        """The id that a symbolic ref leads to; None where it leads nowhere."""
        for _ in range(SYMBOLIC_DEPTH_MAX):
            if name in self.ids or name not in self.symbolic:
                break
            name = self.symbolic[name]
        return self.ids.get(name)

    def _named(self, worktree: bytes, target: bytes) -> bytes:
        own = worktree + target
        return own if own in self.ids or own in self.symbolic or own in self.broken else target

    def lose(self, name: bytes, why: str) -> None:
        """A ref that cannot be read."""
        self.broken.add(name)
        self.losses.append(Loss("unreadable", display_path(name), why))


def read_refs(common: bytes) -> Refs:
    """All refs below a repository's common folder, HEAD, and those of linked worktrees.

    Loose ones before `packed-refs`: a ref that is packed meanwhile is then seen in one of the two places.
    """
    refs = Refs()
    for prefix in (b"", *_worktrees(common)):
        _read_ref(refs, common, prefix + _HEAD)
        for name in _files(refs, common, prefix + b"refs"):
            _read_ref(refs, common, name)
    _read_packed(refs, common)
    return refs


def _worktrees(common: bytes) -> list[bytes]:
    try:
        return sorted(b"worktrees/%s/" % name for name in os.listdir(os.path.join(common, b"worktrees")))
    except OSError:
        return []


def _files(refs: Refs, common: bytes, folder: bytes) -> Iterator[bytes]:
    """Names of the files below a folder, less those that can be no refs: hidden files and locks."""
    stack, seen = [folder], set[bytes]()
    while stack:
        folder = stack.pop()
        full = os.path.join(common, folder)
        real = os.path.realpath(full)
        if real in seen:
            continue
        seen.add(real)
        try:
            with os.scandir(full) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except FileNotFoundError:
            continue
        except OSError as err:
            refs.lose(folder, err.strerror or str(err))
            continue
        for entry in found:
            if entry.name.startswith(b".") or entry.name.endswith(b".lock"):
                continue
            name = folder + b"/" + entry.name
            if entry.is_dir():
                stack.append(name)
            else:
                yield name


def _read_ref(refs: Refs, common: bytes, name: bytes) -> None:
    path = os.path.join(common, name)
    try:
        data = _content(path)
    except FileNotFoundError:
        return  # packed meanwhile, or deleted
    except OSError as err:
        refs.lose(name, err.strerror or str(err))
        return
    if found := _ID.match(data):
        refs.ids[name] = bytes.fromhex(found[1].decode())
    elif found := _SYMBOLIC.match(data):
        refs.symbolic[name] = found[1]
        if not found[1].startswith(b"refs/") and found[1] != _HEAD:
            refs.lose(name, "a symbolic ref to what is no ref")
    else:
        refs.lose(name, "neither an object id nor the name of another ref")


def _content(path: bytes) -> bytes:
    """A ref's file. Symbolic refs were symbolic links once."""
    if os.path.islink(path):
        target = os.readlink(path)
        if target.startswith(b"refs/"):
            return b"ref: " + target
    with open(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), "rb") as file:
        return file.read(REF_BYTES_MAX)


def _read_packed(refs: Refs, common: bytes) -> None:
    try:
        with open(os.path.join(common, b"packed-refs"), "rb") as file:
            lines = file.read().splitlines(keepends=True)
    except FileNotFoundError:
        return
    except OSError as err:
        refs.lose(b"packed-refs", err.strerror or str(err))
        return
    bad: list[int] = []
    for number, line in enumerate(lines, 1):
        found = _PACKED.fullmatch(line)
        if found is None:
            if not line.startswith(b"#") and not _PEELED.fullmatch(line):
                bad.append(number)
        elif found[2] not in refs.symbolic:
            refs.ids.setdefault(found[2], bytes.fromhex(found[1].decode()))
    if bad:
        refs.lose(b"packed-refs", f"{len(bad)} of {len(lines)} lines name no ref; the first is line {bad[0]}")
