"""The progress bar on a terminal: bytes, units, findings, time left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

if TYPE_CHECKING:
    from rich.console import Console

    from gossip.schemas.finding import Finding
    from gossip.schemas.protocols import Reporter
    from gossip.schemas.summary import Summary


class ProgressBar:
    """Follows the totals of a run. On stderr, and gone when the run ends."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            TextColumn("scanning"),
            BarColumn(),
            DownloadColumn(binary_units=False),
            TransferSpeedColumn(),
            TextColumn("{task.fields[units]} units, {task.fields[findings]} findings"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
        )
        self._task = self._progress.add_task("scan", total=None, units=0, findings=0)

    def start(self) -> None:
        """Show the bar."""
        self._progress.start()

    def stop(self) -> None:
        """Take the bar away, for the end or for lines of output."""
        self._progress.stop()

    def update(self, summary: Summary, planned_bytes: int) -> None:
        """New totals. The expected total is an estimate, so the bar never claims to be past it."""
        total = max(planned_bytes, summary.bytes) if planned_bytes else None
        self._progress.update(
            self._task, completed=summary.bytes, total=total, units=summary.units, findings=summary.findings
        )


class Interleaved:
    """An output on the same terminal as the bar: the bar steps aside while a finding is printed."""

    def __init__(self, reporter: Reporter, bar: ProgressBar) -> None:
        self._reporter = reporter
        self._bar = bar

    def finding(self, finding: Finding, /) -> None:
        """Print one finding."""
        self._bar.stop()
        self._reporter.finding(finding)
        self._bar.start()

    def close(self, summary: Summary) -> None:
        """Print what is left."""
        self._bar.stop()
        self._reporter.close(summary)

    def abort(self) -> None:
        """Give the output up; the bar stays."""
        self._reporter.abort()
