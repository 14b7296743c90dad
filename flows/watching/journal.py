"""What a watch says while it runs: findings to its outputs, a line on stderr for whatever else happens."""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from gossip.connectors.report.display import json_utf8, visible
from gossip.flows.cli.streams import say
from gossip.schemas.summary import LOSSES_REMEMBERED_MAX

if TYPE_CHECKING:
    from collections.abc import Callable

    from gossip.flows.run import RunReport
    from gossip.flows.watching.metrics import Metrics
    from gossip.schemas.finding import Finding
    from gossip.schemas.protocols import Reporter
    from gossip.schemas.summary import Summary
    from gossip.schemas.units import UnitResult

LOSSES_SAID_MAX = 5
"""Of one round; the lake has them all."""


Level = Literal["info", "warning", "error"]


@dataclass(slots=True)
class _Form:
    json: bool = False


_FORM = _Form()


def log_as_json() -> None:
    """From now on, in this process and those that it forks, a line is a JSON object."""
    _FORM.json = True


def log(text: str, level: Level = "info", **fields: str | float) -> None:
    """One line with the time on stderr. `fields` say the same in pieces, for machines."""
    now = datetime.now(UTC)
    if _FORM.json:
        record = {"time": f"{now:%Y-%m-%dT%H:%M:%S}.{now.microsecond // 1000:03d}Z", "level": level, "message": text}
        say(json_utf8(record | fields).decode() + "\n")
    else:
        say(f"{now:%Y-%m-%dT%H:%M:%SZ} gossip: {visible(text)}\n")


class Lasting:
    """A reporter that outlives the runs it reports for: it is closed by its owner alone."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter

    def finding(self, finding: Finding, /) -> None:
        """Hand it on."""
        self._reporter.finding(finding)

    def close(self, _summary: Summary, /) -> None:
        """The run ended, the output did not."""

    def abort(self) -> None:
        """An output that failed is given up by its owner."""


@dataclass(slots=True)
class _Round:
    began: float
    documents: int = 0
    bytes: int = 0
    findings: int = 0
    losses: set[tuple[str, str]] = field(default_factory=set)


class Journal:
    """Takes the results of one cluster. A loss that lasts is reported once, not in every round."""

    def __init__(
        self,
        report: RunReport,
        names: tuple[str, ...],
        *,
        quiet: bool,
        clock: Callable[[], float] = time.monotonic,
        metrics: Metrics | None = None,
    ) -> None:
        self._metrics = metrics
        self._report = report
        self._names = names
        self._quiet = quiet
        self._clock = clock
        self._rounds: dict[int, _Round] = {}
        self._lost: defaultdict[int, set[tuple[str, str]]] = defaultdict(set)
        """By target: what the last round lost."""

    def write(self, result: UnitResult) -> None:
        """Take one result. Raises what the outputs raise, once none is left."""
        target = result.target
        current = self._rounds.setdefault(target, _Round(self._clock()))
        lasting = self._lost[target] | current.losses
        if len(current.losses) < LOSSES_REMEMBERED_MAX:
            current.losses.update((loss.kind, loss.where) for loss in result.losses)
        result.losses = [loss for loss in result.losses if (loss.kind, loss.where) not in lasting]
        for loss in result.losses[:LOSSES_SAID_MAX]:
            detail = f": {loss.detail}" if loss.detail else ""
            name = self._names[target]
            log(f"{name}: not scanned: {loss.kind} {loss.where}{detail}", "warning", target=name, kind=loss.kind)
        if self._metrics is not None:
            self._metrics.take(result)
        current.documents += result.documents
        current.bytes += result.bytes
        before = self._report.summary.findings
        self._report.write(result)
        current.findings += self._report.summary.findings - before
        if result.ends:
            self._ended(target, self._rounds.pop(target))

    def _ended(self, target: int, ended: _Round) -> None:
        self._lost[target] = ended.losses
        if self._quiet or not ended.documents:
            return
        spent = self._clock() - ended.began
        log(
            f"{self._names[target]}: {ended.documents:,} documents, {ended.bytes:,} bytes, "
            f"{ended.findings:,} findings in {spent:.1f} s",
            target=self._names[target],
            documents=ended.documents,
            bytes=ended.bytes,
            findings=ended.findings,
            seconds=round(spent, 3),
        )
