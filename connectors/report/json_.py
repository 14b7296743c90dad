"""JSON: one document, `{"findings": [...], "summary": {...}}`, with the records of JSON Lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gossip.connectors.report.base import CollectingReporter
from gossip.connectors.report.display import json_utf8

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gossip.schemas.finding import Finding
    from gossip.schemas.summary import Summary


class JsonReporter(CollectingReporter):
    """Sorted findings, one a line: whole for a parser, and still fit for `diff` and `grep`."""

    def pieces(self, findings: list[Finding], summary: Summary) -> Iterator[bytes]:
        """The document, one finding a piece."""
        yield b'{"findings":['
        for index, finding in enumerate(findings):
            yield (b",\n" if index else b"\n") + json_utf8(finding.to_record())
        yield (b"\n" if findings else b"") + b'],\n"summary":' + json_utf8(summary.to_record()) + b"}\n"
