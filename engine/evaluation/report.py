"""The report of an evaluation, its table, and what a change since an earlier report is worth."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from gossip.engine.evaluation.metrics import FALSE_VERDICTS, average_precision, bootstrap, curve, ratio, score
from gossip.schemas.errors import MisuseError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gossip.engine.evaluation.matching import Comparison, Spot, Truth

Decision = Literal["pass", "warn", "block"]

_WARN_DROP, _BLOCK_DROP = 0.005, 0.02
"""Drops of average precision or of precision that are reported, and that fail."""
_RECALLS = (0.80, 0.90, 0.95)
_PRECISION = 0.95


@dataclass(frozen=True, slots=True)
class ReportOptions:
    """How much is reported."""

    rounds: int = 1000
    """Of the bootstrap; 0 for no interval."""
    errors_max: int = 20
    """Rules in the error book."""
    places_max: int = 10
    """Places for each of them."""


def make_report(comparison: Comparison, about: Mapping[str, Any], options: ReportOptions) -> dict[str, Any]:
    """All figures, ready for JSON. `about` says what was compared: it comes first, as it is."""
    points = curve(comparison)
    rounded = [(round(precision, 4), round(recall, 4)) for _, precision, recall in points]
    average = average_precision(points)
    strict = score(comparison)
    interval = bootstrap(comparison, options.rounds) if options.rounds else None
    return {
        "about": dict(about),
        "score": {name: _short(value) for name, value in strict._asdict().items()},
        "score_without_unlabelled": {
            name: _short(value) for name, value in score(comparison, unlabelled=False)._asdict().items()
        },
        "verdicts": dict(sorted(Counter(spot.verdict for spot in comparison.spots).items())),
        "average_precision": _short(average),
        "average_precision_interval": None if interval is None else [_short(bound) for bound in interval],
        "precision_at_recall": {
            f"{wanted:.2f}": max((p for p, recall in rounded if recall >= wanted), default=None) for wanted in _RECALLS
        },
        "recall_at_precision": {
            f"{_PRECISION:.2f}": max((r for precision, r in rounded if precision >= _PRECISION), default=None)
        },
        "curve": [
            {"confidence": _short(confidence), "precision": _short(precision), "recall": _short(recall)}
            for confidence, precision, recall in points
        ],
        "categories": _categories(comparison),
        "rules": _rules(comparison),
        "errors": _errors(comparison, options),
    }


def _short(value: float) -> float:
    return round(value, 4)


def _categories(comparison: Comparison) -> list[dict[str, Any]]:
    """Recall of each category, and the false places on rows labelled with it. The most frequent first."""
    names: dict[str, list[int]] = {}
    for truth in comparison.truths:
        counts = names.setdefault(truth.category, [0, 0, 0])
        counts[0 if truth.confidence is not None else 1] += 1
    for spot in comparison.spots:
        if spot.verdict in {"false", "placeholder"}:
            names.setdefault(spot.category, [0, 0, 0])[2] += 1
    rows = [
        {
            "category": name,
            "found": found,
            "missed": missed,
            "false": false,
            "recall": _short(ratio(found, found + missed)),
        }
        for name, (found, missed, false) in names.items()
    ]
    return sorted(rows, key=lambda row: (-row["found"] - row["missed"], row["category"]))


def _rules(comparison: Comparison) -> list[dict[str, Any]]:
    """True and false places of each rule. The most frequent first."""
    names: dict[str, list[int]] = {}
    for spot in comparison.spots:
        for rule in spot.rules:
            counts = names.setdefault(rule, [0, 0])
            counts[0] += spot.verdict == "true"
            counts[1] += spot.verdict in FALSE_VERDICTS
    rows = [
        {"rule": name, "true": true, "false": false, "precision": _short(ratio(true, true + false))}
        for name, (true, false) in names.items()
    ]
    return sorted(rows, key=lambda row: (-row["true"] - row["false"], row["rule"]))


def _errors(comparison: Comparison, options: ReportOptions) -> dict[str, Any]:
    """Where a scanner is wrong: places, never what stands there."""
    false: dict[str, list[Spot]] = {}
    for spot in comparison.spots:
        if spot.verdict in FALSE_VERDICTS:
            false.setdefault(spot.rules[0], []).append(spot)
    missed: dict[str, list[Truth]] = {}
    for truth in comparison.truths:
        if truth.confidence is None:
            missed.setdefault(truth.category, []).append(truth)
    return {
        "false_by_rule": [
            {"rule": rule, "count": len(spots), "places": [_place(spot) for spot in spots[: options.places_max]]}
            for rule, spots in _largest(false, options)
        ],
        "missed_by_category": [
            {"category": name, "count": len(truths), "places": [_place(t) for t in truths[: options.places_max]]}
            for name, truths in _largest(missed, options)
        ],
    }


def _largest(groups: Mapping[str, list[Any]], options: ReportOptions) -> list[tuple[str, list[Any]]]:
    return sorted(groups.items(), key=lambda group: (-len(group[1]), group[0]))[: options.errors_max]


def _place(item: Spot | Truth) -> str:
    return f"{item.path}:{item.first}"


def count_report(expected: Mapping[str, int], actual: Mapping[str, int], about: Mapping[str, Any]) -> dict[str, Any]:
    """For corpora that only say how many secrets each file has: as many of the findings as it has are true."""
    true = false = missed = 0
    for path in expected.keys() | actual.keys():
        wanted, got = expected.get(path, 0), actual.get(path, 0)
        true += min(wanted, got)
        false += max(0, got - wanted)
        missed += max(0, wanted - got)
    precision, recall = ratio(true, true + false), ratio(true, true + missed)
    f1 = 2 * precision * recall / (precision + recall) if true else 0.0
    f2 = 5 * precision * recall / (4 * precision + recall) if true else 0.0
    figures = {"precision": precision, "recall": recall, "f1": f1, "f2": f2}
    counts = {"true": true, "false": false, "found": true, "missed": missed}
    return {
        "about": dict(about),
        "score": {**counts, **{name: _short(value) for name, value in figures.items()}},
        "average_precision": _short(precision),
    }


def decide(report: Mapping[str, Any], baseline: Mapping[str, Any], *, interval_waives: bool = True) -> dict[str, Any]:
    """Whether a report is as good as an earlier one, with the drops that say so.

    Below half a point of average precision and of precision it passes, from two points of either on it blocks, between
    them it warns. With `interval_waives`, it passes too where the earlier average precision lies inside the interval of
    the new one. Raises MisuseError for a baseline that is no report.
    """
    try:
        before, precision = float(baseline["average_precision"]), float(baseline["score"]["precision"])
        differs = sorted(
            key
            for key in ("corpus", "kind", "view", "min_level")
            if baseline["about"].get(key) != report["about"].get(key)
        )
    except (AttributeError, KeyError, TypeError, ValueError):
        raise MisuseError("the baseline is no report of `gossip eval --format json`") from None
    drops = {
        "average_precision": _short(before - report["average_precision"]),
        "precision": _short(precision - report["score"]["precision"]),
    }
    worst = max(drops.values())
    decision: Decision = "block" if worst >= _BLOCK_DROP else "warn" if worst >= _WARN_DROP else "pass"
    interval = report.get("average_precision_interval")
    waived = bool(interval_waives and interval and decision != "pass" and interval[0] <= before <= interval[1])
    return {"decision": "pass" if waived else decision, "drops": drops, "waived": waived, "differs": differs}
