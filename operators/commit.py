"""The end of a remembered scan's flow: results of a target go through its commit lane, then on to the writer.

A finding is reported after it is durable. The partition commits about once a second, and in the end.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition

from gossip.operators.profile import COMMIT, Profile, phase_of
from gossip.operators.remember import lane_of
from gossip.schemas.protocols import Lane, Memory, ResultWriter
from gossip.schemas.units import UnitResult

COMMIT_SECONDS = 1.0


def lane_key(memory: Memory, result: UnitResult) -> str:
    """The key that leads a result to its target's lane; results of targets that cannot be opened have a lane too."""
    if result.record is not None:
        return str(lane_of(result.record.target_id, memory.lanes))
    return str(result.target % memory.lanes)


class CommitSink(FixedPartitionedSink[UnitResult, None]):
    """One partition a lane. Key results with `lane_key`.

    Exactly once without recovery: what is delivered again, in this run or a later one, is told by the ids in the lake.
    """

    def __init__(self, memory: Memory, writer: Callable[[], ResultWriter], profile: Profile | None = None) -> None:
        self._memory = memory
        self._profile = profile
        self._writer = writer

    def list_parts(self) -> list[str]:
        """Every lane."""
        return [f"lane-{number:04d}" for number in range(self._memory.lanes)]

    def part_fn(self, item_key: str) -> int:
        """Keys are numbers of lanes."""
        return int(item_key)

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> CommitPartition:
        """The partition of a lane. The lane itself is opened with its first unit: most have none."""
        number = int(for_part.removeprefix("lane-"))
        return CommitPartition(lambda: self._memory.lane(number), self._writer(), profile=self._profile)


class CommitPartition(StatefulSinkPartition[UnitResult, None]):
    """Commits what has a record, hands everything on."""

    def __init__(
        self,
        lane: Callable[[], Lane],
        writer: ResultWriter,
        clock: Callable[[], float] = time.monotonic,
        profile: Profile | None = None,
    ) -> None:
        self._profile = profile
        self._open = lane
        self._lane: Lane | None = None
        self._writer = writer
        self._clock = clock
        self._waiting: list[UnitResult] = []
        self._held: dict[int, UnitResult] = {}
        """By target: what says that all of it was scanned, until all of it is here."""
        self._taken: Counter[int] = Counter()
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
            self._held[result.target] = result
        else:
            self._add(result)
            held = self._held.get(result.target)
            if held is not None and held.after <= self._taken[result.target]:
                del self._held[result.target]
                self._add(held)

    def _add(self, result: UnitResult) -> None:
        assert result.record is not None
        if self._lane is None:
            self._lane = self._open()
        self._taken[result.target] += 1
        with phase_of(self._profile, COMMIT):
            fresh = self._lane.add(result.record)
        result.findings = fresh or []
        result.record = None
        self._waiting.append(result)

    def _commit(self) -> None:
        self._last = self._clock()
        if self._lane is None:
            return
        with phase_of(self._profile, COMMIT):
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
