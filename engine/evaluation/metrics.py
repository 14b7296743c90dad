"""Figures of a comparison: precision, recall, F1, F2, average precision and its interval."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import TYPE_CHECKING, NamedTuple

from gossip.engine.evaluation.model import repository_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gossip.engine.evaluation.matching import Comparison, Spot

FALSE_VERDICTS = frozenset({"false", "placeholder", "unlabelled"})
ALPHA = 0.05
_SEED = 42


class Score(NamedTuple):
    """Counts and the ratios of them; 0.0 where a ratio has nothing to divide by."""

    true: int
    """Places on credentials."""
    false: int
    """Places on anything else."""
    found: int
    missed: int
    precision: float
    recall: float
    f1: float
    f2: float


class Interval(NamedTuple):
    """A percentile interval of a bootstrap."""

    low: float
    high: float


Weighted = tuple[float, int, int, int]
"""Confidence, then how many credentials it finds first, true places and false places."""


def score(comparison: Comparison, *, unlabelled: bool = True) -> Score:
    """The figures. Without `unlabelled`, places on lines that nobody labelled count nowhere."""
    verdicts = Counter(spot.verdict for spot in comparison.spots)
    true = verdicts["true"]
    false = verdicts["false"] + verdicts["placeholder"] + (verdicts["unlabelled"] if unlabelled else 0)
    found = sum(truth.confidence is not None for truth in comparison.truths)
    missed = len(comparison.truths) - found
    precision, recall = ratio(true, true + false), ratio(found, found + missed)
    return Score(true, false, found, missed, precision, recall, _f(precision, recall, 1), _f(precision, recall, 4))


def ratio(part: int, whole: int) -> float:
    """0.0 for nothing of nothing."""
    return part / whole if whole else 0.0


def _f(precision: float, recall: float, weight: int) -> float:
    below = weight * precision + recall
    return (1 + weight) * precision * recall / below if below else 0.0


def curve(comparison: Comparison) -> list[tuple[float, float, float]]:
    """(least confidence, precision, recall) for every confidence there is, the highest first."""
    points: dict[float, list[int]] = {}
    for truth in comparison.truths:
        if truth.confidence is not None:
            points.setdefault(truth.confidence, [0, 0, 0])[0] += 1
    for spot in comparison.spots:
        counts = points.setdefault(spot.confidence, [0, 0, 0])
        counts[1] += spot.verdict == "true"
        counts[2] += spot.verdict in FALSE_VERDICTS
    rows = [(confidence, *counts) for confidence, counts in points.items()]
    return _walk(rows, len(comparison.truths))  # type: ignore[arg-type]


def _walk(rows: Iterable[Weighted], truths: int) -> list[tuple[float, float, float]]:
    found = true = false = 0
    walked = []
    for confidence, more_found, more_true, more_false in sorted(rows, reverse=True):
        found, true, false = found + more_found, true + more_true, false + more_false
        walked.append((confidence, ratio(true, true + false), ratio(found, truths)))
    return walked


def average_precision(points: Iterable[tuple[float, float, float]]) -> float:
    """Step-wise: each precision weighted with the recall it adds. What is never found adds none."""
    total = before = 0.0
    for _, precision, recall in points:
        total += (recall - before) * precision
        before = recall
    return total


def bootstrap(comparison: Comparison, rounds: int) -> Interval:
    """The interval of the average precision, from samples drawn within each repository, seeded: always the same.

    What is drawn are credentials, each with the places on it, and false places.
    """
    rng = Random(_SEED)  # noqa: S311 - a sample must be the same every time
    strata = _strata(comparison)
    values = sorted(_drawn(strata, rng) for _ in range(rounds))
    if not values:
        return Interval(0.0, 0.0)
    cut = int(len(values) * ALPHA / 2)
    return Interval(values[cut], values[-1 - cut])


_Unit = tuple[float | None, tuple[float, ...], float | None]
"""How surely a credential is found, the confidences of the places on it; or the confidence of a false place."""


def _strata(comparison: Comparison) -> list[tuple[list[_Unit], list[int]]]:
    """For each repository, its kinds of units and how many there are of each."""
    spots: dict[str, list[Spot]] = {}
    for spot in comparison.spots:
        if spot.verdict == "true":
            spots.setdefault(spot.path, []).append(spot)
    strata: dict[str, Counter[_Unit]] = {}
    for truth in comparison.truths:
        own = [s for s in spots.get(truth.path, ()) if s.first <= truth.last and truth.first <= s.last]
        for spot in own:  # A place on two credentials goes with the first.
            spots[truth.path].remove(spot)
        unit = (truth.confidence, tuple(sorted(spot.confidence for spot in own)), None)
        strata.setdefault(repository_of(truth.path), Counter())[unit] += 1
    for spot in comparison.spots:
        if spot.verdict in FALSE_VERDICTS:
            strata.setdefault(repository_of(spot.path), Counter())[None, (), spot.confidence] += 1
    return [(list(kinds), list(kinds.values())) for _, kinds in sorted(strata.items())]


def _drawn(strata: list[tuple[list[_Unit], list[int]]], rng: Random) -> float:
    points: dict[float, list[int]] = {}
    truths = 0
    for kinds, counts in strata:
        if len(kinds) == 1:
            picked = Counter({kinds[0]: counts[0]})
        else:
            picked = Counter(rng.choices(kinds, counts, k=sum(counts)))
        for (confidence, places, false), times in picked.items():
            if false is not None:
                points.setdefault(false, [0, 0, 0])[2] += times
                continue
            truths += times
            if confidence is not None:
                points.setdefault(confidence, [0, 0, 0])[0] += times
            for place in places:
                points.setdefault(place, [0, 0, 0])[1] += times
    rows = [(confidence, *counts) for confidence, counts in points.items()]
    return average_precision(_walk(rows, truths))  # type: ignore[arg-type]
