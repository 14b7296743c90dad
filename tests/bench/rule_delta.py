"""Rules are added to a rule set: the rescan of a repository by those alone, against a full scan by all of them.

python -m tests.bench.rule_delta REPOSITORY
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path

from gossip.connectors.lake.storage import location
from gossip.connectors.lake.views import query
from gossip.engine.rules.loader import load_builtin

RULES, ADDED, SEED = 100, 10, 1


def rule_files(folder: Path) -> tuple[Path, Path]:
    """The smaller and the larger rule set, drawn from the built-in rules."""
    ids = [rule.id for rule in load_builtin().rules]
    whole = [rule.id for rule in load_builtin().rules if not rule.components and "generic" not in rule.tags]
    drawn = random.Random(SEED).sample(whole, RULES + ADDED)
    made = []
    for count in (RULES, RULES + ADDED):
        path = folder / f"rules{count}.toml"
        disabled = sorted(set(ids) - set(drawn[:count]))
        path.write_text(f"[extend]\nuseDefault = true\ndisabledRules = {json.dumps(disabled)}\n")
        made.append(path)
    return made[0], made[1]


def cpu_seconds(state: Path, rules: Path, target: str) -> float:
    """User and system time of one remembered scan in one process."""
    before = os.times()
    line = [
        sys.executable,
        "-m",
        "gossip",
        "scan",
        "-q",
        "-j",
        "1",
        "--rules",
        str(rules),
        "--state",
        str(state),
        target,
    ]
    key = {"GOSSIP_TENANT_KEY": "5a" * 32}
    subprocess.run(line, env=os.environ | key, stdout=subprocess.DEVNULL, check=False)
    after = os.times()
    return after.children_user - before.children_user + after.children_system - before.children_system


def occurrences(state: Path) -> set[str]:
    """What holds."""
    answer = query(location(str(state / "lake")), "SELECT occurrence_id FROM occurrences WHERE NOT retracted")
    found = {row[0] for row in answer.rows()}
    answer.close()
    return found


def main(target: str) -> None:
    """Print both times and their ratio; compiled rules are warm."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        small, large = rule_files(folder)
        cpu_seconds(folder / "warm", small, target)
        cpu_seconds(folder / "warm", large, target)
        cpu_seconds(folder / "delta", small, target)
        delta = cpu_seconds(folder / "delta", large, target)
        full = cpu_seconds(folder / "full", large, target)
        again = cpu_seconds(folder / "delta", large, target)
        same = occurrences(folder / "delta") == occurrences(folder / "full")
        print(f"full scan, {RULES + ADDED} rules: {full:.2f} s; {len(occurrences(folder / 'full'))} occurrences")
        print(f"delta rescan, {ADDED} of them new: {delta:.2f} s, {delta / full:.0%}; same result: {same}")
        print(f"nothing changed: {again:.2f} s")


if __name__ == "__main__":
    main(sys.argv[1])
