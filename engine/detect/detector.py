"""The detector: content in, matches out.

What it reports is defined without any reference to chunks: for each rule, the leftmost-first, non-overlapping matches
of
its regex over the whole document that are at most its width long, less those that a gate rejects. Everything else
here is
speed: Vectorscan says where to look, RE2 looks only there, and a document is read segment by segment.

Why segments cannot change the result: a match is taken from a segment only if its longest possible extent and all the
context that a gate may ask for lie inside that segment; otherwise its place is left to the next segment, which starts
early enough to see it whole. Per rule, the first undecided offset is carried over.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from gossip.engine.detect.gates.allowlist import Allowlists, Parts
from gossip.engine.detect.gates.entropy import shannon_bits
from gossip.engine.detect.gates.inline import allowed_inline, line_around
from gossip.engine.detect.gates.keyword import keyword_near
from gossip.engine.detect.match import Match, without_shadowed
from gossip.engine.detect.segment import Segment, segments
from gossip.engine.detect.windows import windows_by_rule
from gossip.engine.limits import LINE_CONTEXT_BYTES, SEGMENT_BYTES, check_segment_bytes, overlap_bytes
from gossip.engine.rules.compiler import Program, load_database
from gossip.engine.rules.model import GENERIC_TAG
from gossip.engine.rules.patterns import byte_form, compile_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gossip.engine.rules.model import RuleSet


class Detector:
    """Scans documents with one compiled rule set. One instance per thread: it owns a Vectorscan scratch space.

    `suppressed` counts rejected candidates by gate, over the life of the detector.
    """

    def __init__(self, rule_set: RuleSet, program: Program, *, segment_bytes: int = SEGMENT_BYTES) -> None:
        self.rule_set = rule_set
        self.suppressed: Counter[str] = Counter()
        self._program = program
        self._database = load_database(program)
        self._patterns: dict[int, Any] = {}
        self._paths: dict[int, Any] = {}
        self._keywords = [tuple(k.lower().encode() for k in rule.keywords) for rule in rule_set.rules]
        self._allowlists = Allowlists(rule_set)
        self._everywhere = [i for i, plan in enumerate(program.plans) if plan.everywhere]
        self._generic = frozenset(i for i, rule in enumerate(rule_set.rules) if GENERIC_TAG in rule.tags)
        self._silent = frozenset(i for i, rule in enumerate(rule_set.rules) if rule.skip_report)
        self._widest = max((plan.width for plan in program.plans), default=0)
        self._segment_bytes = segment_bytes
        check_segment_bytes(segment_bytes, self._widest)
        self.path_rules = tuple(i for i, rule in enumerate(rule_set.rules) if rule.regex is None)
        """Rules without a regex: they report a document by its path alone."""

    def scan(self, chunks: Iterable[bytes]) -> list[Match]:
        """The matches of one document, by place, given its content in chunks of any size."""
        found: list[Match] = []
        decided: dict[int, int] = {}
        for segment in segments(chunks, self._segment_bytes, overlap_bytes(self._widest)):
            found.extend(self._scan_segment(segment, decided))
        if not found:
            return found
        kept, shadowed = without_shadowed(found, self._generic)
        if shadowed:
            self.suppressed["shadowed"] += shadowed
        return kept

    def _scan_segment(self, segment: Segment, decided: dict[int, int]) -> Iterator[Match]:
        hits: list[tuple[int, int]] = []
        if self._database is not None:

            def on_hit(probe: int, _start: int, end: int, _flags: int, _context: object) -> None:
                hits.append((probe, end))

            self._database.scan(segment.data, match_event_handler=on_hit)
        size = len(segment.data)
        windows = windows_by_rule(hits, self._program.probes, size) if hits else {}
        for rule in self._everywhere:
            windows[rule] = [(0, size)]
        for rule in sorted(windows):
            if rule not in self._silent:
                yield from self._confirm(rule, windows[rule], segment, decided)
        if not segment.last:
            for rule, plan in enumerate(self._program.plans):
                settled = segment.base + size - plan.width - LINE_CONTEXT_BYTES
                decided[rule] = max(decided.get(rule, 0), settled)

    def _confirm(
        self, rule: int, windows: list[tuple[int, int]], segment: Segment, decided: dict[int, int]
    ) -> Iterator[Match]:
        pattern = self._patterns.get(rule)
        if pattern is None:
            pattern = self._patterns[rule] = compile_bytes(self._program.plans[rule].pattern.encode())
        width = self._program.plans[rule].width
        data = segment.data
        # Matches that start at or past this offset are the next segment's.
        limit = len(data) if segment.last else len(data) - width - LINE_CONTEXT_BYTES
        floor = decided.get(rule, 0) - segment.base
        for low, high in windows:
            position = max(low, floor)
            while position < min(high, limit):
                found = pattern.search(data, position, high)
                if found is None or found.start() >= limit:
                    break
                start = found.start()
                if found.end() - start > width:
                    found = pattern.match(data, start, min(high, start + width))
                    if found is None:
                        position = start + 1
                        continue
                position = floor = found.end()
                match = self._judge(rule, found, segment)
                if match is not None:
                    yield match
        decided[rule] = max(decided.get(rule, 0), segment.base + floor)

    def _judge(self, rule: int, found: Any, segment: Segment) -> Match | None:
        """All gates in their order; None where one rejects, with its counter moved."""
        definition = self.rule_set.rules[rule]
        data = segment.data
        full_start, full_end = found.span()
        if self._keywords[rule] and not keyword_near(data, full_start, full_end, self._keywords[rule]):
            self.suppressed["keyword"] += 1
            return None
        start, end = _secret_span(found, definition.secret_group)
        secret = data[start:end]
        if definition.entropy is not None and shannon_bits(secret) < definition.entropy:
            self.suppressed["entropy"] += 1
            return None
        first, last = line_around(data, start, end)
        parts = Parts(secret, data[full_start:full_end], data[first:last])
        pending = self._allowlists.judge(rule, parts)
        if pending is None:
            self.suppressed["allowlist"] += 1
            return None
        if allowed_inline(data, start, end):
            self.suppressed["inline-allow"] += 1
            return None
        return segment.place(rule, (start, end), (full_start, full_end), pending)

    def place_rejects(self, rule: int, pending: tuple[int, ...], path: bytes, commit: str) -> bool:
        """Whether a match at this place is no finding: its rule is for other paths, or an allowlist names the place."""
        wanted = self.rule_set.rules[rule].path
        if wanted is not None and not self.path_matches(rule, path):
            self.suppressed["path"] += 1
            return True
        if pending and self._allowlists.place_allowed(pending, path, commit):
            self.suppressed["allowlist"] += 1
            return True
        return False

    def path_matches(self, rule: int, path: bytes) -> bool:
        """Whether the rule's `path` regex is found in a path. False for a rule without one."""
        if rule not in self._paths:
            wanted = self.rule_set.rules[rule].path
            self._paths[rule] = None if wanted is None else compile_bytes(byte_form(wanted))
        pattern = self._paths[rule]
        return pattern is not None and pattern.search(path) is not None

    def path_findings(self, path: bytes) -> list[tuple[int, tuple[int, ...]]]:
        """(rule, pending allowlists) of the path rules that report a document at this path."""
        found = []
        for rule in self.path_rules:
            if rule not in self._silent and self.path_matches(rule, path):
                pending = self._allowlists.judge(rule, Parts(b"", b"", b""))
                if pending is not None:
                    found.append((rule, pending))
        return found


def _secret_span(found: Any, group: int) -> tuple[int, int]:
    """The configured group if it took part and is not empty, else the first such group, else the whole match."""
    spans = [found.span(number) for number in range(1, found.re.groups + 1)]
    if group and spans[group - 1][0] < spans[group - 1][1]:
        return int(spans[group - 1][0]), int(spans[group - 1][1])
    for start, end in spans:
        if 0 <= start < end:
            return int(start), int(end)
    start, end = found.span()
    return int(start), int(end)
