"""The pen with which test repositories are written: raw objects, fixed clock, any path bytes, no git binary."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pygit2
from pygit2.enums import CheckoutStrategy, FileMode, ObjectType

TokenFactory = Callable[[int], bytes]
"""`token(n)` is the n-th fake secret: distinct for each n, without bytes that are special in a file name."""

EPOCH = 1_700_000_000
"""Committer time of the first commit; each further commit is a minute later, so that ids never change."""

MINUTE = 60


@dataclass(frozen=True, slots=True, order=True)
class Planted:
    """One blob that holds a fake secret, and where a scan must say it came from."""

    path: bytes
    blob: str
    """Hex id. Also for files of the working tree, where it is the id that the file would have."""
    commit: str
    """First commit that has the blob; empty where no commit does."""
    token: bytes


@dataclass(frozen=True, slots=True)
class BuiltRepo:
    """A repository on disk and what scans of it must find. Tuples are sorted and complete: nothing else may appear."""

    path: Path
    """What to scan: the working tree, or the Git folder of a bare repository."""
    planted: tuple[Planted, ...] = ()
    """What a scan of the whole history must find."""
    modified: tuple[Planted, ...] = ()
    """Only in the working tree: tracked files with other content than their staged version."""
    untracked: tuple[Planted, ...] = ()
    """Only in the working tree: files that are neither tracked nor ignored."""
    ignored: tuple[Planted, ...] = ()
    """Only in the working tree: files that an ignore rule names."""
    staged: tuple[Planted, ...] = ()
    """In the index, not in HEAD."""
    hidden: tuple[bytes, ...] = ()
    """Tokens that exist somewhere in the folder and must not be found by a scan of the history."""
    missing: tuple[str, ...] = ()
    """Hex ids of reachable objects that are absent, and so must be reported as a loss."""
    damaged: tuple[str, ...] = ()
    """Hex ids of reachable objects that are present but cannot be read, and so must be reported as a loss."""
    boundary: tuple[str, ...] = ()
    """Hex ids of absent commits behind a shallow boundary: known to be left out, no loss."""
    refused: str = ""
    """Why libgit2 cannot open the repository at all; empty where it can."""

    def triples(self) -> set[tuple[str, bytes, str]]:
        """`planted` in the form that the oracle returns."""
        return {(item.blob, item.path, item.commit) for item in self.planted}


Builder = Callable[[Path, TokenFactory], BuiltRepo]
"""Makes a repository in a folder that does not exist yet (its parent does)."""


@dataclass(frozen=True, slots=True)
class Link:
    """A symbolic link in a tree: its blob is the target text."""

    target: bytes


@dataclass(frozen=True, slots=True)
class Submodule:
    """A gitlink in a tree: the id of a commit of another repository."""

    commit: str


Entry = bytes | Link | Submodule
Files = Mapping[bytes, Entry]
"""Whole content of a commit: slash-separated path to entry."""


def body(token: bytes, note: str = "") -> bytes:
    """A small configuration file around a token. `note` makes the blob differ from others with the same token."""
    return b"# settings " + note.encode() + b"\nname = demo\nkey = '" + token + b"'\nport = 8080\n"


@dataclass(slots=True)
class RepoWriter:
    """Writes objects and refs of one repository and keeps the list of what was planted."""

    repo: pygit2.Repository
    clock: int = EPOCH
    found: list[Planted] = field(default_factory=list)

    @classmethod
    def create(cls, path: Path, *, bare: bool = False) -> RepoWriter:
        """A new empty repository whose HEAD is the unborn branch `main`."""
        return cls(pygit2.init_repository(str(path), bare=bare, initial_head="main"))

    def reopen(self) -> RepoWriter:
        """The same repository, read afresh from disk."""
        path = self.repo.path
        self.repo.free()
        return RepoWriter(pygit2.Repository(path), self.clock, self.found)

    def blob(self, data: bytes) -> str:
        """Write a blob."""
        return str(self.repo.write(ObjectType.BLOB, data))

    def tree(self, files: Files) -> str:
        """Write the tree of `files` and all its subtrees, byte by byte: libgit2's builder takes only text as names."""
        entries: list[tuple[bytes, int, bytes]] = []
        folders: dict[bytes, dict[bytes, Entry]] = {}
        for path, entry in files.items():
            name, slash, rest = path.partition(b"/")
            if slash:
                folders.setdefault(name, {})[rest] = entry
                continue
            mode, hex_id = self._leaf(entry)
            entries.append((name, mode, bytes.fromhex(hex_id)))
        for name, inner in folders.items():
            entries.append((name, FileMode.TREE, bytes.fromhex(self.tree(inner))))
        # Git orders a folder as if its name ended in a slash.
        entries.sort(key=lambda e: e[0] + (b"/" if e[1] == FileMode.TREE else b""))
        return str(self.repo.write(ObjectType.TREE, b"".join(b"%o %s\0%s" % (m, n, i) for n, m, i in entries)))

    def _leaf(self, entry: Entry) -> tuple[int, str]:
        if isinstance(entry, Link):
            return FileMode.LINK, self.blob(entry.target)
        if isinstance(entry, Submodule):
            return FileMode.COMMIT, entry.commit
        return FileMode.BLOB, self.blob(entry)

    def commit(self, files: Files, parents: tuple[str, ...] = (), *, ref: str = "", when: int | None = None) -> str:
        """Write a commit with exactly `files`; point `ref` at it. `when` overrides the clock, which ticks anyway."""
        stamp = self.clock if when is None else when
        self.clock += MINUTE
        lines = [f"tree {self.tree(files)}", *(f"parent {parent}" for parent in parents)]
        lines += [f"{role} Ada Example <ada@example.com> {stamp} +0100" for role in ("author", "committer")]
        text = "\n".join([*lines, "", f"Change {(self.clock - EPOCH) // MINUTE}", ""])
        hex_id = str(self.repo.write(ObjectType.COMMIT, text.encode()))
        if ref:
            self.ref(ref, hex_id)
        return hex_id

    def tag(self, target: str, kind: str, name: str) -> str:
        """Write an annotated tag object of `target`; the caller makes the ref."""
        who = f"tagger Ada Example <ada@example.com> {self.clock} +0100"
        self.clock += MINUTE
        text = f"object {target}\ntype {kind}\ntag {name}\n{who}\n\nTag {name}\n"
        return str(self.repo.write(ObjectType.TAG, text.encode()))

    def ref(self, name: str, target: str) -> None:
        """Create or move a ref."""
        self.repo.references.create(name, target, force=True)

    def expect(self, token: bytes, path: bytes, commit: str, data: bytes | None = None) -> None:
        """Note that `token` is planted in the blob of `data` (default: `body(token)`) and where it must be found."""
        self.found.append(Planted(path, self.id_of(body(token) if data is None else data), commit, token))

    def id_of(self, data: bytes) -> str:
        """The id that a blob of `data` has."""
        return str(pygit2.hash(data))

    def checkout(self) -> None:
        """Put the files of HEAD on disk and in the index."""
        self.repo.checkout("HEAD", strategy=CheckoutStrategy.FORCE)

    @property
    def root(self) -> Path:
        """What a user would name: the working tree, or the Git folder where there is none."""
        return Path(self.repo.workdir or self.repo.path)

    @property
    def git_dir(self) -> Path:
        """The Git folder."""
        return Path(self.repo.path)

    def loose(self, hex_id: str) -> Path:
        """The file of a loose object."""
        return self.git_dir / "objects" / hex_id[:2] / hex_id[2:]

    def forget(self, hex_id: str) -> None:
        """Delete a loose object."""
        self.loose(hex_id).unlink()

    def pack(self, ids: list[str]) -> None:
        """Write a new pack with deltas of exactly the objects `ids`; loose objects stay where they are."""

        def add_all(builder: pygit2.PackBuilder) -> None:
            for hex_id in ids:
                builder.add(pygit2.Oid(hex=hex_id))

        self.repo.pack(pack_delegate=add_all, n_threads=1)

    def loose_ids(self) -> list[str]:
        """Sorted ids of all loose objects."""
        folders = [p for p in (self.git_dir / "objects").iterdir() if len(p.name) == 2]
        return sorted(folder.name + item.name for folder in folders for item in folder.iterdir())

    def drop_loose(self, ids: list[str]) -> None:
        """Delete the loose copies of `ids`."""
        for hex_id in ids:
            self.forget(hex_id)

    def built(self, *, path: Path | None = None, **more: object) -> BuiltRepo:
        """The result, with what `expect` was told. Frees libgit2's handles: the folder may be changed at once."""
        root = path or self.root
        self.repo.free()
        return BuiltRepo(root, tuple(sorted(self.found)), **more)  # type: ignore[arg-type]


def write_file(root: Path, path: bytes, data: bytes) -> None:
    """Write a file of the working tree under a path of any bytes."""
    full = os.path.join(os.fsencode(root), path)
    os.makedirs(os.path.dirname(full), exist_ok=True)
    with open(full, "wb") as file:
        file.write(data)
