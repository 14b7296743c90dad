"""From hits to the windows in which a rule is confirmed, and to the places where text is encoded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gossip.engine.decode.transforms import TRANSFORMS, Hit
from gossip.engine.limits import ESCAPE_GAP_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gossip.engine.rules.probes import Probe


_STRETCH_BYTES = 1024


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


class Hits:
    """What Vectorscan reports of one buffer, without what says nothing new: a flood of hits must not fill the memory.

    Hits of escapes that lie close together become one, up to _STRETCH_BYTES, as what is decoded is their common
    neighbourhood. Of hits in runs that overlap, and lie alike in the groups of their encoding, one is kept for so many
    bytes: the others would be read in the same way out of the same run.
    """

    def __init__(self, probes: tuple[Probe, ...]) -> None:
        self.windows: list[tuple[int, int]] = []
        """(probe, end) of rules."""
        self.encoded: dict[int, list[Hit]] = {}
        """By transform."""
        self._probes = probes
        self._runs: dict[tuple[int, int], tuple[int, int]] = {}

    def add(self, number: int, _start: int, end: int, _flags: int, _context: object) -> None:
        """The callback of a scan; ends ascend."""
        probe = self._probes[number]
        if probe.transform < 0:
            self.windows.append((number, end))
            return
        width = min(probe.back, end)
        found = self.encoded.setdefault(probe.transform, [])
        if TRANSFORMS[probe.transform].joins:
            last = found[-1] if found else None
            close = last is not None and end - width <= last.end + ESCAPE_GAP_BYTES
            if last is not None and close and end - last.end + last.width <= _STRETCH_BYTES:
                first = min(last.end - last.width, end - width)
                found[-1] = Hit(end, end - first)
                return
        else:
            kept, seen = self._runs.get((number, end % 4), (-_STRETCH_BYTES, -width))
            alike = end - width < seen and end - kept < _STRETCH_BYTES
            self._runs[number, end % 4] = (kept if alike else end, end)
            if alike:
                return
        found.append(Hit(end, width, probe.phase))

    def __bool__(self) -> bool:
        return bool(self.windows or self.encoded)


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
