"""Fits the scorer's weights: `python -m tests.eval.train CANDIDATES LABELS WEIGHTS [HITS]`; needs scikit-learn.

CANDIDATES is what `tests.eval.candidates` wrote. First the model is fitted five times, each time without a fifth of the
repositories, on which it is then judged: the figures that are printed, and the findings in HITS. Then it is fitted to all, and written.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

from gossip.engine.detect.scorer.features import GRAM
from gossip.engine.evaluation.corpora import read_creddata
from gossip.engine.evaluation.matching import compare
from gossip.engine.evaluation.metrics import score
from gossip.engine.evaluation.model import Hit, Label, repository_of

FOLDS = 5
REPOSITORIES_MIN = 3
"""Facts of fewer repositories are left out: they would not hold elsewhere, and would copy text of the corpus into the
weights.
"""
FACTS_MAX = 12_000
REGULARISATION = 0.15
STAGES = 3
GATE_LOSS = 0.002
"""So much of what would be reported may fall at each gate."""
STEPS = ((3.5, 7), (1.5, 6), (0.6, 5), (0.0, 4))
"""Log odds from which a match has a confidence, the highest first."""


def flat(row: dict[str, Any]) -> list[str]:
    """The facts of all stages."""
    return [fact for stage in row["facts"] for fact in stage]


def common_facts(scored: list[dict[str, Any]]) -> list[str]:
    """The facts of enough repositories, sorted."""
    of: dict[str, set[str]] = {}
    for row in scored:
        repository = repository_of(row["path"])
        for fact in flat(row):
            of.setdefault(fact, set()).add(repository)
    return sorted(fact for fact, repositories in of.items() if len(repositories) >= REPOSITORIES_MIN)


class Fit(NamedTuple):
    """A fitted model."""

    bias: float
    weights: Any


def fit(facts: Any, truth: Any, counts: Any) -> Fit:
    """Weights of the facts that matter most; the others are zero."""
    model = LogisticRegression(C=REGULARISATION, max_iter=300, solver="liblinear")
    model.fit(facts, truth)
    weights = model.coef_.ravel().copy()
    weights[np.argsort(-np.abs(weights) * np.sqrt(counts))[FACTS_MAX:]] = 0.0
    return Fit(float(model.intercept_[0]), np.round(weights * 100) / 100)


def crossed(facts: Any, stages: Any, truth: Any, groups: Any, counts: Any) -> Any:
    """For each match, the log odds of a model that has not seen its repository, after each stage; `stages` has for each
    fact the number of its stage.
    """
    odds = np.zeros((STAGES, len(truth)))
    for train, test in GroupKFold(FOLDS).split(facts, truth, groups):
        known = train[truth[train] >= 0]
        fitted = fit(facts[known], truth[known], counts)
        for stage in range(STAGES):
            odds[stage, test] = facts[test] @ (fitted.weights * (stages <= stage)) + fitted.bias
    return odds


def gates_of(odds: Any) -> list[float]:
    """After each stage but the last, the log odds below which hardly anything reaches the lowest step in the end."""
    kept = odds[:, odds[-1] >= STEPS[-1][0]]
    return [float(np.quantile(stage, GATE_LOSS)) for stage in kept[:-1]]


def gated(odds: Any, gates: list[float]) -> Any:
    """The final log odds; of what falls at a gate, minus infinity."""
    falls = np.any([odds[stage] < gate for stage, gate in enumerate(gates)], axis=0)
    return np.where(falls, -np.inf, odds[-1])


def crossed_hits(fixed: list[Hit], scored: list[dict[str, Any]], odds: Any) -> list[Hit]:
    """What a scan would report of repositories that the model has not seen."""
    hits = list(fixed)
    for row, odd in zip(scored, odds, strict=True):
        confidence = next((confidence for least, confidence in STEPS if odd >= least), 0)
        if confidence:
            hits.append(Hit(row["path"], row["line"], row["end"], row["rule"], confidence))
    return hits


def figures(labels: list[Label], hits: list[Hit]) -> None:
    """Print precision, recall and F1 for each confidence."""
    for _, least in STEPS:
        found = score(compare(labels, [hit for hit in hits if hit.confidence >= least]))
        print(f"from {least}: precision {found.precision:.3f}, recall {found.recall:.3f}, F1 {found.f1:.3f}")


def write_hits(hits: list[Hit], out: Path) -> None:
    """In the form of our own findings, for `gossip eval --findings`."""
    with out.open("w") as lines:
        for hit in hits:
            record = {"path": hit.path, "line": hit.first, "end_line": hit.last, "rule_id": hit.rule}
            lines.write(json.dumps({"type": "finding", **record, "confidence": hit.confidence}) + "\n")


def main(candidates: Path, labels: Path, weights: Path, unseen: Path | None = None) -> None:
    """Judge, fit and write."""
    with candidates.open() as lines:
        triples = json.loads(next(lines))["triples"]
        rows = [json.loads(line) for line in lines]
    scored = [row for row in rows if "facts" in row]
    fixed = [Hit(r["path"], r["line"], r["end"], r["rule"], r["confidence"]) for r in rows if "facts" not in r]
    vectors = CountVectorizer(analyzer=list, binary=True, lowercase=False, vocabulary=common_facts(scored))
    facts = vectors.fit_transform(map(flat, scored)).astype(np.float64)
    truth = np.array([-1 if row["truth"] is None else row["truth"] for row in scored])
    groups = np.array([repository_of(row["path"]) for row in scored])
    counts = np.asarray(facts.sum(axis=0)).ravel()
    print(f"{len(scored)} matches, {facts.shape[1]} facts, {len(set(groups))} repositories")
    stage_of = {fact: number for row in scored for number, stage in enumerate(row["facts"]) for fact in stage}
    stages = np.array([stage_of[name] for name in vectors.get_feature_names_out()])
    odds = crossed(facts, stages, truth, groups, counts)
    gates = gates_of(odds)
    print(f"gates {gates}: {[float(np.mean(odds[n] >= gate)) for n, gate in enumerate(gates)]} of the matches pass")
    hits = crossed_hits(fixed, scored, gated(odds, gates))
    figures(read_creddata(labels.read_text("utf-8"), str(labels)), hits)
    if unseen is not None:
        write_hits(hits, unseen)
    known = truth >= 0
    fitted = fit(facts[known], truth[known], counts)
    names = vectors.get_feature_names_out()
    table = {str(n): round(w * 100) for n, w in zip(names, fitted.weights, strict=True) if round(w * 100)}
    stored = {
        "bias": round(fitted.bias * 100),
        "gates": [round(gate * 100) for gate in gates],
        "steps": [[round(least * 100), confidence] for least, confidence in STEPS],
        "triples": triples,
        "weights": {name: weight for name, weight in sorted(table.items()) if not name.startswith(GRAM)},
        "grams": {name[1:]: weight for name, weight in sorted(table.items()) if name.startswith(GRAM)},
    }
    weights.write_text(json.dumps(stored, ensure_ascii=True, separators=(",", ":")) + "\n", "ascii")


if __name__ == "__main__":
    main(*(Path(argument) for argument in sys.argv[1:5]))
