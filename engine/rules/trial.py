"""What every rule says about one text: where its regex matches, and which gate rejects the match."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from gossip.engine.detect.buffer import Buffer
from gossip.engine.detect.detector import Detector
from gossip.engine.detect.judge import Judge
from gossip.engine.rules.patterns import Pattern

if TYPE_CHECKING:
    from gossip.engine.rules.compiler import Program
    from gossip.engine.rules.model import RuleSet

FOUND = "found"
"""The verdict on a match that is a finding; any other one names a gate."""


class Trial(NamedTuple):
    """One match of a rule's regex. Holds no byte of the text."""

    rule: str
    line: int
    """From 1; 0 for a match in something that was decoded, or whose place is unknown."""
    confidence: int | None
    verdict: str


def try_rules(rule_set: RuleSet, program: Program, data: bytes, path: bytes = b"") -> list[Trial]:
    """Every match of every rule in a text, in rule order, then those in what was decoded from it."""
    detector = Detector(rule_set, program)
    matches = detector.scan([data]).matches
    reported = {(m.rule, m.start, m.end): m for m in matches}
    suppressed: Counter[str] = Counter()
    judge, buffer = Judge(rule_set, suppressed), Buffer(data)
    trials = []
    for number, (rule, plan) in enumerate(zip(rule_set.rules, program.plans, strict=True)):
        pattern, at = Pattern(plan.pattern.encode("ascii")) if plan.pattern else None, 0
        while pattern is not None:
            found = pattern.search(data, at, len(data))
            if found is None:
                break
            at = max(found.end(), at + 1)
            line = data.count(b"\n", 0, found.start()) + 1
            before = suppressed.copy()
            judged = judge.judge(number, found, buffer)
            if judged is None:
                gate = next(iter(suppressed - before), "unknown")
                trials.append(Trial(rule.id, line, None, gate))
                continue
            match = reported.pop((number, judged.start, judged.end), None)
            verdict = FOUND
            if match is None:
                verdict = "component" if rule.skip_report or rule.components else "shadowed"
            elif detector.place_rejects(number, match.pending, path, ""):
                verdict = "path or allowlist"
            trials.append(Trial(rule.id, line, judged.confidence, verdict))
    trials += [Trial(rule_set.rules[m.rule].id, m.line, m.confidence, FOUND) for m in reported.values()]
    return trials
