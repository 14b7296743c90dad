"""What `gossip explain` does: one file through the same steps as in a scan, with every candidate seen."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gossip.connectors.files.reading import open_file
from gossip.connectors.report.display import json_utf8, visible
from gossip.engine.decode.content import Gap, Policy, Text, contents
from gossip.engine.detect.detector import Detector
from gossip.engine.detect.explain import Candidate, Explainer
from gossip.engine.limits import DECODE_DEPTH_MAX
from gossip.engine.rules.cache import cached_program
from gossip.flows.run import scan_config
from gossip.flows.scan import load_rules
from gossip.schemas.errors import MisuseError
from gossip.schemas.protocols import Document, Skip

if TYPE_CHECKING:
    from gossip.engine.rules.model import RuleSet
    from gossip.schemas.config import DecodeMode

TEXT_BYTES_MAX = 64 << 20
"""A text is explained as a whole; a larger one is cut off there, and that is said."""
RULES_NAMED_MAX = 12
_PLACE = re.compile(r"(.+?):(\d+)(?::\d+)?")


@dataclass(slots=True)
class Explained:
    """One text of a file: the file itself, or something inside it."""

    container: tuple[str, ...]
    steps: tuple[str, ...]
    candidates: list[Candidate]
    keywords: dict[str, list[str]] = field(default_factory=dict)
    """Of the line asked for: rules by keyword that stands there, of those whose pattern matches nothing on it."""
    cut: bool = False


def place_of(text: str) -> tuple[str, int | None]:
    """(file, line) of `FILE`, `FILE:LINE` or `FILE:LINE:COLUMN`. A file of that very name comes first."""
    if os.path.lexists(text):
        return text, None
    head, _, tail = text.rpartition(":")
    if tail.isdecimal() and os.path.lexists(head):
        return head, int(tail)
    found = _PLACE.fullmatch(text)
    return (found[1], int(found[2])) if found else (text, None)


def run_explain(
    places: tuple[str, ...],
    *,
    rules: str | None,
    enabled_rules: tuple[str, ...],
    disabled_rules: tuple[str, ...],
    decode: DecodeMode,
    fmt: str,
) -> None:
    """Explain each place on stdout. Raises MisuseError for what cannot be read."""
    config = scan_config(
        [os.curdir], rules=rules, enabled_rules=enabled_rules, disabled_rules=disabled_rules, decode=decode
    )
    rule_set = load_rules(config)
    program = cached_program(rule_set, Path(config.cache_folder) if config.cache_folder else None, decode)
    segment = TEXT_BYTES_MAX * 2
    detector = Detector(rule_set, program, segment_bytes=segment, decode_depth=DECODE_DEPTH_MAX)
    explainer = Explainer(detector)
    for place in places:
        file, line = place_of(place)
        for explained in explain_file(explainer, rule_set, file, line):
            for text in _records(file, line, explained) if fmt == "jsonl" else _lines(file, line, explained):
                click.echo(text)
        for number, _ in detector.path_findings(os.fsencode(file)):
            click.echo(f"{visible(file)}: {rule_set.rules[number].id} reports it by its path, whatever it holds")


def explain_file(explainer: Explainer, rule_set: RuleSet, file: str, line: int | None) -> Iterator[Explained]:
    """Every text in a file; with a line, its candidates there. Raises MisuseError for what cannot be read."""
    raw = os.fsencode(file)
    for opened in open_file(raw, raw, follow=True):
        if not isinstance(opened, Document):
            why = opened.reason if isinstance(opened, Skip) else opened.detail or opened.kind
            raise MisuseError(f"{visible(file)}: not scanned: {why}")
        name = os.path.basename(file)
        for item in contents(name, opened.chunks, Policy(), time.monotonic, opened.seekable):
            if isinstance(item, Text):
                yield _explained(explainer, rule_set, raw, item, line)
            elif isinstance(item, Gap):
                inside = "!".join((file, *item.container))
                click.echo(f"{visible(inside)}: not scanned: {item.reason} {visible(item.detail)}".rstrip(), err=True)


def _explained(explainer: Explainer, rule_set: RuleSet, path: bytes, text: Text, line: int | None) -> Explained:
    data = bytearray()
    for chunk in text.chunks:
        data += chunk[: max(0, TEXT_BYTES_MAX - len(data))]
        cut = len(data) >= TEXT_BYTES_MAX
    whole = bytes(data)
    found = explainer.explain(whole, path)
    explained = Explained(text.container, text.steps, found, cut=bool(data) and cut)
    if line is not None:
        explained.candidates = [c for c in found if c.line <= line <= c.end_line]
        if not explained.candidates:
            explained.keywords = _keywords(rule_set, whole, line)
    return explained


def _keywords(rule_set: RuleSet, data: bytes, line: int) -> dict[str, list[str]]:
    """The keywords on a line, with their rules: places that were looked at."""
    lines = data.split(b"\n", line)
    text = lines[line - 1].lower() if 0 < line <= len(lines) else b""
    found: dict[str, list[str]] = {}
    for rule in rule_set.rules:
        for keyword in rule.keywords:
            if keyword.lower().encode() in text:
                found.setdefault(keyword.lower(), []).append(rule.id)
    return dict(sorted(found.items()))


def _records(file: str, line: int | None, explained: Explained) -> Iterator[str]:
    for candidate in explained.candidates:
        record: dict[str, Any] = {"type": "candidate", "path": file, "container_path": list(explained.container)}
        fields = asdict(candidate)
        scored = candidate.scored
        fields |= {
            "decode_path": [*explained.steps, *candidate.decode_path],
            "gates": [gate._asdict() for gate in candidate.gates],
            "scored": None if scored is None else scored._asdict(),
        }
        for name in ("key", "pending"):
            del fields[name]
        yield json_utf8(record | fields).decode()
    if line is not None and not explained.candidates:
        none = {"type": "nothing", "path": file, "container_path": list(explained.container), "line": line}
        yield json_utf8(none | {"keywords": explained.keywords}).decode()


def _lines(file: str, line: int | None, explained: Explained) -> Iterator[str]:
    where = visible("!".join((file, *explained.container)))
    if explained.cut:
        yield f"{where}: only its first {TEXT_BYTES_MAX >> 20} MiB are explained"
    for candidate in explained.candidates:
        yield f"{where}:{candidate.line}:{candidate.column}  {candidate.rule}  {visible(candidate.preview)}"
        steps = (*explained.steps, *candidate.decode_path)
        if steps:
            yield f"  decoded       {' > '.join(steps)}"
        for gate in candidate.gates:
            yield f"  {'passed  ' if gate.passed else 'rejected'}  {gate.name}: {visible(gate.measured)}"
            if gate.name == "scorer" and candidate.scored is not None:
                yield f"              {candidate.scored.value:+d}  characters and words of the value"
                yield from (
                    f"              {weight:+d}  {visible(what)}" for what, weight in candidate.scored.strongest
                )
        verdict = f"no finding: {candidate.rejected_by}" if candidate.rejected_by else "a finding"
        confidence = "" if candidate.rejected_by else f", confidence {candidate.confidence} of 10"
        yield f"  {verdict}{confidence}"
        yield ""
    if not explained.candidates and (line is not None or not explained.container):
        yield f"{where}{f':{line}' if line is not None else ''}  no rule's pattern matches here"
        for keyword, ids in explained.keywords.items():
            more = f" and {len(ids) - RULES_NAMED_MAX} more" if len(ids) > RULES_NAMED_MAX else ""
            yield f"  keyword {keyword!r} of {', '.join(ids[:RULES_NAMED_MAX])}{more}: looked at, no match"
        yield ""
