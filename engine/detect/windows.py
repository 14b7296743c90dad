"""From hits to the windows in which a rule is confirmed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gossip.engine.rules.compiler import Probe


def windows_by_rule(
    hits: Iterable[tuple[int, int]], probes: tuple[Probe, ...], size: int
) -> dict[int, list[tuple[int, int]]]:
    """Rule index -> disjoint half-open windows, ascending, clamped to [0, size).

    Windows that overlap or touch are merged: a whole match lies in one window or in none, so confirming window by
    window
    finds exactly what one pass over the whole document would find.
    """
    spans: dict[int, list[tuple[int, int]]] = {}
    for probe_id, end in hits:
        probe = probes[probe_id]
        window = (max(0, end - probe.back), min(size, end + probe.ahead))
        spans.setdefault(probe.rule, []).append(window)
    return {rule: _merged(windows) for rule, windows in spans.items()}


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
