"""What watches and streams do when a cluster of workers has failed: wait, longer each time, and begin anew."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

from gossip.flows.watching.journal import log

if TYPE_CHECKING:
    from collections.abc import Callable

    from gossip.flows.supervisor import ClusterError

RESTARTS_MAX = 10
"""Failures in a row after which a watch or a stream gives up."""
RESTART_SECONDS, RESTART_SECONDS_MAX = 1.0, 60.0
HEALTHY_SECONDS = 300.0
"""A cluster that lived so long did not fail in a row with the one before."""


def in_a_row(failures: int, lived: float) -> int:
    """How many failures there are in a row with one more, of a cluster that lived so many seconds."""
    return 1 if lived > HEALTHY_SECONDS else failures + 1


def is_hopeless(err: ClusterError, failures: int) -> bool:
    """Whether another attempt would be of no use."""
    return err.lasting or failures > RESTARTS_MAX


def wait_for_restart(
    err: ClusterError,
    failures: int,
    going_on: Callable[[], bool],
    clock: Callable[[], float],
    meanwhile: Callable[[], None] = lambda: None,
) -> None:
    """Say what failed, and wait before the next attempt as long as `going_on` says so."""
    wait = min(RESTART_SECONDS * 2 ** (failures - 1), RESTART_SECONDS_MAX) * random.uniform(0.8, 1.2)  # noqa: S311
    log(f"{err}; starting again in {wait:.0f} s; nothing is lost", "error", failures=failures)
    deadline = clock() + wait
    while going_on() and clock() < deadline:
        meanwhile()
        time.sleep(0.1)
