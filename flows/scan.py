"""The bounded scan as a dataflow.

    lanes -> units -> redistribute -> open, decode, detect -> results -> sink
      \\-> history, plan ----------------------> attribute --/

Run it by `gossip scan`, or, as any Bytewax flow, by `python -m bytewax.run "gossip.flows.scan:flow('PATH',
format='jsonl')"`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from bytewax import operators as op
from bytewax.dataflow import Dataflow, Stream

from gossip.engine.detect.delta import first_look
from gossip.engine.detect.detector import Detector
from gossip.engine.limits import DECODE_DEPTH_MAX, SEGMENT_BYTES
from gossip.engine.rules.cache import cached_program
from gossip.engine.rules.loader import load_selected
from gossip.flows.mirrors import is_waiting
from gossip.flows.sources import open_source
from gossip.operators.attribute import Incoming, attribute
from gossip.operators.commit import commit
from gossip.operators.emit import PARTITION, ResultSink
from gossip.operators.follow import FollowSource
from gossip.operators.lanes import LaneSource
from gossip.operators.scan import scan
from gossip.operators.worker import Worker
from gossip.schemas.errors import MisuseError
from gossip.schemas.units import HistoryUnit, PlanReport, ScanUnit, UnitResult

if TYPE_CHECKING:
    from collections.abc import Callable

    from bytewax.operators import KeyedStream

    from gossip.engine.rules.model import RuleSet
    from gossip.schemas.config import ScanConfig
    from gossip.schemas.protocols import ResultWriter


def load_rules(config: ScanConfig) -> RuleSet:
    """The run's rules. Raises MisuseError."""
    path = Path(config.rules_path) if config.rules_path else None
    return load_selected(path, config.enabled_rules, config.disabled_rules)


def build_detector(config: ScanConfig) -> Detector:
    """A detector for the run's rules. Raises MisuseError."""
    rules = load_rules(config)
    program = cached_program(rules, Path(config.cache_folder) if config.cache_folder else None, config.decode)
    depth = DECODE_DEPTH_MAX if config.decode_depth is None else config.decode_depth
    return Detector(rules, program, segment_bytes=config.segment_bytes or SEGMENT_BYTES, decode_depth=depth)


def build_first_look(config: ScanConfig, detector: Detector, again: frozenset[int]) -> Detector:
    """The detector that tells whether some of the rules, by index, find anything. Raises MisuseError."""
    rules = first_look(detector.rule_set, again)
    beside = detector.rule_set if again & detector.wordless else None
    program = cached_program(rules, Path(config.cache_folder) if config.cache_folder else None, config.decode, beside)
    depth = DECODE_DEPTH_MAX if config.decode_depth is None else config.decode_depth
    return Detector(rules, program, segment_bytes=config.segment_bytes or SEGMENT_BYTES, decode_depth=depth)


def build_flow(worker: Worker, writer: Callable[[], ResultWriter]) -> Dataflow:
    """The flow over a run's targets; `writer` is called on the worker that owns the results."""
    targets = worker.config.targets
    placed = frozenset(target.index for target in targets if target.option("mode") == "history")
    flow = Dataflow("gossip_scan")
    lanes = LaneSource(worker) if worker.rounds is None else FollowSource(worker, worker.rounds)
    planned = op.input("lanes", flow, lanes)
    units = op.filter_map("units", planned, lambda item: item if isinstance(item, ScanUnit) else None)
    plans: Stream[HistoryUnit | PlanReport] = op.filter_map(
        "plans", planned, lambda item: None if isinstance(item, ScanUnit) else item
    )
    scanned = scan("scan", units, worker)
    reports = op.flat_map("reports", plans, lambda item: _plan_results(item, ends=item.target not in placed))

    to_place: Stream[Incoming] = op.merge(
        "to_place",
        op.filter("with_history", plans, lambda item: item.target in placed),
        op.filter("of_history", scanned, lambda item: item.target in placed),
    )
    keyed: KeyedStream[Incoming] = op.key_on("by_target", to_place, lambda item: str(item.target))
    attributed = attribute("attribute", keyed, worker)

    results = op.merge("results", op.map("strip", scanned, _without_sightings), reports, attributed)
    if worker.memory is not None:
        results = commit("commit", results, worker, worker.memory, lambda err: writer().failed(err))
    op.output("write", op.key_on("to_writer", results, lambda _result: PARTITION), ResultSink(writer))
    return flow


def _plan_results(item: HistoryUnit | PlanReport, *, ends: bool) -> list[UnitResult]:
    """What a plan adds to the totals, and the records of its target; and the target's end, where no history follows."""
    if isinstance(item, HistoryUnit):
        return []
    result = UnitResult(item.target, planned_bytes=item.bytes, losses=[*item.losses, *item.known])
    result.skipped.update(dict(item.skipped))
    after = item.units + bool(item.histories)
    closing = (UnitResult(item.target, record=r, after=after, if_found=not item.news) for r in item.closing)
    results = [result, *(UnitResult(item.target, record=record) for record in item.opening), *closing]
    marks = len(item.opening) + len(item.closing)
    return [*results, UnitResult(item.target, after=after, marks=marks, ends=True)] if ends else results


def _without_sightings(result: UnitResult) -> UnitResult:
    """The same result for the writer. A copy: the placing step holds the original, and its record with it."""
    if not result.sightings:
        return result
    return UnitResult(
        target=result.target,
        findings=[] if result.record else result.findings,
        units=result.units,
        documents=result.documents,
        bytes=result.bytes,
        skipped=result.skipped,
        losses=result.losses,
        suppressed=result.suppressed,
        whole=result.whole,
    )


def flow(*paths: str, format: str | None = None, output: str | None = None, **options: Any) -> Dataflow:  # noqa: A002
    """The flow for `python -m bytewax.run`: targets as on the command line, findings to stdout or `output`.

    `options` are those of `gossip.flows.run.scan_config`. Raises MisuseError for what cannot be scanned.
    """
    from gossip.connectors.report import open_reporter
    from gossip.flows.run import DirectWriter, RunReport, scan_config

    config = scan_config(paths, **options)
    for target in config.targets:
        if is_waiting(target):
            raise MisuseError(f"{target.name}: a remote repository is fetched by `gossip scan` alone; clone it first")
    worker = Worker(config, open_source, lambda: build_detector(config))

    def writer() -> ResultWriter:
        report = RunReport(config, [open_reporter(format, output)], load_rules(config))
        return DirectWriter(report, owner=True)

    return build_flow(worker, writer)
