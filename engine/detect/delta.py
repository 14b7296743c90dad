"""A detector for content that other rules have seen before: only some of its rules look for something new.

Most documents hold nothing for them, which a small database tells. Where one does, the document is scanned by all
rules, for what one rule finds may depend on what others do, and the matches of those few are taken. So the result is
that of a full scan, by construction.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

from gossip.engine.detect.detector import Detector, Scanned
from gossip.engine.rules.model import RuleSet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

HELD_BYTES_MAX = 32 * 1024 * 1024
"""A longer document is not held for a second look: all rules look at it at once."""


def first_look(rule_set: RuleSet, again: frozenset[int]) -> RuleSet:
    """The rules that tell whether a document has a match of one of the rules of `again`, each reported by itself."""
    chosen = (rule for number, rule in enumerate(rule_set.rules) if number in again and rule.regex is not None)
    alone = tuple(replace(rule, components=(), skip_report=False) for rule in chosen)
    return RuleSet(alone, rule_set.allowlists, rule_set.source)


class DeltaDetector:
    """Gives what `full` finds by the rules of `again`. `first` is built with `first_look` when it is first needed."""

    def __init__(self, full: Detector, first: Callable[[], Detector], again: frozenset[int]) -> None:
        self._full = full
        self._build = first
        self._first: Detector | None = None
        self._again = again

    def scan(self, chunks: Iterable[bytes]) -> Scanned:
        """As `Detector.scan`."""
        if self._first is None:
            self._first = self._build()
        rest = iter(chunks)
        held: list[bytes] = []
        size = 0
        for chunk in rest:
            held.append(chunk)
            size += len(chunk)
            if size > HELD_BYTES_MAX:
                break
        else:
            found = self._first.scan(held)
            if not found.matches and not found.dropped:
                return Scanned([], Counter())
        matches, dropped = self._full.scan(chain(held, rest))
        return Scanned([match for match in matches if match.rule in self._again], dropped)
