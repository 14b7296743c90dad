"""Open, decode and detect, in one step: content appears on the worker that scans it and never leaves it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime

from bytewax.dataflow import Stream, operator

from gossip.engine.decode.content import Left, Text, contents, is_plain
from gossip.engine.decode.documents import EXTRACTORS
from gossip.engine.detect.delta import DeltaDetector
from gossip.engine.detect.detector import Base, Detector, Scanned
from gossip.engine.detect.match import Match
from gossip.engine.findings import display_path
from gossip.operators.profile import CONTENT, phase_of
from gossip.operators.remember import unit_record
from gossip.operators.spread import spread_map
from gossip.operators.worker import Tools, Worker
from gossip.schemas.errors import GossipError
from gossip.schemas.protocols import Document, Lineage, Skip
from gossip.schemas.summary import Loss
from gossip.schemas.units import ScanUnit, UnitResult


@operator
def scan(step_id: str, up: Stream[ScanUnit], worker: Worker) -> Stream[UnitResult]:
    """One UnitResult for every unit, whatever its content: what cannot be read is a loss in it.

    The units are spread over all workers first.
    """
    return spread_map("units", up, lambda unit: _measured(worker, unit), worker.balance, lambda unit: unit.bytes)


def _measured(worker: Worker, unit: ScanUnit) -> UnitResult:
    with phase_of(worker.profile, CONTENT):
        return _scanned(worker, unit)


def _scanned(worker: Worker, unit: ScanUnit) -> UnitResult:
    """The result of a unit; in a remembered scan, with its record, and perhaps from an earlier run."""
    memory, started = worker.memory, datetime.now(UTC)
    if memory is None:
        return scan_unit(worker.tools, unit)
    cached = unit.again is None and not worker.config.show_secrets
    result = memory.find(unit.id, unit.target) if cached else None
    if result is None:
        result = scan_unit(worker.tools, unit)
        if result.sightings and unit.again is None:
            memory.keep(unit.id, result)
    result.record = unit_record(worker.tools, unit, result, started)
    return result


def scan_unit(tools: Tools, unit: ScanUnit) -> UnitResult:
    """Everything one unit holds."""
    result = UnitResult(unit.target, units=1)
    before = tools.detector.suppressed.copy()
    detector = tools.detector if unit.again is None else tools.delta(unit.again)
    try:
        for opened in tools.source(unit.target).open(unit):
            if isinstance(opened, Loss):
                result.losses.append(opened)
            elif isinstance(opened, Skip):
                result.skipped[opened.reason] += 1
                if opened.path is not None:
                    _by_path(tools, unit.target, opened, result)
            else:
                _scan_document(tools, detector, unit.target, opened, result)
    except (GossipError, OSError) as err:
        # The rest of the unit is lost, and nobody knows how much that is.
        result.losses.append(Loss(_kind(err), f"{tools.name(unit.target)}: a {unit.kind} unit", str(err)))
    result.suppressed = tools.detector.suppressed - before
    return result


def _scan_document(
    tools: Tools, detector: Detector | DeltaDetector, target: int, document: Document, result: UnitResult
) -> None:
    lineage = document.lineage
    data = None if lineage is None or tools.whole_blobs else lineage.data
    if lineage is not None and data is not None:
        if is_plain(_base_name(document), data, tools.policy):
            found = _matches(document, (), _scan_lineage(detector, lineage, data, result), result)
            result.bytes += len(data)
            result.documents += 1
            if found:
                _report(tools, target, document, [(match, ()) for match in found], result)
            if document.path is not None:
                _by_path(tools, target, document, result)
            return
        result.whole["content"] += 1
    counted = _Counted(document.chunks)
    sightings: list[tuple[Match, tuple[str, ...]]] = []
    scanned = 0
    try:
        for item in contents(_base_name(document), counted, tools.policy, time.monotonic, document.seekable):
            if isinstance(item, Text):
                scanned += 1
                sightings.extend((match, item.container) for match in _scan_text(detector, document, item, result))
            elif isinstance(item, Left):
                result.skipped[item.reason] += 1
            else:
                result.losses.append(Loss(item.reason, inside(document.name, item.container), item.detail))
    except (GossipError, OSError) as err:
        result.losses.append(Loss(_kind(err), document.name, str(err)))
    result.bytes += counted.size
    result.documents += bool(scanned)
    if sightings:
        _report(tools, target, document, sightings, result)
    if document.path is not None:
        _by_path(tools, target, document, result)


def _kind(err: Exception) -> str:
    return err.loss_kind if isinstance(err, GossipError) else GossipError.loss_kind


class _Counted:
    """Chunks, and how many bytes were read of them."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = chunks
        self.size = 0

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            self.size += len(chunk)
            yield chunk


