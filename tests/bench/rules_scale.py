"""What more rules cost: the engine's throughput with 100 rules and with 400 more.

    python -m tests.bench.rules_scale [-n ROUNDS] [FOLDER]

The sets are slices of the built-in rules for providers, spread evenly over all families; the smaller one is part of the
larger. Measured twice: with the rules that a model scores, which look at every assignment, in both sets beside the 100
and the 500, as in a scan; and without them. FOLDER is a tree of source code (default: the standard library of the running Python). CPU seconds of one thread, the rounds
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


def sliced(whole: RuleSet) -> dict[tuple[int, bool], RuleSet]:
    """The sets, by size and whether scored rules are in them. Rules of several parts stay out, so that none lacks one."""
    alone = [rule for rule in whole.rules if not rule.components and rule.regex is not None]
    scored = [rule for rule in alone if rule.scorer]
    named = [rule for rule in alone if not rule.scorer]
    large = [named[number * len(named) // LARGE] for number in range(LARGE)]
    sets = {SMALL: large[:: LARGE // SMALL], LARGE: large}
    return {
        (size, both): replace(whole, rules=(*rules, *(scored if both else ())))
        for both in (True, False)
        for size, rules in sets.items()
    }


def main() -> None:
    """Print a line for each set, then what the larger one costs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=Path(sysconfig.get_paths()["stdlib"]))
    parser.add_argument("-n", "--rounds", type=int, default=7)
    options = parser.parse_args()
    documents = pieces(options.folder)
    size = sum(map(len, documents)) / 1e6
    detectors = {key: Detector(rules, compile_rules(rules)) for key, rules in sliced(load_builtin()).items()}
    seconds: dict[tuple[int, bool], list[float]] = {key: [] for key in detectors}
    for _ in range(options.rounds + 1):
        for key, detector in detectors.items():
            started = time.process_time()
            for document in documents:
                detector.scan([document])
            seconds[key].append(time.process_time() - started)
    middle = {key: median(taken[1:]) for key, taken in seconds.items()}
    for (count, both), taken in middle.items():
        print(f"{count:4} rules{' and the scored ones' if both else '':21} {size / taken:7.1f} MB/s")
    for both in (True, False):
        cost = 1 - middle[SMALL, both] / middle[LARGE, both]
        print(f"{LARGE - SMALL} more rules cost {cost:.1%} {'beside' if both else 'without'} the scored ones")


if __name__ == "__main__":
    main()
