"""Multi-part rules across messages: a key id now, its secret three messages later.

What counts as near is said in lines and bytes for one document; across messages it is the same message key within a
stretch of time, by the timestamps of the messages. Messages without a key are paired with none. Memory is bounded: the
oldest parts go first, and are counted.

What is kept can be found again: the state after a message is that after reading on from `rewind` on.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gossip.engine.detect.match import Match
    from gossip.engine.detect.parts import Joiner, Lone

PAIR_SECONDS = 60.0
PARTS_PER_KEY_MAX = 64
PARTS_MAX = 10_000
"""Of all keys of one partition."""


class Seen(NamedTuple):
    """A message, as far as its matches need it later."""

    offset: int
    time_ms: int
    key: bytes | None
    source: Any
    """Handed back with what was found in it."""


@dataclass(slots=True)
class _Part:
    """A match that may be a component, or one that waits for its own."""

    seen: Seen
    match: Match
    lone: Lone | None = None


class PairWindow:
    """The parts of one partition's messages that may still find each other. Feed it messages in their order."""

    def __init__(
        self,
        joiner: Joiner,
        seconds: float = PAIR_SECONDS,
        *,
        per_key: int = PARTS_PER_KEY_MAX,
        total: int = PARTS_MAX,
    ) -> None:
        self.suppressed: Counter[str] = Counter()
        """What was given up: `component-missing` (its time passed), `pair-window-full`."""
        self._joiner = joiner
        self._reach_ms = seconds * 1000
        self._per_key = per_key
        self._total = total
        self._parts: OrderedDict[int, _Part] = OrderedDict()
        """By a number that ascends."""
        self._by_key: dict[bytes, list[int]] = {}
        self._next = 0

    @property
    def rewind(self) -> int | None:
        """Offset of the oldest message that still counts; None where none does."""
        return next(iter(self._parts.values())).seen.offset if self._parts else None

    def pass_time(self, time_ms: int) -> None:
        """Let go of what is too far from a time. To be called before a message's matches are added."""
        while self._parts:
            number, part = next(iter(self._parts.items()))
            if abs(time_ms - part.seen.time_ms) <= self._reach_ms:
                return
            self._drop(number, "component-missing")

    def add(self, seen: Seen, matches: Sequence[Match]) -> list[tuple[Match, Seen]]:
        """What is found with a message: its own matches, and earlier ones that waited for a component in it."""
        joined, alone = self._joiner.split(matches)
        found = [(match, seen) for match in joined]
        if seen.key is None or not self._joiner.components:
            self.suppressed["component-missing"] += len(alone)
            return found
        self.pass_time(seen.time_ms)
        for match in matches:
            if match.rule in self._joiner.components:
                self._keep(seen.key, _Part(seen, match))
        for lone in alone:
            whole = self._completed(seen, lone)
            if whole is None:
                self._keep(seen.key, _Part(seen, lone.match, lone))
            else:
                found.append((whole, seen))
        found.extend(self._awaited(seen))
        return found

    def _awaited(self, seen: Seen) -> list[tuple[Match, Seen]]:
        """Earlier matches of the same key that are whole now."""
        found = []
        for number in tuple(self._by_key.get(seen.key or b"", ())):
            part = self._parts[number]
            if part.lone is None or part.seen.offset == seen.offset:
                continue
            whole = self._completed(part.seen, part.lone)
            if whole is not None:
                self._drop(number)
                found.append((whole, part.seen))
        return found

    def _completed(self, seen: Seen, lone: Lone) -> Match | None:
        """The match with components of other messages where its own lacks them: the nearest, the earlier of two."""
        parts = list(lone.parts)
        held = [self._parts[number] for number in self._by_key.get(seen.key or b"", ())]
        others = [p for p in held if p.lone is None and p.seen.offset != seen.offset]
        for index, (rule, _) in enumerate(self._joiner.wanted(lone.match.rule)):
            if parts[index] is None:
                near = [p for p in others if p.match.rule == rule and self._near(p.seen, seen)]
                if near:
                    parts[index] = min(near, key=lambda p: (abs(p.seen.offset - seen.offset), p.seen.offset)).match
        return self._joiner.whole(lone.match, parts)

    def _near(self, one: Seen, other: Seen) -> bool:
        return abs(one.time_ms - other.time_ms) <= self._reach_ms

    def _keep(self, key: bytes, part: _Part) -> None:
        numbers = self._by_key.setdefault(key, [])
        numbers.append(self._next)
        self._parts[self._next] = part
        self._next += 1
        if len(numbers) > self._per_key:
            self._drop(numbers[0], "pair-window-full")
        if len(self._parts) > self._total:
            self._drop(next(iter(self._parts)), "pair-window-full")

    def _drop(self, number: int, why: str = "") -> None:
        part = self._parts.pop(number)
        key = part.seen.key or b""
        self._by_key[key].remove(number)
        if not self._by_key[key]:
            del self._by_key[key]
        if why and (part.lone is not None or why != "component-missing"):
            self.suppressed[why] += 1
