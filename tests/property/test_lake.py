"""Random histories of the lake: crashes at every point, replays in other batches, executions that share a lane."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gossip.connectors.lake.lane import HOOK_POINTS, CommitLane, FencedError
from gossip.connectors.lake.maintain import compact, verify
from gossip.connectors.lake.storage import location
from gossip.connectors.lake.views import query
from gossip.schemas.ledger import STATUS_OF_LABEL, Status, status_of
from tests.support.lake import digest, lane, unit

UNITS = 8


class CrashError(Exception):
    """The end of a process."""


class Crash:
    """Ends an execution at the n-th hook that it comes to."""

    def __init__(self, left: int) -> None:
        self._left = left

    def __call__(self, _point: str) -> None:
        """Count down."""
        self._left -= 1
        if self._left == 0:
            raise CrashError


executions = st.lists(
    st.tuples(
        st.integers(1, 3 * len(HOOK_POINTS)),
        st.permutations(range(UNITS)),
        st.integers(1, 5),
        st.integers(1, 12),
        st.booleans(),
    ),
    min_size=1,
    max_size=5,
)
"""(Hooks until the crash, order of delivery, units a commit, rows a buffer holds, compact before) of each."""


def run(writer: CommitLane, order: list[int], batch: int) -> None:
    """Deliver units; an execution that crashed or was fenced is over."""
    try:
        for at, number in enumerate(order, 1):
            writer.add(unit(number))
            if at % batch == 0:
                writer.commit()
        writer.commit()
    except (CrashError, FencedError):
        return


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(executions)
def test_tables_are_exact_after_any_crashes(history: list[tuple[int, list[int], int, int, bool]]) -> None:
    """Whatever ended wherever, one complete replay leaves every unit and occurrence exactly once."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for left, order, batch, buffer, tidy in history:
            run(lane(folder, hook=Crash(left), buffer_rows=buffer), order, batch)
            if tidy:
                compact(location(name))
        run(lane(folder), list(range(UNITS)), UNITS)
        assert_exact(name)


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, UNITS - 1), st.booleans()), max_size=30))
def test_tables_are_exact_after_two_executions_on_a_lane(steps: list[tuple[int, int, bool]]) -> None:
    """Two executions take turns on one lane: each stops when it is fenced, and a last one completes the tables."""
    with tempfile.TemporaryDirectory() as name:
        alive: dict[int, CommitLane] = {0: lane(Path(name)), 1: lane(Path(name))}
        for who, number, commits in steps:
            if who not in alive:
                continue
            try:
                alive[who].add(unit(number))
                if commits:
                    alive[who].commit()
            except FencedError:
                del alive[who]
        run(lane(Path(name)), list(range(UNITS)), 3)
        assert_exact(name)


def assert_exact(place: str) -> None:
    """All units and their occurrences, each once."""
    where = location(place)
    assert verify(where).violations == ()
    found = Counter(row for (row,) in query(where, "SELECT occurrence_id FROM occurrence_rows").rows())
    expected = [digest("occurrence", 10 * number + k) for number in range(UNITS) for k in range(number % 3)]
    assert found == Counter(expected)
    units = Counter(row for (row,) in query(where, "SELECT unit_id FROM ledger_rows").rows())
    assert units == Counter(f"unit-{number}" for number in range(UNITS))


statuses = st.sampled_from(Status)


@given(statuses, statuses, statuses)
def test_statuses_are_a_lattice(a: Status, b: Status, c: Status) -> None:
    """The join is the maximum: idempotent, commutative, associative, and it never loses a scan."""
    assert max(a, a) is a
    assert max(a, b) is max(b, a)
    assert max(a, b, c) is max(c, a, b)
    assert STATUS_OF_LABEL[a.label] is a
    assert status_of("scanned", int(a)) is Status.SCANNED_WITH_FINDINGS
    assert max(Status.SKIPPED, Status.FAILED_PERMANENT, Status.FAILED_RETRYABLE) < Status.SCANNED_CLEAN
