"""JSON Lines: one finding a line as it arrives, the summary as the last line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gossip.connectors.report.display import json_utf8

if TYPE_CHECKING:
    from gossip.connectors.report.base import Options, Output
    from gossip.schemas.finding import Finding
    from gossip.schemas.summary import Summary


class JsonlReporter:
    """Writes each finding when it comes and flushes it, so that a reader follows the scan as it runs.

    Findings come in the order of the scan, unsorted. A file is written in place: after a crash it holds whole lines
    (the last one may be cut) and no summary, which is how a reader tells an unfinished run from a finished one.
    """

    def __init__(self, output: Output, _options: Options | None = None) -> None:
        self._output = output

    def finding(self, finding: Finding, /) -> None:
        """Write one line."""
        self._output.write(json_utf8(finding.to_record()) + b"\n")
        self._output.flush()

    def close(self, summary: Summary) -> None:
        """Write the summary line."""
        self._output.write(json_utf8(summary.to_record()) + b"\n")
        self._output.commit()

    def abort(self) -> None:
        """Leave the lines as they are, without a summary."""
        self._output.abort()
