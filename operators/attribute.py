"""Placing what was found in history: which commit introduced it, at which path.

Three steps, because Bytewax has no cycles. `collect` (keyed by target) waits until all units of a target were
scanned, then
sends its history out as walk units, with the blobs to look for. `walk` runs them on any worker. `resolve` (keyed by
target)
joins the places with the sightings and makes findings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from bytewax import operators as op
from bytewax.dataflow import Stream, operator
from bytewax.operators import KeyedStream, StatefulBatchLogic

from gossip.operators.profile import ATTRIBUTE, phase_of
from gossip.operators.remember import covered_record, missing_in, placed_record, walk_record
from gossip.operators.rounds import Rounds
from gossip.operators.spread import spread_map
from gossip.operators.worker import Tools, Worker
from gossip.schemas.errors import GossipError
from gossip.schemas.finding import Finding
from gossip.schemas.ledger import UnitRecord
from gossip.schemas.summary import Loss
from gossip.schemas.units import (
    BlobPlace,
    HistoryUnit,
    PlanReport,
    Sighting,
    UnitResult,
    WalkBatch,
    WalkResult,
    WalkUnit,
)

FINDINGS_PER_RESULT = 256
WANTED_PER_HISTORY = 1024
"""Wanted blobs that a history unit may bring along: more are sent with several units at once."""
BATCHES_PER_WORKER = 8
"""Of walks, at least, where there are so many: so that all workers end at about the same time."""

Incoming = HistoryUnit | PlanReport | UnitResult


class Sighted(NamedTuple):
    """What waits of one unit."""

    sightings: list[Sighting]
    record: UnitRecord | None


@dataclass(frozen=True, slots=True)
class Gathered:
    """Every sighting of a target, and how many walk results will follow."""

    plan: PlanReport
    units: tuple[Sighted, ...]
    complete: bool
    """Whether all of the target's content was scanned."""
    batches: int
    """How many walks were sent out."""

    @property
    def target(self) -> int:
        """Its index."""
        return self.plan.target


@operator
def attribute(step_id: str, up: KeyedStream[Incoming], worker: Worker) -> Stream[UnitResult]:
    """One UnitResult a target, with the findings of its history, once all of the target was scanned and walked."""
    collected = op.stateful_batch("collect", up, lambda _state: CollectLogic(worker.rounds, _workers(worker)))
    flat = op.map("unkey", collected, lambda pair: pair[1])
    walks = op.filter_map("walks", flat, lambda item: item if isinstance(item, WalkBatch) else None)
    gathered = op.filter_map("gathered", flat, lambda item: item if isinstance(item, Gathered) else None)
    walked = spread_map(
        "walk", walks, lambda batch: _measured_walk(worker, batch), worker.walk_balance, lambda b: len(b.histories)
    )
    merged: Stream[Gathered | WalkResult] = op.merge("merge", gathered, walked)
    keyed = op.key_on("key", merged, lambda item: str(item.target))
    resolved = op.stateful_batch("resolve", keyed, lambda _state: ResolveLogic(worker))
    return op.map("results", resolved, lambda pair: pair[1])


def _workers(worker: Worker) -> int:
    return worker.walk_balance.workers if worker.walk_balance is not None else 1


def _measured_walk(worker: Worker, batch: WalkBatch) -> WalkResult:
    with phase_of(worker.profile, ATTRIBUTE):
        return walk_batch(worker.tools, batch)


def walk_batch(tools: Tools, batch: WalkBatch) -> WalkResult:
    """The places of some history units of one target; a history that cannot be read is a loss."""
    rules = tools.detector.path_rules
    wanted = (lambda path: bool(tools.detector.path_findings(path))) if rules else None
    results = [_walked(tools, WalkUnit(history, batch.wanted), wanted) for history in batch.histories]
    if len(results) == 1:
        return results[0]
    return WalkResult(
        results[0].target,
        tuple(place for result in results for place in result.places),
        tuple(loss for result in results for loss in result.losses),
        tuple(place for result in results for place in result.path_only),
    )


