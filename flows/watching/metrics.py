"""What a watch measures of itself, in the text format of Prometheus.

No label is a path, a URL or a name: targets are labelled by a short hash, which `gossip status` translates. Counters
begin at 0 with the process; what outlives it is in the lake.
"""

from __future__ import annotations

import mmap
import time
from collections import Counter
from dataclasses import dataclass, field
from struct import Struct, calcsize
from typing import TYPE_CHECKING, Any

import gossip
from gossip.engine.identity import TAG_DISPLAY, derive

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from gossip.connectors.state.folder import State
    from gossip.operators.rounds import Rounds
    from gossip.schemas.units import UnitResult

TARGETS_LABELLED_MAX = 1000
"""Series of single targets end there: a monitoring system pays for each. Totals go on."""
LABEL_CHARS = 12
_CELL = calcsize("q")
_COMMITS, _NANOSECONDS, _LAST, _PER_WORKER = 0, 1, 2, 3
_STANDING = Struct("qqqq")


def label_of(name: str) -> str:
    """What stands for a target in a label: the same for the same name, wherever it is watched."""
    return derive(TAG_DISPLAY, name.encode("utf-8", "surrogateescape")).hex()[:LABEL_CHARS]


class CommitClock:
    """What commits cost, in memory that forked workers share. Each worker has cells of its own."""

    def __init__(self, workers: int) -> None:
        self._cells = memoryview(mmap.mmap(-1, _CELL * _PER_WORKER * workers)).cast("q")
        self._workers = workers

    def add(self, worker: int, seconds: float) -> None:
        """A worker has committed."""
        at, spent = worker * _PER_WORKER, int(seconds * 1e9)
        self._cells[at + _NANOSECONDS] += spent
        self._cells[at + _LAST] = spent
        self._cells[at + _COMMITS] += 1

    def totals(self) -> tuple[int, float, float]:
        """Commits, the seconds that they took, and the longest of the last ones."""
        ats = [worker * _PER_WORKER for worker in range(self._workers)]
        last = max(self._cells[at + _LAST] for at in ats)
        spent = sum(self._cells[at + _NANOSECONDS] for at in ats)
        return sum(self._cells[at + _COMMITS] for at in ats), spent / 1e9, last / 1e9


class Standing:
    """What a process beside measures of the lake from time to time, in memory that it shares with this one."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _STANDING.size)

    def put(self, *, parked: int, files: int, size: int) -> None:
        """Units that are parked, files of the lake's tables, and their bytes."""
        _STANDING.pack_into(self._memory, 0, int(time.time()), parked, files, size)

    def get(self) -> tuple[int, int, int, int]:
        """Time of the measurement (0: none yet), parked units, files, bytes."""
        when, parked, files, size = _STANDING.unpack_from(self._memory, 0)
        return when, parked, files, size


@dataclass(slots=True)
class _Target:
    label: str
    began: float | None = None
    """When the round that is under way was first seen; None between rounds."""
    rounds: int = 0
    took: float = 0.0
    ended_at: float = 0.0


