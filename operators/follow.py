"""Source lanes without an end: each looks at its targets from time to time, and plans those that have changed.

A look is a source's fingerprint, taken on a thread beside the dataflow: it may wait for a network, and an epoch is a
barrier for the whole cluster. A target with another fingerprint than at its last round is planned; what is done is told
by the ledger, so a round too many costs little and a restart nothing.
"""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice

from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

from gossip.operators.lanes import BATCH_UNITS, LANES_MAX, Planned, planned, reason_of
from gossip.operators.rounds import Rounds
from gossip.operators.spread import Stopwatch
from gossip.operators.worker import Worker
from gossip.schemas.errors import GossipError
from gossip.schemas.summary import Loss
from gossip.schemas.units import PlanReport, Target

LOOKS_AT_ONCE = 8
"""Threads of a process that look: most of the time they wait."""
INTERVAL_SECONDS = 60.0
JITTER = 0.1
"""Intervals differ by so much, or targets that were started together would be looked at together for ever."""
RETRY_SECONDS = 30.0
"""After a round that could not read everything; doubled each time up to RETRY_SECONDS_MAX."""
RETRY_SECONDS_MAX = 3600.0
_LOOKING = timedelta(milliseconds=20)
_RUNNING = timedelta(milliseconds=200)
_IDLE = timedelta(seconds=1)
"""However long nothing is due: so soon a stop is noticed."""

SCAN_BYTES_PER_SECOND = 150e6


@dataclass(slots=True)
class _Followed:
    """What a lane knows of one of its targets."""

    index: int
    interval: float
    due: float
    fingerprint: bytes | None = None
    """At the beginning of the last round; None where that round did not read everything."""
    look: Future[bytes] | None = None
    running: bool = False
    failures: int = 0
    called: int = 0
    """How often it had been called when its last look began."""


class FollowSource(FixedPartitionedSource[Planned, None]):
    """One partition a lane; target i belongs to lane i modulo the number of lanes. Ends when the rounds are stopped."""

    def __init__(self, worker: Worker, rounds: Rounds) -> None:
        self._worker = worker
        self._rounds = rounds
        self._pool: ThreadPoolExecutor | None = None

    def list_parts(self) -> list[str]:
        """As many lanes as targets, up to LANES_MAX."""
        return [f"lane-{n:02d}" for n in range(min(LANES_MAX, len(self._worker.config.targets)))]

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> FollowPartition:
        """The lane of one partition. Lanes of a process share its threads, which begin here: it was forked before."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(LOOKS_AT_ONCE, thread_name_prefix="look")
        targets = self._worker.config.targets
        lane = int(for_part.removeprefix("lane-"))
        own = targets[lane :: min(LANES_MAX, len(targets))]
        return FollowPartition(self._worker, self._rounds, own, self._pool.submit)


class FollowPartition(StatefulSourcePartition[Planned, None]):
    """Follows the targets of one lane. `submit` runs a function on another thread; `clock` is monotonic, in seconds."""

    def __init__(
        self,
        worker: Worker,
        rounds: Rounds,
        targets: Iterable[Target],
        submit: Callable[[Callable[[], bytes]], Future[bytes]],
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = lambda: random.uniform(1 - JITTER, 1 + JITTER),  # noqa: S311 - spreads load
    ) -> None:
        self._worker = worker
        self._rounds = rounds
        self._submit = submit
        self._clock = clock
        self._jitter = jitter
        now = clock()
        self._targets = [_Followed(t.index, float(t.option("interval", str(INTERVAL_SECONDS))), now) for t in targets]
        self._plans: deque[Iterator[Planned]] = deque()

    def next_batch(self) -> list[Planned]:
        """A few units of a target that is being planned. Raises StopIteration once the rounds are stopped."""
        if self._rounds.stopping:
            raise StopIteration
        for followed in self._targets:
            self._advance(followed)
        if not self._plans:
            return []
        with Stopwatch(self._worker.balance, SCAN_BYTES_PER_SECOND):
            plan = self._plans.popleft()
            batch = list(islice(plan, BATCH_UNITS))
            if batch:  # the next target's turn: one with a long history must not keep the others waiting
                self._plans.append(plan)
        return batch

    def next_awake(self) -> datetime | None:
        """At once while there is something to plan."""
        if self._plans:
            return None
        now = datetime.now(UTC)
        if any(followed.look for followed in self._targets):
            return now + _LOOKING
        idle = [followed.due for followed in self._targets if not followed.running]
        wait = timedelta(seconds=max(0.0, min(idle) - self._clock())) if idle else _RUNNING
        return now + min(wait, _IDLE if len(idle) == len(self._targets) else _RUNNING)

    def snapshot(self) -> None:
        """Nothing to resume from: the ledger says what is done."""

    def _advance(self, followed: _Followed) -> None:
        if followed.running:
            if not self._rounds.running(followed.index):
                self._ended(followed)
        elif followed.look is not None:
            if followed.look.done():
                self._looked(followed, followed.look)
        elif self._clock() >= followed.due or self._rounds.called(followed.index) != followed.called:
            followed.called = self._rounds.called(followed.index)
            target, look = self._worker.config.targets[followed.index], self._worker.look
            assert look is not None, "who follows targets has a way to look at them"
            followed.look = self._submit(lambda: look(target))

    def _looked(self, followed: _Followed, look: Future[bytes]) -> None:
        followed.look = None
        index = followed.index
        try:
            found = look.result()
        except (GossipError, OSError) as err:
            loss = Loss("unreadable", self._worker.config.targets[index].name, reason_of(err))
            self._begin(followed, iter([PlanReport(index, 0, 0, 0, (loss,))]))
            return
        if found == followed.fingerprint:
            followed.due = self._clock() + followed.interval * self._jitter()
            return
        followed.fingerprint = found
        self._begin(followed, planned(self._worker, index))

    def _begin(self, followed: _Followed, plan: Iterator[Planned]) -> None:
        followed.running = True
        self._rounds.begin(followed.index)
        self._plans.append(plan)

    def _ended(self, followed: _Followed) -> None:
        followed.running = False
        wait = followed.interval
        if self._rounds.lost(followed.index):
            followed.fingerprint = None
            wait = max(wait, min(RETRY_SECONDS * 2**followed.failures, RETRY_SECONDS_MAX))
            followed.failures += 1
        else:
            followed.failures = 0
        followed.due = self._clock() + wait * self._jitter()