def _walked(tools: Tools, unit: WalkUnit, path_wanted: Callable[[bytes], bool] | None) -> WalkResult:
    target = unit.history.target
    try:
        return tools.history(target).walk(unit, path_wanted)
    except (GossipError, OSError) as err:
        return WalkResult(target, (), (Loss("unreadable", f"{tools.name(target)}: history", str(err)),))


class CollectLogic(StatefulBatchLogic[Incoming, WalkBatch | Gathered, None]):
    """Holds a target's history and sightings until its last unit was scanned."""

    def __init__(self, rounds: Rounds | None = None, workers: int = 1) -> None:
        self._rounds = rounds
        self._workers = workers
        self._plan: PlanReport | None = None
        self._histories: list[HistoryUnit] = []
        self._sighted: list[Sighted] = []
        self._units = 0
        self._lost = False

    def on_batch(self, values: list[Incoming]) -> tuple[Iterable[WalkBatch | Gathered], bool]:
        """Counts what arrives; emits and retires when all is here."""
        for value in values:
            if isinstance(value, HistoryUnit):
                self._histories.append(value)
            elif isinstance(value, PlanReport):
                self._plan = value
                self._lost = self._lost or missing_in(value.losses) is None
            else:
                self._units += value.units
                failed = value.record is None or value.record.outcome == "failed_retryable"
                self._lost = self._lost or (bool(value.losses) and failed)
                if value.sightings:
                    self._sighted.append(Sighted(value.sightings, value.record))
        plan = self._plan
        if plan is None or self._units < plan.units or len(self._histories) < plan.histories:
            return (), StatefulBatchLogic.RETAIN
        wanted = frozenset(bytes.fromhex(sighting.object_id) for unit in self._sighted for sighting in unit.sightings)
        walks = batches(self._histories, wanted, self._workers)
        gathered = Gathered(plan, tuple(self._sighted), not self._lost, len(walks))
        return [gathered, *walks], StatefulBatchLogic.DISCARD

    def on_eof(self) -> tuple[Iterable[WalkBatch | Gathered], bool]:
        """All units were counted before the end, or the flow lost one; a stopped one leaves plans unfinished."""
        if self._rounds is not None and self._rounds.stopping:
            return (), StatefulBatchLogic.DISCARD
        msg = f"a target's scan ended with {self._units} units scanned; planned: {self._plan and self._plan.units}"
        raise AssertionError(msg)

    def snapshot(self) -> None:
        """Nothing to resume from."""


