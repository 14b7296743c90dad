"""The commit lane of the lake, and every report that is a whole, keep the contract of sinks."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest

from gossip.connectors.report import FORMATS, open_reporter
from tests.conformance.sinks import Sink, SinkContract
from tests.support.lake import finding, lane, unit
from tests.unit.report.examples import finding as reported
from tests.unit.report.examples import summary

if TYPE_CHECKING:
    from pathlib import Path

    from gossip.connectors.lake.lane import CommitLane
    from gossip.schemas.finding import Finding
    from gossip.schemas.protocols import Reporter

WHOLE = sorted(name for name, row in FORMATS.items() if not row.streamed)
NAME = re.compile(r"item-(\d+)-\.txt")


class LaneRun:
    """A lane: one unit with one finding an item, a commit each third one."""

    def __init__(self, made: CommitLane) -> None:
        self._lane = made

    def take(self, number: int) -> None:
        """As one unit."""
        self._lane.add(unit(number, [finding(number, path=f"item-{number}-.txt")]))

    def commit(self) -> None:
        """All of it."""
        self._lane.commit()

    def die(self) -> None:
        """Nothing more is asked of it."""


class TestLake(SinkContract):
    """Rows of `occurrences`."""

    @pytest.fixture
    def sink(self, tmp_path: Path) -> Sink:
        """A lake of its own."""

        def durable() -> list[int]:
            rows = []
            for file in sorted((tmp_path / "occurrences").rglob("*.parquet")):
                table = pq.ParquetFile(file).read(columns=["seq", "path"]).to_pydict()
                rows += [
                    (seq, int(NAME.fullmatch(path)[1])) for seq, path in zip(table["seq"], table["path"], strict=True)
                ]  # type: ignore[index]
            return [number for _, number in sorted(rows, key=lambda row: row[0])]

        return Sink(lambda: LaneRun(lane(tmp_path)), durable)


class ReportRun:
    """A report: one finding an item; it replaces what was there when it is complete."""

    def __init__(self, made: Reporter) -> None:
        self._report = made
        self._taken: list[Finding] = []

    def take(self, number: int) -> None:
        """As one finding."""
        self._taken.append(reported(1, path=f"item-{number:02}-.txt", line=number + 1))
        self._report.finding(self._taken[-1])

    def commit(self) -> None:
        """The file takes its place."""
        self._report.close(summary(self._taken, []))

    def die(self) -> None:
        """Given up."""
        self._report.abort()


@pytest.mark.parametrize("fmt", WHOLE)
class TestReports(SinkContract):
    """Files that are replaced as a whole."""

    @pytest.fixture
    def sink(self, tmp_path: Path, fmt: str) -> Sink:
        """A file of its own."""
        path = tmp_path / "report"

        def durable() -> list[int]:
            found = [int(number) for number in NAME.findall(path.read_text("utf-8"))]
            return list(dict.fromkeys(found)) if found == sorted(found) else found

        return Sink(lambda: ReportRun(open_reporter(fmt, str(path))), durable)
