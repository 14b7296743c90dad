"""A running `gossip stream`, and messages for it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Self

import psutil

from tests.support.cli import ROOT, TIMEOUT_SECONDS, Ran, environment

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Stream:
    """One process and those that it forks, in a session of its own; what it writes goes to two files in `folder`."""

    def __init__(self, folder: Path, *arguments: str, **env: str) -> None:
        folder.mkdir(exist_ok=True)
        number = len(list(folder.glob("out*")))
        self._out, self._err = folder / f"out{number}", folder / f"err{number}"
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gossip", "stream", *arguments],
                stdout=out,
                stderr=err,
                env={**environment(), **env},
                cwd=ROOT,
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def said(self) -> str:
        """All of stderr so far."""
        return self._err.read_text("utf-8")

    @property
    def workers(self) -> list[psutil.Process]:
        """The processes that it forked and that still run."""
        with contextlib.suppress(psutil.NoSuchProcess):
            return psutil.Process(self.process.pid).children()
        return []

    def kill(self) -> None:
        """All of it, as `kill -9` does it."""
        if self.process.poll() is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(TIMEOUT_SECONDS)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> Ran:
        """As a service manager does it, or Ctrl-C."""
        self.process.send_signal(number)
        return self.ended()

    def ended(self) -> Ran:
        """Wait for its end."""
        code = self.process.wait(TIMEOUT_SECONDS)
        return Ran(code, self._out.read_bytes(), self._err.read_bytes())


def eventually(holds: Callable[[], bool], seconds: float = 60.0) -> bool:
    """Whether something comes to hold in time."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True
