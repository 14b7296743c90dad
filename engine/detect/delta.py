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

from gossip.engine.detect.detector import Base, Detector, Held, Scanned
from gossip.engine.rules.model import RuleSet

if TYPE_CHECKING:
    from array import array
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

    @property
    def _looking(self) -> Detector:
        if self._first is None:
            self._first = self._build()
        return self._first

    def scan(self, chunks: Iterable[bytes]) -> Scanned:
        """As `Detector.scan`."""
        rest = iter(chunks)
        held: list[bytes] = []
        size = 0
        for chunk in rest:
            held.append(chunk)
            size += len(chunk)
            if size > HELD_BYTES_MAX:
                break
        else:
            found = self._looking.scan(held)
            if not found.matches and not found.dropped:
                return Scanned([], Counter())
        return self._chosen(chain(held, rest))

    def scan_held(self, data: bytes, base: Base | None = None, *, awaited: bool = True) -> Held:
        """As `Detector.scan_held`, with hits of its own."""
        held = self._looking.scan_held(data, base, awaited=awaited)
        if not held.scanned.matches and not held.scanned.dropped:
            return held
        return held._replace(scanned=self._chosen((data,)))

    def hits_of(self, data: bytes) -> array[int] | None:
        """As `Detector.hits_of`."""
        return self._looking.hits_of(data)

    def _chosen(self, chunks: Iterable[bytes]) -> Scanned:
        matches, dropped = self._full.scan(chunks)
        return Scanned([match for match in matches if match.rule in self._again], dropped)
