"""The end of a remembered scan's flow: results of a target go through its commit lane, then on to the writer.

A finding is reported after it is durable. The partition commits about once a second, and in the end.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition

from gossip.operators.lives import presence
from gossip.operators.remember import lane_of
from gossip.schemas.ledger import KIND_CHANGE, KIND_COVERED, KIND_HEAD, KIND_RULES, UnitRecord
from gossip.schemas.protocols import Head, Lane, Memory, ResultWriter
from gossip.schemas.units import UnitResult

COMMIT_SECONDS = 1.0
_MARKS = frozenset({KIND_RULES, KIND_CHANGE, KIND_COVERED, KIND_HEAD})
"""Kinds of records that are not about content: nothing waits for them."""


def lane_key(memory: Memory, result: UnitResult) -> str:
    """The key that leads a result to its target's lane; results of targets that cannot be opened have a lane too."""
    if result.record is not None:
        return str(lane_of(result.record.target_id, memory.lanes))
    return str(result.target % memory.lanes)


class CommitSink(FixedPartitionedSink[UnitResult, None]):
    """One partition a lane. Key results with `lane_key`.

    Exactly once without recovery: what is delivered again, in this run or a later one, is told by the ids in the lake.
    """

    def __init__(self, memory: Memory, writer: Callable[[], ResultWriter], heads: Callable[[int], Head | None]) -> None:
        self._memory = memory
        self._writer = writer
        self._heads = heads

    def list_parts(self) -> list[str]:
        """Every lane."""
        return [f"lane-{number:04d}" for number in range(self._memory.lanes)]

    def part_fn(self, item_key: str) -> int:
        """Keys are numbers of lanes."""
        return int(item_key)

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> CommitPartition:
        """The partition of a lane. The lane itself is opened with its first unit: most have none."""
        number = int(for_part.removeprefix("lane-"))
        return CommitPartition(lambda: self._memory.lane(number), self._writer(), self._heads)


class CommitPartition(StatefulSinkPartition[UnitResult, None]):
    """Commits what has a record, hands everything on."""

    def __init__(
        self,
        lane: Callable[[], Lane],
        writer: ResultWriter,
        heads: Callable[[int], Head | None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._make = lane
        self._lane: Lane | None = None
        self._writer = writer
        self._clock = clock
        self._waiting: list[UnitResult] = []
        self._heads = heads
        """A target, by its index, as it is now."""
        self._held: dict[int, list[UnitResult]] = {}
        """By target: what says that all of it was scanned, until all of it is here."""
        self._taken: Counter[int] = Counter()
        self._found: Counter[int] = Counter()
        self._open: set[int] = set()
        """Targets of which a unit is to be tried again."""
        self._last = clock()
        self._failed = False

    def write_batch(self, values: list[UnitResult]) -> None:
        """Take results; commit if it is time. Raises what the lane and the writer raise."""
        try:
            for value in values:
                self._take(value)
            if self._clock() - self._last >= COMMIT_SECONDS:
                self._commit()
        except BaseException as err:
            self._failed = True
            self._writer.failed(err)
            raise

    def _take(self, result: UnitResult) -> None:
        if result.record is None:
            self._writer.write(result)
        elif result.after > self._taken[result.target]:
            self._held.setdefault(result.target, []).append(result)
        else:
            self._add(result)
            held = self._held.pop(result.target, [])
            for one in held:
                if one.after > self._taken[one.target]:
                    self._held.setdefault(one.target, []).append(one)
                else:
                    self._add(one)

    def _add(self, result: UnitResult) -> None:
        record = result.record
        assert record is not None
        if record.kind == KIND_HEAD and not self._headed(result, record):
            return
        if self._lane is None:
            self._lane = self._make()
        self._taken[result.target] += record.kind not in _MARKS
        if record.outcome == "failed_retryable" and record.kind not in _MARKS:
            self._open.add(result.target)
        fresh = self._lane.add(record)
        self._found[result.target] += fresh is not None and len(record.findings)
        result.findings = fresh or []
        result.record = None
        self._waiting.append(result)

    def _headed(self, result: UnitResult, record: UnitRecord) -> bool:
        """Whether the end of a target's scan is to be recorded; then with what has come to its head, or gone."""
        if result.target in self._open or (result.if_found and not self._found[result.target]):
            return False
        head = self._heads(result.target)
        if head is not None:
            self._commit()
            if self._lane is None:
                self._lane = self._make()
            record.events = presence(head, self._lane.seen(record.target_id))
        return True

    def _commit(self) -> None:
        self._last = self._clock()
        if self._lane is None:
            return
        self._lane.commit()
        waiting, self._waiting = self._waiting, []
        for result in waiting:
            self._writer.write(result)

    def snapshot(self) -> None:
        """The ledger is the truth: nothing to resume from."""

    def close(self) -> None:
        """Commit the rest. What failed once is left alone: the runtime closes partitions while it unwinds."""
        if not self._failed:
            self._failed = True
            try:
                self._commit()
            except BaseException as err:
                self._writer.failed(err)
                raise
            self._writer.close()
