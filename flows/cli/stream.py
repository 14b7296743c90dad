"""`gossip stream`."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

import click

from gossip.flows.cli.lake import STORAGE_HELP
from gossip.schemas.config import DecodeMode
from gossip.schemas.errors import MisuseError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gossip.connectors.kafka.channel import Start
    from gossip.connectors.kafka.security import Security
    from gossip.flows.remember import Session
    from gossip.flows.streaming.settings import StreamSettings
    from gossip.schemas.config import ScanConfig
    from gossip.schemas.protocols import Reporter


@click.command()
@click.option(
    "--from", "source", metavar="URL", required=True, help="Topic to read: kafka://host[:port][,host2]/topic."
)
@click.option("--to", metavar="URL", help="Topic to send findings to, exactly once, instead of stdout.")
@click.option("--forward", metavar="TOPIC", help="Send each message on, its secrets replaced by their hashes.")
@click.option("--dead-letter", metavar="TOPIC", help="Send messages that cannot be read there.")
@click.option("--field", metavar="PATH", help="Messages are JSON; scan the text in this field, as log.message.")
@click.option("--group", default="gossip", show_default=True, help="Whose positions count: a consumer group.")
@click.option(
    "--start",
    type=click.Choice(["earliest", "latest"]),
    default="earliest",
    show_default=True,
    help="Where to begin where the group has no position.",
)
@click.option("--window", default="60s", show_default=True, help="How far apart messages of one key are still paired.")
@click.option("--once", is_flag=True, help="Stop at what is the end of the topic when it starts.")
@click.option("--kafka-option", "kafka_options", multiple=True, metavar="KEY=VALUE", help="TLS, users: docs/stream.md.")
@click.option("--state", metavar="DIR", help="Keep findings in DIR/lake too, exactly once.")
@click.option("--lake", metavar="URI", help="With --state: where findings are kept; default: DIR/lake.")
@click.option("--storage-option", "storage_options", multiple=True, metavar="KEY=VALUE", help=STORAGE_HELP)
@click.option("-j", "--jobs", type=click.IntRange(1, 256), help="Processes; default: one a CPU or partition.")
@click.option("-f", "--format", "fmt", type=click.Choice(["text", "jsonl"]), help="Format of stdout.")
@click.option("-o", "--output", "outputs", multiple=True, metavar="FILE", help="Write to FILE (.jsonl, .txt) too.")
@click.option("--rules", "--config", metavar="FILE", help="Rules in TOML; default: built in.")
@click.option("--min-confidence", type=click.IntRange(0, 10), default=0, help="Report no findings below, 0 to 10.")
@click.option("--decode", type=click.Choice(["off", "anchors", "thorough"]), default="anchors", help="Encoded text.")
@click.option("--decode-depth", type=click.IntRange(1, 16), help="Encodings inside one another that are followed: 5.")
@click.option("--archives/--no-archives", default=True, help="Look into compressed messages.")
@click.option("--tenant-key-file", metavar="FILE", help="32 bytes, or 64 hex digits, that key the secret hashes.")
@click.option("--exit-zero", is_flag=True, help="With --once: exit with 0, not 1, when there are findings.")
@click.option("-q", "--quiet", is_flag=True, help="Only problems on stderr.")
@click.option("--debug", is_flag=True, help="Where errors come from.")
def stream(**values: object) -> None:
    """Scan the messages of a Kafka topic as they come, until stopped.

    Findings go to stdout, or with --to to a topic, exactly once for readers of committed messages. With --forward each
    message goes on without its secrets, in the order of its partition. Positions are stored together with what is
    sent, so it may be stopped and killed in any way, and goes on where it was.
    """
    sys.exit(run_stream(StreamOptions(**values)))  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """One field an option; see `gossip stream --help`."""

    source: str
    to: str | None = None
    forward: str | None = None
    dead_letter: str | None = None
    field: str | None = None
    group: str = "gossip"
    start: str = "earliest"
    window: str = "60s"
    once: bool = False
    kafka_options: tuple[str, ...] = ()
    state: str | None = None
    lake: str | None = None
    storage_options: tuple[str, ...] = ()
    jobs: int | None = None
    fmt: str | None = None
    outputs: tuple[str, ...] = ()
    rules: str | None = None
    min_confidence: int = 0
    decode: DecodeMode = "anchors"
    decode_depth: int | None = None
    archives: bool = True
    tenant_key_file: str | None = None
    exit_zero: bool = False
    quiet: bool = False
    debug: bool = False


def run_stream(options: StreamOptions) -> int:
    """Run a stream until a signal or the end; the exit code. Raises what `StreamRun.run` raises."""
    from gossip.flows.cli.running import usable_cpus
    from gossip.flows.scan import build_detector
    from gossip.flows.streaming.run import StreamPlan, StreamRun
    from gossip.flows.streaming.settings import route_of

    security = _security(options)
    config = _config(options)
    detector = build_detector(config)
    with _remembering(options) as session:
        if session is not None:
            config = replace(config, tenant_key=session.state.tenant_key)
        route, judging = route_of(_settings(options), security)
        plan = StreamPlan(
            config=config,
            route=route,
            judging=judging,
            processes=options.jobs or max(1, min(usable_cpus(), route.source.partitions)),
            once=options.once,
            quiet=options.quiet,
        )
        reporters = _reporters(options)
        run = StreamRun(plan, detector, reporters, session)
        try:
            summary = run.run()
            for reporter in reporters:
                reporter.close(summary)
        except BrokenPipeError:
            return 0  # the reader has seen enough
        finally:
            for reporter in reporters:
                reporter.abort()
    return summary.exit_code(exit_zero=options.exit_zero) if options.once and not run.stopped else 0


def _reporters(options: StreamOptions) -> list[Reporter]:
    from gossip.connectors.report import open_reporter

    found: list[Reporter] = [open_reporter(None, path) for path in options.outputs]
    if options.fmt is not None or options.to is None:
        found.append(open_reporter(options.fmt, None, debug=options.debug))
    return found


def _config(options: StreamOptions) -> ScanConfig:
    from gossip.flows.cli.running import tenant_key_of
    from gossip.flows.remember import given_key
    from gossip.flows.run import default_cache_folder, open_tenant_key
    from gossip.schemas.config import ScanConfig
    from gossip.schemas.units import Target

    return ScanConfig(
        targets=(Target("kafka", options.source, options.source),),
        tenant_key=given_key(tenant_key_of(options.tenant_key_file)) or open_tenant_key(),
        rules_path=options.rules,
        cache_folder=default_cache_folder(),
        min_confidence=options.min_confidence,
        decode=options.decode,
        decode_depth=options.decode_depth,
        archives=options.archives,
        scan_binary=True,
    )


def _security(options: StreamOptions) -> Security:
    from gossip.connectors.kafka.security import security_of
    from gossip.flows.publishing import pairs_of

    return security_of(pairs_of(options.kafka_options), os.environ)


def _settings(options: StreamOptions) -> StreamSettings:
    from gossip.flows.streaming.settings import StreamSettings
    from gossip.flows.watching.settings import seconds_of

    try:
        window = float(cast("float", seconds_of(options.window)))
    except ValueError as err:
        raise MisuseError(f"--window {options.window}: {err}") from err
    return StreamSettings(
        source=options.source,
        to=options.to,
        forward=options.forward,
        dead_letter=options.dead_letter,
        group=options.group,
        start=cast("Start", options.start),
        field=options.field,
        pair_seconds=window,
        min_confidence=options.min_confidence,
        archives=options.archives,
        recorded=options.state is not None,
    )


@contextmanager
def _remembering(options: StreamOptions) -> Iterator[Session | None]:
    """Hold the state that the options name; None where they name none. Raises MisuseError."""
    if options.state is None:
        if options.lake is not None or options.storage_options:
            raise MisuseError("--lake and --storage-option are for a state: give --state DIR too")
        yield None
        return
    from gossip.flows.cli.running import tenant_key_of
    from gossip.flows.remember import Session, held_state

    key = tenant_key_of(options.tenant_key_file)
    with held_state(options.state, key, options.lake, options.storage_options) as state:
        yield Session(state)
