"""Source lanes: each plans its targets one after the other and emits their units."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

from gossip.operators.profile import ENUMERATE, phase_of
from gossip.operators.remember import remembered_plan
from gossip.operators.spread import Stopwatch
from gossip.operators.worker import Worker
from gossip.schemas.errors import GossipError
from gossip.schemas.summary import Loss
from gossip.schemas.units import HistoryUnit, PlanReport, ScanUnit

LANES_MAX = 64
BATCH_UNITS = 8
"""Few, so that units reach the other workers while planning goes on."""

SCAN_BYTES_PER_SECOND = 150e6
"""About what a worker scans while another one plans; it only decides how evenly units are spread."""

Planned = ScanUnit | HistoryUnit | PlanReport


class LaneSource(FixedPartitionedSource[Planned, None]):
    """One partition a lane; target i belongs to lane i modulo the number of lanes.

    Bounded, and without recovery: a lane that is built again plans from the beginning.
    """

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    def list_parts(self) -> list[str]:
        """As many lanes as targets, up to LANES_MAX."""
        return [f"lane-{n:02d}" for n in range(min(LANES_MAX, len(self._worker.config.targets)))]

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> LanePartition:
        """The lane of one partition."""
        return LanePartition(self._worker, int(for_part.removeprefix("lane-")))


class LanePartition(StatefulSourcePartition[Planned, None]):
    """Plans the targets of one lane."""

    def __init__(self, worker: Worker, lane: int) -> None:
        self._worker = worker
        lanes = min(LANES_MAX, len(worker.config.targets))
        self._items = self._plan(range(lane, len(worker.config.targets), lanes))

    def _plan(self, targets: range) -> Iterator[Planned]:
        for target in targets:
            yield from planned(self._worker, target)

    def next_batch(self) -> list[Planned]:
        """A few units. Raises StopIteration after the last target."""
        worker = self._worker
        with phase_of(worker.profile, ENUMERATE), Stopwatch(worker.balance, SCAN_BYTES_PER_SECOND):
            batch = list(islice(self._items, BATCH_UNITS))
        if not batch:
            raise StopIteration
        return batch

    def snapshot(self) -> None:
        """Nothing to resume from."""


def planned(worker: Worker, target: int) -> Iterator[Planned]:
    """The units of one target and its PlanReport. A source that fails half-way ends with a loss, never an exception."""
    units = histories = size = 0
    try:
        for item in _plan(worker, target):
            if isinstance(item, ScanUnit):
                units, size = units + 1, size + item.bytes
            elif isinstance(item, HistoryUnit):
                histories += 1
            yield item
    except (GossipError, OSError) as err:
        name = worker.tools.name(target)
        loss = Loss("unreadable", name, reason_of(err).removeprefix(f"{name}: "))
        yield PlanReport(target, units, histories, size, (loss,))


def _plan(worker: Worker, target: int) -> Iterator[Planned]:
    if worker.memory is not None:
        return remembered_plan(worker, worker.memory, target)
    return worker.tools.source(target).plan()


def reason_of(err: Exception) -> str:
    """Why something cannot be read, without its name where the system says one."""
    return (err.strerror or str(err)) if isinstance(err, OSError) else str(err)
