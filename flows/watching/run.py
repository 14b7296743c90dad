"""`gossip watch`: one cluster after the other on one state, each with the settings of its time.

A cluster runs until it is stopped or fails. Settings that changed stop it as a signal does: lanes plan nothing more,
what is under way is scanned and committed, and the next cluster is forked with the new settings. What was not committed
is planned again, as after a crash: the ledger alone says what is done.
"""

from __future__ import annotations

import signal
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from gossip.connectors.state.folder import unparked_of
from gossip.flows.remember import Session
from gossip.flows.run import RunReport
from gossip.flows.scan import build_detector, build_first_look, build_flow
from gossip.flows.sources import open_source
from gossip.flows.supervisor import ClusterError, run_cluster
from gossip.flows.watching.aside import Aside
from gossip.flows.watching.events import EventReader
from gossip.flows.watching.journal import Journal, Lasting, log
from gossip.flows.watching.looks import Looks, twins
from gossip.flows.watching.metrics import CommitClock, Metrics, measure_lake
from gossip.flows.watching.restarts import in_a_row, is_hopeless, wait_for_restart
from gossip.flows.watching.settings import WatchSettings, load_settings
from gossip.operators.rounds import Rounds
from gossip.operators.worker import Worker
from gossip.schemas.errors import GossipError, RetryableError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bytewax.dataflow import Dataflow

    from gossip.connectors.kafka.events import EventTopic
    from gossip.connectors.state.folder import State
    from gossip.engine.detect.detector import Detector
    from gossip.flows.watching.serving import Board
    from gossip.schemas.protocols import Reporter, ResultWriter

DRAIN_SECONDS = 8.0
"""How long what is under way may take to be committed after a stop. What is not is done again by the next one."""
LOOK_SECONDS = 30.0
"""Between two lookups of what the settings' globs name; changes of the settings' own files are seen within a second."""
UPKEEP_SECONDS = 300.0
GAUGES_SECONDS = 60.0
"""Between two looks at the lake for metrics; each takes a process and a query."""
FIRST_GAUGES_SECONDS = 2.0
"""The same while nothing was measured yet: a new lake is made by the first commit."""
VACUUM_SECONDS = 86400.0
_END_SECONDS = 60.0


class _Late(Exception):
    """A drain took too long."""


