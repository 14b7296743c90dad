"""How sure a finding is, 0 to 10."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gossip.engine.rules.model import Rule

CONFIDENCE_MAX = 10
_ENTROPY, _KEYWORD, _ASSIGNMENT, _VALID = 1, 2, 2, 5


@dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks for a match."""

    entropy: bool = False
    """Measured, and passed."""
    keyword: bool = False
    """Within 32 bytes."""
    assignment: bool = False
    """Something is assigned in the window."""
    valid: bool = False
    """Its checksum or structure is proven."""


def confidence(rule: Rule, evidence: Evidence) -> int:
    """The rule's own confidence, or the sum of the evidence where it states none; proof adds five."""
    base = rule.confidence
    if base is None:
        base = _ENTROPY * evidence.entropy + _KEYWORD * evidence.keyword + _ASSIGNMENT * evidence.assignment
    return min(CONFIDENCE_MAX, base + _VALID * evidence.valid)


def least_confidence(rule: Rule) -> int:
    """Below it a match is dropped: what the rule says, else derived from its gates.

    A rule with keywords and entropy needs both to speak for a match; one that asks for an assignment needs that.
    """
    if rule.min_confidence is not None:
        return rule.min_confidence
    if rule.confidence is not None:
        return 0
    if rule.keywords and rule.entropy is not None:
        return _ENTROPY + _KEYWORD
    return _ASSIGNMENT if rule.assignment else 0
