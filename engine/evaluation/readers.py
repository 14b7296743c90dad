"""Findings in the forms in which scanners write them. Text in, places out: no secret passes through here."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from urllib.parse import unquote

from gossip.engine.evaluation.model import LEVELS, Hit
from gossip.schemas.errors import MisuseError

_WORDS = {**LEVELS, "weak": 2, "moderate": 5, "strong": 8, "none": 2, "note": 2, "warning": 5, "error": 8}
_MIDDLE = 5.0
"""The confidence of a finding whose scanner gives none."""


def read_hits(text: str, where: str) -> list[Hit]:
    """The findings in a scanner's output: ours (JSON Lines, JSON), SARIF, kingfisher, betterleaks, gitleaks,
    detect-secrets or credsweeper, told apart by their shape.

    Raises MisuseError where it is none of them, or where a finding has no place.
    """
    text = text.removeprefix("\ufeff").strip()
    try:
        documents = [json.loads(text)] if text else []
    except ValueError:
        try:
            documents = [json.loads(line) for line in text.splitlines() if line.strip()]
        except ValueError:
            raise MisuseError(f"{where}: neither JSON nor JSON Lines") from None
    hits: list[Hit] = []
    for document in documents:
        try:
            hits += _document(document)
        except (AttributeError, IndexError, KeyError, TypeError, ValueError):
            raise MisuseError(
                f"{where}: not the output of a known scanner; give gossip's, kingfisher's, betterleaks', gitleaks', "
                "detect-secrets' or credsweeper's JSON, or SARIF"
            ) from None
    return hits


def _document(document: Any) -> Iterator[Hit]:
    if isinstance(document, list):
        for record in document:
            yield from _document(record)
        return
    for key, reader in _CONTAINERS.items():
        if key in document:
            yield from reader(document[key])
            return
    for tells, record_reader in _RECORDS:
        if tells(document):
            yield from record_reader(document)
            return
    if document.get("type") not in _OTHER_LINES and not _OTHER_LINES & document.keys():
        raise ValueError("no finding")


def _each(records: Iterable[Any] | int) -> Iterator[Hit]:
    # The last of kingfisher's lines says how many there were.
    for record in () if isinstance(records, int) else records:
        yield from _document(record)


def _sarif(runs: list[Any]) -> Iterator[Hit]:
    for run in runs:
        for result in run.get("results") or ():
            place = result["locations"][0]["physicalLocation"]
            region = place.get("region") or {}
            first = int(region.get("startLine", 1))
            confidence = (result.get("properties") or {}).get("confidence", result.get("level"))
            path = unquote(place["artifactLocation"]["uri"])
            yield Hit(path, first, int(region.get("endLine", first)), str(result["ruleId"]), _confidence(confidence))


def _detect_secrets(results: dict[str, Any]) -> Iterator[Hit]:
    for path, found in results.items():
        for record in found:
            line = int(record["line_number"])
            yield Hit(path, line, line, str(record["type"]), _MIDDLE)


def _gossip(record: dict[str, Any]) -> Iterator[Hit]:
    first, last = int(record["line"]), int(record["end_line"])
    yield Hit(record["path"], first, last, record["rule_id"], float(record["confidence"]))


def _gitleaks(record: dict[str, Any]) -> Iterator[Hit]:
    first = int(record["StartLine"])
    yield Hit(record["File"], first, int(record.get("EndLine") or first), record["RuleID"], _MIDDLE)


def _betterleaks(record: dict[str, Any]) -> Iterator[Hit]:
    found = record["finding"]
    place = found["location"]
    first = int(place["start_line"])
    last = int(place.get("end_line") or first)
    yield Hit(place["path"], first, last, found["rule_id"], _confidence(found.get("confidence")))


def _kingfisher(record: dict[str, Any]) -> Iterator[Hit]:
    found, line = record["finding"], int(record["finding"]["line"])
    yield Hit(found["path"], line, line, record["rule"]["id"], _confidence(found.get("confidence")))


def _credsweeper(record: dict[str, Any]) -> Iterator[Hit]:
    lines = record["line_data_list"]
    numbers = [int(line["line_num"]) for line in lines]
    probability = record.get("ml_probability")
    confidence = probability * 10.0 if isinstance(probability, float) else _confidence(record.get("confidence"))
    yield Hit(lines[0]["path"], min(numbers), max(numbers), record["rule"], confidence)


def _confidence(value: object) -> float:
    """A scanner's word or number on our scale."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    return float(_WORDS.get(str(value).lower(), _MIDDLE))


_CONTAINERS: dict[str, Callable[[Any], Iterator[Hit]]] = {"runs": _sarif, "results": _detect_secrets, "findings": _each}
_RECORDS: tuple[tuple[Callable[[dict[str, Any]], bool], Callable[[dict[str, Any]], Iterator[Hit]]], ...] = (
    (lambda r: r.get("type") == "finding", _gossip),
    (lambda r: "RuleID" in r, _gitleaks),
    (lambda r: "line_data_list" in r, _credsweeper),
    (lambda r: "finding" in r and "rule" in r, _kingfisher),
    (lambda r: "finding" in r, _betterleaks),
)
_OTHER_LINES = frozenset({"audit", "scan", "summary"})
"""What tells the lines of JSON Lines outputs that are no findings: their type, or their only key."""
