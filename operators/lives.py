"""The life of what was found: records that open a policy of a target, and those that end a complete scan of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from gossip.engine.identity import unit_id
from gossip.operators.worker import Tools
from gossip.schemas.ledger import KIND_CHANGE, KIND_HEAD, KIND_RULES, Event, UnitRecord
from gossip.schemas.protocols import Head, Known, Seen
from gossip.schemas.summary import Loss
from gossip.schemas.units import PlanReport


def with_marks(tools: Tools, plan: PlanReport, known: Known, state: str) -> PlanReport:
    """The plan with the records that come before its units, and those that come after them if nothing was lost."""
    opening: list[UnitRecord] = []
    closing: list[UnitRecord] = []
    item = tools.item(plan.target)

    def record(kind: str, content: str, policy: str = "") -> UnitRecord:
        name = unit_id(item, kind, content.encode()).hex()
        return UnitRecord(name, tools.name(plan.target), item.hex(), kind, policy=policy)

    def changes(events: Iterable[tuple[str, Event]], why: str) -> Iterator[UnitRecord]:
        by_policy: dict[str, list[Event]] = {}
        for policy, event in events:
            by_policy.setdefault(policy, []).append(event)
        for policy, those in sorted(by_policy.items()):
            change = record(KIND_CHANGE, f"{policy} {why}", policy)
            change.events = those
            yield change

    for policy, unit, with_findings in known.loose:
        ended = replace(record(KIND_CHANGE, "", policy), unit_id=unit)
        if with_findings:
            ended.outcome, ended.code = "failed_retryable", "interrupted"
            ended.losses = [Loss("interrupted", f"unit {unit}", "the rules changed before it was done")]
        opening.append(ended)
    if known.opening:
        opened = record(KIND_RULES, f"{known.policy} {known.previous}", known.policy)
        opened.version = known.opening
        opening += [*changes(known.leaving, opened.unit_id), opened]
    if all(loss.kind == "missing-object" for loss in plan.losses):
        head = record(KIND_HEAD, f"{known.policy} {known.head_unit}", known.policy)
        head.version = state
        closing = [*changes(known.settling, f"settled {known.policy}"), head]
    news = state != known.head or known.unheaded
    return replace(plan, opening=tuple(opening), closing=tuple(closing), news=news)


def presence(head: Head, seen: Iterable[Seen]) -> list[Event]:
    """What has changed in a target's head, compared with what the lake says."""
    events = []
    for one in seen:
        now = head.holds(one)
        if now is not one.present:
            events.append(
                Event(
                    "present" if now else "absent",
                    finding_id=one.finding_id,
                    occurrence_id=one.occurrence_id,
                    commit=head.commit,
                    author=head.author,
                    email=head.email,
                    date=head.date,
                )
            )
    return events
