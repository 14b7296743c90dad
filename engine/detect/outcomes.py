"""What windows and decoded texts held, remembered by their content: versions of a file have most of them in common.

An outcome is a function of the bytes that were looked at, so those are the key: of a window the lines around it as far
as any gate looks, of a decoded text its bytes. Offsets are kept relative to what was looked at; line numbers depend on
the whole document and are counted anew.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from blake3 import blake3

from gossip.engine.limits import KEYWORD_RADIUS_BYTES, LINE_CONTEXT_BYTES, OUTCOMES_HELD_MAX

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Mapping

    from gossip.engine.detect.buffer import Buffer
    from gossip.engine.detect.judge import Judged
    from gossip.engine.rules.model import RuleSet

_BESIDE_BYTES = KEYWORD_RADIUS_BYTES + 4
"""Looked at on each side whatever the lines: keywords, the window, the byte that a look-around asks for."""
_ALLOW_MARKS = (b":allow", b":ignore", b"pragma:")
"""One of them is in every allow comment, in lower case."""


class Kept(NamedTuple):
    """A match that every gate let pass. Spans are bytes of the document, or of the text decoded from it."""

    rule: int
    span: tuple[int, int]
    full: tuple[int, int]
    judged: Judged
    secret: bytes
    steps: tuple[str, ...] = ()
    escaped: bool = False

    def moved(self, by: int) -> Kept:
        """The same match elsewhere."""
        if not by:
            return self
        span, full = self.span, self.full
        return self._replace(span=(span[0] + by, span[1] + by), full=(full[0] + by, full[1] + by))


@dataclass(slots=True)
class Outcome:
    """Everything that looking at some bytes led to."""

    kept: list[Kept]
    suppressed: dict[str, int]
    """Rejected candidates by gate."""
    items: int = 0
    """Taken from the budget: decoded buffers; so `size`, their bytes."""
    size: int = 0
    dropped: dict[str, int] = field(default_factory=dict)


def more(counts: Mapping[str, int], before: Mapping[str, int]) -> dict[str, int]:
    """By how much each count grew. A plain dictionary: this is asked of every window, and a Counter takes longer."""
    if counts == before:
        return {}
    return {name: count - before.get(name, 0) for name, count in counts.items() if count != before.get(name, 0)}


def add_counts(counts: Counter[str], grown: Mapping[str, int]) -> None:
    """Add what `more` said to other counts."""
    for name, count in grown.items():
        counts[name] += count


class Outcomes:
    """Outcomes by key, the oldest leave first."""

    def __init__(self, rule_set: RuleSet) -> None:
        self._known: dict[bytes, Outcome] = {}
        self._held = 0
        self._reach = [
            max(LINE_CONTEXT_BYTES, rule.context.lookbehind if rule.context else 0) + 4 for rule in rule_set.rules
        ]

    def find(self, key: bytes) -> Outcome | None:
        """What is known under a key."""
        return self._known.get(key)

    def keep(self, key: bytes, outcome: Outcome) -> None:
        """Remember an outcome, if there is none under this key."""
        if key in self._known:
            return
        self._known[key] = outcome
        self._held += 1 + len(outcome.kept)
        while self._held > OUTCOMES_HELD_MAX:
            oldest = self._known.pop(next(iter(self._known)))
            self._held -= 1 + len(oldest.kept)

    def window_key(self, rule: int, data: bytes, low: int, high: int) -> bytes:
        """The key of a rule's window of a document: the window, and around it the rest of its lines and the line before
        them, as far as gates look.
        """
        reach = self._reach[rule]
        floor, ceiling = max(0, low - reach), min(len(data), high + reach)
        line = data.rfind(b"\n", floor, low)
        before = data.rfind(b"\n", floor, line) if line > floor else line
        first = floor if before < 0 else min(before, max(floor, low - _BESIDE_BYTES))
        after = data.find(b"\n", high, ceiling)
        last = ceiling if after < 0 else max(after + 1, min(ceiling, high + _BESIDE_BYTES))
        # Whether the document begins and ends there is a part of what was looked at.
        head = b"%d %d %d %d %d " % (rule, low - first, high - first, not first, last == len(data))
        return blake3(head + data[first:last]).digest()


def text_key(child: Buffer, depth: int) -> bytes | None:
    """The key of a text decoded from a document; None where more than its bytes may count: next to an allow comment."""
    assert child.parent is not None
    low, high = child.span
    around = child.parent.data[max(0, low - LINE_CONTEXT_BYTES - 4) : high + LINE_CONTEXT_BYTES + 4].lower()
    for mark in _ALLOW_MARKS:
        if mark in around:
            return None
    head = b"%s %d %d " % (child.steps[0].encode(), child.escaped, depth)
    return blake3(head + child.data).digest()
