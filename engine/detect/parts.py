"""Multi-part rules: a rule's match counts where its components lie near, and they are reported as one finding."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gossip.engine.detect.match import Match
    from gossip.engine.rules.model import Component, RuleSet


class Lone(NamedTuple):
    """A match without all its components."""

    match: Match
    parts: tuple[Match | None, ...]
    """Those that it has, in the order of `Joiner.wanted`."""


class Joiner:
    """The components of one rule set. Works on a document's whole list of matches, so segments do not matter."""

    def __init__(self, rule_set: RuleSet) -> None:
        numbers = {rule.id: number for number, rule in enumerate(rule_set.rules)}
        self._wanted = {
            number: tuple((numbers[component.rule], component) for component in rule.components)
            for number, rule in enumerate(rule_set.rules)
            if rule.components
        }
        self._silent = frozenset(number for number, rule in enumerate(rule_set.rules) if rule.skip_report)
        self.components = frozenset(part for parts in self._wanted.values() for part, _ in parts)
        """Rules whose matches are needed, reported or not."""

    def join(self, matches: Sequence[Match]) -> tuple[list[Match], int]:
        """The matches to report, in order, each with its parts; and how many fell for want of one."""
        joined, alone = self.split(matches)
        return joined, len(alone)

    def split(self, matches: Sequence[Match]) -> tuple[list[Match], list[Lone]]:
        """As `join`, and those that fell themselves, with the parts that they have."""
        if not self._wanted:
            return [match for match in matches if match.rule not in self._silent], []
        by_rule: dict[int, list[Match]] = {}
        for match in matches:
            if match.rule in self.components:
                by_rule.setdefault(match.rule, []).append(match)
        near = {rule: _Candidates(found) for rule, found in by_rule.items()}
        joined: list[Match] = []
        alone: list[Lone] = []
        for match in matches:
            if match.rule in self._silent:
                continue
            parts = [
                near[rule].nearest(match, component) if rule in near else None
                for rule, component in self.wanted(match.rule)
            ]
            whole = self.whole(match, parts)
            if whole is None:
                alone.append(Lone(match, tuple(parts)))
            else:
                joined.append(whole)
        return joined, alone

    def wanted(self, rule: int) -> tuple[tuple[int, Component], ...]:
        """The components of a rule: the number of each one's rule, and what is asked of it."""
        return self._wanted.get(rule, ())

    def whole(self, match: Match, parts: Sequence[Match | None]) -> Match | None:
        """The match with its parts, in the order of `wanted`; None where one is missing that must not."""
        for (_, component), part in zip(self.wanted(match.rule), parts, strict=True):
            if part is None and not component.optional:
                return None
        there = tuple(part for part in parts if part is not None)
        return replace(match, parts=there) if there else match


class _Candidates:
    """The matches of one component rule, by start."""

    def __init__(self, matches: Sequence[Match]) -> None:
        self._matches = matches
        # No candidate is longer: past these, an earlier start cannot mean a nearer end.
        self._widest = max(one.end - one.start for one in matches)
        self._tallest = max(one.end_line - one.line for one in matches)

    def nearest(self, match: Match, component: Component) -> Match | None:
        """The one with the fewest bytes in between, the earlier one of two; None where none is near enough."""
        best: tuple[int, int] | None = None
        # From the match outwards, the gap to the right only grows.
        at = bisect_left(self._matches, match.start, key=lambda candidate: candidate.start)
        for index in range(at, len(self._matches)):
            gap = max(0, self._matches[index].start - match.end)
            if (best is not None and gap >= best[0]) or _past(match, self._matches[index], component):
                break
            if _within(match, self._matches[index], component):
                best = gap, index
        for index in range(at - 1, -1, -1):
            if self._before_all(match, self._matches[index], component, best):
                break
            gap = max(0, match.start - self._matches[index].end)
            if _within(match, self._matches[index], component):
                best = min(best or (gap, index), (gap, index))
        return self._matches[best[1]] if best is not None else None

    def _before_all(self, match: Match, part: Match, component: Component, best: tuple[int, int] | None) -> bool:
        """Whether this one and all that start before it are too far to the left, or farther than the best."""
        reach = match.start - part.start - self._widest
        if best is not None and reach > best[0]:
            return True
        if component.within_bytes is not None and reach > component.within_bytes:
            return True
        return component.within_lines is not None and match.line - part.line - self._tallest > component.within_lines


def _past(match: Match, part: Match, component: Component) -> bool:
    """Whether this one and all that start after it are too far to the right."""
    if component.within_bytes is not None and part.start - match.end > component.within_bytes:
        return True
    return component.within_lines is not None and part.line - match.end_line > component.within_lines


def _within(match: Match, part: Match, component: Component) -> bool:
    first, last = (match, part) if match.start <= part.start else (part, match)
    if component.within_lines is not None and max(0, last.line - first.end_line) > component.within_lines:
        return False
    if component.within_bytes is not None and max(0, last.start - first.end) > component.within_bytes:
        return False
    return component.within_columns is None or abs(match.column - part.column) <= component.within_columns
