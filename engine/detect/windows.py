"""From hits to the windows in which a rule is confirmed, and to the places where text is encoded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gossip.engine.decode.transforms import TRANSFORMS, Hit
from gossip.engine.limits import DECODE_REACH_BYTES, ESCAPE_CONTEXT_BYTES, ESCAPE_GAP_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gossip.engine.rules.probes import Probe


_CLOSE_BYTES = 2 * ESCAPE_CONTEXT_BYTES + ESCAPE_GAP_BYTES
_STRETCH_BYTES = DECODE_REACH_BYTES - 2 * ESCAPE_CONTEXT_BYTES
_ALIKE_BYTES = 1024
HIT_BITS = 24
HIT_MASK = (1 << HIT_BITS) - 1
"""A hit as one number: its end, and in the lowest bits its expression."""


def windows_of(
    hits: Iterable[tuple[int, int]], probes: tuple[Probe, ...], size: int
) -> dict[int, list[tuple[int, int]]]:
    """Rule index -> disjoint half-open windows, ascending, clamped to [0, size), of hits (probe, end) of rules.

    Windows that overlap or touch are merged: a whole match lies in one window or in none, so confirming window by
    window finds exactly what one pass over the whole document would find.
    """
    spans: dict[int, list[tuple[int, int]]] = {}
    for number, end in hits:
        probe = probes[number]
        spans.setdefault(probe.rule, []).append((max(0, end - probe.back), min(size, end + probe.ahead)))
    return {rule: _merged(windows) for rule, windows in spans.items()}


class ProbeTable:
    """The probes of a program, column by column: what is asked of every hit is asked a million times."""

    def __init__(self, probes: tuple[Probe, ...]) -> None:
        self.transforms = [probe.transform for probe in probes]
        self.widths = [probe.back for probe in probes]
        self.phases = [probe.phase for probe in probes]
        self.joins = [probe.transform >= 0 and TRANSFORMS[probe.transform].joins for probe in probes]


class Hits:
    """What Vectorscan reports of one buffer, without what says nothing new: a flood of hits must not fill the memory.

    Hits of escapes whose neighbourhoods are decoded together become one. Of hits in runs that overlap, and lie alike in
    the groups of their encoding, one is kept for so many bytes: the others would be read in the same way out of the
    same run.
    """

    def __init__(self, table: ProbeTable) -> None:
        self.windows: list[tuple[int, int]] = []
        """(probe, end) of rules."""
        self._table = table
        self._runs: dict[int, list[Hit]] = {}
        self._stretches: dict[int, list[list[int]]] = {}
        """[first, end] by transform."""
        self._seen: dict[tuple[int, int], tuple[int, int]] = {}

    @property
    def encoded(self) -> dict[int, list[Hit]]:
        """By transform."""
        joined = {t: [Hit(end, end - first) for first, end in found] for t, found in self._stretches.items()}
        return self._runs | joined

    def add(self, number: int, _start: int, end: int, _flags: int, _context: object) -> None:
        """The callback of a scan; ends ascend."""
        self.add_all((end << HIT_BITS | number,))

    def add_all(self, hits: Iterable[int]) -> None:
        """The same for hits as numbers, in order."""
        previous, transform, width = -1, -1, 0
        stretches: list[list[int]] | None = None
        for hit in hits:
            number, end = hit & HIT_MASK, hit >> HIT_BITS
            if number != previous:
                previous, transform, width = number, self._table.transforms[number], self._table.widths[number]
                stretches = self._stretches.setdefault(transform, []) if self._table.joins[number] else None
            if stretches is not None:
                start = end - width
                if stretches:
                    last = stretches[-1]
                    if start - last[1] <= _CLOSE_BYTES and end - last[0] <= _STRETCH_BYTES:
                        last[1] = end
                        if start < last[0]:
                            last[0] = max(0, start)
                        continue
                stretches.append([max(0, start), end])
            elif transform < 0:
                self.windows.append((number, end))
            else:
                self._add_run(number, max(0, end - width), end)

    def _add_run(self, number: int, start: int, end: int) -> None:
        kept, seen = self._seen.get((number, end % 4), (-_ALIKE_BYTES, -1))
        alike = start < seen and end - kept < _ALIKE_BYTES
        self._seen[number, end % 4] = (kept if alike else end, end)
        if not alike:
            hit = Hit(end, end - start, self._table.phases[number])
            self._runs.setdefault(self._table.transforms[number], []).append(hit)


def _merged(windows: list[tuple[int, int]]) -> list[tuple[int, int]]:
    if len(windows) == 1:
        return windows
    windows.sort()
    merged = [windows[0]]
    for start, end in windows[1:]:
        last_start, last_end = merged[-1]
        if start <= last_end:
            if end > last_end:
                merged[-1] = (last_start, end)
        else:
            merged.append((start, end))
    return merged
