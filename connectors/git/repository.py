"""Opening a repository, and what libgit2 is asked for: refs, revisions, the index, the state of the checkout."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pygit2
from pygit2.enums import DeltaStatus, DiffOption, FileMode, Option

from gossip.connectors.git.detect import is_repository
from gossip.connectors.git.history import parse_commit
from gossip.connectors.git.store import ObjectStore
from gossip.connectors.git.trees import TreeReader, introduced
from gossip.schemas.errors import MisuseError

if TYPE_CHECKING:
    from collections.abc import Iterator

_SCP_LIKE = re.compile(r"^(?:[^/@:]+@)?([^/:]+):(?!//)(.*)$")
_URL = re.compile(r"^([a-z][a-z0-9+.-]*)://(?:[^/@]*@)?([^/]*)/*(.*)$", re.IGNORECASE)


class Repository:
    """One repository on this machine, read only."""

    def __init__(self, location: str, name: str) -> None:
        """Raises MisuseError where there is no repository that can be read."""
        self.name = name
        # Scanning runs nothing from a repository, so whose it is does not matter.
        pygit2.option(Option.SET_OWNER_VALIDATION, False)
        # Partial clones: what is missing is our business, not libgit2's.
        pygit2.settings.set_extensions(sorted({*pygit2.settings.extensions, "partialclone"}))
        if not is_repository(location):
            raise MisuseError(f"{name}: not a Git repository (give the root of a worktree or a bare repository)")
        try:
            self.git = pygit2.Repository(location)
        except (pygit2.GitError, KeyError, ValueError) as err:
            raise MisuseError(f"{name}: cannot open the Git repository: {_reason(err)}") from err
        self.common = _common_folder(Path(os.fsdecode(self.git.path)))
        self._refuse_unreadable()

    def _refuse_unreadable(self) -> None:
        wanted = self._setting("extensions.objectformat") or "sha1"
        if wanted.lower() != "sha1":
            raise MisuseError(f"{self.name}: object format {wanted} is not supported, only sha1")

    @property
    def workdir(self) -> bytes | None:
        """The checkout's root, None for a bare repository."""
        return None if self.git.is_bare else os.fsencode(self.git.workdir)

    def _setting(self, key: str) -> str | None:
        try:
            return self.git.config[key]
        except (KeyError, ValueError, pygit2.GitError):
            return None

    def store(self) -> ObjectStore:
        """All objects of the repository."""
        return ObjectStore(self.common / "objects")

    def identity(self) -> bytes:
        """What names this repository wherever it is cloned: its origin without credentials; else its real path."""
        url = self._setting("remote.origin.url")
        if not url:
            return os.fsencode(self.common.resolve())
        return normal_url(url).encode("utf-8", "surrogateescape")

    def tips(self) -> list[tuple[bytes, str]]:
        """(object id, ref name) of every ref, HEAD, and the HEADs of linked worktrees, in name order."""
        found: dict[str, bytes] = {}
        for ref in self.git.references.iterator():
            try:
                target = ref.resolve().target
            except (KeyError, pygit2.GitError):
                continue  # a symbolic ref to nothing
            found[ref.name] = bytes.fromhex(str(target))
        for head in [self.common / "HEAD", *sorted(self.common.glob("worktrees/*/HEAD"))]:
            text = _small_text(head)
            if re.fullmatch("[0-9a-f]{40}", text):  # a symbolic HEAD names a ref that is here already
                found[head.relative_to(self.common).as_posix()] = bytes.fromhex(text)
        return [(found[name], name) for name in sorted(found)]

    def shallow(self) -> frozenset[bytes]:
        """Commits whose parents were not fetched."""
        lines = _small_text(self.common / "shallow").split()
        return frozenset(bytes.fromhex(line) for line in lines if re.fullmatch("[0-9a-f]{40}", line))

    def commit_id(self, revision: str) -> bytes:
        """The commit that a revision names. Raises MisuseError."""
        try:
            commit = self.git.revparse_single(revision).peel(pygit2.Commit)
        except (KeyError, ValueError, pygit2.GitError) as err:
            raise MisuseError(f"{self.name}: --since {revision}: not a commit of this repository") from err
        return bytes.fromhex(str(commit.id))

    def head_tree(self, store: ObjectStore) -> bytes | None:
        """The tree of HEAD's commit; None where HEAD has no commit yet. Raises PermanentError if it cannot be read."""
        if self.git.head_is_unborn:
            return None
        return parse_commit(store.read(bytes.fromhex(str(self.git.head.target)))[1]).tree

    def staged(self, store: ObjectStore, trees: TreeReader) -> Iterator[tuple[bytes, bytes]]:
        """(path, blob id) of what the index adds to HEAD or changes in it, in path order.

        HEAD's tree is read by us: libgit2 1.9 never returns from a loose object that was cut short.
        """
        head = self.head_tree(store)
        old = set(introduced(trees, head, ())) if head else set()
        for entry in self.git.index:
            found = os.fsencode(entry.path), bytes.fromhex(str(entry.id))
            if entry.mode != FileMode.COMMIT and found not in old:
                yield found

    def tracked(self) -> Iterator[bytes]:
        """Paths of the index's files, in path order, less submodules."""
        for entry in self.git.index:
            if entry.mode != FileMode.COMMIT:
                yield os.fsencode(entry.path)

    def changed(self, store: ObjectStore, trees: TreeReader, *, ignored: bool) -> list[bytes]:
        """Paths in the checkout that differ from HEAD or are untracked (or ignored, if asked), in path order."""
        flags = DiffOption.INCLUDE_UNTRACKED | DiffOption.RECURSE_UNTRACKED_DIRS | DiffOption.INCLUDE_TYPECHANGE
        if ignored:
            flags |= DiffOption.INCLUDE_IGNORED | DiffOption.RECURSE_IGNORED_DIRS
        diff = self.git.index.diff_to_workdir(flags)
        found = {delta.new_file.raw_path for delta in diff.deltas if delta.status != DeltaStatus.DELETED}
        found.update(path for path, _ in self.staged(store, trees))
        return sorted(path for path in found if not path.endswith(b"/"))  # a submodule or a nested repository


def _reason(err: Exception) -> str:
    return str(err.args[0] if err.args else err).strip("'\"")


def _small_text(path: Path) -> str:
    try:
        return path.read_text("ascii", "replace").strip()
    except OSError:
        return ""


def _common_folder(gitdir: Path) -> Path:
    """Where refs and objects are: a linked worktree's own folder only points there."""
    common = _small_text(gitdir / "commondir")
    return (gitdir / common).resolve() if common else gitdir


def normal_url(url: str) -> str:
    """host/path of a remote's URL: one form for https, ssh and scp-like spellings, without credentials.

    >>> normal_url("git@Example.org:team/app.git"), normal_url("https://bot:pw@example.org/team/app")
    ('example.org/team/app', 'example.org/team/app')
    """
    found = _URL.match(url)
    if found and found[1].lower() != "file":
        host, path = found[2], found[3]
    else:
        scp = _SCP_LIKE.match(url)
        if not scp:
            return os.path.realpath(found[3] if found else url).removesuffix("/").removesuffix(".git")
        host, path = scp[1], scp[2]
    return f"{host.lower()}/{path.strip('/').removesuffix('.git')}"
