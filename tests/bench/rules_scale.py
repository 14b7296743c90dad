"""What more rules cost: the engine's throughput with 100 rules and with 400 more.

    python -m tests.bench.rules_scale [-n ROUNDS] [FOLDER]

The sets are slices of the built-in rules, spread evenly over all families; the smaller one is part of the larger. FOLDER
is a tree of source code (default: the standard library of the running Python). CPU seconds of one thread, the rounds
alternate, and the median of each is compared.
"""

from __future__ import annotations

import argparse
import sysconfig
import time
from dataclasses import replace
from pathlib import Path
from statistics import median

from gossip.engine.detect.detector import Detector
from gossip.engine.rules.compiler import compile_rules
from gossip.engine.rules.loader import load_builtin
from gossip.engine.rules.model import RuleSet
from tests.bench.engine import pieces

SMALL, LARGE = 100, 500


def sliced(whole: RuleSet) -> dict[int, RuleSet]:
    """The two sets. Rules of several parts stay out, so that a slice never lacks one."""
    alone = [rule for rule in whole.rules if not rule.components and rule.regex is not None]
    large = [alone[number * len(alone) // LARGE] for number in range(LARGE)]
    small = large[:: LARGE // SMALL]
    return {size: replace(whole, rules=tuple(rules)) for size, rules in ((SMALL, small), (LARGE, large))}


def main() -> None:
    """Print a line for each set, then what the larger one costs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=Path(sysconfig.get_paths()["stdlib"]))
    parser.add_argument("-n", "--rounds", type=int, default=7)
    options = parser.parse_args()
    documents = pieces(options.folder)
    size = sum(map(len, documents)) / 1e6
    detectors = {n: Detector(rules, compile_rules(rules)) for n, rules in sliced(load_builtin()).items()}
    seconds: dict[int, list[float]] = {n: [] for n in detectors}
    for _ in range(options.rounds + 1):
        for n, detector in detectors.items():
            started = time.process_time()
            for document in documents:
                detector.scan([document])
            seconds[n].append(time.process_time() - started)
    middle = {n: median(taken[1:]) for n, taken in seconds.items()}
    for n, taken in middle.items():
        print(f"{n:4} rules  {size / taken:7.1f} MB/s")
    print(f"{LARGE - SMALL} more rules cost {1 - middle[SMALL] / middle[LARGE]:.1%} of the throughput")


if __name__ == "__main__":
    main()
