"""Multi-part rules: a rule's match counts where its components lie near, and they are reported as one finding."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gossip.engine.detect.match import Match
    from gossip.engine.rules.model import Component, RuleSet


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
        if not self._wanted:
            return [match for match in matches if match.rule not in self._silent], 0
        by_rule: dict[int, list[Match]] = {}
        for match in matches:
            if match.rule in self.components:
                by_rule.setdefault(match.rule, []).append(match)
        joined, alone = [], 0
        for match in matches:
            if match.rule in self._silent:
                continue
            parts = self._parts(match, by_rule)
            if parts is None:
                alone += 1
            else:
                joined.append(replace(match, parts=parts) if parts else match)
        return joined, alone

    def _parts(self, match: Match, by_rule: dict[int, list[Match]]) -> tuple[Match, ...] | None:
        parts = []
        for rule, component in self._wanted.get(match.rule, ()):
            part = _nearest(match, by_rule.get(rule, ()), component)
            if part is not None:
                parts.append(part)
            elif not component.optional:
                return None
        return tuple(parts)


def _nearest(match: Match, candidates: Sequence[Match], component: Component) -> Match | None:
    """The candidate with the fewest bytes in between, the earlier one of two; None where none is near enough."""
    best: tuple[int, int] | None = None
    # Sorted by start; from the match outwards, the gap to the right only grows.
    at = bisect_left(candidates, match.start, key=lambda candidate: candidate.start)
    for index in range(at, len(candidates)):
        gap = candidates[index].start - match.end
        if best is not None and gap > best[0]:
            break
        if _within(match, candidates[index], component):
            best = min(best or (gap, index), (max(gap, 0), index))
    for index in range(at - 1, -1, -1):
        gap = max(0, match.start - candidates[index].end)
        if best is not None and match.start - candidates[index].start > best[0] + _SPAN_MAX:
            break
        if _within(match, candidates[index], component):
            best = min(best or (gap, index), (gap, index))
        elif component.within_lines is not None and match.line - candidates[index].end_line > component.within_lines:
            break
    return candidates[best[1]] if best is not None else None


_SPAN_MAX = 64 * 1024
"""No candidate is longer: past it, an earlier start cannot mean a nearer end."""


def _within(match: Match, part: Match, component: Component) -> bool:
    first, last = (match, part) if match.start <= part.start else (part, match)
    if component.within_lines is not None and max(0, last.line - first.end_line) > component.within_lines:
        return False
    if component.within_bytes is not None and max(0, last.start - first.end) > component.within_bytes:
        return False
    return component.within_columns is None or abs(match.column - part.column) <= component.within_columns
