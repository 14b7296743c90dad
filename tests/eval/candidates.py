"""Every match of a scored rule in a labelled corpus, as facts: `python -m tests.eval.candidates CORPUS OUT`.

CORPUS holds `labels.csv` and `data/`. Writes JSON Lines: path, line, rule, what the label says (1, 0, null for matches
that say nothing), and the facts. With a first line that holds the table of letter triples, and one line for each finding
of the other rules. The output tells much of the values: keep it out of repositories.
"""

from __future__ import annotations

import json
import sys
import sysconfig
from collections import Counter
from math import log2
from pathlib import Path
from typing import Any

from gossip.engine.detect.detector import Detector
from gossip.engine.detect.scorer.features import _WORD, features
from gossip.engine.evaluation.corpora import read_creddata
from gossip.engine.evaluation.model import SET_ASIDE, Label
from gossip.engine.rules.compiler import compile_rules
from gossip.engine.rules.loader import load_builtin

TRIPLE_MIN = 3


def triples() -> dict[str, int]:
    """How surprising each letter triple is in the source of Python's own library, in tenths of a bit."""
    words: Counter[str] = Counter()
    for path in sorted(Path(sysconfig.get_path("stdlib")).rglob("*.py")):
        if "site-packages" in path.parts:
            continue
        words.update(word.lower() for word in _WORD.findall(path.read_text("latin-1")) if not word.isdigit())
    counts: Counter[str] = Counter()
    pairs: Counter[str] = Counter()
    for word, times in words.items():
        if len(word) > 1:
            weight = log2(1 + times)
            framed = f"^{word}$"
            for at in range(len(framed) - 2):
                counts[framed[at : at + 3]] += weight  # type: ignore[assignment]
                pairs[framed[at : at + 2]] += weight  # type: ignore[assignment]
    common = {triple: count for triple, count in counts.items() if count >= TRIPLE_MIN}
    return {triple: round(-10 * log2(count / (pairs[triple[:2]] + 40))) for triple, count in sorted(common.items())}


class Recorder:
    """Takes the model's place: everything passes, and is remembered."""

    def __init__(self, table: dict[str, int]) -> None:
        self.table = table
        self.seen: dict[tuple[int, int], tuple[bytes, tuple[int, int], tuple[int, int]]] = {}

    def confidence(self, data: bytes, full: tuple[int, int], secret: tuple[int, int]) -> int:
        """Always medium."""
        self.seen[secret] = (data, full, secret)
        return 4


def truth(line: int, end_line: int, labels: list[Label]) -> int | None:
    """1 on a credential, None on one that is set aside, else 0."""
    touched = [label for label in labels if label.first <= end_line and line <= label.last and label.truth == "T"]
    if any(label.category not in SET_ASIDE for label in touched):
        return 1
    return None if touched else 0


def main(corpus: Path, out: Path) -> None:
    """Write the candidates of a corpus."""
    by_path: dict[str, list[Label]] = {}
    for label in read_creddata((corpus / "labels.csv").read_text("utf-8"), "labels.csv"):
        by_path.setdefault(label.path, []).append(label)
    rules = load_builtin()
    detector = Detector(rules, compile_rules(rules))
    recorder = Recorder(triples())
    detector._confirmer.judge.scorer = recorder  # type: ignore[assignment]
    with out.open("w") as lines:
        lines.write(json.dumps({"triples": recorder.table}) + "\n")
        for path in sorted(path for path in (corpus / "data").rglob("*") if path.is_file()):
            name = path.relative_to(corpus).as_posix()
            recorder.seen.clear()
            for match in detector.scan([path.read_bytes()]).matches:
                rule = rules.rules[match.rule]
                record: dict[str, Any] = {"path": name, "line": match.line, "end": match.end_line, "rule": rule.id}
                if rule.scorer:
                    seen = recorder.seen.get((match.start, match.end))
                    if seen is None:
                        continue
                    record["truth"] = truth(match.line, match.end_line, by_path.get(name, []))
                    record["facts"] = features(*seen, recorder.table)
                else:
                    record["confidence"] = match.confidence
                lines.write(json.dumps(record) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
