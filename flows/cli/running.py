"""What `gossip scan` does once its options are read."""

from __future__ import annotations

import io
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from gossip.flows.cli.fetching import fetching
from gossip.flows.cli.streams import is_terminal, say
from gossip.flows.mirrors import is_waiting
from gossip.flows.remember import remembering
from gossip.flows.run import STDIN, DirectWriter, RunReport, scan_config
from gossip.flows.sources import OpenedSources
from gossip.flows.urls import is_elsewhere, use_storage_options
from gossip.schemas.config import parsed_key
from gossip.schemas.errors import MisuseError
from gossip.schemas.summary import EXIT_CLEAN

if TYPE_CHECKING:
    from collections.abc import Callable

    from bytewax.dataflow import Dataflow

    from gossip.connectors.kafka.events import EventTopic
    from gossip.flows.baselines import KnownSecrets
    from gossip.flows.cli.options import ScanOptions
    from gossip.flows.cli.progress import ProgressBar
    from gossip.flows.remember import Session
    from gossip.operators.profile import Profile
    from gossip.operators.worker import Worker
    from gossip.schemas.config import ScanConfig
    from gossip.schemas.protocols import Reporter, ResultWriter
    from gossip.schemas.summary import Summary

ONE_PROCESS_BYTES_MAX = 8 * 1024 * 1024
"""Smaller inputs are done before a second process has started."""
_PACK_INFLATION = 6
"""Content bytes in a byte of pack, at least; to tell small repositories from others."""
_SIGNAL_EXIT = 128


def run_scan(options: ScanOptions) -> int:
    """Run a scan and return its exit code. Raises MisuseError before anything is scanned, and the errors of outputs."""
    config = _config(options)
    _use_storage_options(config, options)
    sources = OpenedSources(target for target in config.targets if not is_waiting(target))
    _check_outputs(config, options)
    to = _topic(config, options)
    known = _known(options)
    with remembering(options, config, to) as session, fetching(config, options) as here:
        sources.add(target for target in here.targets if target not in config.targets)
        final = replace(here, tenant_key=session.state.tenant_key) if session else here
        if known is not None:
            known.check_key(final.tenant_key)
        return _run(final, options, session, sources, to, known)


def _known(options: ScanOptions) -> KnownSecrets | None:
    """The secrets of `--baseline`. Raises MisuseError."""
    if options.baseline is None:
        return None
    from gossip.flows.baselines import known_secrets

    return known_secrets(options.baseline)


def _topic(config: ScanConfig, options: ScanOptions) -> EventTopic | None:
    """Where events go. Raises MisuseError, and errors of ours where the cluster does not answer."""
    read = any(target.kind == "kafka" for target in config.targets)
    if options.to is None and not options.kafka_options and not read:
        return None
    from gossip.flows.publishing import event_topic, pairs_of

    pairs = pairs_of(options.kafka_options)
    if read:
        from gossip.connectors.kafka.security import use_options

        use_options(pairs)
    elif options.to is None and pairs:
        raise MisuseError("--kafka-option is for a topic: scan one, or give --to")
    if options.to is None:
        return None
    if options.show_secrets:
        raise MisuseError("--show-secrets and --to exclude each other: events never hold secrets")
    return event_topic(options.to, pairs, options.min_confidence)


def _reporters(
    options: ScanOptions, bar: ProgressBar | None, to: EventTopic | None, session: Session | None
) -> list[Reporter]:
    """The outputs; with a state, lanes send events themselves."""
    from gossip.connectors.report import open_reporter

    reporters: list[Reporter] = [open_reporter(None, path) for path in options.outputs]
    elsewhere = options.outputs or to is not None
    if options.fmt is not None or not elsewhere or (is_terminal(sys.stdout) and STDIN not in options.outputs):
        reporters.append(_beside(open_reporter(options.fmt, None, debug=options.debug), bar))
    if to is not None and session is None:
        from gossip.connectors.kafka.events import EventReporter

        reporters.append(EventReporter(to))
    return reporters


