"""What a remembered scan adds to the operators: ids of units, dropping what is done, records for the commit lanes.

Nothing here is kept between runs but by the lake. A run plans every target anew, in the same order and with the same
ids, drops what the ledger has, and scans the rest; so it does not matter when the last run ended, nor how, nor on how
many processes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from itertools import chain
from typing import cast

from blake3 import blake3

from gossip.engine.identity import unit_id
from gossip.operators.lives import with_marks
from gossip.operators.worker import Tools, Worker
from gossip.schemas.errors import GossipError
from gossip.schemas.ledger import ATTEMPTS_MAX, KIND_COVERED, KIND_WALK, Outcome, UnitRecord, coverage_text
from gossip.schemas.protocols import Failure, Head, Known, Memory, RememberedSource
from gossip.schemas.summary import Loss
from gossip.schemas.units import HistoryUnit, PlanReport, ScanUnit, UnitResult

PASSING_LOSSES = frozenset({"changed", "missing-object", "unreadable", "vanished"})
"""What another run may be able to read. Every other loss is of the content itself, and content does not change."""

PARKED = "parked"
_OBJECT_ID = re.compile("[0-9a-f]{40}")


def lane_of(target_id: str, lanes: int) -> int:
    """The commit lane of a target: always the same one."""
    return int(target_id[:8], 16) % lanes


def remembered_plan(worker: Worker, memory: Memory, target: int) -> Iterator[ScanUnit | HistoryUnit | PlanReport]:
    """The target's plan without the units that are done. Raises what the source and the lake raise."""
    tools = worker.tools
    source = cast("RememberedSource", tools.source(target))
    target_id = tools.item(target).hex()
    known = memory.known(target_id, lane_of(target_id, memory.lanes))
    covered, missing = known.covered, tuple(Loss("missing-object", *lost) for lost in known.missing)
    if missing and source.outdated(covered, [loss.where for loss in missing]):
        covered, missing = frozenset[str](), ()  # what is missing, or has come back, is known by walking everything
    losses: list[Loss] = []
    kept = [*missing, *_permanent(known)] if covered else []
    state = _State(source)
    units = size = 0
    beyond = None if covered else _beyond(tools, target, known)
    new = {_unit_id(tools, source, item): item for item in beyond or ()}
    rest = source.plan_beyond(covered)
    for item in chain((replace(unit, id=name) for name, unit in new.items()), rest):
        if isinstance(item, ScanUnit):
            unit = item if item.id else replace(item, id=_unit_id(tools, source, item))
            if not item.id and unit.id in new:
                continue  # a unit of old storage that holds what is new, and nothing else
            state.add(unit)
            old = beyond is not None and not item.id and item.kind != "files"
            unit, said = _to_scan(unit, source.reach, known, tools.item(target) if old else None)
            if said is None:
                units, size = units + 1, size + unit.bytes
                yield unit
            else:
                losses.extend(said)
        elif isinstance(item, PlanReport):
            report = replace(
                item,
                units=units,
                bytes=size,
                losses=(*item.losses, *(loss for loss in losses if loss.kind == PARKED)),
                known=(*kept, *(loss for loss in losses if loss.kind != PARKED and not covered)),
            )
            yield with_marks(tools, report, known, state.text())
        else:
            yield item


def _beyond(tools: Tools, target: int, known: Known) -> list[ScanUnit] | None:
    """Of a history that was covered under the base: what has come since. None where that cannot be told."""
    base = known.base
    if base is None or not base.covered or base.missing or any(failure.permanent for failure in base.failed.values()):
        return None
    source = cast("RememberedSource", tools.source(target)).fresh()
    units = (item for item in source.plan_beyond(base.covered) if isinstance(item, ScanUnit))
    return [unit for unit in units if unit.kind != "files"]


def _unit_id(tools: Tools, source: RememberedSource, unit: ScanUnit) -> str:
    return unit_id(tools.item(unit.target), unit.kind, source.content_key(unit)).hex()


def _to_scan(unit: ScanUnit, reach: str, known: Known, item: bytes | None) -> tuple[ScanUnit, list[Loss] | None]:
    """The unit as it is to be scanned, and what `_answered` says of it. Given `item`, the target's, its content was
    scanned under the base, in whichever units.
    """
    said = _answered(unit, reach, known)
    base = known.base
    if said is not None or base is None:
        return unit, said
    if base.done & {unit.id, _within(unit.id, reach)} and not base.failed.keys() & {unit.id, _within(unit.id, reach)}:
        return replace(unit, again=known.again), None
    if item is None:
        return unit, None
    # A name of its own: that these rules looked at it says nothing of what may later lead to the same objects.
    unit = replace(unit, id=unit_id(item, "again", unit.id.encode()).hex(), again=known.again)
    return unit, _answered(unit, reach, known)


