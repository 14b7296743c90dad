"""The lake as the memory of scans: what the ledger says of a target, and lanes that drop what it holds already."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from gossip.connectors.lake.lane import CommitLane
from gossip.connectors.lake.standing import LedgerRow, Running, Standing, standing
from gossip.connectors.lake.storage import LakeMissingError
from gossip.connectors.lake.table import LakeTable
from gossip.schemas.ledger import (
    KIND_COVERED,
    KIND_HEAD,
    STATUS_OF_LABEL,
    Event,
    LaneContext,
    Status,
    UnitRecord,
    read_coverage,
)
from gossip.schemas.protocols import Failure, Known, Seen
from gossip.schemas.tables import (
    KIND_ABSENT,
    KIND_FOUND,
    KIND_PRESENT,
    KIND_RESTORED,
    KIND_RETRACTED,
    LEDGER,
    OCCURRENCES,
)

if TYPE_CHECKING:
    from typing import Any

    from gossip.connectors.lake.storage import Location
    from gossip.schemas.finding import Finding
    from gossip.schemas.protocols import Outbox

Changes = tuple[tuple[str, Event], ...]
Loose = tuple[tuple[str, str, bool], ...]
_FAILED = (Status.FAILED_RETRYABLE, Status.FAILED_PERMANENT)


class LakeMemory:
    """A `Memory` in a lake. Opens nothing until it is asked, so that it can be handed to processes that fork later.

    `unparked`: how many attempts at a unit are forgiven. `running`: the rules; without them, nothing that was done
    under others is of use.
    """

    def __init__(
        self,
        location: Location,
        context: LaneContext,
        lanes: int,
        unparked: Mapping[str, int] | None = None,
        running: Running | None = None,
        outbox: Callable[[int, Callable[[int, int], set[str]]], Outbox] | None = None,
    ) -> None:
        self._outbox = outbox
        self.location = location
        self.context = context
        self.lanes = lanes
        self._unparked = dict(unparked or {})
        self._running = running

    def known(self, target_id: str, lane: int) -> Known:
        """What the ledger says of a target under this run's rules; nothing where there is no lake yet."""
        rows = list(self._rows(target_id, lane))
        stands = standing(rows, self.context, self._running)
        base = self._known(rows, stands.inherited(stands.base)) if stands.base and stands.again else None
        heads = max((row for row in rows if row.kind == KIND_HEAD), default=None)
        mine = any(row.kind == KIND_HEAD and row.policy == stands.policy for row in rows)
        opening = "" if stands.opened or self._running is None else stands.regimes[stands.policy].text()
        steady = stands.opened and stands.settled and not self._half_committed(lane)
        now, later, loose = (
            ((), (), ()) if steady else self._events(target_id, lane, stands, {(row.policy, row.unit) for row in rows})
        )
        return replace(
            self._known(rows, stands.inherited(stands.policy)),
            policy=stands.policy,
            base=base,
            again=stands.again,
            opening=opening,
            previous=stands.previous,
            leaving=now,
            settling=later,
            loose=loose,
            head=heads.version if heads is not None and mine else "",
            head_unit=heads.unit if heads is not None else "",
            unheaded=heads is None or any(row.findings and row.moment > heads.moment for row in rows),
        )

    def stands(self, target_id: str, lane: int) -> Standing:
        """Where a target stands: the same whoever asks, until the run ends."""
        return standing(self._rows(target_id, lane), self.context, self._running)

    def _half_committed(self, lane: int) -> bool:
        """Whether the lane's last commit came to the occurrences, and not to the ledger."""
        try:
            found, told = (LakeTable.open(self.location, table) for table in (OCCURRENCES, LEDGER))
        except LakeMissingError:
            return True
        return found.lane_version(lane_name(lane)) > told.lane_version(lane_name(lane))

    def _rows(self, target_id: str, lane: int) -> Iterator[LedgerRow]:
        named = ("policy_hash", "unit_id", "kind", "status", "attempts", "version", "loss_names", "findings")
        columns = ("seq", "ordinal", *named)
        with suppress(LakeMissingError):
            ledger = LakeTable.open(self.location, LEDGER)
            condition = target_condition(self.context, target_id)
            for batch in ledger.batches(columns, lane=lane_name(lane), condition=condition):
                for seq, ordinal, *rest in zip(*(batch[name].to_pylist() for name in columns), strict=True):
                    row = LedgerRow((seq, ordinal), *rest)
                    yield row._replace(losses=row.losses or [])

    def _known(self, rows: list[LedgerRow], policies: Iterable[str]) -> Known:
        wanted = set(policies)
        best: dict[str, tuple[Status, int, list[str]]] = {}
        coverage: list[tuple[tuple[int, int], str]] = []
        for row in rows:
            if row.policy in wanted:
                status = STATUS_OF_LABEL[row.status]
                if row.kind == KIND_COVERED and status.done:
                    coverage.append((row.moment, row.version))
                found = (status, row.attempts, row.losses)
                best[row.unit] = max(best.get(row.unit, found), found)
        failed = {
            unit: Failure(attempts - self._unparked.get(unit, 0), status is Status.FAILED_PERMANENT, tuple(losses))
            for unit, (status, attempts, losses) in best.items()
            if status in _FAILED
        }
        done = frozenset(unit for unit, (status, _, _) in best.items() if status.done)
        tips: set[str] = set()
        missing: tuple[tuple[str, str], ...] = ()
        for _, version in sorted(coverage):
            more, missing = read_coverage(version)
            tips.update(more)
        return Known(done, failed, frozenset(tips), missing)

    def _events(
        self, target_id: str, lane: int, stands: Standing, units: set[tuple[str, str]]
    ) -> tuple[Changes, Changes, Loose]:
        """What no longer holds or holds again, of what was found under other policies: at once, and in the end. And the
        units that a crash left without a row among `units`, which nobody will deliver again.
        """
        columns = ("policy_hash", "rule_fingerprint", "rule_id", "unit_id", "kind", "seq", "ordinal")
        found: dict[tuple[str, str], str] = {}
        said: dict[tuple[str, str], tuple[tuple[int, int], bool]] = {}
        loose: dict[tuple[str, str], bool] = {}
        for policy, mark, rule, unit, kind, seq, ordinal in self.found(target_id, lane, columns):
            if kind == KIND_FOUND:
                found[policy, mark] = rule
            elif kind in (KIND_RETRACTED, KIND_RESTORED):
                told = ((seq, ordinal), kind == KIND_RETRACTED)
                said[policy, mark] = max(said.get((policy, mark), told), told)
            if (policy, unit) not in units and (policy != stands.policy or kind in (KIND_RETRACTED, KIND_RESTORED)):
                loose[policy, unit] = loose.get((policy, unit), False) or kind == KIND_FOUND
        now: list[tuple[str, Event]] = []
        later: list[tuple[str, Event]] = []
        for (policy, mark), rule in sorted(found.items()):
            gone = said.get((policy, mark), ((0, 0), False))[1]
            holds = stands.holds(policy, mark)
            if holds == gone:
                event = Event("restored" if holds else "retracted", rule_id=rule, rule_fingerprint=mark)
                # What is looked for again holds until it was.
                at_once = holds or stands.settled or not stands.knows(mark)
                (now if at_once else later).append((policy, event))
        ended = tuple((policy, unit, with_findings) for (policy, unit), with_findings in sorted(loose.items()))
        return tuple(now), tuple(later), ended

    def found(self, target_id: str, lane: int, columns: tuple[str, ...]) -> Iterator[tuple[Any, ...]]:
        """Values of some columns of a target's occurrences and events, of all policies, in no order."""
        with suppress(LakeMissingError):
            table = LakeTable.open(self.location, OCCURRENCES)
            condition = target_condition(self.context, target_id)
            for batch in table.batches(columns, lane=lane_name(lane), condition=condition):
                yield from zip(*(batch[name].to_pylist() for name in columns), strict=True)

    def seen(self, target_id: str, lane: int) -> Iterator[Seen]:
        """Each occurrence of a target once, whatever the policy, with what was last said about it."""
        columns = ("occurrence_id", "finding_id", "path", "object_id", "start", "end", "container_path", "kind")
        told: dict[str, tuple[tuple[int, int], bool]] = {}
        found: dict[str, tuple[Any, ...]] = {}
        for *where, kind, seq, ordinal in self.found(target_id, lane, (*columns, "seq", "ordinal")):
            if kind == KIND_FOUND:
                found[where[0]] = tuple(where)
            elif kind in (KIND_PRESENT, KIND_ABSENT):
                said = ((seq, ordinal), kind == KIND_PRESENT)
                told[where[0]] = max(told.get(where[0], said), said)
        for name, place in sorted(found.items()):
            present = told[name][1] if name in told else None
            yield Seen._make((*place[:-1], tuple(place[-1] or ()), present))

    def lane(self, number: int) -> RememberedLane:
        """The lane of a number. Creates the lake where there is none."""
        return RememberedLane(self, number)

    def outbox(self, number: int) -> Outbox | None:
        """Where what a lane commits is sent to; None for nowhere. What is left of earlier runs is sent first."""
        return None if self._outbox is None else self._outbox(number, self.written)

    def written(self, number: int, seq: int) -> set[str]:
        """Ids of the occurrences of a lane's commit; none where it is not there."""
        import pyarrow.compute as pc

        found: set[str] = set()
        with suppress(LakeMissingError):
            table = LakeTable.open(self.location, OCCURRENCES)
            of_commit = (pc.field("lane") == lane_name(number)) & (pc.field("seq") == seq)
            condition = of_commit & (pc.field("kind") == KIND_FOUND)
            for batch in table.batches(("occurrence_id",), lane=lane_name(number), condition=condition):
                found.update(batch["occurrence_id"].to_pylist())
        return found