def _run(
    config: ScanConfig,
    options: ScanOptions,
    session: Session | None,
    sources: OpenedSources,
    to: EventTopic | None,
    known: KnownSecrets | None,
) -> int:
    from gossip.flows.scan import build_detector, build_first_look
    from gossip.operators.worker import Worker

    detector = build_detector(config)
    if session is not None:
        session.begin(config, detector)
        session.send_rest()
    bar = _progress_bar(options)
    reporters = _reporters(options, bar, to, session)
    report = RunReport(config, reporters, detector.rule_set, bar, known)
    repeated = len(options.targets) - len(config.targets)
    if repeated and not options.quiet:
        say(f"gossip: {repeated} of {len(options.targets)} targets are named more than once; each is scanned once\n")
    if session is not None:
        report.summary.policy_hash = session.context.policy_hash
    worker = Worker(
        config,
        sources,
        lambda: detector,
        session.memory if session else None,
        lambda again: build_first_look(config, detector, again),
    )
    stopped = _guarded(worker, options, report, bar, session)
    if stopped is not None:
        return stopped
    if not options.quiet:
        _print_summary(report, debug=options.debug)
        if known is not None:
            say(known.said(complete=_sees_all(options) and not report.summary.losses))
    return report.summary.exit_code(exit_zero=options.exit_zero)


def _sees_all(options: ScanOptions) -> bool:
    """Whether a secret that the scan did not find is not there."""
    narrowed = (options.branches, options.refs, options.excluded_refs, options.enabled_rules, options.disabled_rules)
    chosen = options.state is not None or options.staged or options.since is not None or not options.history
    return not (chosen or any(narrowed))


def scan_into(options: ScanOptions, reporter: Reporter) -> Summary:
    """Run a scan whose findings go to `reporter`, and return its totals. Raises MisuseError and what a scan raises."""
    from gossip.flows.scan import build_detector
    from gossip.operators.worker import Worker

    config = _config(options)
    sources = OpenedSources(target for target in config.targets if not is_waiting(target))
    with fetching(config, options) as here:
        sources.add(target for target in here.targets if target not in config.targets)
        detector = build_detector(here)
        report = RunReport(here, [reporter], detector.rule_set)
        try:
            _execute(Worker(here, sources, lambda: detector, None), options, report, None)
            report.close()
        finally:
            report.abort()
    return report.summary


def _use_storage_options(config: ScanConfig, options: ScanOptions) -> None:
    """Give the options to what they are for. Raises MisuseError where that is nothing."""
    from gossip.flows.cli.lake import storage_options

    used = use_storage_options(config, storage_options(options.storage_options))
    if options.storage_options and options.state is None and not used:
        raise MisuseError("--storage-option is for object stores: scan one, or give --state DIR and --lake URI too")


def _check_outputs(config: ScanConfig, options: ScanOptions) -> None:
    """Refuse outputs that would overwrite each other, or what is to be read, before one of them is opened."""
    from gossip.connectors.report import STDOUT, format_of

    targets = (t for t in config.targets if t.kind != "stdin" and not is_waiting(t) and not is_elsewhere(t))
    places = [target.location for target in targets]
    taken = {os.path.realpath(place): "a target" for place in places}
    read = ((options.rules, "rule file"), (options.tenant_key_file, "tenant key file"), (options.baseline, "baseline"))
    for path, what in read:
        if path:
            taken[os.path.realpath(path)] = f"the {what}"
    if options.fmt is not None:
        format_of(options.fmt, None)
        taken[STDOUT] = "the output of --format"
    for path in options.outputs:
        format_of(None, path)
        place = path if path == STDOUT else os.path.realpath(path)
        if place in taken and (place == STDOUT or not os.path.isdir(place)):
            raise MisuseError(f"output {path}: is {taken[place]} too; choose another place")
        taken[place] = "another output"


def _config(options: ScanOptions) -> ScanConfig:
    chosen = [name for name, on in (("staged", options.staged), ("since", options.since is not None)) if on]
    if not options.history:
        chosen.append("checkout")
    if len(chosen) > 1:
        raise MisuseError("--staged, --since and --no-history exclude each other")
    return scan_config(
        options.targets,
        mode=chosen[0] if chosen else "history",
        since=options.since,
        refs=(*(f"refs/heads/{name}" for name in options.branches), *options.refs),
        excluded_refs=options.excluded_refs,
        gitignore=options.gitignore,
        ignored=options.ignored,
        verify_packs=options.verify_packs,
        rules=options.rules,
        enabled_rules=options.enabled_rules,
        disabled_rules=options.disabled_rules,
        show_secrets=options.show_secrets,
        min_confidence=options.min_confidence,
        segment_bytes=options.segment_bytes,
        whole_blobs=options.whole_blobs,
        tenant_key=tenant_key_of(options.tenant_key_file),
        decode=options.decode,
        decode_depth=options.decode_depth,
        archives=options.archives,
        scan_binary=options.scan_binary,
        reachable_only=options.reachable_only,
    )


def tenant_key_of(path: str | None) -> bytes | None:
    """The key in a file, None for none. Raises MisuseError."""
    if path is None:
        return None
    try:
        raw = Path(path).read_bytes()
    except OSError as err:
        raise MisuseError(f"tenant key file {path}: {err.strerror or err}") from err
    return parsed_key(raw, f"tenant key file {path}")