@dataclass(slots=True)
class Metrics:
    """Counters of one watch, over all of its clusters."""

    clock: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    standing: Standing = field(default_factory=Standing)
    running: bool = False
    """A cluster runs."""
    restarts: int = 0
    rejected_settings: int = 0
    units: int = 0
    documents: int = 0
    bytes: int = 0
    findings: Counter[str] = field(default_factory=Counter)
    losses: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    absent: int = 0
    rules: int = 0
    _started: float = field(default_factory=time.time)
    _targets: dict[int, _Target] = field(default_factory=dict)
    _rounds: Rounds | None = None
    _commits: CommitClock | None = None
    _before: tuple[int, float] = (0, 0.0)
    """Commits and their seconds in clusters that ended."""

    def begin(self, names: Iterable[str], rounds: Rounds, commits: CommitClock, *, rules: int, absent: int) -> None:
        """A cluster begins, with these targets. What a target did before is kept, by its name."""
        known = {target.label: target for target in self._targets.values()}
        self.end()
        self.rules, self.absent = rules, absent
        self._targets = {
            index: known.get(label_of(name)) or _Target(label_of(name)) for index, name in enumerate(names)
        }
        for target in self._targets.values():
            target.began = None
        self._rounds, self._commits, self.running = rounds, commits, True

    def end(self) -> None:
        """The cluster ended."""
        self.running = False
        if self._commits is not None:
            count, seconds, _ = self._commits.totals()
            self._before = self._before[0] + count, self._before[1] + seconds
        self._commits = self._rounds = None

    def take(self, result: UnitResult) -> None:
        """Count a result, before anything is taken out of it."""
        self.units += result.units
        self.documents += result.documents
        self.bytes += result.bytes
        self.skipped.update(result.skipped)
        self.losses.update(loss.kind for loss in result.losses)
        self.findings.update(finding.level for finding in result.findings)

    def look(self) -> None:
        """See which rounds are under way. To be called about every second."""
        if self._rounds is None:
            return
        now = self.clock()
        for index, target in self._targets.items():
            if self._rounds.running(index):
                target.began = now if target.began is None else target.began
            elif target.began is not None:
                target.took, target.began, target.ended_at = now - target.began, None, self.wall()
                target.rounds += 1

    def text(self) -> str:
        """The exposition, in the text format 0.0.4."""
        page = _Page()
        page.add("gossip_build_info", "gauge", "The version that runs.", {(("version", gossip.__version__),): 1})
        page.one("gossip_start_time_seconds", "gauge", "When the watch started, in Unix time.", self._started)
        page.one("gossip_running", "gauge", "1 while the cluster of workers runs.", int(self.running))
        page.one("gossip_restarts_total", "counter", "Clusters that failed and were started again.", self.restarts)
        page.one(
            "gossip_settings_rejected_total",
            "counter",
            "Changed settings that could not be used.",
            self.rejected_settings,
        )
        page.one("gossip_rules", "gauge", "Rules in force.", self.rules)
        page.one("gossip_targets", "gauge", "Targets that are followed.", len(self._targets))
        page.one("gossip_targets_absent", "gauge", "Targets of the settings that are not there.", self.absent)
        page.one("gossip_units_total", "counter", "Units scanned.", self.units)
        page.one("gossip_documents_total", "counter", "Documents scanned.", self.documents)
        page.one("gossip_scanned_bytes_total", "counter", "Bytes of content scanned.", self.bytes)
        page.counted("gossip_findings_total", "New findings, by level.", "level", self.findings)
        page.counted("gossip_losses_total", "What should have been scanned and was not, by kind.", "kind", self.losses)
        page.counted("gossip_skipped_total", "Documents left out by policy, by reason.", "reason", self.skipped)
        self._commit_page(page)
        self._target_page(page)
        when, parked, files, size = self.standing.get()
        if when:
            page.one("gossip_parked_units", "gauge", "Units given up on until they are unparked.", parked)
            page.one("gossip_lake_files", "gauge", "Data files that the lake's tables name.", files)
            page.one("gossip_lake_bytes", "gauge", "Bytes of those files.", size)
            page.one("gossip_lake_measured_timestamp_seconds", "gauge", "When these were measured.", when)
        return page.text()

    def _commit_page(self, page: _Page) -> None:
        count, seconds, last = (0, 0.0, 0.0) if self._commits is None else self._commits.totals()
        total = {(): self._before[0] + count}, {(): round(self._before[1] + seconds, 6)}
        page.add("gossip_commits_total", "counter", "Commits of lanes: each ends an epoch of a lane.", total[0])
        page.add("gossip_commit_seconds_total", "counter", "Seconds that commits took.", total[1])
        page.one("gossip_commit_last_seconds", "gauge", "The longest of the workers' last commits.", round(last, 6))

    def _target_page(self, page: _Page) -> None:
        now, targets = self.clock(), list(self._targets.values())
        lags = {t.label: 0.0 if t.began is None else round(now - t.began, 3) for t in targets}
        page.one(
            "gossip_lag_seconds", "gauge", "The longest that a round is under way.", max(lags.values(), default=0.0)
        )
        labelled = targets if len(targets) <= TARGETS_LABELLED_MAX else []
        for name, what, value in (
            ("gossip_target_lag_seconds", "Seconds since the round under way began; 0: up to date.", _lag(lags)),
            ("gossip_target_round_seconds", "What the last round took.", lambda t: round(t.took, 3)),
            ("gossip_target_round_timestamp_seconds", "When the last round ended.", lambda t: t.ended_at),
        ):
            page.add(name, "gauge", what, {(("target", t.label),): value(t) for t in labelled})
        rounds = {(("target", t.label),): t.rounds for t in labelled}
        page.add("gossip_target_rounds_total", "counter", "Rounds that found something changed.", rounds)


def _lag(lags: Mapping[str, float]) -> Callable[[_Target], float]:
    return lambda target: lags[target.label]


class _Page:
    """Families of samples as text."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def one(self, name: str, kind: str, what: str, value: float) -> None:
        """A family of one sample without labels."""
        self.add(name, kind, what, {(): value})

    def counted(self, name: str, what: str, label: str, counts: Mapping[str, int]) -> None:
        """A family of counters with one label."""
        self.add(name, "counter", what, {((label, key),): count for key, count in sorted(counts.items())})

    def add(self, name: str, kind: str, what: str, samples: Mapping[Any, float]) -> None:
        """A family: value by labels. Without samples it is announced all the same: a query of it is no mistake."""
        self._lines += [f"# HELP {name} {what}", f"# TYPE {name} {kind}"]
        for labels, value in samples.items():
            inner = ",".join(f'{key}="{_quoted(text)}"' for key, text in labels)
            self._lines.append(f"{name}{{{inner}}} {value!r}" if inner else f"{name} {value!r}")

    def text(self) -> str:
        """All of it."""
        return "\n".join(self._lines) + "\n"


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def measure_lake(state: State, standing: Standing) -> None:
    """Measure what takes a look at the lake. In a process beside: what loads the Delta library must not fork workers.

    Raises the lake's errors.
    """
    from gossip.connectors.lake.maintain import sizes
    from gossip.connectors.lake.storage import LakeMissingError
    from gossip.flows.cli.state import parked_units

    try:
        files, size = sizes(state.lake)
        standing.put(parked=len(parked_units(state.lake, state.folder)), files=files, size=size)
    except LakeMissingError:
        return  # nothing was committed yet
