"""Precision, recall, F1 and wall time of Gossip and its peers on one labelled corpus, in one run, by one scorer.

    python -m tests.bench.accuracy CORPUS [UNSEEN]

CORPUS holds `labels.csv` and `data/`. UNSEEN is what `tests.eval.train` wrote: the findings of models that had not seen
the repository in question; without it Gossip's own row is the shipped model's, which was fitted to the corpus. Peers
that are not installed are left out.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

from gossip.engine.evaluation.corpora import read_creddata
from gossip.engine.evaluation.matching import compare
from gossip.engine.evaluation.metrics import score
from gossip.engine.evaluation.model import Hit, Label
from gossip.engine.evaluation.readers import read_hits
from tests.bench.peers import SCANNERS, Scanner

MEDIUM = 4
TIMEOUT_SECONDS = 600


def found_by(scanner: Scanner, corpus: Path) -> tuple[str, float] | None:
    """What a scanner writes about the corpus, and its seconds; None where it is not installed."""
    program = shutil.which(scanner.program, path=sysconfig.get_path("scripts")) or shutil.which(scanner.program)
    if program is None:
        return None
    command = [program, *scanner.arguments(corpus / "data", False)]
    if scanner.name == "gossip":
        command.append("--no-archives")
    started = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=TIMEOUT_SECONDS)
    return done.stdout, time.perf_counter() - started


def row(name: str, labels: list[Label], hits: list[Hit], seconds: str) -> str:
    """One line of the table."""
    got = score(compare(labels, hits))
    return f"| {name} | {got.precision:.3f} | {got.recall:.3f} | {got.f1:.3f} | {seconds} |"


def main(corpus: Path, unseen: Path | None = None) -> None:
    """Print the table."""
    labels = read_creddata((corpus / "labels.csv").read_text("utf-8"), "labels.csv")
    root = f"{corpus.resolve()}/"
    print("| | precision | recall | F1 | seconds |\n|---|---|---|---|---|")
    for scanner in SCANNERS:
        ran = found_by(scanner, corpus.resolve())
        if ran is None:
            continue
        text, seconds = ran
        hits = []
        for hit in read_hits(text, scanner.name):
            path = hit.path.removeprefix(root)
            hits.append(hit._replace(path=path if path.startswith("data/") else f"data/{path}"))
        if scanner.name == "gossip":
            hits = [hit for hit in hits if hit.confidence >= MEDIUM]
            if unseen is not None:
                judged = [hit for hit in read_hits(unseen.read_text("utf-8"), str(unseen)) if hit.confidence >= MEDIUM]
                print(row("gossip, unseen repositories, medium", labels, judged, ""))
        name = "gossip, shipped weights, medium" if scanner.name == "gossip" else f"{scanner.name}, all levels"
        print(row(name, labels, hits, f"{seconds:.1f}"))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]))
