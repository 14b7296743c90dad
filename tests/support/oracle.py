"""What a scan of a whole history must find, computed the slow and obvious way.

The oracle shares no code with the product: it parses raw commits, trees and tags itself, lists the full tree of every
commit, and knows no packs, deltas, caches or incremental walks. It is quadratic, and meant for small repositories.
"""

from __future__ import annotations

import hashlib
import heapq
import re
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import pygit2
from pygit2.enums import ObjectType

if TYPE_CHECKING:
    from collections.abc import Iterator

Triple = tuple[str, bytes, str]
"""Blob hex id, path, hex id of the first commit."""

_KINDS = {ObjectType.COMMIT: "commit", ObjectType.TREE: "tree", ObjectType.BLOB: "blob", ObjectType.TAG: "tag"}


def open_any(repo_path: Path) -> pygit2.Repository:
    """Open a repository, partial clones included.

    libgit2 knows the partial clone extension only where it is told so, for the whole process. The setting is taken back
    at once: a product that forgets it must not pass a test because the oracle ran first.
    """
    before = list(pygit2.settings.extensions)
    pygit2.settings.set_extensions([*before, "partialclone"])
    try:
        return pygit2.Repository(str(repo_path))
    finally:
        pygit2.settings.set_extensions(before)


def _object_folders(repo: pygit2.Repository) -> list[Path]:
    """The `objects` folder of a repository (of the main one for a linked worktree) and its alternates."""
    git = Path(repo.path)
    if (git / "commondir").exists():
        git = git / (git / "commondir").read_text().strip()
    own = git / "objects"
    alternates = own / "info" / "alternates"
    others = alternates.read_text().split("\n") if alternates.exists() else []
    return [own, *(Path(line) for line in others if line)]


def read_loose(file: Path) -> tuple[str, bytes] | None:
    """A loose object, or None where the file is damaged.

    Not read through libgit2: version 1.9 loops for ever, deaf to signals, on a loose object that is cut short.
    """
    try:
        raw = zlib.decompress(file.read_bytes())
    except zlib.error:
        return None
    if hashlib.sha1(raw).hexdigest() != file.parent.name + file.name:
        return None
    header, _, data = raw.partition(b"\0")
    return header.split(b" ")[0].decode(), data


class _Store:
    """Objects by hex id. What is absent or unreadable is None: the oracle tells what can be found, not what is lost."""

    def __init__(self, repo: pygit2.Repository) -> None:
        self._repo = repo
        self._folders = _object_folders(repo)

    def read(self, hex_id: str) -> tuple[str, bytes] | None:
        for folder in self._folders:
            file = folder / hex_id[:2] / hex_id[2:]
            if file.exists():
                return read_loose(file)
        try:
            kind, data = self._repo.read(pygit2.Oid(hex=hex_id))
        except (KeyError, ValueError, pygit2.GitError):
            return None
        return _KINDS[ObjectType(kind)], data

    def of_kind(self, hex_id: str, kind: str) -> bytes | None:
        found = self.read(hex_id)
        return found[1] if found and found[0] == kind else None


def _headers(data: bytes) -> list[tuple[str, str]]:
    """The `name value` lines of a commit or tag. Continuation lines (signatures) start with a space: left out."""
    lines = data.partition(b"\n\n")[0].decode("utf-8", "replace").split("\n")
    return [(name, value) for name, _, value in (line.partition(" ") for line in lines) if name]


def _leaves(store: _Store, tree: str, prefix: bytes = b"") -> Iterator[tuple[bytes, str]]:
    """(path, blob id) of every file and symbolic link under a tree, in Git tree order. Submodules have no blob here."""
    rest = store.of_kind(tree, "tree") or b""
    while rest:
        mode, _, rest = rest.partition(b" ")
        name, _, rest = rest.partition(b"\0")
        hex_id, rest = rest[:20].hex(), rest[20:]
        if mode in {b"40000", b"040000"}:
            yield from _leaves(store, hex_id, prefix + name + b"/")
        elif mode != b"160000":
            yield prefix + name, hex_id


