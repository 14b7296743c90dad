"""Kingfisher: YAML of version 2 (findings by repository) and of version 1 (`ExactFindings`).

Its fingerprints mix the secret with offsets, so they change with every edit above; path and line are what is left.
"""

from __future__ import annotations

from collections.abc import Iterator

from gossip.engine.baseline.foreign.claims import Claim, mapping_of, number_of, place_of, plain_path, text_of

REASON = "left out for kingfisher"
_PREFIXES = ("betterleaks.", "kingfisher.", "veles.")
"""Where its rules come from; the rest of a rule's id is the id that others know."""


def baseline(data: object) -> Iterator[Claim]:
    """Claims of a baseline, in its order; a place that several sections name comes once for each."""
    top = mapping_of(data)
    sections = top.get("repositories")
    for section in sections if isinstance(sections, list) else []:
        items = mapping_of(section).get("findings")
        for item in items if isinstance(items, list) else []:
            record = mapping_of(item)
            yield _claim(record.get("path"), record.get("line"), text_of(record.get("rule_id")))
    items = mapping_of(top.get("ExactFindings")).get("matches")
    for item in items if isinstance(items, list) else []:
        record = mapping_of(item)
        yield _claim(record.get("filepath"), record.get("linenum"), "")


def _claim(raw_path: object, raw_line: object, rule: str) -> Claim:
    path, line = plain_path(text_of(raw_path)), number_of(raw_line)
    for prefix in _PREFIXES:
        rule = rule.removeprefix(prefix)
    return Claim(f"{place_of(path, line)} {rule}".rstrip(), REASON, path=path, line=line, rule=rule)