class _State:
    """What a target was when it was planned: if it is the same again, nothing has come or gone."""

    def __init__(self, source: RememberedSource) -> None:
        self._head: Head | None = None
        with suppress(GossipError, OSError):  # a loss of the plan
            self._head = source.head()
        self._files = blake3()
        self._any = False

    def add(self, unit: ScanUnit) -> None:
        """One of its units."""
        if unit.kind == "files":
            self._any = True
            self._files.update(unit.id.encode())

    def text(self) -> str:
        """In a few words."""
        commit = "unknown" if self._head is None else self._head.commit
        return " ".join(part for part in (commit, self._files.hexdigest() if self._any else "") if part) or "empty"


def _permanent(known: Known) -> list[Loss]:
    """What cannot be read in content that a plan beyond the covered tips does not come to."""
    failed = [(name, failure) for name, failure in known.failed.items() if failure.permanent]
    return [loss for name, failure in failed for loss in _old_losses(name, failure) if loss.kind != "missing-object"]


def _answered(unit: ScanUnit, reach: str, known: Known) -> list[Loss] | None:
    """None if the unit is to be scanned; else what is still lost in it."""
    for name in (unit.id, _within(unit.id, reach)):
        failure = known.failed.get(name)
        if failure is not None and (failure.permanent or failure.attempts >= ATTEMPTS_MAX):
            return _old_losses(name, failure)
        if name in known.done:
            return []
    return None


def _old_losses(name: str, failure: Failure) -> list[Loss]:
    if not failure.permanent:
        why = f"parked after {failure.attempts} attempts; `gossip unpark` lets it be tried again"
        return [Loss(PARKED, f"unit {name}", f"{why}: {'; '.join(failure.losses)}")]
    found = []
    for text in failure.losses:
        kind, _, rest = text.partition(": ")
        where, _, detail = rest.partition(": ")
        found.append(Loss(kind, where, detail))
    return found


def _within(name: str, reach: str) -> str:
    """The id under which a unit is done for one reach only: it holds matches that nothing there leads to."""
    return f"{name}@{reach[:16]}" if reach else name


def unit_record(tools: Tools, unit: ScanUnit, result: UnitResult, started: datetime) -> UnitRecord:
    """What the lake will say of a unit. Shares its findings with the result."""
    record = _record(tools, unit.target, unit.id, unit.kind, result)
    record.documents, record.bytes = result.documents, result.bytes
    record.skipped = result.skipped
    record.started_at = started
    return record


def missing_in(losses: Iterable[Loss]) -> dict[str, str] | None:
    """Ids of missing objects, and where they belong; None if something else was lost.

    A missing object does not keep a target from being complete: what is complete is what is there, and the object is
    looked for in every run.
    """
    found: dict[str, str] = {}
    for loss in losses:
        if loss.kind != "missing-object" or not _OBJECT_ID.fullmatch(loss.where):
            return None
        found.setdefault(loss.where, loss.detail)
    return found


def walk_record(tools: Tools, plan: PlanReport, result: UnitResult, missing: dict[str, str] | None) -> UnitRecord:
    """What the lake will say of a target's history, as it is without the missing objects."""
    content = "".join((plan.reach, *sorted(missing or ())))
    name = unit_id(tools.item(plan.target), KIND_WALK, content.encode()).hex()
    record = _record(tools, plan.target, name, KIND_WALK, result)
    record.version = plan.reach
    if result.losses and missing is not None:
        record.outcome = "failed_permanent"
    return record


def covered_record(tools: Tools, plan: PlanReport, missing: dict[str, str]) -> UnitRecord:
    """What the lake will say once the target was scanned completely, but for what is missing."""
    still = {loss.where: loss.detail for loss in plan.known if loss.kind == "missing-object"}
    version = coverage_text(plan.reached, {**still, **missing}.items())
    name = unit_id(tools.item(plan.target), KIND_COVERED, version.encode()).hex()
    record = _record(tools, plan.target, name, KIND_COVERED, UnitResult(plan.target))
    record.version = version
    return record


def placed_record(record: UnitRecord, result: UnitResult, reach: str, *, all_placed: bool) -> UnitRecord:
    """A unit's record once its sightings have become the result's findings.

    Where some have not, or only an unreachable place, a later history may lead to them: then the unit is done for this
    history only.
    """
    name = record.unit_id if all_placed else _within(record.unit_id, reach)
    return replace(record, unit_id=name, findings=result.findings)


def _record(tools: Tools, target: int, name: str, kind: str, result: UnitResult) -> UnitRecord:
    outcome, code, detail = _outcome(result.losses)
    return UnitRecord(
        unit_id=name,
        target=tools.name(target),
        target_id=tools.item(target).hex(),
        kind=kind,
        outcome=outcome,
        code=code,
        detail=detail,
        findings=result.findings,
        suppressed=result.suppressed,
        losses=result.losses,
    )


def _outcome(losses: list[Loss]) -> tuple[Outcome, str, str]:
    if not losses:
        return "scanned", "", ""
    passing = [loss for loss in losses if loss.kind in PASSING_LOSSES]
    first = (passing or losses)[0]
    return "failed_retryable" if passing else "failed_permanent", first.kind, first.detail