def lane_name(number: int) -> str:
    """What the lake's rows call a lane."""
    return f"lane-{number:04d}"


def target_condition(context: LaneContext, target_id: str) -> Any:
    """The rows of a target, as an Arrow expression."""
    import pyarrow.compute as pc

    return (pc.field("tenant") == context.tenant) & (pc.field("target_id") == target_id)


class RememberedLane:
    """A `Lane`. A place of a secret has one row that holds in its target, whichever unit came upon it first.

    One content comes in two units where storage was arranged anew: a repository was packed, a file was touched, a blob
    came back at another path. Memory: 100 bytes for each occurrence of the targets that it sees.
    """

    def __init__(self, memory: LakeMemory, number: int) -> None:
        self._memory = memory
        self._number = number
        outbox = memory.outbox(number)  # first: what it has to send is of the lake as earlier runs left it
        self._lane = CommitLane(memory.location, lane_name(number), memory.context, outbox=outbox)
        self._owners: dict[str, dict[bytes, str]] = {}
        """By target id: the unit that has an occurrence which holds."""
        self._told: dict[str, set[bytes]] = {}
        """By target id: every occurrence that another policy had; it is no news."""
        self._policies: dict[str, str] = {}
        self._units: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
        """By target id: the units that were added, each after its policy."""

    def add(self, record: UnitRecord) -> list[Finding] | None:
        """Take a unit. Raises FencedError and errors of the storage."""
        if record.target_id not in self._owners:
            self._load(record.target_id)
        record.policy = record.policy or self._policies[record.target_id]
        if self._lane.is_done(record.unit_id, record.policy):
            return None
        owners, told = self._owners[record.target_id], self._told[record.target_id]
        unit = record.unit_id
        named = [(bytes.fromhex(finding.occurrence_id), finding) for finding in record.findings]
        record.findings = [finding for name, finding in named if owners.setdefault(name, unit) == unit]
        fresh = [finding for name, finding in named if owners[name] == unit and name not in told]
        self._units[record.target_id].append((record.policy, unit))
        news = {finding.occurrence_id for finding in fresh}
        self._lane.add(record, (f.occurrence_id for f in record.findings if f.occurrence_id not in news))
        return fresh

    def commit(self) -> None:
        """Make everything that was added durable. Raises FencedError and errors of the storage."""
        self._lane.commit()

    def forget(self, target_id: str) -> None:
        """Let go of what is held of a target: the next round reads anew what it needs."""
        for held in (self._owners, self._told, self._policies):
            held.pop(target_id, None)
        self._lane.forget(self._units.pop(target_id, []))

    def seen(self, target_id: str) -> Iterator[Seen]:
        """Each occurrence of a target once, as the lake has it."""
        return self._memory.seen(target_id, self._number)

    def _load(self, target_id: str) -> None:
        stands = self._memory.stands(target_id, self._number)
        self._policies[target_id] = stands.policy
        owners: dict[bytes, str] = {}
        told: set[bytes] = set()
        units: dict[str, str] = {}
        columns = ("occurrence_id", "unit_id", "policy_hash", "rule_fingerprint", "kind")
        for occurrence, unit, policy, mark, kind in self._memory.found(target_id, self._number, columns):
            if kind == KIND_FOUND:
                name = bytes.fromhex(occurrence)
                if policy != stands.policy:
                    told.add(name)
                if stands.holds(policy, mark):
                    owners[name] = units.setdefault(unit, unit)
        self._owners[target_id], self._told[target_id] = owners, told
