"""All gates, in their order, over one confirmed match."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from gossip.engine.detect.confidence import Evidence, confidence, least_confidence
from gossip.engine.detect.gates.allowlist import Allowlists, Parts
from gossip.engine.detect.gates.context import context_holds
from gossip.engine.detect.gates.entropy import entropy_verdict
from gossip.engine.detect.gates.inline import allowed_inline, line_around
from gossip.engine.detect.gates.keyword import keyword_evidence, keyword_near
from gossip.engine.detect.gates.safelist import documented, is_uuid, placeholder
from gossip.engine.detect.gates.window import assignment_shape, too_much_prose, window
from gossip.engine.detect.scorer.model import load_scorer
from gossip.engine.detect.validators import make_validator

if TYPE_CHECKING:
    from collections import Counter

    from gossip.engine.detect.buffer import Buffer
    from gossip.engine.detect.scorer.model import Scorer
    from gossip.engine.detect.validators import Validator
    from gossip.engine.rules.model import Rule, RuleSet
    from gossip.engine.rules.patterns import Found
    from gossip.schemas.finding import Validation


class Judged(NamedTuple):
    """A match that every gate let pass."""

    start: int
    """The secret, half-open bytes of its buffer; so `end`."""
    end: int
    pending: tuple[int, ...]
    confidence: int
    validation: Validation
    facts: tuple[tuple[str, str], ...]


class Judge:
    """The gates of one rule set. `suppressed` counts what each rejects."""

    def __init__(self, rule_set: RuleSet, suppressed: Counter[str]) -> None:
        self._rules = rule_set.rules
        self._suppressed = suppressed
        self._keywords = [tuple(k.lower().encode() for k in rule.keywords) for rule in rule_set.rules]
        self._least = [least_confidence(rule) for rule in rule_set.rules]
        self._validators: dict[str, Validator] = {}
        self.scorer: Scorer | None = None
        """Loaded when the first match asks for it."""
        self.allowlists = Allowlists(rule_set)

    def judge(self, number: int, found: Found, buffer: Buffer) -> Judged | None:
        """None where a gate rejects the match, with that gate's counter moved."""
        rule = self._rules[number]
        span = secret_span(found, rule.secret_group)
        scored = 0
        if rule.scorer:
            # First, because it drops nearly all, and remembers what it has seen.
            scored = self._score(buffer.data, found.span(), span)
            if not scored:
                self._suppressed["scorer"] += 1
                return None
        cause = self._around(number, rule, found.span(), buffer) or self._content(rule, found.span(), span, buffer)
        if cause:
            self._suppressed[cause] += 1
            return None
        judged = self._scored(number, rule, found.span(), span, buffer)
        return judged._replace(confidence=scored) if judged and scored else judged

    def _around(self, number: int, rule: Rule, full: tuple[int, int], buffer: Buffer) -> str:
        """The gates that look at the window of the match."""
        data, keywords = buffer.data, self._keywords[number]
        if rule.must_contain and rule.must_contain.encode() not in window(data, *full):
            return "must-contain"
        if rule.confirm_any:
            around = window(data, *full)
            if not any(literal.encode() in around for literal in rule.confirm_any):
                return "confirm"
        if keywords and not keyword_near(data, *full, keywords):
            return "keyword"
        if rule.assignment and not assignment_shape(window(data, *full)):
            return "assignment"
        if rule.char_class is not None and too_much_prose(window(data, *full), rule.char_class):
            return "char-class"
        return ""

    def _content(self, rule: Rule, full: tuple[int, int], span: tuple[int, int], buffer: Buffer) -> str:
        """The gates that look at the secret and its line."""
        data = buffer.data
        secret = data[span[0] : span[1]]
        if entropy_verdict(secret, rule.entropy, rule.entropy_gate) is False:
            return "entropy"
        if rule.context is not None and not context_holds(data, *span, rule.context):
            return "context"
        if not buffer.steps and documented(data[full[0] : full[1]]):
            return "safelist"
        if placeholder(secret):
            return "safelist-secret"
        if not rule.uuid and is_uuid(secret):
            return "uuid"
        return ""

    def _scored(
        self, number: int, rule: Rule, full: tuple[int, int], span: tuple[int, int], buffer: Buffer
    ) -> Judged | None:
        data = buffer.data
        secret = data[span[0] : span[1]]
        first, last = line_around(data, *span)
        parts = Parts(secret, data[full[0] : full[1]], data[first:last], rule.id, max(0, full[0] - first))
        pending = self.allowlists.judge(number, parts)
        if pending is None:
            self._suppressed["allowlist"] += 1
            return None
        if _allowed_anywhere(buffer, span):
            self._suppressed["inline-allow"] += 1
            return None
        validation: Validation = "none"
        facts: tuple[tuple[str, str], ...] = ()
        if rule.validator:
            verdict = self._validator(rule.validator)(secret)
            validation, facts = verdict.status, verdict.facts
            if validation == "invalid":
                self._suppressed["validator"] += 1
                return None
        if rule.scorer:
            return Judged(*span, pending, 0, validation, facts)
        evidence = Evidence(valid=validation == "valid")
        if rule.confidence is None:  # else the rest is not asked for
            evidence = replace(
                evidence,
                entropy=entropy_verdict(secret, rule.entropy, rule.entropy_gate) is True,
                keyword=keyword_evidence(data, *full, self._keywords[number]),
                assignment=assignment_shape(window(data, *full)),
            )
        score = confidence(rule, evidence)
        if score < self._least[number]:
            self._suppressed["confidence"] += 1
            return None
        return Judged(*span, pending, score, validation, facts)

    def _score(self, data: bytes, full: tuple[int, int], span: tuple[int, int]) -> int:
        if self.scorer is None:
            self.scorer = load_scorer()
        return self.scorer.confidence(data, full, span)

    def _validator(self, spec: str) -> Validator:
        if spec not in self._validators:
            self._validators[spec] = make_validator(json.loads(spec))
        return self._validators[spec]


def _allowed_anywhere(buffer: Buffer, span: tuple[int, int]) -> bool:
    """An allow comment counts in the decoded text and next to the encoded one."""
    while not allowed_inline(buffer.data, *span):
        if buffer.parent is None or buffer.origin is None:
            return False
        span = buffer.origin(*span)
        buffer = buffer.parent
    return True


def secret_span(found: Found, group: int) -> tuple[int, int]:
    """The configured group if it took part and is not empty, else the first such group, else the whole match."""
    if group:
        start, end = found.spans[group]
        if start < end:
            return start, end
    for start, end in found.spans[1:]:
        if 0 <= start < end:
            return start, end
    return found.spans[0]
