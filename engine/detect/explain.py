"""Why a candidate is a finding, or none: each gate with what it measured.

The verdict is the judge's own. The measurements are made again beside it, gate by gate in the judge's order, and end at
the gate that rejected. Nothing here holds bytes of a secret: values are numbers, names of gates, and redacted previews.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from gossip.engine.detect.confidence import least_confidence
from gossip.engine.detect.gates.entropy import min_entropy_bits, shannon_bits
from gossip.engine.detect.gates.window import window
from gossip.engine.detect.judge import secret_span
from gossip.engine.detect.scorer.model import load_scorer
from gossip.engine.detect.scorer.reasons import Reasons, reasons
from gossip.engine.limits import KEYWORD_RADIUS_BYTES, WINDOW_RADIUS_BYTES
from gossip.engine.redact import preview

if TYPE_CHECKING:
    from gossip.engine.detect.buffer import Buffer
    from gossip.engine.detect.detector import Detector
    from gossip.engine.detect.judge import Judged
    from gossip.engine.rules.model import Rule
    from gossip.engine.rules.patterns import Found


class Gate(NamedTuple):
    """One gate that a candidate met."""

    name: str
    passed: bool
    measured: str
    """What was measured and what is asked for. Never a byte of the secret."""


@dataclass(slots=True)
class Candidate:
    """A match of a rule's pattern, whatever became of it. Offsets and lines are those of the text that was scanned."""

    rule: str
    start: int
    end: int
    line: int
    column: int
    end_line: int
    preview: str
    decode_path: tuple[str, ...]
    gates: list[Gate] = field(default_factory=list)
    rejected_by: str = ""
    """The name of the gate, as the summary counts it. Empty: a finding."""
    confidence: int = 0
    scored: Reasons | None = None
    key: tuple[int, int, int] = (0, 0, 0)
    """Rule number and span, to be found again among the matches."""
    pending: tuple[int, ...] = ()


class Explainer:
    """Sees every candidate of a detector. Texts must be handed to it whole: see `explain`."""

    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        self._rules = detector.rule_set.rules
        self._seen: list[Candidate] = []
        detector.see_candidates(self._see)

    def explain(self, text: bytes, path: bytes | None) -> list[Candidate]:
        """The candidates of one text that fits into one segment, by place. `path`: where it lies."""
        self._seen = []
        found = self._detector.scan((text,)).matches
        alive = {(match.rule, match.start, match.end) for match in found}
        alive |= {(part.rule, part.start, part.end) for match in found for part in match.parts}
        for candidate in self._seen:
            if not candidate.rejected_by and candidate.key not in alive:
                self._reject(candidate, *self._afterwards(candidate.key[0]))
            elif not candidate.rejected_by and path is not None and self._misplaced(candidate, path):
                self._reject(candidate, "path", "the rule asks for other paths, or an allowlist names this one")
        return sorted(self._seen, key=lambda c: (c.start, c.end, c.rule))

    def _misplaced(self, candidate: Candidate, path: bytes) -> bool:
        return self._detector.place_rejects(candidate.key[0], candidate.pending, path, "")

    def _afterwards(self, rule: int) -> tuple[str, str]:
        if self._rules[rule].components:
            return "component-missing", "no match of the rules that it needs beside it"
        return "shadowed", "another rule's finding has the same bytes, and more to say about them"

    def _reject(self, candidate: Candidate, gate: str, why: str) -> None:
        candidate.rejected_by = gate
        candidate.gates.append(Gate(gate, passed=False, measured=why))

    def _see(self, number: int, found: Found, buffer: Buffer, judged: Judged | None, cause: str) -> None:
        """One candidate, after the judge had its say."""
        rule = self._rules[number]
        span = secret_span(found, rule.secret_group)
        secret = buffer.data[span[0] : span[1]]
        start, end = buffer.outer(*span)
        root = buffer
        while root.parent is not None:
            root = root.parent
        before = root.data[:start]
        line = before.count(b"\n") + 1
        candidate = Candidate(
            rule=rule.id,
            start=start,
            end=end,
            line=line,
            column=start - (before.rfind(b"\n") + 1) + 1,
            end_line=line + root.data[start:end].count(b"\n"),
            preview=preview(secret),
            decode_path=buffer.steps,
            rejected_by=cause,
            confidence=0 if judged is None else judged.confidence,
            key=(number, start, end),
            pending=() if judged is None else judged.pending,
        )
        if rule.scorer:
            candidate.scored = reasons(load_scorer(), buffer.data, found.span(), span)
        for name, measured in _measurements(rule, found.span(), span, buffer, candidate, judged):
            candidate.gates.append(Gate(name, passed=name != cause, measured=measured))
            if name == cause:
                break
        self._seen.append(candidate)


