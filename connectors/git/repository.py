"""Opening a repository, and what libgit2 is asked for: revisions, the index, the state of the checkout.

libgit2 never reads an object itself: version 1.9 does not return from a loose one that was cut short.
"""

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pygit2
from pygit2.enums import DeltaStatus, DiffOption, FileMode, Option

from gossip.connectors.git.detect import is_repository
from gossip.connectors.git.history import parse_commit
from gossip.connectors.git.refs import Refs, read_refs
from gossip.connectors.git.selection import RefSelection
from gossip.connectors.git.store import ObjectStore
from gossip.connectors.git.trees import TreeReader, introduced
from gossip.connectors.git.urls import normal_url
from gossip.engine.findings import display_path
from gossip.schemas.errors import MisuseError, PermanentError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gossip.schemas.units import Target

File = tuple[bytes, bytes]
"""Path and blob id."""

_OTHER_FORMAT = ("unknown object format", "only object ids of format 'sha1' are supported, not")
"""What libgit2 says, and what that means here."""


class Surroundings(NamedTuple):
    """Where a Git command that runs a hook keeps what is not in its repository yet. Empty: where it usually is."""

    index_file: str = ""
    """`git commit -a` and `git commit FILE` write an index of their own."""
    objects: str = ""
    """The quarantine of a push: new objects, apart until the push is accepted."""
    borrowed: tuple[str, ...] = ()
    """Object folders beside `objects`."""

    @classmethod
    def of(cls, target: Target) -> Surroundings:
        """Those in a target's options."""
        borrowed = target.option("borrowed")
        return cls(target.option("index"), target.option("objects"), tuple(borrowed.split("\0") if borrowed else ()))

    def options(self) -> dict[str, str]:
        """As a target's options."""
        named = {"index": self.index_file, "objects": self.objects, "borrowed": "\0".join(self.borrowed)}
        return {name: value for name, value in named.items() if value}


class Checkout(NamedTuple):
    """How the files on disk differ from HEAD and the index."""

    paths: list[bytes]
    """Files to read from disk, in path order."""
    replaced: list[File]
    """Files of the index that are neither HEAD's nor on disk: staged, then changed or deleted."""


