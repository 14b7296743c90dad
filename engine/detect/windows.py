"""From hits to the windows in which a rule is confirmed, and to the places where text is encoded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gossip.engine.decode.transforms.base import Hit

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gossip.engine.rules.probes import Probe


def sorted_hits(
    hits: Iterable[tuple[int, int]], probes: tuple[Probe, ...], size: int
) -> tuple[dict[int, list[tuple[int, int]]], dict[int, list[Hit]]]:
    """Rule index -> disjoint half-open windows, ascending, clamped to [0, size); and transform index -> hits.

    Windows that overlap or touch are merged: a whole match lies in one window or in none, so confirming window by
    window finds exactly what one pass over the whole document would find.
    """
    spans: dict[int, list[tuple[int, int]]] = {}
    encoded: dict[int, list[Hit]] = {}
    for number, end in hits:
        probe = probes[number]
        if probe.transform < 0:
            spans.setdefault(probe.rule, []).append((max(0, end - probe.back), min(size, end + probe.ahead)))
        else:
            width = min(probe.back, end)
            encoded.setdefault(probe.transform, []).append(Hit(end, width, probe.phase))
    return {rule: _merged(windows) for rule, windows in spans.items()}, encoded


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