def _measurements(
    rule: Rule,
    full: tuple[int, int],
    span: tuple[int, int],
    buffer: Buffer,
    candidate: Candidate,
    judged: Judged | None,
) -> list[tuple[str, str]]:
    """(gate, what it measured) of the gates that the rule has, in the judge's order."""
    data = buffer.data
    secret = data[span[0] : span[1]]
    found: list[tuple[str, str]] = []
    if candidate.scored is not None:
        early = "; dropped before all was weighed" if judged is None and candidate.rejected_by == "scorer" else ""
        early = early if candidate.scored.total >= candidate.scored.needed else ""
        found.append(("scorer", f"{candidate.scored.total} of at least {candidate.scored.needed}{early}"))
    if rule.must_contain:
        found.append(("must-contain", f"{rule.must_contain!r} within {WINDOW_RADIUS_BYTES} bytes"))
    if rule.confirm_any:
        there = [word for word in rule.confirm_any if word.encode() in window(data, *full)]
        found.append(("confirm", f"{len(there)} of {len(rule.confirm_any)} literals near"))
    if rule.keywords:
        found.append(("keyword", _keyword(rule, data, full)))
    if rule.assignment:
        found.append(("assignment", f"something must be assigned within {WINDOW_RADIUS_BYTES} bytes"))
    if rule.char_class is not None:
        around = window(data, *full)
        share = sum(97 <= byte <= 122 for byte in around) * 100 // max(1, len(around))
        found.append(("char-class", f"{share} % lower-case letters, at most {rule.char_class.max_lower_pct} %"))
    if rule.entropy is not None or rule.entropy_gate.min_entropy is not None:
        found.append(("entropy", _entropy(rule, secret)))
    if rule.context is not None:
        found.append(("context", "quotes, assignment and key names on the line as the rule asks"))
    found.append(("safelist", "the match must not be documentation or noise"))
    found.append(("safelist-secret", "the secret must not be a placeholder"))
    if not rule.uuid:
        found.append(("uuid", "the secret must not be a UUID"))
    found.append(("allowlist", "no allowlist of the rule, and no global one, may name it"))
    found.append(("inline-allow", "no allow comment may be on its line"))
    if rule.validator:
        found.append(("validator", _validated(rule, judged)))
    least = least_confidence(rule)
    got = f"{judged.confidence}" if judged is not None else f"less than {least}"
    found.append(("confidence", f"{got} of 10, at least {least}"))
    return found


def _keyword(rule: Rule, data: bytes, full: tuple[int, int]) -> str:
    """How far away the nearest keyword is."""
    low = max(0, full[0] - KEYWORD_RADIUS_BYTES)
    near = data[low : full[1] + KEYWORD_RADIUS_BYTES].lower()
    best: tuple[int, str] | None = None
    for keyword in rule.keywords:
        wanted = keyword.lower().encode()
        at = near.find(wanted)
        while at >= 0:
            start, end = low + at, low + at + len(wanted)
            distance = max(0, full[0] - end, start - full[1])
            best = min(best or (distance, keyword), (distance, keyword))
            at = near.find(wanted, at + 1)
    if best is None:
        return f"none within {KEYWORD_RADIUS_BYTES} bytes"
    return f"{best[1]!r} in the match" if best[0] == 0 else f"{best[1]!r} {best[0]} bytes away"


def _entropy(rule: Rule, secret: bytes) -> str:
    gate = rule.entropy_gate
    if len(secret) < gate.min_length:
        return f"not measured: {len(secret)} bytes, of at least {gate.min_length}"
    judged = secret[: gate.max_length]
    parts = []
    if rule.entropy is not None:
        parts.append(f"{shannon_bits(judged):.2f} bits a byte, at least {rule.entropy:g}")
    if gate.min_entropy is not None:
        parts.append(f"min-entropy {min_entropy_bits(judged):.2f}, at least {gate.min_entropy:g}")
    return "; ".join(parts) + ("; digits count for less" if gate.digit_penalty and judged.isdigit() else "")


def _validated(rule: Rule, judged: Judged | None) -> str:
    spec = json.loads(rule.validator)
    kind = spec["kind"] if isinstance(spec, dict) else spec
    if judged is None:
        return f"{kind}: checksum or structure is wrong"
    facts = ", ".join(f"{name} {value}" for name, value in judged.facts)
    return f"{kind}: {judged.validation}" + (f" ({facts})" if facts else "")
