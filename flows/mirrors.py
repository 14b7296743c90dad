"""Remote targets of a bounded scan: fetched before anything is scanned, several at once, then scanned like local ones.

Logins stay here: no target, and so no process that scans, ever has one.
"""

from __future__ import annotations

import os
import queue
import shutil
import tempfile
import threading
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from gossip.connectors.git.lost import REASON
from gossip.connectors.git.selection import RefSelection
from gossip.connectors.git.urls import Remote, is_remote, parse_remote
from gossip.schemas.errors import GossipError, MisuseError
from gossip.schemas.units import Target

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from gossip.connectors.git.remote import Progress
    from gossip.schemas.config import ScanConfig

REMOTE = "remote"
"""Option of a target whose location is a URL, until it has been fetched."""
MIRRORS_FOLDER = "mirrors"
"""In the state folder."""
FETCHES_AT_ONCE = 4
_TEMPORARY = "gossip-mirrors-"
_LOCK = "lock"

Fetched = Target | BaseException


def remote_target(text: str, index: int, options: dict[str, str]) -> Target:
    """The target of a URL, without its login. Raises MisuseError."""
    remote = parse_remote(text)
    return Target("git", remote.url, remote.name, tuple(sorted({**options, REMOTE: "yes"}.items())), index)


def is_waiting(target: Target) -> bool:
    """Whether a target has to be fetched first."""
    return bool(target.option(REMOTE))


@contextmanager
def fetched(
    config: ScanConfig,
    typed: Iterable[str],
    state: str | None,
    show: Callable[[str, Progress | None], None] = lambda _name, _progress: None,
) -> Iterator[ScanConfig]:
    """The configuration with mirrors in the place of remote targets; they are kept in the state, or removed at the end.

    `typed`: the targets as they were named, for their logins. `show` is told of a fetch's progress, from any thread; of
    its end with None. A remote that cannot be fetched becomes a loss of the scan. Raises MisuseError.
    """
    waiting = [target for target in config.targets if is_waiting(target)]
    if not waiting:
        yield config
        return
    named: dict[str, Remote] = {}
    for remote in map(parse_remote, filter(is_remote, typed)):
        named.setdefault(remote.identity, remote)
    with _folder(state) as folder:
        done = _fetch_all(waiting, named, folder, show)
        yield replace(config, targets=tuple(done.get(target.index, target) for target in config.targets))


def _fetch_all(
    targets: list[Target],
    remotes: dict[str, Remote],
    folder: str,
    show: Callable[[str, Progress | None], None],
) -> dict[int, Target]:
    """Fetch in threads, so that a signal ends this one at once; all are gone when this returns."""
    todo: queue.SimpleQueue[Target] = queue.SimpleQueue()
    done: queue.SimpleQueue[tuple[int, Fetched]] = queue.SimpleQueue()
    stop = threading.Event()
    for target in targets:
        todo.put(target)

    def work() -> None:
        with suppress(queue.Empty):
            while not stop.is_set():
                target = todo.get_nowait()
                try:
                    remote = remotes[parse_remote(target.location).identity]
                    done.put((target.index, _fetch(target, remote, folder, show, stop)))
                except BaseException as err:
                    done.put((target.index, err))

    threads = [threading.Thread(target=work, daemon=True) for _ in range(min(FETCHES_AT_ONCE, len(targets)))]
    found: dict[int, Target] = {}
    try:
        for thread in threads:
            thread.start()
        for _ in targets:
            index, result = done.get()
            if isinstance(result, BaseException):
                raise result
            found[index] = result
    finally:
        stop.set()
    for thread in threads:
        thread.join()
    return found


def _fetch(
    target: Target,
    remote: Remote,
    folder: str,
    show: Callable[[str, Progress | None], None],
    stop: threading.Event,
) -> Target:
    from gossip.connectors.git.mirror import Mirror

    options = {key: value for key, value in target.options if key != REMOTE}
    mirror = Mirror(
        remote,
        folder,
        RefSelection.of(target),
        progress=lambda progress: show(target.name, progress),
        cancelled=stop.is_set,
    )
    try:
        mirror.refresh()
    except MisuseError:
        raise
    except GossipError as err:
        reason = str(err).removeprefix(f"{remote.name}: ")
        return replace(target, kind="lost", options=tuple(sorted({**options, REASON: reason}.items())))
    finally:
        show(target.name, None)
    return replace(target, location=mirror.path, options=tuple(sorted(options.items())))


@contextmanager
def _folder(state: str | None) -> Iterator[str]:
    """Where mirrors are kept: in the state, or for this process alone."""
    if state is not None:
        yield os.path.join(state, MIRRORS_FOLDER)
        return
    remove_abandoned()
    folder = tempfile.mkdtemp(prefix=_TEMPORARY)
    try:
        with _held(folder):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _held(folder: str) -> Iterator[None]:
    import fcntl

    handle = os.open(os.path.join(folder, _LOCK), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def remove_abandoned() -> None:
    """Remove temporary mirrors of processes that were killed: those whose lock nobody holds."""
    try:
        import fcntl
    except ImportError:
        return
    for folder in Path(tempfile.gettempdir()).glob(f"{_TEMPORARY}*"):
        with suppress(OSError):
            handle = os.open(folder / _LOCK, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(handle)
