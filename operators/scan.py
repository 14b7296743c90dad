"""Open, decode and detect, in one step: content appears on the worker that scans it and never leaves it."""

from __future__ import annotations

from collections.abc import Iterator

from bytewax.dataflow import Stream, operator

from gossip.engine.detect.match import Match
from gossip.operators.spread import spread_map
from gossip.operators.worker import Tools, Worker
from gossip.schemas.errors import GossipError
from gossip.schemas.protocols import Document, Skip
from gossip.schemas.summary import Loss
from gossip.schemas.units import ScanUnit, UnitResult


@operator
def scan(step_id: str, up: Stream[ScanUnit], worker: Worker) -> Stream[UnitResult]:
    """One UnitResult for every unit, whatever its content: what cannot be read is a loss in it.

    The units are spread over all workers first.
    """
    return spread_map("units", up, lambda unit: scan_unit(worker.tools, unit), worker.balance, lambda unit: unit.bytes)


def scan_unit(tools: Tools, unit: ScanUnit) -> UnitResult:
    """Everything one unit holds."""
    result = UnitResult(unit.target, units=1)
    before = tools.detector.suppressed.copy()
    try:
        for opened in tools.source(unit.target).open(unit):
            if isinstance(opened, Loss):
                result.losses.append(opened)
            elif isinstance(opened, Skip):
                result.skipped[opened.reason] += 1
                if opened.path is not None:
                    _by_path(tools, unit.target, opened, result)
            else:
                _scan_document(tools, unit.target, opened, result)
    except (GossipError, OSError) as err:
        # The rest of the unit is lost, and nobody knows how much that is.
        result.losses.append(Loss("unreadable", f"{tools.name(unit.target)}: a {unit.kind} unit", str(err)))
    result.suppressed = tools.detector.suppressed - before
    return result


def _scan_document(tools: Tools, target: int, document: Document, result: UnitResult) -> None:
    size = 0

    def counted() -> Iterator[bytes]:
        nonlocal size
        for chunk in document.chunks:
            size += len(chunk)
            yield chunk

    try:
        matches = tools.detector.scan(counted())
    except GossipError as err:
        result.losses.append(Loss("unreadable", document.name, str(err)))
        return
    finally:
        result.bytes += size
    result.documents += 1
    if matches:
        _report(tools, target, document, matches, result)
    if document.path is not None:
        _by_path(tools, target, document, result)


def _report(tools: Tools, target: int, document: Document, matches: list[Match], result: UnitResult) -> None:
    version = document.version()
    sightings = [tools.maker.sighting(match, version, document.object_id) for match in matches]
    if document.place is None:
        result.sightings.extend(sightings)
        return
    place = document.place()
    for sighting in sightings:
        finding = tools.maker.finding(sighting, place, tools.name(target), tools.item(target))
        if finding is not None:
            result.findings.append(finding)


def _by_path(tools: Tools, target: int, opened: Document | Skip, result: UnitResult) -> None:
    """Rules without a regex: they need no content, so a binary file is theirs too."""
    if not tools.detector.path_rules or opened.path is None:
        return
    object_id = opened.object_id if isinstance(opened, Document) else ""
    place = opened.place() if isinstance(opened, Document) and opened.place else None
    result.findings.extend(tools.path_findings(target, opened.path, object_id, place))
