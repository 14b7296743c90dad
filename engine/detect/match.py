"""A confirmed match inside one document, before anybody knows where the document lies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gossip.schemas.finding import Validation


@dataclass(frozen=True, slots=True)
class Match:
    """One secret found. Holds the secret: it never leaves the worker that scanned the document."""

    rule: int
    """Index into the rule set."""
    start: int
    """Secret, half-open bytes of the document; so `end`. Of an encoded secret: the encoded bytes."""
    end: int
    full_start: int
    """Whole match of the regex, half-open; so `full_end`."""
    full_end: int
    secret: bytes
    """Decoded."""
    line: int
    column: int
    end_line: int
    end_column: int
    pending: tuple[int, ...] = ()
    """Allowlists that wait for the document's place."""
    confidence: int = 0
    validation: Validation = "none"
    facts: tuple[tuple[str, str], ...] = ()
    """What the validator read off the secret; safe to show."""
    decode_path: tuple[str, ...] = ()
    escaped: bool = False
    """Every step of the decode path only replaced a few bytes of readable text."""
    parts: tuple[Match, ...] = ()
    """The components that make the finding whole."""

    def overlaps(self, other: Match) -> bool:
        """Whether both cover a byte of the document."""
        return self.start < other.end and other.start < self.end


def without_shadowed(matches: Iterable[Match], generic: frozenset[int]) -> tuple[list[Match], int]:
    """Matches by place, less those that another one says better; and how many fell.

    Two findings for one leak are one false alarm. Of two that overlap, one falls if
    - it is a generic rule's and the other is a specific rule's;
    - it is a generic rule's over encoded text, and the other was decoded from that text;
    - it was decoded, and the other has the same rule and the same secret, or the same rule in text that only
      differs by escapes.
    """
    ordered = sorted(matches, key=lambda m: (m.start, m.end, m.rule, len(m.decode_path), m.decode_path, m.secret))
    if len(ordered) < 2:
        return ordered, 0
    widest = max(m.end - m.start for m in ordered)
    kept = [m for at, m in enumerate(ordered) if not _falls(m, at, ordered, widest, generic)]
    return kept, len(ordered) - len(kept)


def _falls(one: Match, at: int, ordered: Sequence[Match], widest: int, generic: frozenset[int]) -> bool:
    for step in (-1, 1):
        index = at + step
        while 0 <= index < len(ordered):
            other = ordered[index]
            # Sorted by start: past these, none can reach `one`.
            if (other.start <= one.start - widest) if step < 0 else (other.start >= one.end):
                break
            if one.overlaps(other) and _says_better(other, one, index < at, generic):
                return True
            index += step
    return False


def _says_better(other: Match, one: Match, first: bool, generic: frozenset[int]) -> bool:  # noqa: FBT001
    if one.rule in generic and other.rule not in generic:
        return True
    deeper = len(other.decode_path) > len(one.decode_path)
    if one.rule in generic and other.rule in generic and deeper and not other.escaped:
        return True
    if one.rule != other.rule or not one.decode_path or deeper:
        return False
    if len(other.decode_path) == len(one.decode_path):
        return first and other.secret == one.secret
    return other.secret == one.secret or one.escaped
