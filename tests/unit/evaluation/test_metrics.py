"""Matching, figures and the gate over corpora small enough to be counted by hand."""

from __future__ import annotations

from typing import Any

import pytest

from gossip.engine.evaluation.matching import Comparison, Spot, Truth, compare
from gossip.engine.evaluation.metrics import Interval, Score, average_precision, bootstrap, curve, score
from gossip.engine.evaluation.model import Hit, Label
from gossip.engine.evaluation.model import Truth as Verdict
from gossip.engine.evaluation.report import ReportOptions, count_report, decide, make_report
from gossip.engine.evaluation.table import render
from gossip.schemas.errors import MisuseError


def label(path: str, first: int, truth: Verdict, category: str = "Key", last: int = 0) -> Label:
    """A row; of one line, where no last one is given."""
    return Label(path, first, last or first, truth, category)


LABELS = [
    label("data/r/a", 1, "T"),
    label("data/r/a", 1, "F", "Token"),
    label("data/r/a", 3, "T", "Password", last=6),
    label("data/r/a", 9, "X"),
    label("data/s/b", 1, "T", "UUID"),
    label("data/s/b", 2, "F", "Token"),
    label("data/s/b", 7, "T"),
    label("data/s/b", 7, "T", "Token"),
]
HITS = [
    Hit("data/r/a", 1, 1, "one", 9.0),
    Hit("data/r/a", 1, 1, "two", 5.0),
    Hit("data/r/a", 4, 4, "two", 5.0),
    Hit("data/r/a", 6, 9, "two", 2.0),
    Hit("data/r/a", 9, 9, "one", 5.0),
    Hit("data/s/b", 1, 2, "one", 9.0),
    Hit("data/s/b", 2, 2, "one", 9.0),
    Hit("elsewhere", 1, 1, "two", 2.0),
]


def test_comparison() -> None:
    """A credential wins over other rows of its lines; several rules on one line are one place."""
    assert compare(LABELS, HITS) == Comparison(
        truths=(
            Truth("data/r/a", 1, 1, "Key", 9.0),
            Truth("data/r/a", 3, 6, "Password", 5.0),
            Truth("data/s/b", 7, 7, "Key", None),
        ),
        spots=(
            Spot("data/r/a", 1, 1, ("one", "two"), 9.0, "true", "Key"),
            Spot("data/r/a", 4, 4, ("two",), 5.0, "true", "Password"),
            Spot("data/r/a", 6, 9, ("two",), 2.0, "true", "Password"),
            Spot("data/r/a", 9, 9, ("one",), 5.0, "placeholder", "Key"),
            Spot("data/s/b", 1, 2, ("one",), 9.0, "aside", "UUID"),
            Spot("data/s/b", 2, 2, ("one",), 9.0, "false", "Token"),
            Spot("elsewhere", 1, 1, ("two",), 2.0, "unlabelled", ""),
        ),
    )


def test_view_of_all() -> None:
    """What the core view sets aside is a credential like the others."""
    comparison = compare(LABELS, HITS, "all")
    assert (len(comparison.truths), [spot.verdict for spot in comparison.spots][4]) == (4, "true")


def test_score() -> None:
    """Precision of places, recall of credentials, with lines that nobody labelled and without."""
    comparison = compare(LABELS, HITS)
    two_thirds = pytest.approx(2 / 3)
    assert score(comparison) == Score(3, 3, 2, 1, 0.5, two_thirds, pytest.approx(4 / 7), pytest.approx(5 / 8))  # type: ignore[arg-type]
    assert score(comparison, unlabelled=False)[:5] == (3, 2, 2, 1, 0.6)
    assert score(compare([], [])) == Score(0, 0, 0, 0, 0.0, 0.0, 0.0, 0.0)


def test_average_precision() -> None:
    """Equal confidences are one step, and what is missed adds nothing."""
    points = curve(compare(LABELS, HITS))
    assert points == [
        (9.0, 0.5, pytest.approx(1 / 3)),
        (5.0, 0.5, pytest.approx(2 / 3)),
        (2.0, 0.5, pytest.approx(2 / 3)),
    ]
    assert average_precision(points) == pytest.approx(1 / 3)


def test_bootstrap() -> None:
    """The same interval every time, around the figure; none where there is nothing to draw."""
    labels = [label("data/r/a", line, "T" if line % 3 else "F") for line in range(1, 60)]
    hits = [Hit("data/r/a", line, line, "r", float(line % 10)) for line in range(1, 60, 2)]
    comparison = compare(labels, hits)
    interval = bootstrap(comparison, 200)
    assert interval == bootstrap(comparison, 200)
    assert interval.low < average_precision(curve(comparison)) < interval.high
    assert bootstrap(compare([], []), 10) == bootstrap(comparison, 0) == Interval(0.0, 0.0)


