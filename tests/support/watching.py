"""A running `gossip watch`, and what it says."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from tests.support.cli import ROOT, TIMEOUT_SECONDS, environment

if TYPE_CHECKING:
    from collections.abc import Callable

KEY = "5a" * 32


class Watching:
    """One process and those that it forks, in a session of its own; what it writes goes to two files in `folder`."""

    def __init__(self, folder: Path, config: Path, *more: str, module: str = "gossip", **env: str) -> None:
        folder.mkdir(exist_ok=True)
        self._number = len(list(folder.glob("out*")))
        self._out, self._err = folder / f"out{self._number}", folder / f"err{self._number}"
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-m", module, "watch", str(config), "--state", str(folder / "state"), *more],
                stdout=out,
                stderr=err,
                env={**environment(), "GOSSIP_TENANT_KEY": KEY, **env},
                cwd=ROOT,
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.kill()

    @property
    def findings(self) -> list[dict[str, Any]]:
        """Findings so far, in the order of their coming."""
        lines = self._out.read_bytes().split(b"\n")[:-1]
        return [record for record in map(json.loads, lines) if record["type"] == "finding"]

    @property
    def paths(self) -> list[str]:
        """Paths of the findings so far, sorted."""
        return sorted(found["path"] for found in self.findings)

    @property
    def said(self) -> list[str]:
        """Lines of stderr without the time."""
        return [line.partition(" ")[2] for line in self._err.read_text("utf-8").splitlines()]

    def until(self, what: Callable[[Watching], object]) -> None:
        """Wait until something holds. A watch that ended, or takes for ever, fails the test with what it said."""
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while not what(self):
            assert self.process.poll() is None, (self.process.returncode, self.said)
            assert time.monotonic() < deadline, (self.paths, self.said)
            time.sleep(0.02)

    def heard(self, text: str) -> bool:
        """Whether a line of stderr holds a text."""
        return any(text in line for line in self.said)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Ask it to end; its exit code."""
        self.process.send_signal(number)
        return self.process.wait(TIMEOUT_SECONDS)

    def kill(self) -> None:
        """End all of its processes at once, as a machine that fails does."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(TIMEOUT_SECONDS)
