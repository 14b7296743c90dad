from __future__ import annotations

import subprocess
import sys
import time

from tests.golden.hostile.make_archives import cases
from tests.support.archives import expanded

PEAK_MIB_MAX = 300
_PROGRAM = """
import sys
from tests.support.memory import high_water_kib
from tests.unit.archives.test_hostile import survey
complaints = survey()
peak = high_water_kib() / 1024
print(*complaints, sep="\\n")
print(f"peak {peak:.0f}")
"""


def survey() -> list[str]:
    """What goes otherwise than each hostile archive says."""
    complaints = []
    names = set()
    for name, data, reasons in cases():
        assert name not in names, name
        names.add(name)
        for forward in (False, True):
            start = time.monotonic()
            found = {reason for _, reason in expanded(data, name, forward=forward, keep=False)[1]}
            seconds = time.monotonic() - start
            if found != reasons:
                complaints.append(f"{name} forward={forward}: {sorted(found)}, not {sorted(reasons)}")
            if seconds > 5:
                complaints.append(f"{name} forward={forward}: {seconds:.1f} s")
    assert len(names) >= 80, len(names)
    return complaints


def test_hostile_archives_cost_little_and_are_reported() -> None:
    """Each gives exactly its reasons, in time; all of them together stay under the memory cap, in a process alone."""
    result = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 0, result.stderr
    *complaints, peak = result.stdout.split("\n")[:-1]
    assert [line for line in complaints if line] == []
    assert int(peak.split()[1]) < PEAK_MIB_MAX, peak
