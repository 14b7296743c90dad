"""The detector: content in, matches out.

What it reports is defined without any reference to chunks: for each rule, the leftmost-first, non-overlapping matches
of its regex over the whole document that are at most its width long, less those that a gate rejects; and the same over
whatever was decoded from the document. Everything else here is speed: Vectorscan says where to look, RE2 looks only
there, and a document is read segment by segment.

Why segments cannot change the result: a match is taken from a segment only if its longest possible extent and all the
context that a gate may ask for lie inside that segment; otherwise its place is left to the next segment, which starts
early enough to see it whole. Per rule, the first undecided offset is carried over; for encoded text, the offset up to
which hits were followed.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from gossip.engine.detect.buffer import Buffer
from gossip.engine.detect.gates.allowlist import Parts
from gossip.engine.detect.judge import Judge
from gossip.engine.detect.match import Match, without_shadowed
from gossip.engine.detect.nested import Budget, children
from gossip.engine.detect.parts import Joiner
from gossip.engine.detect.segment import Segment, segments
from gossip.engine.detect.windows import Hits, windows_of
from gossip.engine.limits import (
    DECODE_DEPTH_MAX,
    DECODE_REACH_BYTES,
    FINDINGS_PER_DOCUMENT_MAX,
    LINE_CONTEXT_BYTES,
    SEGMENT_BYTES,
    check_segment_bytes,
    overlap_bytes,
)
from gossip.engine.rules.compiler import Program, load_database
from gossip.engine.rules.model import GENERIC_TAG
from gossip.engine.rules.patterns import byte_form, compile_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from gossip.engine.decode.transforms import Hit
    from gossip.engine.rules.model import RuleSet


class Scanned(NamedTuple):
    """What one document held."""

    matches: list[Match]
    dropped: Counter[str]
    """Work that a budget stopped, by cause. Empty: everything was looked at."""


class _Observed:
    """A database whose searches somebody watches."""

    def __init__(self, scan: Callable[..., Any]) -> None:
        self.scan = scan


class Detector:
    """Scans documents with one compiled rule set. One instance per thread: it owns a Vectorscan scratch space.

    `suppressed` counts rejected candidates by gate, over the life of the detector.
    """

    def __init__(
        self,
        rule_set: RuleSet,
        program: Program,
        *,
        segment_bytes: int = SEGMENT_BYTES,
        decode_depth: int = DECODE_DEPTH_MAX,
    ) -> None:
        self.rule_set = rule_set
        self.suppressed: Counter[str] = Counter()
        self._program = program
        self._database = load_database(program)
        self._patterns: dict[int, Any] = {}
        self._paths: dict[int, Any] = {}
        self._judge = Judge(rule_set, self.suppressed)
        self._joiner = Joiner(rule_set)
        self._everywhere = [i for i, plan in enumerate(program.plans) if plan.everywhere]
        self._generic = frozenset(i for i, rule in enumerate(rule_set.rules) if GENERIC_TAG in rule.tags)
        self._silent = frozenset(i for i, rule in enumerate(rule_set.rules) if rule.skip_report)
        self._decode_depth = decode_depth
        self._decodes = any(probe.transform >= 0 for probe in program.probes)
        self._widest = max((plan.width for plan in program.plans), default=0)
        self._segment_bytes = segment_bytes
        check_segment_bytes(segment_bytes, self._overlap())
        self.path_rules = tuple(i for i, rule in enumerate(rule_set.rules) if rule.regex is None)
        """Rules without a regex: they report a document by its path alone."""

    def _overlap(self) -> int:
        return overlap_bytes(self._widest, 2 * DECODE_REACH_BYTES if self._decodes else 0)

    def observe(self, wrap: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
        """Let somebody put a function around every search of the database, to measure it."""
        if self._database is not None:
            self._database = _Observed(wrap(self._database.scan))

    def scan(self, chunks: Iterable[bytes]) -> Scanned:
        """The matches of one document, by place, given its content in chunks of any size."""
        found: list[Match] = []
        budget = Budget(self._decode_depth)
        decided: dict[int, int] = {}
        followed = 0
        for segment in segments(chunks, self._segment_bytes, self._overlap()):
            room = FINDINGS_PER_DOCUMENT_MAX - len(found)
            root = Buffer(segment.data)
            budget.advance(segment.base + len(segment.data))
            hits = self._hits(root.data)
            new = list(self._match(root, segment, hits[0] if hits else {}, decided))
            limit = len(segment.data) if segment.last else len(segment.data) - DECODE_REACH_BYTES
            if hits and hits[1]:
                followed_here = followed - segment.base
                encoded = {t: [h for h in hs if followed_here < h.end <= limit] for t, hs in hits[1].items()}
                new.extend(self._decoded(root, segment, encoded, budget))
            followed = segment.base + limit
            found.extend(new[:room])
            budget.dropped["findings"] += max(0, len(new) - room)
        if not found:
            return Scanned(found, +budget.dropped)
        return Scanned(self._reported(found), +budget.dropped)

    def _reported(self, found: list[Match]) -> list[Match]:
        kept, shadowed = without_shadowed(found, self._generic)
        if shadowed:
            self.suppressed["shadowed"] += shadowed
        joined, alone = self._joiner.join(kept)
        if alone:
            self.suppressed["component-missing"] += alone
        return joined

    def _hits(self, data: bytes) -> tuple[dict[int, list[tuple[int, int]]], dict[int, list[Hit]]] | None:
        """Windows by rule and hits by transform; None where there is nothing."""
        if self._database is None:
            return None
        hits = Hits(self._program.probes)
        self._database.scan(data, match_event_handler=hits.add)
        if not hits:
            return None
        return windows_of(hits.windows, self._program.probes, len(data)), hits.encoded

    def _decoded(
        self, buffer: Buffer, segment: Segment, encoded: dict[int, list[Hit]], budget: Budget
    ) -> Iterator[Match]:
        """Matches in what was decoded from a buffer, and in what was decoded from that."""
        for child in children(buffer, encoded, budget):
            hits = self._hits(child.data)
            windows, deeper = hits or ({}, {})
            yield from self._match(child, segment, windows, {})
            yield from self._decoded(child, segment, deeper, budget)

    def _match(
        self, buffer: Buffer, segment: Segment, windows: dict[int, list[tuple[int, int]]], decided: dict[int, int]
    ) -> Iterator[Match]:
        size = len(buffer.data)
        for rule in self._everywhere:
            windows[rule] = [(0, size)]
        for rule in sorted(windows):
            if rule not in self._silent or rule in self._joiner.components:
                yield from self._confirm(rule, windows[rule], buffer, segment, decided)
        if not segment.last and not buffer.steps:
            for rule, plan in enumerate(self._program.plans):
                settled = segment.base + size - plan.width - LINE_CONTEXT_BYTES
                decided[rule] = max(decided.get(rule, 0), settled)

    def _confirm(
        self,
        rule: int,
        windows: list[tuple[int, int]],
        buffer: Buffer,
        segment: Segment,
        decided: dict[int, int],
    ) -> Iterator[Match]:
        pattern = self._patterns.get(rule)
        if pattern is None:
            pattern = self._patterns[rule] = compile_bytes(self._program.plans[rule].pattern.encode())
        width = self._program.plans[rule].width
        data = buffer.data
        # Matches that start at or past this offset are the next segment's.
        limit = len(data) if segment.last or buffer.steps else len(data) - width - LINE_CONTEXT_BYTES
        floor = 0 if buffer.steps else decided.get(rule, 0) - segment.base
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
                match = self._placed(rule, found, buffer, segment)
                if match is not None:
                    yield match
        if not buffer.steps:
            decided[rule] = max(decided.get(rule, 0), segment.base + floor)

    def _placed(self, rule: int, found: Any, buffer: Buffer, segment: Segment) -> Match | None:
        judged = self._judge.judge(rule, found, buffer)
        if judged is None:
            return None
        span, full = buffer.outer(judged.start, judged.end), buffer.outer(*found.span())
        (line, column), (end_line, end_column) = segment.place(span[0]), segment.place(span[1])
        return Match(
            rule=rule,
            start=segment.base + span[0],
            end=segment.base + span[1],
            full_start=segment.base + full[0],
            full_end=segment.base + full[1],
            secret=buffer.data[judged.start : judged.end],
            line=line,
            column=column,
            end_line=end_line,
            end_column=end_column,
            pending=judged.pending,
            confidence=judged.confidence,
            validation=judged.validation,
            facts=judged.facts,
            decode_path=buffer.steps,
            escaped=buffer.escaped,
        )

    def place_rejects(self, rule: int, pending: tuple[int, ...], path: bytes, commit: str) -> bool:
        """Whether a match at this place is no finding: its rule is for other paths, or an allowlist names the place."""
        wanted = self.rule_set.rules[rule].path
        if wanted is not None and not self.path_matches(rule, path):
            self.suppressed["path"] += 1
            return True
        if pending and self._judge.allowlists.place_allowed(pending, path, commit):
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
                pending = self._judge.allowlists.judge(rule, Parts(b"", b"", b""))
                if pending is not None:
                    found.append((rule, pending))
        return found
