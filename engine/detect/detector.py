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

from array import array
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from gossip.engine.detect.buffer import Buffer
from gossip.engine.detect.confirm import Confirmer
from gossip.engine.detect.gates.allowlist import Parts
from gossip.engine.detect.match import Match, without_shadowed
from gossip.engine.detect.nested import REFUSALS, Budget, children
from gossip.engine.detect.outcomes import Kept, Outcome, Outcomes, add_counts, more, text_key
from gossip.engine.detect.parts import Joiner
from gossip.engine.detect.prefilter import Prefilter, neighbourhoods
from gossip.engine.detect.segment import Segment, segments
from gossip.engine.detect.windows import windows_of
from gossip.engine.limits import (
    DECODE_DEPTH_MAX,
    DECODE_REACH_BYTES,
    FINDINGS_PER_DOCUMENT_MAX,
    SEGMENT_BYTES,
    check_segment_bytes,
    overlap_bytes,
)
from gossip.engine.rules.model import GENERIC_TAG
from gossip.engine.rules.patterns import byte_form, compile_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from gossip.engine.decode.transforms import Hit
    from gossip.engine.detect.confirm import Windows
    from gossip.engine.detect.judge import Judged
    from gossip.engine.detect.prefilter import Copy
    from gossip.engine.detect.windows import Hits
    from gossip.engine.rules.compiler import Program
    from gossip.engine.rules.model import RuleSet
    from gossip.engine.rules.patterns import Found


class Scanned(NamedTuple):
    """What one document held."""

    matches: list[Match]
    dropped: Counter[str]
    """Work that a budget stopped, by cause. Empty: everything was looked at."""


class Base(NamedTuple):
    """What a document was made of."""

    hits: array[int]
    """Of the document that ranges were copied from; see Held."""
    size: int
    """Its bytes."""
    copies: Iterable[Copy]
    """In the order of the result, without overlaps in it."""


class Held(NamedTuple):
    """What a document held, and what is needed to scan those that are made of it."""

    scanned: Scanned
    hits: array[int] | None
    """Not to be changed. None: there are too many, or nobody waits for them. Without them those are scanned whole."""
    whole: bool = False
    """There are too many: nothing of the base was of use."""