def batches(histories: list[HistoryUnit], wanted: frozenset[bytes], workers: int) -> list[WalkBatch]:
    """All histories in order, several together where much is wanted, but enough for all workers."""
    size = min(-(-len(wanted) // WANTED_PER_HISTORY), len(histories) // (BATCHES_PER_WORKER * workers))
    size = max(size, 1)
    return [WalkBatch(tuple(histories[at : at + size]), wanted) for at in range(0, len(histories), size)]


class ResolveLogic(StatefulBatchLogic[Gathered | WalkResult, UnitResult, None]):
    """Joins a target's places with its sightings."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._gathered: Gathered | None = None
        self._walks: list[WalkResult] = []

    def on_batch(self, values: list[Gathered | WalkResult]) -> tuple[Iterable[UnitResult], bool]:
        """Emits the target's result when every walk has arrived."""
        for value in values:
            if isinstance(value, Gathered):
                self._gathered = value
            else:
                self._walks.append(value)
        if self._gathered is None or len(self._walks) < self._gathered.batches:
            return (), StatefulBatchLogic.RETAIN
        tools, gathered = self._worker.tools, self._gathered
        with phase_of(self._worker.profile, ATTRIBUTE):
            if self._worker.memory is None:
                return sliced(resolve(tools, gathered, self._walks)), StatefulBatchLogic.DISCARD
            return resolve_units(tools, gathered, self._walks), StatefulBatchLogic.DISCARD

    def snapshot(self) -> None:
        """Nothing to resume from."""


def resolve(tools: Tools, gathered: Gathered, walks: list[WalkResult]) -> UnitResult:
    """Findings at the first place that no rule or allowlist rejects."""
    before = tools.detector.suppressed.copy()
    places = _places(tools, gathered, walks)
    found = [_placed(tools, gathered.target, sighting, places) for u in gathered.units for sighting in u.sightings]
    result = _of_walks(tools, gathered.target, walks)
    result.findings[:0] = [finding for finding in found if finding is not None]
    result.suppressed = tools.detector.suppressed - before
    return result


def resolve_units(tools: Tools, gathered: Gathered, walks: list[WalkResult]) -> list[UnitResult]:
    """The same for a remembered scan: a result for every unit, one for the history, and one that says that the target
    is complete, if it is.
    """
    before = tools.detector.suppressed.copy()
    places = _places(tools, gathered, walks)
    results = []
    for unit in gathered.units:
        found = [_placed(tools, gathered.target, sighting, places) for sighting in unit.sightings]
        result = UnitResult(gathered.target, [finding for finding in found if finding is not None])
        if unit.record is not None:
            result.findings[:0] = unit.record.findings
            lasting = all(finding is not None and not finding.unreachable for finding in found)
            result.record = placed_record(unit.record, result, gathered.plan.reach, all_placed=lasting)
        results.append(result)
    plan = gathered.plan
    history = _of_walks(tools, gathered.target, walks)
    history.suppressed = tools.detector.suppressed - before
    results.append(history)
    missing = missing_in([*plan.losses, *history.losses])
    if plan.histories:
        history.record = walk_record(tools, plan, history, missing)
    after, marks = plan.units + bool(plan.histories), len(plan.opening) + len(plan.closing)
    if gathered.complete and missing is not None and (plan.reached or missing):
        results.append(UnitResult(gathered.target, record=covered_record(tools, plan, missing), after=after))
        marks += 1
    results.append(UnitResult(gathered.target, after=after, marks=marks, ends=True))
    return results


def _places(tools: Tools, gathered: Gathered, walks: list[WalkResult]) -> dict[str, list[BlobPlace]]:
    """Places of every blob with a match, by its id, earliest first; where no ref leads to it, the unreachable ones."""
    places: dict[str, list[BlobPlace]] = {}
    for walk in walks:
        for place in walk.places:
            places.setdefault(place.blob.hex(), []).append(place)
    for found in places.values():
        found.sort(key=lambda place: place.order)
    objects = [sighting.object_id for unit in gathered.units for sighting in unit.sightings]
    rest = frozenset(bytes.fromhex(name) for name in objects if name not in places)
    if rest and not tools.reachable_only:
        for place in tools.history(gathered.target).places_beyond(rest):
            places.setdefault(place.blob.hex(), []).append(place)
    tools.detector.suppressed["unreachable"] += sum(name not in places for name in objects)
    return places


def _placed(tools: Tools, target: int, sighting: Sighting, places: dict[str, list[BlobPlace]]) -> Finding | None:
    for place in places.get(sighting.object_id, ()):
        finding = tools.maker.finding(sighting, place.place, tools.name(target), tools.item(target))
        if finding is not None:
            return finding
    return None


def _of_walks(tools: Tools, target: int, walks: list[WalkResult]) -> UnitResult:
    """What rules without a regex say of paths, and what the walks missed."""
    result = UnitResult(target, _by_path(tools, target, walks))
    # A missing object is met by every walk whose commits change it.
    result.losses = sorted({(x.kind, x.where): x for w in walks for x in w.losses}.values(), key=lambda x: x.where)
    return result


def sliced(result: UnitResult) -> list[UnitResult]:
    """The same in smaller parts: the first findings are written while the last ones still travel."""
    findings, result.findings = result.findings, []
    starts = range(0, len(findings), FINDINGS_PER_RESULT)
    return [result, *(UnitResult(result.target, findings[at : at + FINDINGS_PER_RESULT]) for at in starts)]


def _by_path(tools: Tools, target: int, walks: list[WalkResult]) -> list[Finding]:
    first: dict[tuple[bytes, bytes], BlobPlace] = {}
    for place in sorted((p for walk in walks for p in walk.path_only), key=lambda place: place.order):
        first.setdefault((place.blob, place.place.path), place)
    found: list[Finding] = []
    for place in first.values():
        found.extend(tools.path_findings(target, place.place.path, place.blob.hex(), place.place))
    return found
