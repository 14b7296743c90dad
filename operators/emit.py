"""The end of the flow: results in one partition, in the order in which they come."""

from __future__ import annotations

from collections.abc import Callable

from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition

from gossip.schemas.protocols import ResultWriter
from gossip.schemas.units import UnitResult

PARTITION = "results"


class ResultSink(FixedPartitionedSink[UnitResult, None]):
    """Hands every result to one writer, built on the worker that owns the partition.

    Key results with PARTITION. Delivery is at most once without recovery: a writer that fails ends the run.
    """

    def __init__(self, writer: Callable[[], ResultWriter]) -> None:
        self._writer = writer

    def list_parts(self) -> list[str]:
        """The one partition."""
        return [PARTITION]

    def part_fn(self, item_key: str) -> int:
        """Everything goes there."""
        return 0

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> ResultPartition:
        """The partition with its writer."""
        return ResultPartition(self._writer())


class ResultPartition(StatefulSinkPartition[UnitResult, None]):
    """Feeds a writer."""

    def __init__(self, writer: ResultWriter) -> None:
        self._writer = writer

    def write_batch(self, values: list[UnitResult]) -> None:
        """Write results now: a reader sees findings while the scan runs."""
        for value in values:
            self._writer.write(value)

    def snapshot(self) -> None:
        """Nothing to resume from."""

    def close(self) -> None:
        """The flow ended."""
        self._writer.close()