class Watch:
    """Follows the targets of a settings file. One object a process: it owns the signals."""

    def __init__(
        self,
        path: str,
        state: State,
        reporters: Sequence[Reporter],
        *,
        processes: int,
        quiet: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.board: Board | None = None
        """Where metrics are shown, for somebody who serves them."""
        self._metrics = Metrics()
        self._gauges = Aside()
        self._gauges_due = clock()
        self._path = path
        self._state = state
        self._reporters = [Lasting(reporter) for reporter in reporters]
        self._processes = processes
        self._quiet = quiet
        self._clock = clock
        self._upkeep = Aside()
        self._upkeep_due = clock() + UPKEEP_SECONDS
        self._vacuum_due = clock() + VACUUM_SECONDS
        self._stopped: signal.Signals | None = None
        self._look_now = False
        self._rounds: Rounds | None = None
        self._drain_until: float | None = None
        self._next: WatchSettings | None = None
        self._bad: object = None
        """Signature of settings that could not be loaded, so that it is said once."""

    def run(self) -> None:
        """Until a signal stops it. Raises MisuseError for settings that are wrong at the start, ClusterError once
        restarts do not help, and what an output raises.
        """
        settings = load_settings(self._path, tenant_key=self._state.tenant_key)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_signal)
        failures = 0
        try:
            while self._stopped is None:
                began = self._clock()
                try:
                    self._cluster(settings)
                    failures = 0
                except ClusterError as err:
                    failures = in_a_row(failures, self._clock() - began)
                    self._failed(err, failures)
                settings, self._next = self._next or settings, None
        finally:
            self._upkeep.wait(_END_SECONDS)
            self._gauges.wait(0)
        self._say(f"stopped by {self._stopped.name}; everything that was found is in the lake")

    def _show(self) -> None:
        """Let everybody see how it goes."""
        if self.board is not None:
            self._metrics.look()
            self.board.put(self._metrics.text(), ready=self._metrics.running)

    def _say(self, text: str) -> None:
        if not self._quiet:
            log(text)

    def _on_signal(self, number: int, _frame: object) -> None:
        """The first signal drains, the second one ends at once. SIGHUP looks at the settings."""
        if number == signal.SIGHUP:
            self._look_now = True
            return
        if self._stopped is not None:
            raise _Late
        self._stopped = signal.Signals(number)
        self._drain()

    def _drain(self) -> None:
        if self._rounds is not None and not self._rounds.stopping:
            self._rounds.stop()
            self._drain_until = self._clock() + DRAIN_SECONDS

    def _cluster(self, settings: WatchSettings) -> None:
        """Run one cluster to its end. Raises ClusterError, and what the outputs raise."""
        _use_kafka(settings)
        looks = Looks(settings.config, settings.remotes, self._state.folder)
        config = looks.config
        detector = build_detector(config)
        session = Session(self._state, self._topic(settings))
        session.begin(config, detector)
        session.send_rest()
        session.memory.pending.clear_others()
        self._drain_until = None
        self._rounds = Rounds(len(config.targets), twins(config.targets, settings.remotes))
        worker = Worker(
            config,
            open_source,
            lambda: detector,
            session.memory,
            lambda again: build_first_look(config, detector, again),
        )
        worker.rounds, worker.look = self._rounds, looks
        report = RunReport(config, self._reporters, detector.rule_set)
        report.summary.policy_hash = session.context.policy_hash
        names = tuple(target.name for target in config.targets)
        worker.commits = CommitClock(self._processes)
        rules = len(detector.rule_set.rules)
        self._metrics.begin(names, self._rounds, worker.commits, rules=rules, absent=len(settings.absent))
        self._show()
        self._announce(settings, detector)
        self._settings, self._signature = settings, settings.signature()
        self._look_due = self._clock() + LOOK_SECONDS

        def make_flow(writer: Callable[[], ResultWriter], number: int) -> Dataflow:
            worker.in_cluster(self._processes, number)
            return build_flow(worker, writer)

        journal = Journal(report, names, quiet=self._quiet, metrics=self._metrics)
        events = _events(settings)
        try:
            if events is not None:
                events.start(self._rounds, config.targets)
            if self._stopped is None:  # a signal may have come before there was anything to drain
                run_cluster(self._processes, make_flow, journal.write, tick=self._tick)
        except _Late:
            self._say("not everything that was under way was committed in time; the next start goes on with it")
        finally:
            if events is not None:
                events.stop()
            self._metrics.end()
            self._show()
            report.close()
            self._upkeep.wait(_END_SECONDS)
            self._upkeep.start("write the run's row", lambda: session.end(report.summary, keep_pending=True))
            self._upkeep.wait(_END_SECONDS)

    def _topic(self, settings: WatchSettings) -> EventTopic | None:
        """Where findings are sent to. Raises ClusterError: a cluster that does not answer now may do so later."""
        if settings.to is None:
            return None
        from gossip.flows.publishing import event_topic

        try:
            return event_topic(settings.to, dict(settings.kafka), settings.config.min_confidence)
        except RetryableError as err:
            raise ClusterError(str(err)) from err

    def _announce(self, settings: WatchSettings, detector: Detector) -> None:
        count = len(settings.config.targets)
        self._say(f"watching {count:,} targets with {len(detector.rule_set.rules):,} rules")
        for name in settings.absent:
            log(f"{name}: not there; it is looked for again every {LOOK_SECONDS:.0f} s", "warning", target=name)

    def _failed(self, err: ClusterError, failures: int) -> None:
        """Wait before the next attempt. Raises the error where that is of no use."""
        if is_hopeless(err, failures):
            log(
                f"giving up: {'the same would happen again' if err.lasting else f'{failures} failures in a row'}",
                "error",
            )
            raise err
        self._metrics.restarts += 1
        wait_for_restart(err, failures, lambda: self._stopped is None, self._clock, self._show)

    def _tick(self) -> None:
        now = self._clock()
        self._show()
        if self.board is not None and now >= self._gauges_due:
            measured = self._metrics.standing.get()[0]
            self._gauges_due = now + (GAUGES_SECONDS if measured else FIRST_GAUGES_SECONDS)
            self._gauges.start("measure the lake", lambda: measure_lake(self._state, self._metrics.standing))
        if self._drain_until is not None:
            if now > self._drain_until:
                raise _Late
            return
        unparked = unparked_of(self._state.folder)
        if unparked != self._state.unparked:
            self._state = replace(self._state, unparked=unparked)
            self._drain()
            return
        if self._look_now or now >= self._look_due or self._settings.signature() != self._signature:
            self._look_now, self._look_due = False, now + LOOK_SECONDS
            self._look()
        if now >= self._upkeep_due:
            self._upkeep_due = now + UPKEEP_SECONDS
            vacuum = now >= self._vacuum_due
            if self._upkeep.start("keep the lake tidy", lambda: _upkeep(self._state, vacuum=vacuum)) and vacuum:
                self._vacuum_due = now + VACUUM_SECONDS

    def _look(self) -> None:
        """Load the settings again; if they differ and can be used, let the cluster end for them."""
        signature = self._settings.signature()
        try:
            found = load_settings(self._path, tenant_key=self._state.tenant_key)
            rules_changed = signature != self._signature and found.config.rules_path is not None
            same = found.plan() == self._settings.plan()
            if same and not rules_changed:
                self._settings, self._signature = found, found.signature()
                return
            build_detector(found.config)  # says whether its rules are right
        except (GossipError, OSError) as err:
            if self._bad != signature:
                self._bad = signature
                self._metrics.rejected_settings += 1
                log(f"settings are kept as they were: {err}", "warning")
            self._signature = signature
            return
        self._bad = None
        self._next = found
        self._say("settings have changed")
        self._drain()


def _use_kafka(settings: WatchSettings) -> None:
    """Let topics that are targets be reached as the file says."""
    if any(target.kind == "kafka" for target in settings.config.targets):
        from gossip.connectors.kafka.security import use_options

        use_options(dict(settings.kafka))


def _events(settings: WatchSettings) -> EventReader | None:
    if settings.events is None:
        return None
    return EventReader(settings.events, dict(settings.kafka), settings.remotes)


def _upkeep(state: State, *, vacuum: bool) -> None:
    from gossip.connectors.lake import maintain
    from gossip.connectors.lake.storage import LakeMissingError

    try:
        maintain.compact(state.lake, only_if_needed=True)
        if vacuum:
            maintain.vacuum(state.lake)
    except LakeMissingError:
        return
