"""A bare copy of a remote repository, kept between runs, and brought up to date by fetching what is new.

A fetch first puts a whole pack in place and then moves refs, so who dies in the middle leaves a mirror that is only
behind. What lies around half-written is removed by the next refresh. Objects are never removed.

    mirror = Mirror(parse_remote(url), folder)
    while True:
        changed = mirror.refresh()      # lists refs; fetches only if one has moved
        ...                             # scan mirror.path as any repository
"""

from __future__ import annotations

import os
import re
import shutil
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pygit2
from blake3 import blake3
from pygit2.enums import Option

from gossip.connectors.git.consolidate import consolidate
from gossip.connectors.git.refs import read_refs
from gossip.connectors.git.remote import Callbacks, FetchLimits, connect, heads, talking
from gossip.connectors.git.selection import RefSelection
from gossip.schemas.errors import MisuseError, PermanentError, RetryableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gossip.connectors.git.remote import Progress
    from gossip.connectors.git.urls import Remote

LOCK_WAIT_SECONDS = 30.0
"""How long another process may hold the mirror before a refresh gives up."""
ATTEMPTS_MAX = 3
"""Of a refresh, where the network fails."""
PAUSE_SECONDS = 0.5
"""Before the second attempt; twice as long before the third."""
REFSPECS_MAX = 512
"""Refs that are named one by one in a fetch: each is compared with each that the server has."""
DETACHED = "refs/gossip/HEAD"
"""Where the HEAD of a remote is kept that is no branch."""
_NAME_CHARS_MAX = 60
_HASH_CHARS = 16
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_STALE = re.compile(r"(pack_git2_|tmp_|pack-[0-9a-f]+\.(idx|rev)\.lock)")


def mirror_name(remote: Remote) -> str:
    """The mirror's file name: readable, and its own for each identity."""
    text = _UNSAFE.sub("-", remote.identity)[-_NAME_CHARS_MAX:].strip("-.") or "repository"
    digest = blake3(remote.identity.encode("utf-8", "surrogateescape")).hexdigest()[:_HASH_CHARS]
    return f"{text}-{digest}.git"