def _progress_bar(options: ScanOptions) -> ProgressBar | None:
    if options.quiet or options.no_progress or not is_terminal(sys.stderr):
        return None
    from rich.console import Console

    from gossip.flows.cli.progress import ProgressBar

    return ProgressBar(Console(stderr=True))


def _beside(reporter: Reporter, bar: ProgressBar | None) -> Reporter:
    if bar is None or not is_terminal(sys.stdout):
        return reporter
    from gossip.flows.cli.progress import Interleaved

    return Interleaved(reporter, bar)


def _guarded(
    worker: Worker,
    options: ScanOptions,
    report: RunReport,
    bar: ProgressBar | None,
    session: Session | None,
) -> int | None:
    """Run the flow and end the report; an exit code where the run did not reach its end, else None."""
    from gossip.flows.supervisor import Interrupted

    try:
        try:
            worker.profile = _profile(options, report)
            _execute(worker, options, report, bar)
        except Interrupted as stop:
            report.interrupted(f"by {stop}")
            _end(report, session)
            if not options.quiet:
                _print_summary(report, debug=options.debug)
            return _SIGNAL_EXIT + stop.number
        _end(report, session)
    except BrokenPipeError:
        # The reader has seen enough, and nobody else wants to see more: no error.
        return EXIT_CLEAN
    finally:
        report.abort()
        if bar is not None:
            bar.stop()
    return None


def _end(report: RunReport, session: Session | None) -> None:
    """End the outputs, and write the run down whatever became of them."""
    try:
        report.close()
    finally:
        if session is not None:
            session.end(report.summary)


def _profile(options: ScanOptions, report: RunReport) -> Profile | None:
    if not options.profile:
        return None
    from gossip.flows.profile import profile_of_run
    from gossip.operators.profile import OUTPUT

    profile = profile_of_run()
    report.write = profile.timed(OUTPUT, report.write)  # type: ignore[method-assign]
    return profile


def _execute(worker: Worker, options: ScanOptions, report: RunReport, bar: ProgressBar | None) -> None:
    from gossip.flows.profile import Profiles
    from gossip.flows.scan import build_flow
    from gossip.flows.supervisor import run_cluster, run_single, supported

    config = worker.config
    profiles = None if worker.profile is None else Profiles(worker.profile)
    processes = options.jobs or _processes(config)
    if processes > 1 and supported() and not any(target.kind == "stdin" for target in config.targets):
        started = (lambda: None) if bar is None else bar.start

        def make_flow(writer: Callable[[], ResultWriter], number: int) -> Dataflow:
            if worker.profile is not None:
                worker.profile.restart()
            worker.in_cluster(processes, number)
            return build_flow(worker, writer)

        run_cluster(
            processes, make_flow, report.write, started, farewell=None if profiles is None else profiles.farewell()
        )
    else:
        if bar is not None:
            bar.start()
        run_single(build_flow(worker, lambda: DirectWriter(report, owner=False)))
    if profiles is not None:
        say(profiles.table())


def usable_cpus() -> int:
    """Processors that this process may run on: at most so many processes are of use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _processes(config: ScanConfig) -> int:
    cpus = usable_cpus()
    if cpus == 1 or any(target.location == STDIN for target in config.targets):
        return 1
    if any(map(is_elsewhere, config.targets)):
        return cpus
    left = ONE_PROCESS_BYTES_MAX
    for target in config.targets:
        left -= _size_up_to(target.location, left) * (_PACK_INFLATION if target.kind == "git" else 1)
        if left <= 0:
            return cpus
    return 1


def _size_up_to(path: str, enough: int) -> int:
    """Bytes of the files at a path, counted only until there are `enough`."""
    if not os.path.isdir(path):
        return os.path.getsize(path) if os.path.exists(path) else 0
    total = 0
    for folder, _, names in os.walk(path):
        for name in names:
            try:
                total += os.lstat(os.path.join(folder, name)).st_size
            except OSError:
                continue
        if total >= enough:
            break
    return total


def _print_summary(report: RunReport, *, debug: bool) -> None:
    from rich.console import Console

    from gossip.connectors.report.text import render_summary, use_color

    # Not to stderr itself: rich would end the process with an exit code of its own if the reader had left.
    text = io.StringIO()
    color = use_color(is_terminal=is_terminal(sys.stderr))
    console = Console(file=text, force_terminal=color, color_system="standard" if color else None, no_color=not color)
    render_summary(report.summary, console, debug=debug, levels=report.levels)
    say(text.getvalue())
