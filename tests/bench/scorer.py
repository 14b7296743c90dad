"""How long the scorer takes for a match: `python -m tests.bench.scorer [FOLDER]`, run by hand.

FOLDER holds source code; without it, Python's own library is read. Prints microseconds for each match that a scored
rule brings before the model, and how many of them it lets pass.
"""

from __future__ import annotations

import sys
import sysconfig
import time
from pathlib import Path

from gossip.engine.detect.detector import Detector
from gossip.engine.detect.scorer.model import load_scorer
from gossip.engine.rules.compiler import compile_rules
from gossip.engine.rules.loader import load_builtin

FILES_MAX = 2000
ROUNDS = 5

Case = tuple[bytes, tuple[int, int], tuple[int, int]]


class _Recorder:
    def __init__(self) -> None:
        self.cases: list[Case] = []

    def confidence(self, data: bytes, full: tuple[int, int], secret: tuple[int, int]) -> int:
        self.cases.append((data, full, secret))
        return 0


def main(folder: Path) -> None:
    """Collect the matches of a folder, then judge them again and again."""
    rules = load_builtin()
    detector = Detector(rules, compile_rules(rules))
    recorder = _Recorder()
    detector._judge.scorer = recorder  # type: ignore[assignment]
    for path in sorted(folder.rglob("*.py"))[:FILES_MAX]:
        detector.scan([path.read_bytes()])
    scorer = load_scorer()
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.perf_counter()
        passed = sum(scorer.confidence(*case) > 0 for case in recorder.cases)
        best = min(best, time.perf_counter() - start)
    count = len(recorder.cases)
    print(f"{count} matches, {best / count * 1e6:.1f} microseconds each, {passed} pass")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else sysconfig.get_path("stdlib")))
