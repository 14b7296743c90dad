"""`gossip` with hooks in its commit lanes, before a target is planned (`before-plan`) and before a unit of a repository
is opened (`before-open`), for tests that end or hold it at a chosen moment.

    GOSSIP_TEST_CRASH=POINT:COUNT   the process that comes to POINT for the COUNT-th time is killed
    GOSSIP_TEST_HOLD=POINT:FILE     at POINT, FILE.here is made, and FILE waited for
    GOSSIP_TEST_RETRY=SECONDS       how soon a watch tries again what it could not read
    GOSSIP_TEST_UNREADABLE=NAME     files of this name below a folder cannot be read

Every batch is committed at once, so that there are many moments.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gossip.connectors.files import source
from gossip.connectors.files.reading import open_file
from gossip.connectors.git.source import GitSource
from gossip.connectors.lake.lane import CommitLane
from gossip.flows.cli.main import main
from gossip.operators import commit, follow, lanes
from gossip.operators.lanes import planned
from gossip.schemas.summary import Loss

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gossip.operators.lanes import Planned
    from gossip.operators.worker import Worker
    from gossip.schemas.protocols import Opened
    from gossip.schemas.units import ScanUnit

HOLD_SECONDS_MAX = 60.0

_build = CommitLane.__init__
_open = GitSource.open
_seen: dict[str, int] = {}


def hook(point: str) -> None:
    """What happens at a point of a commit."""
    crash_at, _, count = os.environ.get("GOSSIP_TEST_CRASH", "").partition(":")
    if point == crash_at:
        _seen[point] = _seen.get(point, 0) + 1
        if _seen[point] == int(count):
            os.kill(os.getpid(), signal.SIGKILL)
    hold_at, _, name = os.environ.get("GOSSIP_TEST_HOLD", "").partition(":")
    if point == hold_at:
        Path(name + ".here").touch()
        deadline = time.monotonic() + HOLD_SECONDS_MAX
        while not os.path.exists(name) and time.monotonic() < deadline:
            time.sleep(0.01)


def hooked(self: CommitLane, *arguments: Any, **options: Any) -> None:
    """A lane's constructor, with the hook."""
    _build(self, *arguments, **(options | {"hook": hook}))


def unreadable(full: bytes, path: bytes, **options: Any) -> Iterator[Opened]:
    """`open_file`, but for a file that not even root can read."""
    if os.path.basename(path) == os.environb.get(b"GOSSIP_TEST_UNREADABLE"):
        yield Loss("unreadable", os.fsdecode(path), "Input/output error")
    else:
        yield from open_file(full, path, **options)


def planning(worker: Worker, target: int) -> Iterator[Planned]:
    """`planned`, with a hook."""
    hook("before-plan")
    yield from planned(worker, target)


def opening(self: GitSource, unit: ScanUnit) -> Iterator[Opened]:
    """`GitSource.open`, with a hook."""
    hook("before-open")
    yield from _open(self, unit)


if __name__ == "__main__":
    lanes.planned = planning
    GitSource.open = opening  # type: ignore[method-assign]
    source.open_file = unreadable
    CommitLane.__init__ = hooked  # type: ignore[method-assign]
    commit.COMMIT_INTERVAL = timedelta(0)
    follow.RETRY_SECONDS = float(os.environ.get("GOSSIP_TEST_RETRY", follow.RETRY_SECONDS))
    sys.argv[0] = "gossip"
    main()
