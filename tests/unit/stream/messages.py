"""Messages and a judge for tests, without a broker."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gossip.engine.detect.detector import Detector
from gossip.engine.findings import FindingMaker
from gossip.engine.rules.compiler import compile_rules
from gossip.engine.rules.model import Component, Rule, RuleSet
from gossip.operators.judge import Judging, PartitionJudge
from gossip.schemas.stream import Judged, Polled

if TYPE_CHECKING:
    from collections.abc import Sequence

TOKEN = b"tok_12345678"
ID = b"id_0001"
KEY = bytes(32)

RULES = RuleSet(
    (
        Rule("token", regex="(tok_[0-9]{8})"),
        Rule("pair", regex="(sec_[0-9]{4})", components=(Component("id", within_lines=2),)),
        Rule("id", regex="(id_[0-9]{4})", skip_report=True),
    )
)
PROGRAM = compile_rules(RULES)


@dataclass(frozen=True)
class Sent:
    """A message, as a client library shows it."""

    offset: int
    value: bytes | None
    key: bytes | None = None
    timestamp: int = 0
    headers: Sequence[tuple[str, bytes | None]] = field(default=())


def judge(**settings: object) -> PartitionJudge:
    """A judge of partition 0 under the rules of the tests."""
    detector = Detector(RULES, PROGRAM)
    judging = Judging("kafka://h:9092/t", "t", KEY, **settings)  # type: ignore[arg-type]
    return PartitionJudge(judging, 0, detector, FindingMaker(detector, "default", KEY))


def polled(*messages: Sent) -> Polled:
    """A run of them."""
    return Polled(0, messages[0].offset, messages[-1].offset + 1, messages)


def places(judged: Judged) -> list[tuple[str, str]]:
    """Rule and path of each finding, in order."""
    return [(found.rule_id, found.path) for found in judged.findings]
