"""Windows in, matches out: RE2 decides inside a window, then the gates do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gossip.engine.detect.judge import Judge
from gossip.engine.detect.outcomes import Kept, Outcome, Outcomes, add_counts, more
from gossip.engine.limits import LINE_CONTEXT_BYTES
from gossip.engine.rules.patterns import Pattern

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator

    from gossip.engine.detect.buffer import Buffer
    from gossip.engine.detect.segment import Segment
    from gossip.engine.rules.compiler import Program
    from gossip.engine.rules.model import RuleSet
    from gossip.engine.rules.patterns import Found

Windows = dict[int, list[tuple[int, int]]]
"""By rule, disjoint and ascending."""


class Confirmer:
    """Confirms one rule set's candidates. `suppressed` counts what gates reject."""

    def __init__(
        self, rule_set: RuleSet, program: Program, suppressed: Counter[str], components: frozenset[int]
    ) -> None:
        self._plans = program.plans
        self._suppressed = suppressed
        self._patterns: dict[int, Pattern] = {}
        self._everywhere = [i for i, plan in enumerate(program.plans) if plan.everywhere]
        # Nobody asks for the matches of a rule that is not reported, unless they are a part of another's.
        self._unasked = frozenset(i for i, r in enumerate(rule_set.rules) if r.skip_report and i not in components)
        self.judge = Judge(rule_set, suppressed)
        self._outcomes = Outcomes(rule_set)

    @property
    def everywhere(self) -> bool:
        """Whether a rule wants every document whole."""
        return bool(self._everywhere)

    def matches(self, buffer: Buffer, windows: Windows, top: Buffer) -> Iterator[Kept]:
        """Matches in a whole buffer, rule by rule, then by place; their spans are those of `top`."""
        for rule in self._asked(buffer, windows):
            for low, high in windows[rule]:
                yield from self._judged(rule, (low, high), buffer, top)

    def known_matches(self, root: Buffer, windows: Windows) -> Iterator[Kept]:
        """The same in a document, with what equal windows of earlier ones led to."""
        data, outcomes = root.data, self._outcomes
        for rule in self._asked(root, windows):
            for low, high in windows[rule]:
                key = outcomes.window_key(rule, data, low, high)
                outcome = outcomes.find(key)
                if outcome is None:
                    before = dict(self._suppressed)
                    kept = [one.moved(-low) for one in self._judged(rule, (low, high), root, root)]
                    outcomes.keep(key, Outcome(kept, more(self._suppressed, before)))
                    for one in kept:
                        yield one.moved(low)
                    continue
                if outcome.suppressed:
                    add_counts(self._suppressed, outcome.suppressed)
                for one in outcome.kept:
                    yield one.moved(low)

    def decided_matches(
        self, root: Buffer, windows: Windows, segment: Segment, decided: dict[int, int]
    ) -> Iterator[Kept]:
        """Matches in a segment, less those that are the business of its neighbours. `decided` says for each rule up to
        where earlier segments settled the matter, and is moved on.
        """
        size = len(root.data)
        for rule in self._asked(root, windows):
            floor = decided.get(rule, 0) - segment.base
            # Matches that start at or past this offset are the next segment's.
            limit = size if segment.last else size - self._plans[rule].width - LINE_CONTEXT_BYTES
            for low, high in windows[rule]:
                for found in self._found(rule, root.data, (max(low, floor), high), limit):
                    floor = found.end()
                    kept = self._kept(rule, found, root, root)
                    if kept is not None:
                        yield kept
            decided[rule] = max(decided.get(rule, 0), segment.base + floor)
        if not segment.last:
            for rule, plan in enumerate(self._plans):
                settled = segment.base + size - plan.width - LINE_CONTEXT_BYTES
                decided[rule] = max(decided.get(rule, 0), settled)

    def _asked(self, buffer: Buffer, windows: Windows) -> list[int]:
        for rule in self._everywhere:
            windows[rule] = [(0, len(buffer.data))]
        return [rule for rule in sorted(windows) if rule not in self._unasked]

    def _judged(self, rule: int, window: tuple[int, int], buffer: Buffer, top: Buffer) -> Iterator[Kept]:
        for found in self._found(rule, buffer.data, window, len(buffer.data)):
            kept = self._kept(rule, found, buffer, top)
            if kept is not None:
                yield kept

    def _found(self, rule: int, data: bytes, window: tuple[int, int], limit: int) -> Iterator[Found]:
        """What RE2 finds in a window of matches that start before `limit`."""
        pattern = self._patterns.get(rule)
        if pattern is None:
            pattern = self._patterns[rule] = Pattern(self._plans[rule].pattern.encode())
        width = self._plans[rule].width
        position, high = window
        while position < min(high, limit):
            found = pattern.search(data, position, high)
            if found is None or found.start() >= limit:
                return
            start = found.start()
            if found.end() - start > width:
                found = pattern.match(data, start, min(high, start + width))
                if found is None:
                    position = start + 1
                    continue
            position = found.end()
            yield found

    def _kept(self, rule: int, found: Found, buffer: Buffer, top: Buffer) -> Kept | None:
        judged = self.judge.judge(rule, found, buffer)
        if judged is None:
            return None
        span, full = buffer.outer(judged.start, judged.end, top), buffer.outer(found.start(), found.end(), top)
        return Kept(rule, span, full, judged, buffer.data[judged.start : judged.end], buffer.steps, buffer.escaped)
