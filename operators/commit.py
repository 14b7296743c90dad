"""What a remembered scan adds before the writer: results of a target go through its commit lane.

A finding is reported after it is durable. A lane commits about once a second while there is something to commit, and
in the end.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial

from bytewax import operators as op
from bytewax.dataflow import Stream, operator
from bytewax.operators import StatefulBatchLogic

from gossip.operators.lives import presence
from gossip.operators.profile import COMMIT, Profile, phase_of
from gossip.operators.remember import PASSING_LOSSES, lane_of
from gossip.operators.rounds import Rounds
from gossip.operators.worker import Worker
from gossip.schemas.errors import GossipError
from gossip.schemas.ledger import KIND_CHANGE, KIND_COVERED, KIND_HEAD, KIND_RULES, UnitRecord
from gossip.schemas.protocols import Head, Lane, Memory
from gossip.schemas.units import UnitResult

COMMIT_INTERVAL = timedelta(seconds=1)
_MARKS = frozenset({KIND_RULES, KIND_CHANGE, KIND_COVERED, KIND_HEAD})
"""Kinds of records that are not about content: nothing but the target's end waits for them."""


@operator
def commit(
    step_id: str, up: Stream[UnitResult], worker: Worker, memory: Memory, failed: Callable[[BaseException], None]
) -> Stream[UnitResult]:
    """The same results, each once what it says is durable, less findings that are not new.

    `failed` is told at once what a lane raises: the runtime hides it behind the panic of its own threads.

    Exactly once without recovery: what is delivered again, in this run or a later one, is told by the ids in the lake.
    """
    keyed = op.key_on("to_lane", up, lambda result: _lane_key(worker, memory, result))

    def lane(_state: None) -> CommitLogic:
        took = None if worker.commits is None else partial(worker.commits.add, worker.number)
        logic = CommitLogic(memory, worker.head, failed, worker.rounds, profile=worker.profile)
        logic.took = took
        return logic

    committed = op.stateful_batch("lane", keyed, lane)
    return op.map("results", committed, lambda pair: pair[1])


def _lane_key(worker: Worker, memory: Memory, result: UnitResult) -> str:
    """Leads a result to its target's lane; results of targets that cannot be opened have a lane too."""
    if result.record is not None:
        return str(lane_of(result.record.target_id, memory.lanes))
    try:
        return str(lane_of(worker.tools.item(result.target).hex(), memory.lanes))
    except (GossipError, OSError):
        return str(result.target % memory.lanes)


@dataclass(slots=True)
class _Progress:
    """What has come of one target."""

    taken: int = 0
    marks: int = 0
    found: int = 0
    again: bool = False
    """A unit is to be tried again."""
    target_id: str = ""
    lost: bool = False
    """Something could not be read that another round may be able to read."""
    held: list[UnitResult] = field(default_factory=list)
    """What says that all of it was scanned, until all of it is here."""


class CommitLogic(StatefulBatchLogic[UnitResult, UnitResult, None]):
    """One lane. Commits what has a record, hands everything on."""

    def __init__(
        self,
        memory: Memory,
        heads: Callable[[int], Head | None],
        failed: Callable[[BaseException], None] = lambda _err: None,
        rounds: Rounds | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        profile: Profile | None = None,
    ) -> None:
        self.took: Callable[[float], None] | None = None
        """Told how many seconds each commit took."""
        self._profile = profile
        self._memory = memory
        self._heads = heads
        """A target, by its index, as it is now."""
        self._failed = failed
        self._rounds = rounds
        self._clock = clock
        self._lane: Lane | None = None
        self._progress: defaultdict[int, _Progress] = defaultdict(_Progress)
        self._waiting: list[UnitResult] = []
        self._kept: list[str] = []
        """Ids of units whose matches a cache may hold, to be dropped from it once they are durable."""
        self._due: datetime | None = None

    def on_batch(self, values: list[UnitResult]) -> tuple[Iterable[UnitResult], bool]:
        """Take results. Raises what the lane does, on every path: the run ends then."""
        with self._told(), phase_of(self._profile, COMMIT):
            for value in values:
                self._take(value)
        if self._due is None and self._waiting:
            self._due = self._clock() + COMMIT_INTERVAL
        if self._due is not None and self._clock() >= self._due:
            return self._commit(), StatefulBatchLogic.RETAIN
        return (), StatefulBatchLogic.RETAIN

    def on_notify(self) -> tuple[Iterable[UnitResult], bool]:
        """It is time."""
        return self._commit(), StatefulBatchLogic.RETAIN

    def on_eof(self) -> tuple[Iterable[UnitResult], bool]:
        """Commit the rest. What waits for results that will not come says nothing: the target is not complete."""
        return self._commit(), StatefulBatchLogic.RETAIN

    def notify_at(self) -> datetime | None:
        """When the next commit is due."""
        return self._due

    def snapshot(self) -> None:
        """The ledger is the truth: nothing to resume from."""

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except BaseException as err:
            self._failed(err)
            raise

    def _take(self, result: UnitResult) -> None:
        progress = self._progress[result.target]
        progress.held.append(result)
        while ready := next(
            (x for x in progress.held if x.after <= progress.taken and x.marks <= progress.marks), None
        ):
            progress.held.remove(ready)
            self._add(ready, progress)

    def _add(self, result: UnitResult, progress: _Progress) -> None:
        record, result.record = result.record, None
        if record is not None:
            is_mark = record.kind in _MARKS
            progress.marks += is_mark
            progress.taken += not is_mark
            if record.kind == KIND_HEAD and not self._headed(result, record, progress):
                return
            progress.again = progress.again or (record.outcome == "failed_retryable" and not is_mark)
            progress.target_id = record.target_id
            fresh = self._lane_of(record).add(record)
            progress.found += 0 if fresh is None else len(record.findings)
            result.findings = fresh or []
            self._kept.append(record.unit_id)
        progress.lost = progress.lost or any(loss.kind in PASSING_LOSSES for loss in result.losses)
        self._waiting.append(result)

    def _lane_of(self, record: UnitRecord) -> Lane:
        if self._lane is None:  # most lanes have nothing to commit
            self._lane = self._memory.lane(lane_of(record.target_id, self._memory.lanes))
        return self._lane

    def _headed(self, result: UnitResult, record: UnitRecord, progress: _Progress) -> bool:
        """Whether the end of a target's scan is to be recorded; then with what has come to its head, or gone."""
        if progress.again or (result.if_found and not progress.found):
            return False
        head = self._heads(result.target)
        if head is not None:
            lane = self._lane_of(record)
            lane.commit()
            record.events = presence(head, lane.seen(record.target_id))
        return True

    def _commit(self) -> list[UnitResult]:
        self._due = None
        if self._lane is not None:
            started = time.perf_counter()
            with self._told(), phase_of(self._profile, COMMIT):
                self._lane.commit()
            if self.took is not None and self._waiting:
                self.took(time.perf_counter() - started)
        for name in self._kept:
            self._memory.drop(name)
        self._kept.clear()
        waiting, self._waiting = self._waiting, []
        for result in waiting:
            if result.ends:
                self._end(result.target)
        return waiting

    def _end(self, target: int) -> None:
        progress = self._progress.pop(target)
        if self._rounds is None:
            return
        if self._lane is not None and target not in self._rounds.twins:
            self._lane.forget(progress.target_id)
        self._rounds.end(target, lost=progress.lost)
