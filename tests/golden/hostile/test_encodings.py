"""Hostile encoded texts through the whole path: in time, in bounded memory, and every budget that stops work shows."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.golden.hostile.make_encodings import cases
from tests.support.scanning import builtin_detector

ROOT = Path(__file__).resolve().parents[3]
SECONDS_MAX = 120
"""For all of them. A machine that does nothing else takes less than half of it."""

PEAK_KIB_MAX = 300 * 1024
PROGRAM = """
import json, sys, time
from tests.support.memory import high_water_kib
from pathlib import Path
from tests.support.scanning import scan_folder
began = time.perf_counter()
got = scan_folder(Path(sys.argv[1]))
peak = high_water_kib()
losses = [[loss.where, loss.kind] for loss in got.losses]
print(json.dumps([time.perf_counter() - began, peak, losses, got.documents]))
"""


def test_hostile_encodings_are_answered_within_bounds(tmp_path: Path) -> None:
    """Exactly the budgets that each case says, in a process of its own, because memory is measured as its peak."""
    builtin_detector()  # compiled here, read from the cache there
    wanted = []
    count = 0
    for name, data, stopped in cases():
        (tmp_path / name).write_bytes(data)
        wanted += [[name, f"budget-{budget}"] for budget in stopped]
        count += 1
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert (done.returncode, done.stderr) == (0, "")
    seconds, peak, losses, documents = json.loads(done.stdout)
    assert sorted(losses) == sorted(wanted)
    assert (documents, count > 40) == (count, True)
    assert seconds < SECONDS_MAX
    assert peak < PEAK_KIB_MAX
