"""Which findings lie on which labels.

A unit of findings is a place (path, first line): several rules there count once. A unit of truth is a distinct (path,
lines). A place that touches lines of a credential is true; else one that touches only what the view sets aside counts
nowhere; else it is false, be it on a row labelled so or on lines that nobody labelled.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from gossip.engine.evaluation.model import SET_ASIDE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gossip.engine.evaluation.model import Hit, Label, View

Verdict = Literal["true", "aside", "false", "placeholder", "unlabelled"]


class Truth(NamedTuple):
    """A credential of the corpus, and how surely it was found."""

    path: str
    first: int
    last: int
    category: str
    confidence: float | None
    """The highest of the places that touch it; None: missed."""


class Spot(NamedTuple):
    """A place that a scanner named."""

    path: str
    first: int
    last: int
    rules: tuple[str, ...]
    """Sorted, the surest first and then by name."""
    confidence: float
    verdict: Verdict
    category: str
    """Of the label that decided; empty for none."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Every credential and every place, in the order of paths and lines."""

    truths: tuple[Truth, ...]
    spots: tuple[Spot, ...]


def compare(labels: Iterable[Label], hits: Iterable[Hit], view: View = "core") -> Comparison:
    """Lay findings beside labels. Paths must be relative to the same folder on both sides."""
    by_path: dict[str, list[Label]] = {}
    for label in labels:
        by_path.setdefault(label.path, []).append(label)
    found: dict[str, list[Spot]] = {}
    for place in _places(hits):
        decided = _decided(place, by_path.get(place.path, ()), view)
        found.setdefault(place.path, []).append(decided)
    truths: list[Truth] = []
    for path, rows in sorted(by_path.items()):
        truths += _truths(rows, found.get(path, ()), view)
    return Comparison(tuple(truths), tuple(spot for _, spots in sorted(found.items()) for spot in spots))


def _places(hits: Iterable[Hit]) -> list[Spot]:
    grouped: dict[tuple[str, int], list[Hit]] = {}
    for hit in hits:
        grouped.setdefault((hit.path, hit.first), []).append(hit)
    places = []
    for (path, first), members in sorted(grouped.items()):
        surest = sorted(members, key=lambda hit: (-hit.confidence, hit.rule))
        rules = tuple(dict.fromkeys(hit.rule for hit in surest))
        last = max(hit.last for hit in members)
        places.append(Spot(path, first, last, rules, surest[0].confidence, "unlabelled", ""))
    return places


def _decided(place: Spot, labels: Iterable[Label], view: View) -> Spot:
    """The place with the verdict of the strongest label that it touches, the first of those that are equal."""
    best: tuple[int, Verdict, str] = (5, "unlabelled", "")
    for label in labels:
        if label.first <= place.last and place.first <= label.last:
            rank, verdict = _rank(label, view)
            if rank < best[0]:
                best = (rank, verdict, label.category)
    return place._replace(verdict=best[1], category=best[2])


def _rank(label: Label, view: View) -> tuple[int, Verdict]:
    if label.truth == "T":
        return (1, "true") if _counts(label, view) else (2, "aside")
    return (3, "false") if label.truth == "F" else (4, "placeholder")


def _counts(label: Label, view: View) -> bool:
    return view == "all" or label.category not in SET_ASIDE


def _truths(labels: Iterable[Label], spots: Iterable[Spot], view: View) -> list[Truth]:
    """Distinct lines of credentials in one file, each with the first category that counts."""
    wanted: dict[tuple[int, int], Label] = {}
    for label in labels:
        if label.truth == "T" and _counts(label, view):
            wanted.setdefault((label.first, label.last), label)
    truths = []
    for (first, last), label in sorted(wanted.items()):
        touching = [spot.confidence for spot in spots if spot.first <= last and first <= spot.last]
        truths.append(Truth(label.path, first, last, label.category, max(touching, default=None)))
    return truths
