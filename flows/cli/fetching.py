"""What `gossip scan` shows of the fetches of remote targets: on stderr, like all progress."""

from __future__ import annotations

import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from gossip.flows.cli.streams import is_terminal, say
from gossip.flows.mirrors import fetched, is_waiting

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gossip.connectors.git.remote import Progress
    from gossip.flows.cli.options import ScanOptions
    from gossip.schemas.config import ScanConfig

SHOW_SECONDS = 0.2
_TO_LINE_START = "\r\x1b[K"


@contextmanager
def fetching(config: ScanConfig, options: ScanOptions) -> Iterator[ScanConfig]:
    """The configuration once its remote targets are here. Raises MisuseError."""
    shown = _Shown(lines=not options.quiet, moving=not options.no_progress and is_terminal(sys.stderr))
    with fetched(config, options.targets, options.state, shown) as here:
        if options.state is None and not options.quiet and any(map(is_waiting, config.targets)):
            say("gossip: fetched into a temporary folder; with --state DIR the next scan takes only what is new\n")
        yield here


class _Shown:
    """A line a fetch, which counts up on a terminal."""

    def __init__(self, *, lines: bool, moving: bool) -> None:
        self._lines = lines
        self._moving = moving
        self._lock = threading.Lock()
        self._begun: set[str] = set()
        self._last = 0.0

    def __call__(self, name: str, progress: Progress | None) -> None:
        """Of one more step of a fetch, or of its end."""
        if not self._lines:
            return
        with self._lock:
            if progress is None:
                if name in self._begun and self._moving:
                    say(_TO_LINE_START)
            elif self._moving:
                self._begun.add(name)
                now = time.monotonic()
                if now - self._last >= SHOW_SECONDS:
                    self._last = now
                    done, total = progress.objects, progress.objects_total
                    say(f"{_TO_LINE_START}fetching {name}: {done} of {total} objects, {progress.bytes / 1e6:.1f} MB")
            elif name not in self._begun:
                self._begun.add(name)
                say(f"gossip: fetching {name}\n")