class Mirror:
    """The mirror of one remote repository. Not for several threads; several processes take turns."""

    def __init__(
        self,
        remote: Remote,
        folder: str,
        selection: RefSelection | None = None,
        limits: FetchLimits | None = None,
        *,
        progress: Callable[[Progress], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> None:
        """`folder` holds mirrors, this one under a name of its own. Nothing is touched before `refresh`."""
        self.remote = remote
        self.path = os.path.join(folder, mirror_name(remote))
        """The bare repository."""
        self._selection = selection or RefSelection()
        self._limits = limits or FetchLimits()
        self._progress = progress
        self._cancelled = cancelled or (lambda: False)

    @property
    def exists(self) -> bool:
        """Whether there is a copy, however old."""
        return os.path.isdir(os.path.join(self.path, "objects"))

    def refresh(self) -> bool:
        """Make the mirror's refs those that the remote has and the selection wants; True if any of them changed.

        Raises RetryableError (network, time-out, mirror in use), PermanentError (no repository there, login refused),
        MisuseError (a selected ref is not there). The mirror can be read whatever happens.
        """
        with self._held():
            repository = self._opened()
            for attempt in range(1, ATTEMPTS_MAX + 1):
                try:
                    return self._refresh(repository)
                except RetryableError:
                    if attempt == ATTEMPTS_MAX or self._cancelled():
                        raise
                    time.sleep(PAUSE_SECONDS * attempt)
        raise AssertionError("unreachable")

    def _refresh(self, repository: Any) -> bool:
        callbacks = Callbacks(self.remote, self._limits, self._progress, self._cancelled)
        self._clean()
        with talking(self.remote, self._limits, callbacks):
            origin = repository.remotes["origin"]
            connect(self.remote, origin, callbacks)
            offered, head = heads(origin)
            self._selection.verify(self.remote.name, offered)
            wanted = self._wanted(offered, head)
            have = self._present()
            same_head = self._turn_head(repository, head, wanted)
            if wanted == have:
                return not same_head
            # Refs that are gone go first: one of them may be a folder, or lie in one, that a new ref needs.
            for name in sorted(have.keys() - wanted.keys()):
                repository.references.delete(name)
            moved = sorted(name for name, oid in wanted.items() if have.get(name) != oid)
            if moved:
                origin.fetch(_refspecs(moved, offered), callbacks=callbacks, proxy=True)
            for name in sorted(self._present().keys() - wanted.keys()):
                repository.references.delete(name)  # a wide refspec brings more than is wanted
            self._clean()
        consolidate(repository, Path(self.path) / "objects" / "pack")
        if self._present() != wanted:
            raise RetryableError(f"{self.remote.name}: its refs moved while they were fetched")
        return True

    def _wanted(self, offered: dict[str, str], head: str) -> dict[str, str]:
        # libgit2 fetches no ref whose name Git would not let anybody make.
        valid = (name for name in offered if name.startswith("refs/") and pygit2.reference_is_valid_name(name))
        names = {name: offered[name] for name in valid if self._selection.mirrors(name)}
        loose = offered.get("HEAD")
        if loose is not None and not head and loose not in names.values() and self._selection.mirrors("HEAD"):
            names[DETACHED] = loose
        return names

    def _present(self) -> dict[str, str]:
        """Refs of the mirror, less HEAD, which only names one of them."""
        refs = read_refs(os.fsencode(self.path))
        if refs.losses:
            raise PermanentError(
                f"{self.path}: the mirror is damaged: {refs.losses[0].where}: {refs.losses[0].detail}; "
                "remove the folder"
            )
        return {os.fsdecode(name): oid.hex() for name, oid in refs.ids.items() if name != b"HEAD"}

    def _turn_head(self, repository: Any, head: str, wanted: dict[str, str]) -> bool:
        """Let HEAD name what it names there; whether it did."""
        name = head or (DETACHED if DETACHED in wanted else "")
        if not name or repository.lookup_reference("HEAD").raw_target == os.fsencode(name):
            return True
        repository.references.create("HEAD", name, force=True)
        return False

    def _opened(self) -> Any:
        if not self.exists:
            beside = f"{self.path}.making"
            shutil.rmtree(beside, ignore_errors=True)
            made = pygit2.init_repository(beside, bare=True)
            made.config["gc.auto"] = 0
            _name_origin(made, self.remote.url)
            os.rename(beside, self.path)
        pygit2.option(Option.SET_OWNER_VALIDATION, False)
        pygit2.option(Option.ENABLE_FSYNC_GITDIR, True)
        try:
            repository = pygit2.Repository(self.path)
            _name_origin(repository, self.remote.url)
        except (pygit2.GitError, KeyError, ValueError) as err:
            raise PermanentError(f"{self.path}: the mirror cannot be opened; remove the folder") from err
        return repository

    def _clean(self) -> None:
        """Remove what a fetch that was killed left behind: parts of packs, and locks of processes that are gone.

        FETCH_HEAD too: nobody needs it, and it names the URL that the user's Git configuration puts in place of ours.
        """
        pack = Path(self.path) / "objects" / "pack"
        for path in pack.iterdir() if pack.is_dir() else ():
            alone = path.suffix == ".idx" and not path.with_suffix(".pack").exists()
            unindexed = path.suffix == ".pack" and not path.with_suffix(".idx").exists()
            if _STALE.match(path.name) or alone or unindexed:
                path.unlink(missing_ok=True)
        for name in ("packed-refs.lock", "HEAD.lock", "config.lock", "FETCH_HEAD.lock", "FETCH_HEAD"):
            with suppress(OSError):
                (Path(self.path) / name).unlink()
        for path in (Path(self.path) / "refs").rglob("*.lock"):
            path.unlink(missing_ok=True)

    @contextmanager
    def _held(self) -> Iterator[None]:
        """Hold the mirror. The system lets go of it with the process, so a lock is never stale."""
        try:
            import fcntl
        except ImportError as err:
            raise MisuseError("remote repositories need file locks as Linux and macOS have them; clone it") from err
        folder = os.path.dirname(self.path)
        try:
            os.makedirs(folder, mode=0o700, exist_ok=True)
            handle = os.open(f"{self.path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as err:
            raise MisuseError(f"mirror folder {folder}: {err.strerror or err}") from err
        try:
            deadline = time.monotonic() + LOCK_WAIT_SECONDS
            while True:
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError as err:
                    if time.monotonic() > deadline or self._cancelled():
                        raise RetryableError(f"{self.remote.name}: its mirror is in use by another process") from err
                    time.sleep(0.05)
                else:
                    break
            yield
        finally:
            os.close(handle)


def _name_origin(repository: Any, url: str) -> None:
    """Let `origin` be the remote: it gives the mirror the identity of every other clone."""
    config = repository.config
    if "remote.origin.url" not in config or config["remote.origin.url"] != url:
        config["remote.origin.url"] = url
        config["remote.origin.tagOpt"] = "--no-tags"


def _refspecs(moved: list[str], offered: dict[str, str]) -> list[str]:
    """Refspecs for refs: each by name where they are few, else by folder, which may bring more."""
    names = [name for name in moved if name != DETACHED]
    specs = [f"+{name}:{name}" for name in names]
    if len(specs) > REFSPECS_MAX:
        specs = sorted({"+{0}/*:{0}/*".format("/".join(name.split("/")[:2])) for name in names if name.count("/") > 1})
        specs += [f"+{name}:{name}" for name in names if name.count("/") < 2]
    if DETACHED in moved:
        specs.append(f"+HEAD:{DETACHED}")
    return specs