def test_whole_report() -> None:
    """Every key of the report, over a corpus of three labels."""
    report = make_report(
        compare(LABELS[:1] + LABELS[6:7], [HITS[0], HITS[6]]), {"kind": "creddata"}, ReportOptions(rounds=0)
    )
    figures = {"precision": 0.5, "recall": 0.5, "f1": 0.5, "f2": 0.5}
    assert report == {
        "about": {"kind": "creddata"},
        "score": {"true": 1, "false": 1, "found": 1, "missed": 1, **figures},
        "score_without_unlabelled": {
            "true": 1,
            "false": 0,
            "found": 1,
            "missed": 1,
            "precision": 1.0,
            "recall": 0.5,
            "f1": 0.6667,
            "f2": 0.5556,
        },
        "verdicts": {"true": 1, "unlabelled": 1},
        "average_precision": 0.25,
        "average_precision_interval": None,
        "precision_at_recall": {"0.80": None, "0.90": None, "0.95": None},
        "recall_at_precision": {"0.95": None},
        "curve": [{"confidence": 9.0, "precision": 0.5, "recall": 0.5}],
        "categories": [{"category": "Key", "found": 1, "missed": 1, "false": 0, "recall": 0.5}],
        "rules": [{"rule": "one", "true": 1, "false": 1, "precision": 0.5}],
        "errors": {
            "false_by_rule": [{"rule": "one", "count": 1, "places": ["data/s/b:2"]}],
            "missed_by_category": [{"category": "Key", "count": 1, "places": ["data/s/b:7"]}],
        },
    }


def test_table() -> None:
    """What people read."""
    report = make_report(compare(LABELS, HITS), {}, ReportOptions(rounds=0))
    report["gate"] = decide(report | {"about": {"view": "core"}}, report | {"about": {}})
    assert render(report) == (
        "score: precision 0.500, recall 0.667, f1 0.571, f2 0.625 (3 true, 3 false, 2 found, 1 missed)\n"
        "score without unlabelled: precision 0.600, recall 0.667, f1 0.632, f2 0.652 "
        "(3 true, 2 false, 2 found, 1 missed)\n"
        "average precision 0.333\n"
        "places: 1 aside, 1 false, 1 placeholder, 3 true, 1 unlabelled\n"
        "\n"
        "category  found  missed  false  recall\n"
        "Key           1       1      1     0.5\n"
        "Password      1       0      0     1.0\n"
        "Token         0       0      1     0.0\n"
        "\n"
        "rule  true  false  precision\n"
        "two      3      1       0.75\n"
        "one      1      2     0.3333\n"
        "\n"
        "against the baseline: pass; average_precision +0.0000, precision +0.0000\n"
        "not comparable in: view\n"
    )


def test_counts() -> None:
    """As many findings of a file are true as it has secrets; files that nobody lists have none."""
    report = count_report({"a": 3, "b": 1}, {"a": 2, "b": 2, "c": 1}, {})
    assert report == {
        "about": {},
        "score": {
            "true": 3,
            "false": 2,
            "found": 3,
            "missed": 1,
            "precision": 0.6,
            "recall": 0.75,
            "f1": 0.6667,
            "f2": 0.7143,
        },
        "average_precision": 0.6,
    }


def outcome(average: float, precision: float, interval: list[float] | None = None) -> dict[str, Any]:
    """As much of a report as the gate looks at."""
    return {
        "about": {"kind": "creddata"},
        "average_precision": average,
        "average_precision_interval": interval,
        "score": {"precision": precision},
    }


@pytest.mark.parametrize(
    ("now", "waives", "decision"),
    [
        (outcome(0.8, 0.9), True, "pass"),
        (outcome(0.796, 0.896), True, "pass"),
        (outcome(0.794, 0.9), True, "warn"),
        (outcome(0.8, 0.88), True, "block"),
        (outcome(0.9, 0.8), True, "block"),
        (outcome(0.78, 0.9, [0.77, 0.81]), True, "pass"),
        (outcome(0.78, 0.9, [0.77, 0.81]), False, "block"),
        (outcome(0.78, 0.9, [0.77, 0.79]), True, "block"),
    ],
)
def test_gate(now: dict[str, Any], waives: bool, decision: str) -> None:
    """Half a point warns, two block, and an interval that holds the earlier figure lets pass."""
    assert decide(now, outcome(0.8, 0.9), interval_waives=waives)["decision"] == decision


def test_gate_refuses_what_is_no_report() -> None:
    """Any JSON may be given as a baseline."""
    with pytest.raises(MisuseError, match="the baseline is no report"):
        decide(outcome(0.8, 0.9), {"score": []})
