"""Work in a process beside: what loads the Delta library must not happen in one that forks workers."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from typing import TYPE_CHECKING

from gossip.flows.supervisor import describe
from gossip.flows.watching.journal import log

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.process import BaseProcess


class Aside:
    """One piece of work at a time, in a process of its own; its failure is a line on stderr and nothing else."""

    def __init__(self) -> None:
        self._process: BaseProcess | None = None

    def start(self, what: str, work: Callable[[], None]) -> bool:
        """Begin, unless something is still going on; then False."""
        if self._process is not None and self._process.is_alive():
            return False
        self._process = multiprocessing.get_context("fork").Process(target=_run, args=(what, work), daemon=True)
        self._process.start()
        return True

    def wait(self, seconds: float) -> None:
        """Wait for the work to end; what takes longer is ended."""
        if self._process is None:
            return
        deadline = time.monotonic() + seconds
        while self._process.is_alive() and time.monotonic() < deadline:
            self._process.join(0.05)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._process = None


def _run(what: str, work: Callable[[], None]) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    try:
        work()
    except Exception as err:
        log(f"could not {what}: {describe(err)}", "error")
    finally:
        os._exit(0)
