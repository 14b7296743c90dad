"""One cluster after the other on one topic: each goes on where the positions say, whatever ended the one before."""

from __future__ import annotations

import signal
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bytewax import operators as op
from bytewax.dataflow import Dataflow

from gossip.connectors.kafka.channel import KafkaChannel, Route
from gossip.connectors.kafka.positions import PositionKeeper
from gossip.engine.findings import FindingMaker
from gossip.flows.run import RunReport
from gossip.flows.streaming.heap import give_back, settle_stream
from gossip.flows.supervisor import ClusterError, run_cluster
from gossip.flows.watching.journal import Journal, Lasting, log
from gossip.flows.watching.restarts import in_a_row, is_hopeless, wait_for_restart
from gossip.operators.emit import PARTITION, ResultSink
from gossip.operators.judge import Judging, PartitionJudge, read_version
from gossip.operators.rounds import Rounds
from gossip.operators.stream import Streaming, StreamSource, stream
from gossip.schemas.errors import GossipError, RetryableError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gossip.engine.detect.detector import Detector
    from gossip.flows.remember import Session
    from gossip.schemas.config import ScanConfig
    from gossip.schemas.protocols import Reporter, ResultWriter
    from gossip.schemas.stream import Channel, StreamLedger
    from gossip.schemas.summary import Summary
    from gossip.schemas.units import UnitResult

DRAIN_SECONDS = 8.0
"""How long what is under way may take to be committed after a stop. What is not is done again by the next one."""
STORE_SECONDS = 1.0


class _Late(Exception):
    """A drain took too long."""


@dataclass(frozen=True, slots=True)
class StreamPlan:
    """What a stream does, settled before it starts."""

    config: ScanConfig
    route: Route
    judging: Judging
    processes: int
    once: bool = False
    quiet: bool = False

    @property
    def keeps_positions(self) -> bool:
        """Whether nothing else does: findings are only printed."""
        return not self.route.outputs and self.route.ledger is None


def build_flow(streaming: Streaming, writer: Callable[[], ResultWriter]) -> Dataflow:
    """Fetch, judge and commit on the worker that has the partition; results to one writer."""
    flow = Dataflow("gossip_stream")
    results = stream("stream", op.input("messages", flow, StreamSource(streaming)), streaming)
    op.output("write", op.key_on("to_writer", results, lambda _result: PARTITION), ResultSink(writer))
    return flow


class StreamRun:
    """Runs until a signal, or with `once` to the end. One object a process: it owns the signals."""

    def __init__(
        self,
        plan: StreamPlan,
        detector: Detector,
        reporters: Sequence[Reporter],
        session: Session | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._detector = detector
        self._session = session
        self._clock = clock
        self._stopped: signal.Signals | None = None
        self._drain_until: float | None = None
        self._rounds: Rounds | None = None
        self._reporters = [Lasting(reporter) for reporter in reporters]
        self._store_due = 0.0
        if session is not None:
            plan = replace(plan, route=replace(plan.route, ledger=self._ledger))
        self._keeper = PositionKeeper(plan.route.client, plan.route.group) if plan.keeps_positions else None
        self._plan = plan
        self.report = self._new_report()

    @property
    def stopped(self) -> bool:
        """Whether a signal ended it."""
        return self._stopped is not None

    def run(self) -> Summary:
        """The totals of all clusters. Raises ClusterError once restarts do not help, and what an output raises."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)
        failures = 0
        ended = False
        if self._session is not None:
            self._session.begin(self._plan.config, self._detector)
            self.report.summary.policy_hash = self._session.context.policy_hash
        self._say(self._beginning())
        try:
            while self._stopped is None and not ended:
                began = self._clock()
                try:
                    self._cluster()
                    ended = True
                except ClusterError as err:
                    failures = in_a_row(failures, self._clock() - began)
                    if is_hopeless(err, failures):
                        raise
                    wait_for_restart(err, failures, lambda: self._stopped is None, self._clock)
        finally:
            self.report.close()
            if self._session is not None:
                self._session.end(self.report.summary)
        if self._stopped is not None:
            self._say(f"stopped by {self._stopped.name}; nothing is lost")
        return self.report.summary

    def _beginning(self) -> str:
        plan = self._plan
        return (
            f"reading {plan.route.source.partitions:,} partitions of {plan.route.source.address} as group "
            f"{plan.route.group} with {len(self._detector.rule_set.rules):,} rules"
        )

    def _say(self, text: str) -> None:
        if not self._plan.quiet:
            log(text)

    def _new_report(self) -> RunReport:
        return RunReport(self._plan.config, self._reporters, self._detector.rule_set)

    def _ledger(self, partition: int) -> StreamLedger:
        from gossip.connectors.lake.stream import StreamLane

        assert self._session is not None
        location, context = self._session.state.lake, self._session.context
        return StreamLane(location, context, self._plan.judging.item.hex(), partition, read_version)

    def _on_signal(self, number: int, _frame: object) -> None:
        """The first signal drains, the second one ends at once."""
        if self._stopped is not None:
            raise _Late
        self._stopped = signal.Signals(number)
        if self._rounds is not None:
            self._rounds.stop()
            self._drain_until = self._clock() + DRAIN_SECONDS

    def _cluster(self) -> None:
        plan = self._plan
        rounds = self._rounds = Rounds(0)
        if self._stopped is not None:
            return
        config = plan.config

        def channel(partition: int) -> Channel:
            return KafkaChannel(plan.route, partition)

        def judge(partition: int) -> PartitionJudge:
            maker = FindingMaker(self._detector, config.tenant, config.tenant_key)
            return PartitionJudge(plan.judging, partition, self._detector, maker)

        def make_flow(writer: Callable[[], ResultWriter], number: int) -> Dataflow:
            settle_stream()
            told = writer().failed
            streaming = Streaming(plan.route.source.partitions, rounds, channel, judge, told, once=plan.once)
            return build_flow(streaming, writer)

        journal = Journal(self.report, (config.targets[0].name,), quiet=plan.quiet)

        def on_result(result: UnitResult) -> None:
            journal.write(result)
            if self._keeper is not None and result.position is not None:
                self._keeper.note(result.position)

        give_back()
        try:
            run_cluster(plan.processes, make_flow, on_result, tick=self._tick)
            self._store()
        except _Late:
            self._say("not everything that was under way was committed in time; the next start goes on with it")
        finally:
            if self._keeper is not None:
                self._keeper.close()

    def _tick(self) -> None:
        now = self._clock()
        if self._drain_until is not None and now > self._drain_until:
            raise _Late
        if now >= self._store_due:
            self._store_due = now + STORE_SECONDS
            self._store()

    def _store(self) -> None:
        if self._keeper is None:
            return
        try:
            self._keeper.store()
        except RetryableError as err:
            raise ClusterError(str(err)) from err
        except GossipError as err:
            raise ClusterError(str(err), lasting=True) from err