def _base_name(document: Document) -> str:
    return "" if document.path is None else display_path(document.path.rpartition(b"/")[2])


def inside(name: str, container: tuple[str, ...]) -> str:
    """How a place in an archive is written: `backup.zip!etc/app.env`."""
    return "!".join((name, *container))


def _scan_lineage(detector: Detector | DeltaDetector, lineage: Lineage, data: bytes, result: UnitResult) -> Scanned:
    """What a document held in memory holds, by what tells it from its base where that is known."""
    base, copies, cause = lineage.base, lineage.copies, lineage.cause
    # Whoever keeps this document as a base does not want those that it was made of.
    lineage.base = lineage.copies = None
    known: Base | None = None
    if base is not None and copies is not None:
        if base.hits is None and base.data is not None:
            base.hits = detector.hits_of(base.data)  # it was not scanned, or not as it is
        cause = "base"  # it has too many hits, or was let go of before it was scanned
        if base.hits is not None:
            known = Base(base.hits, base.size, copies())
    held = detector.scan_held(data, known, awaited=lineage.awaited)
    lineage.hits = held.hits
    if known is None:
        result.whole[cause] += 1
    elif held.whole:
        result.whole["many-hits"] += 1
    return held.scanned


def _matches(document: Document, container: tuple[str, ...], scanned: Scanned, result: UnitResult) -> list[Match]:
    """The matches of one text; what a budget stopped becomes a loss."""
    for cause, count in sorted(scanned.dropped.items()) if scanned.dropped else ():
        detail = f"{count} times; the rest of the document was scanned"
        result.losses.append(Loss(f"budget-{cause}", inside(document.name, container), detail))
    return scanned.matches


def _scan_text(detector: Detector | DeltaDetector, document: Document, text: Text, result: UnitResult) -> list[Match]:
    """The matches of one text, at their places in the bytes as they are stored."""
    found = _matches(document, text.container, detector.scan(text.chunks), result)
    if not text.steps:
        return found
    return [_as_stored(match, text) for match in found]


def _as_stored(match: Match, text: Text) -> Match:
    start, end = text.origin(match.start, match.end) if text.origin else (match.start, match.end)
    return replace(match, start=start, end=end, decode_path=(*text.steps, *match.decode_path))


def _report(
    tools: Tools, target: int, document: Document, matches: list[tuple[Match, tuple[str, ...]]], result: UnitResult
) -> None:
    version = document.version()
    sightings = [
        tools.maker.sighting(match, version, document.object_id, container)
        for match, container in without_repeats(matches)
    ]
    if document.place is None:
        result.sightings.extend(sightings)
        return
    place = document.place()
    for sighting in sightings:
        finding = tools.maker.finding(sighting, place, tools.name(target), tools.item(target))
        if finding is not None:
            result.findings.append(finding)


def without_repeats(matches: list[tuple[Match, tuple[str, ...]]]) -> list[tuple[Match, tuple[str, ...]]]:
    """Matches less those that a structured document repeats: the same rule and secret in the same stored bytes.

    What was read straight from the bytes comes first, and stays.
    """
    seen: set[tuple[int, bytes, tuple[str, ...]]] = set()
    places: set[tuple[int, bytes, tuple[str, ...], int]] = set()
    kept = []
    for match, container in matches:
        secret = (match.rule, match.secret, container)
        if match.decode_path and match.decode_path[0] in EXTRACTORS:
            if secret in seen or (*secret, match.start) in places:
                continue
            places.add((*secret, match.start))
        else:
            seen.add(secret)
        kept.append((match, container))
    return kept


def _by_path(tools: Tools, target: int, opened: Document | Skip, result: UnitResult) -> None:
    """Rules without a regex: they need no content, so a binary file is theirs too."""
    if not tools.detector.path_rules or opened.path is None:
        return
    object_id = opened.object_id if isinstance(opened, Document) else ""
    place = opened.place() if isinstance(opened, Document) and opened.place else None
    result.findings.extend(tools.path_findings(target, opened.path, object_id, place))
