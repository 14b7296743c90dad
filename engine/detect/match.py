"""A confirmed match inside one document, before anybody knows where the document lies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Match:
    """One secret found. Holds the secret: it never leaves the worker that scanned the document."""

    rule: int
    """Index into the rule set."""
    start: int
    """Secret, half-open bytes of the document; so `end`."""
    end: int
    full_start: int
    """Whole match of the regex, half-open; so `full_end`."""
    full_end: int
    secret: bytes
    line: int
    column: int
    end_line: int
    end_column: int
    pending: tuple[int, ...] = ()
    """Allowlists that wait for the document's place."""


def without_shadowed(matches: Iterable[Match], generic: frozenset[int]) -> tuple[list[Match], int]:
    """Matches by place, less those of generic rules whose secret overlaps one of a specific rule; and how many fell.

    A provider's own rule says more about the same bytes; two findings for one leak are one false alarm.
    """
    ordered = sorted(matches, key=lambda m: (m.start, m.end, m.rule))
    if not generic or len(ordered) < 2:
        return ordered, 0
    specific = [m for m in ordered if m.rule not in generic]
    kept = [m for m in ordered if m.rule not in generic or not _overlaps(m, specific)]
    return kept, len(ordered) - len(kept)


def _overlaps(one: Match, others: list[Match]) -> bool:
    return any(one.start < other.end and other.start < one.end for other in others)