class Repository:
    """One repository on this machine, read only."""

    def __init__(
        self, location: str, name: str, selection: RefSelection | None = None, around: Surroundings | None = None
    ) -> None:
        """`selection`: the refs that count. Raises MisuseError where there is no repository that can be read."""
        self.name = name
        self._around = around or Surroundings()
        self._selection = selection or RefSelection()
        # Scanning runs nothing from a repository, so whose it is does not matter.
        pygit2.option(Option.SET_OWNER_VALIDATION, False)
        # Partial clones: what is missing is our business, not libgit2's.
        pygit2.settings.set_extensions(sorted({*pygit2.settings.extensions, "partialclone"}))
        if not is_repository(location):
            raise MisuseError(f"{name}: not a Git repository (give the root of a worktree or a bare repository)")
        try:
            self.git = pygit2.Repository(location)
        except (pygit2.GitError, KeyError, ValueError) as err:
            reason = _reason(err).removeprefix(f"{location}: ").replace(*_OTHER_FORMAT)
            raise MisuseError(f"{name}: cannot open the Git repository: {reason}") from err
        self.git.set_odb(pygit2.Odb())
        self.common = _common_folder(Path(os.fsdecode(self.git.path)))
        self._refuse_unreadable()

    def _refuse_unreadable(self) -> None:
        wanted = self._setting("extensions.objectformat") or "sha1"
        if wanted.lower() != "sha1":
            raise MisuseError(f"{self.name}: object format {wanted} is not supported, only sha1")

    @property
    def workdir(self) -> bytes | None:
        """The checkout's root, None for a bare repository."""
        return None if self.git.is_bare or self._bare_by_name() else os.fsencode(self.git.workdir)

    def _bare_by_name(self) -> bool:
        """Whether nothing says what the repository is, and it is no `.git`: libgit2 would take the folder around it."""
        said = self._setting("core.bare") is not None or self._setting("core.worktree") is not None
        return not said and self.common == Path(self.git.path) and self.common.name != ".git"

    def _setting(self, key: str) -> str | None:
        try:
            return self.git.config[key]
        except (KeyError, ValueError, pygit2.GitError):
            return None

    def store(self, *, verify: bool = False) -> ObjectStore:
        """All objects of the repository, and those of the surroundings. `verify`: check all that is read from packs."""
        own = self.common / "objects"
        around = self._around
        objects = Path(around.objects) if around.objects else own
        return ObjectStore(objects, (*map(Path, around.borrowed), own), verify=verify)

    def identity(self) -> bytes:
        """What names this repository wherever it is cloned: its origin without credentials; else its real path."""
        url = self._setting("remote.origin.url")
        if not url:
            return os.fsencode(self.common.resolve())
        return normal_url(url).encode("utf-8", "surrogateescape")

    @cached_property
    def refs(self) -> Refs:
        """Every ref, read once."""
        return read_refs(os.fsencode(self.common))

    def tips(self) -> list[tuple[bytes, str]]:
        """(object id, ref name) of every ref, HEAD, and the HEADs of linked worktrees, in name order; of the selected
        ones, if some are.
        """
        names = sorted(self.refs.ids)
        found = [(self.refs.ids[name], display_path(name)) for name in names if self._selection.selects(name)]
        if not self._selection.everything:  # else what symbolic refs name is among the others
            chosen = sorted(filter(self._selection.selects, self._symbolic))
            found.extend((self._symbolic[name], display_path(name)) for name in chosen)
        return found

    @cached_property
    def _symbolic(self) -> dict[bytes, bytes]:
        """The ids that symbolic refs lead to, less those that lead nowhere."""
        ends = {name: self.refs.end_of(name) for name in self.refs.symbolic}
        return {name: end for name, end in ends.items() if end is not None}

    def check_selection(self) -> None:
        """Raises MisuseError if a selected ref is not there."""
        if not self._selection.everything:
            self._selection.verify(self.name, [*self.refs.ids, *self._symbolic])

    def shallow(self) -> frozenset[bytes]:
        """Commits whose parents were not fetched."""
        lines = _small_text(self.common / "shallow").split()
        return frozenset(bytes.fromhex(line) for line in lines if re.fullmatch("[0-9a-f]{40}", line))

    def commit_id(self, revision: str, store: ObjectStore) -> bytes:
        """The commit that a revision names. Raises MisuseError."""
        objects = pygit2.Odb()
        objects.add_backend(_Objects(store), 1)
        try:
            self.git.set_odb(objects)
            commit = self.git.revparse_single(revision).peel(pygit2.Commit)
        except PermanentError as err:
            raise MisuseError(f"{self.name}: --since {revision}: {err}") from err
        except (KeyError, ValueError, pygit2.GitError) as err:
            raise MisuseError(f"{self.name}: --since {revision}: not a commit of this repository") from err
        finally:
            self.git.set_odb(pygit2.Odb())
        return bytes.fromhex(str(commit.id))

    def head(self) -> bytes | None:
        """The id of HEAD's commit, None where it has none yet. Raises PermanentError if it cannot be known."""
        gitdir, common = (os.path.realpath(os.fsencode(path)) for path in (self.git.path, self.common))
        return self.refs.head(b"" if gitdir == common else os.path.relpath(gitdir, common) + b"/")

    def head_files(self, store: ObjectStore, trees: TreeReader) -> set[File]:
        """The files of HEAD's commit; none where HEAD has no commit yet. Raises PermanentError if it cannot be read."""
        head = self.head()
        return set(introduced(trees, parse_commit(store.read(head)[1]).tree, ())) if head else set()

    def staged(self, head: set[File]) -> list[File]:
        """What the index adds to the files of HEAD or changes in them, in path order. Raises PermanentError."""
        return [file for file in self._indexed() if file not in head]

    def tracked(self) -> list[bytes]:
        """Paths of the index's files, in path order, less submodules. Raises PermanentError."""
        return [path for path, _ in self._indexed()]

    def _indexed(self) -> list[File]:
        with _asked("the index"):
            return [
                (os.fsencode(entry.path), bytes.fromhex(str(entry.id)))
                for entry in (pygit2.Index(self._around.index_file) if self._around.index_file else self.git.index)
                if entry.mode != FileMode.COMMIT
            ]

    def checkout(self, head: set[File], *, ignored: bool) -> Checkout:
        """Files on disk that differ from HEAD's or are untracked (or ignored, if asked). Raises PermanentError."""
        flags = DiffOption.INCLUDE_UNTRACKED | DiffOption.RECURSE_UNTRACKED_DIRS | DiffOption.INCLUDE_TYPECHANGE
        flags |= DiffOption.IGNORE_SUBMODULES
        if ignored:
            flags |= DiffOption.INCLUDE_IGNORED | DiffOption.RECURSE_IGNORED_DIRS
        with _asked("the index"):
            status = {delta.new_file.raw_path: delta.status for delta in self.git.index.diff_to_workdir(flags).deltas}
        staged = self.staged(head)
        found = {path for path, what in status.items() if what != DeltaStatus.DELETED}
        found.update(path for path, _ in staged)
        # A path that ends in a slash is a submodule or a nested repository.
        paths = sorted(path for path in found if not path.endswith(b"/"))
        return Checkout(paths, [file for file in staged if file[0] in status])


class _Objects(pygit2.OdbBackend):
    """Our own store as libgit2's. Only for calls that hold the interpreter's lock, as `revparse_single` does."""

    def __init__(self, store: ObjectStore) -> None:
        super().__init__()
        self._store = store

    def read_cb(self, oid: pygit2.Oid) -> tuple[int, bytes]:
        return self._store.read(bytes.fromhex(str(oid)))

    def read_prefix_cb(self, short: str) -> tuple[int, bytes, pygit2.Oid]:
        found = self._store.starting_with(str(short))
        if len(found) != 1:
            raise PermanentError(f"{len(found) or 'no'} objects have an id that begins so")
        return *self._store.read(found[0]), pygit2.Oid(raw=found[0])

    def exists_cb(self, oid: pygit2.Oid) -> bool:
        return self._store.has(bytes.fromhex(str(oid)))


@contextmanager
def _asked(what: str) -> Iterator[None]:
    """What libgit2 cannot do becomes an error of ours."""
    try:
        yield
    except (pygit2.GitError, KeyError, ValueError) as err:
        raise PermanentError(f"{what} cannot be read: {_reason(err)}") from err


def _reason(err: Exception) -> str:
    return str(err.args[0] if err.args else err)


def _small_text(path: Path) -> str:
    try:
        return path.read_text("ascii", "replace").strip()
    except OSError:
        return ""


def _common_folder(gitdir: Path) -> Path:
    """Where refs and objects are: a linked worktree's own folder only points there."""
    common = _small_text(gitdir / "commondir")
    return (gitdir / common).resolve() if common else gitdir
