"""Asking a store: at most so many requests at once, and again where that helps.

Attempts are counted in all, waits double and vary, and what would take longer than its deadline fails at once. A
request gives its permit back before it waits.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TypeVar

from gossip.connectors.objects.failures import RETRY_AFTER_SECONDS_MAX, judged
from gossip.schemas.errors import MisuseError

REQUESTS_AT_ONCE = 32
"""Of one process to one server."""

T = TypeVar("T")
_permits: dict[tuple[int, str], threading.BoundedSemaphore] = {}
_permits_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often a request is made, and how long that may take in all. Times in seconds."""

    attempts: int = 4
    base: float = 0.05
    cap: float = 2.0
    jitter: float = 0.2
    """Waits differ by up to this part of them."""
    deadline: float = 60.0

    def __post_init__(self) -> None:
        if self.attempts < 1 or not 0 <= self.jitter <= 1 or self.base < 0 or self.deadline <= 0:
            raise MisuseError("a retry policy needs an attempt, a jitter from 0 to 1 and a deadline")

    def wait(self, failures: int, asked: float | None, draw: float) -> float:
        """Seconds to wait after so many failures; `draw` is from 0 to 1, `asked` what the server wants at least."""
        wait = min(self.base * 2 ** (failures - 1), self.cap) * (1 - self.jitter + 2 * self.jitter * draw)
        return wait if asked is None else max(wait, asked)


def permits_of(endpoint: str) -> threading.BoundedSemaphore:
    """The permits of this process for a server. After a fork there are new ones: others may be held by no thread."""
    with _permits_lock:
        return _permits.setdefault((os.getpid(), endpoint), threading.BoundedSemaphore(REQUESTS_AT_ONCE))


if hasattr(os, "register_at_fork"):

    def _after_fork() -> None:
        global _permits_lock  # noqa: PLW0603 - the lock may have been held by a thread that is not here
        _permits_lock = threading.Lock()
        _permits.clear()

    os.register_at_fork(after_in_child=_after_fork)


class Asking:
    """Makes requests to one server. Safe to use from several threads."""

    def __init__(
        self,
        endpoint: str,
        policy: RetryPolicy | None = None,
        *,
        one_at_a_time: bool = False,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        draw: Callable[[], float] = random.random,
    ) -> None:
        """`one_at_a_time`: for libraries whose objects threads cannot share."""
        self._permits: AbstractContextManager[object] = permits_of(endpoint)
        self._one: AbstractContextManager[object] = threading.Lock() if one_at_a_time else nullcontext()
        self._policy = policy or RetryPolicy()
        self._clock = clock
        self._sleep = sleep
        self._draw = draw

    def __call__(self, where: str, request: Callable[[], T], *, listed: bool = True) -> T:
        """The answer to a request. Raises an error of ours: what is said of `where`, which is shown."""
        policy = self._policy
        until = self._clock() + policy.deadline
        for attempt in range(1, policy.attempts + 1):
            try:
                with self._permits, self._one:
                    return request()
            except Exception as err:
                problem = judged(err, where, listed=listed)
                wait = policy.wait(attempt, problem.wait, self._draw())
                late = self._clock() + wait > until or (problem.wait or 0) > RETRY_AFTER_SECONDS_MAX
                if not problem.passing or attempt == policy.attempts or late:
                    raise problem.error from err
            self._sleep(wait)
        raise AssertionError("a loop that returns or raises")

    def once(self, where: str, request: Callable[[], T]) -> T:
        """The answer to a request that cannot be repeated. Raises an error of ours."""
        try:
            with self._permits, self._one:
                return request()
        except Exception as err:
            raise judged(err, where).error from err