_NOTHING = Held(Scanned([], Counter()), array("Q"))
"""Most documents; shared, so nobody may add to it."""


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
        self._prefilter = Prefilter(program)
        self._paths: dict[int, Any] = {}
        self.joiner = Joiner(rule_set)
        """Puts the parts of multi-part rules together."""
        self._confirmer = Confirmer(rule_set, program, self.suppressed, self.joiner.components)
        self._texts = Outcomes(rule_set)
        self._generic = frozenset(i for i, rule in enumerate(rule_set.rules) if GENERIC_TAG in rule.tags)
        self._silent = frozenset(i for i, rule in enumerate(rule_set.rules) if rule.skip_report)
        self._decode_depth = decode_depth
        self._decodes = any(probe.transform >= 0 for probe in program.probes)
        self._widest = max((plan.width for plan in program.plans), default=0)
        self._segment_bytes = segment_bytes
        check_segment_bytes(segment_bytes, self._overlap())
        self.path_rules = tuple(i for i, rule in enumerate(rule_set.rules) if rule.regex is None)
        """Rules without a regex: they report a document by its path alone."""
        self.wordless = frozenset(i for i, plan in enumerate(program.plans) if not plan.worded)
        """Rules that see encoded text only where a literal of another one gives it away."""

    def _overlap(self) -> int:
        return overlap_bytes(self._widest, 2 * DECODE_REACH_BYTES if self._decodes else 0)

    def observe(self, wrap: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
        """Let somebody put a function around every search of the database, to measure it."""
        self._prefilter.observe(wrap)

    def quiet(self, data: bytes) -> bool:
        """Whether a document surely holds no match: nothing in it is worth a look by RE2. False says nothing.

        Costs a quarter of `scan` where documents are small.
        """
        return not self._confirmer.everywhere and self._prefilter.hits(data) == []

    def see_candidates(self, see: Callable[[int, Found, Buffer, Judged | None, str], None]) -> None:
        """Let somebody see every candidate of `scan`: rule, match, its buffer, what the judge made of it, and the gate
        that rejected it.
        """
        judge = self._confirmer.judge
        inner = judge.judge

        def judged(number: int, found: Found, buffer: Buffer) -> Judged | None:
            before = dict(self.suppressed)
            kept = inner(number, found, buffer)
            see(number, found, buffer, kept, next(iter(more(self.suppressed, before)), ""))
            return kept

        judge.judge = judged  # type: ignore[method-assign]

    def scan(self, chunks: Iterable[bytes]) -> Scanned:
        """The matches of one document, by place, given its content in chunks of any size."""
        found, dropped = self.candidates(chunks)
        return Scanned(self._joined(found) if found else found, dropped)

    def candidates(self, chunks: Iterable[bytes]) -> Scanned:
        """As `scan`, before the parts of multi-part rules are put together: silent components are among the matches."""
        found: list[Match] = []
        budget = Budget(self._decode_depth)
        decided: dict[int, int] = {}
        followed = 0
        for segment in segments(chunks, self._segment_bytes, self._overlap()):
            root = Buffer(segment.data)
            budget.advance(segment.base + len(segment.data))
            windows, encoded = self._read(root.data)
            new = [
                _placed(kept, root, segment)
                for kept in self._confirmer.decided_matches(root, windows, segment, decided)
            ]
            limit = len(segment.data) if segment.last else len(segment.data) - DECODE_REACH_BYTES
            if encoded:
                followed_here = followed - segment.base
                encoded = {t: [h for h in hs if followed_here < h.end <= limit] for t, hs in encoded.items()}
                for child in children(root, encoded, budget):
                    new.extend(_placed(kept, child, segment) for kept in self._inside(child, child, budget))
            followed = segment.base + limit
            _add(found, new, budget)
        return Scanned(self._unshadowed(found) if found else found, budget.refused)

    def scan_held(self, data: bytes, base: Base | None = None, *, awaited: bool = True) -> Held:
        """The same for a document that is held whole, and perhaps was made of one that was scanned by this method.
        `awaited`: others are made of it.

        The result is that of `scan`. What equal bytes of earlier documents led to is not looked at again.
        """
        if base is None:
            hits = self._prefilter.hits(data)
        else:
            hits = self._prefilter.moved(data, base.hits, *neighbourhoods(base.copies, len(data), base.size))
        if hits is None:
            return Held(self.scan((data,)), None, whole=True)
        if not hits and not self._confirmer.everywhere:
            return _NOTHING
        return Held(self._scan_hits(data, self._prefilter.read(hits)), self._prefilter.kept(hits) if awaited else None)

    def hits_of(self, data: bytes) -> array[int] | None:
        """What `scan_held` hands back to be a base with, of a document that is not to be scanned itself."""
        hits = self._prefilter.hits(data)
        return None if hits is None else self._prefilter.kept(hits)

    def _scan_hits(self, data: bytes, hits: Hits) -> Scanned:
        root, segment, budget = Buffer(data), Segment(data, 0, 0, 0, last=True), Budget(self._decode_depth)
        budget.advance(len(data))
        windows = windows_of(hits.windows, self._program.probes, len(data))
        new = [_placed(kept, root, segment) for kept in self._confirmer.known_matches(root, windows)]
        for child in children(root, hits.encoded, budget):
            new.extend(_placed(kept, child, segment) for kept in self._known_inside(child, budget))
        found: list[Match] = []
        _add(found, new, budget)
        return Scanned(self._joined(self._unshadowed(found)) if found else found, budget.refused)

    def _unshadowed(self, found: list[Match]) -> list[Match]:
        kept, shadowed = without_shadowed(found, self._generic)
        if shadowed:
            self.suppressed["shadowed"] += shadowed
        return kept

    def _joined(self, kept: list[Match]) -> list[Match]:
        joined, alone = self.joiner.join(kept)
        if alone:
            self.suppressed["component-missing"] += alone
        return joined

    def _read(self, data: bytes) -> tuple[Windows, dict[int, list[Hit]]]:
        """Windows by rule and hits by transform."""
        hits = self._prefilter.streamed(data)
        return windows_of(hits.windows, self._program.probes, len(data)), hits.encoded

    def _inside(self, buffer: Buffer, top: Buffer, budget: Budget) -> Iterator[Kept]:
        """Matches in a decoded buffer, and in what is decoded from it."""
        windows, encoded = self._read(buffer.data)
        yield from self._confirmer.matches(buffer, windows, top)
        for child in children(buffer, encoded, budget):
            yield from self._inside(child, top, budget)

    def _known_inside(self, child: Buffer, budget: Budget) -> list[Kept]:
        """The same for what was decoded from a document itself, perhaps as equal bytes of an earlier one."""
        key = text_key(child, budget.depth)
        outcome = None if key is None else self._texts.find(key)
        if outcome is not None and budget.take(outcome.items, outcome.size):
            add_counts(self.suppressed, outcome.suppressed)
            add_counts(budget.dropped, outcome.dropped)
            return outcome.kept
        suppressed, dropped, (items, size) = dict(self.suppressed), dict(budget.dropped), budget.left
        kept = list(self._inside(child, child, budget))
        refused = more(budget.dropped, dropped)
        if key is not None and not refused.keys() & REFUSALS:
            items, size = items - budget.left[0], size - budget.left[1]
            self._texts.keep(key, Outcome(kept, more(self.suppressed, suppressed), items, size, refused))
        return kept

    def place_rejects(self, rule: int, pending: tuple[int, ...], path: bytes, commit: str) -> bool:
        """Whether a match at this place is no finding: its rule is for other paths, or an allowlist names the place."""
        wanted = self.rule_set.rules[rule].path
        if wanted is not None and not self.path_matches(rule, path):
            self.suppressed["path"] += 1
            return True
        if pending and self._confirmer.judge.allowlists.place_allowed(pending, path, commit):
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
                pending = self._confirmer.judge.allowlists.judge(rule, Parts(b"", b"", b""))
                if pending is not None:
                    found.append((rule, pending))
        return found


def _placed(kept: Kept, top: Buffer, segment: Segment) -> Match:
    """A match at its place in the document; its spans are those of `top`."""
    judged, base = kept.judged, segment.base
    (start, end), (full_start, full_end) = top.outer(*kept.span), top.outer(*kept.full)
    (line, column), (end_line, end_column) = segment.place(start), segment.place(end)
    return Match(
        rule=kept.rule,
        start=base + start,
        end=base + end,
        full_start=base + full_start,
        full_end=base + full_end,
        secret=kept.secret,
        line=line,
        column=column,
        end_line=end_line,
        end_column=end_column,
        pending=judged.pending,
        confidence=judged.confidence,
        validation=judged.validation,
        facts=judged.facts,
        decode_path=kept.steps,
        escaped=kept.escaped,
    )


def _add(found: list[Match], new: list[Match], budget: Budget) -> None:
    """Add matches to those of a document, as many as it may have."""
    room = FINDINGS_PER_DOCUMENT_MAX - len(found)
    found.extend(new[:room])
    if len(new) > room:
        budget.dropped["findings"] += len(new) - room