def _tips(repo: pygit2.Repository) -> list[str]:
    """Targets of all refs in order of name, then of HEAD."""
    tips = []
    for name in sorted(repo.raw_listall_references()):
        ref = repo.lookup_reference(name.decode("utf-8", "surrogateescape"))
        tips.append(str(ref.resolve().target))
    if not repo.head_is_unborn:
        tips.append(str(repo.head.target))
    return tips


def _peel(store: _Store, hex_id: str) -> tuple[str, str] | None:
    """Follow tags of tags to (kind, id) of what they mean."""
    while (found := store.read(hex_id)) is not None:
        kind, data = found
        if kind != "tag":
            return kind, hex_id
        hex_id = dict(_headers(data))["object"]
    return None


def _history(store: _Store, tips: list[str]) -> dict[str, tuple[str, int, set[str]]]:
    """Reachable commits: id to (tree, committer time, parents that are present)."""
    commits: dict[str, tuple[str, int, set[str]]] = {}
    todo = list(tips)
    while todo:
        hex_id = todo.pop()
        data = store.of_kind(hex_id, "commit")
        if hex_id in commits or data is None:
            continue
        headers = _headers(data)
        fields = dict(headers)
        parents = {value for name, value in headers if name == "parent"}
        present = {parent for parent in parents if store.of_kind(parent, "commit") is not None}
        commits[hex_id] = (fields["tree"], int(fields["committer"].split()[-2]), present)
        todo.extend(present)
    return commits


def commit_order(store: _Store, tips: list[str]) -> list[tuple[str, str]]:
    """(commit, tree), parents before children; of those that are ready, the oldest first, then the lowest id."""
    commits = _history(store, tips)
    children: dict[str, list[str]] = {hex_id: [] for hex_id in commits}
    waiting = {hex_id: len(parents) for hex_id, (_, _, parents) in commits.items()}
    for hex_id, (_, _, parents) in commits.items():
        for parent in parents:
            children[parent].append(hex_id)
    ready = [(commits[hex_id][1], hex_id) for hex_id, count in waiting.items() if not count]
    heapq.heapify(ready)
    order = []
    while ready:
        _, hex_id = heapq.heappop(ready)
        order.append((hex_id, commits[hex_id][0]))
        for child in children[hex_id]:
            waiting[child] -= 1
            if not waiting[child]:
                heapq.heappush(ready, (commits[child][1], child))
    return order


def naive_attribution(repo_path: Path) -> dict[str, tuple[bytes, str]]:
    """Every blob that is reachable from a ref or HEAD: id to (path, first commit). The commit is "" where no commit
    has the blob, only a tag or ref of a tree (then the path is the one in that tree) or of the blob itself (path b"").
    """
    repo = open_any(repo_path)
    store = _Store(repo)
    peeled = [found for tip in _tips(repo) if (found := _peel(store, tip))]
    first: dict[str, tuple[bytes, str]] = {}
    for commit, tree in commit_order(store, [hex_id for kind, hex_id in peeled if kind == "commit"]):
        for path, blob in _leaves(store, tree):
            first.setdefault(blob, (path, commit))
    for kind, hex_id in peeled:
        if kind == "tree":
            for path, blob in _leaves(store, hex_id):
                first.setdefault(blob, (path, ""))
        elif kind == "blob":
            first.setdefault(hex_id, (b"", ""))
    repo.free()
    return first


def naive_findings(repo_path: Path, needle_regex: bytes) -> set[Triple]:
    """(blob, path, first commit) of every reachable blob whose content matches, merges and symbolic links included."""
    needle = re.compile(needle_regex)
    store = _Store(open_any(repo_path))
    return {
        (blob, path, commit)
        for blob, (path, commit) in naive_attribution(repo_path).items()
        if needle.search(store.of_kind(blob, "blob") or b"")
    }
