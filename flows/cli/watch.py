"""`gossip watch`."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from gossip.flows.cli.lake import STORAGE_HELP

if TYPE_CHECKING:
    from gossip.flows.watching.serving import Board
    from gossip.schemas.protocols import Reporter


@click.command()
@click.argument("config", metavar="CONFIG")
@click.option("--state", metavar="DIR", required=True, help="Remember what was scanned in DIR.")
@click.option("--lake", metavar="URI", help="Where findings are kept; default: DIR/lake.")
@click.option("--storage-option", "storage_options", multiple=True, metavar="KEY=VALUE", help=STORAGE_HELP)
@click.option("-j", "--jobs", type=click.IntRange(1, 256), help="Processes; default: one a CPU.")
@click.option("-f", "--format", "fmt", type=click.Choice(["text", "jsonl"]), help="Format of stdout.")
@click.option("-o", "--output", "outputs", multiple=True, metavar="FILE", help="Write to FILE (.jsonl, .txt) too.")
@click.option("--tenant-key-file", metavar="FILE", help="32 bytes, or 64 hex digits, that key the secret hashes.")
@click.option("--metrics", metavar="HOST:PORT", help="Serve /metrics, /healthz, /readyz; no HOST: this machine alone.")
@click.option("--log-format", type=click.Choice(["text", "json"]), default="text", help="Of the lines on stderr.")
@click.option("-q", "--quiet", is_flag=True, help="Only problems on stderr.")
@click.option("--debug", is_flag=True, help="Where errors come from.")
def watch(**values: object) -> None:
    """Follow the targets that the file CONFIG names, until stopped.

    New commits and changed files are scanned as they come; findings go to stdout once they are in the lake. The file
    and its rules are loaded again when they change. SIGTERM and Ctrl-C end it after what is under way was committed; it
    may also be killed, and goes on where it was.
    """
    from gossip.schemas.errors import GossipError, MisuseError
    from gossip.schemas.summary import EXIT_INTERNAL, EXIT_MISUSE

    options = WatchOptions(**values)  # type: ignore[arg-type]
    try:
        run_watch(options)
    except GossipError as err:
        if options.log_format != "json" or options.debug:
            raise
        from gossip.flows.watching.journal import log

        log(str(err), "error")
        sys.exit(EXIT_MISUSE if isinstance(err, MisuseError) else EXIT_INTERNAL)
    sys.exit(0)


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """One field an option; see `gossip watch --help`."""

    config: str
    state: str
    lake: str | None = None
    storage_options: tuple[str, ...] = ()
    jobs: int | None = None
    fmt: str | None = None
    outputs: tuple[str, ...] = ()
    tenant_key_file: str | None = None
    metrics: str | None = None
    log_format: str = "text"
    quiet: bool = False
    debug: bool = False


def run_watch(options: WatchOptions) -> None:
    """Run a watch until a signal ends it. Raises what `Watch.run` raises, and MisuseError before anything is made."""
    from gossip.connectors.objects.access import use_options
    from gossip.flows.cli.lake import storage_options
    from gossip.flows.watching.journal import log, log_as_json
    from gossip.flows.watching.serving import Board, Endpoint
    from gossip.flows.watching.settings import load_settings

    if options.log_format == "json":
        log_as_json()
    use_options(storage_options(options.storage_options))
    load_settings(options.config)
    if options.metrics is None:
        _watch(options, None)
        return
    board = Board()
    # Before the state is held: a process that shares the lock would keep it for a moment after this one is killed.
    endpoint = Endpoint(options.metrics, board)
    try:
        if not options.quiet:
            log(f"metrics at {endpoint.url}/metrics")
        _watch(options, board)
    finally:
        endpoint.close()


def _watch(options: WatchOptions, board: Board | None) -> None:
    from gossip.connectors.report import open_reporter
    from gossip.flows.cli.running import tenant_key_of, usable_cpus
    from gossip.flows.remember import held_state
    from gossip.flows.watching.run import Watch
    from gossip.schemas.summary import Summary

    key = tenant_key_of(options.tenant_key_file)
    with held_state(options.state, key, options.lake, options.storage_options) as state:
        reporters: list[Reporter] = [open_reporter(None, path) for path in options.outputs]
        reporters.append(open_reporter(options.fmt, None, debug=options.debug))
        try:
            watch = Watch(
                options.config, state, reporters, processes=options.jobs or usable_cpus(), quiet=options.quiet
            )
            watch.board = board
            watch.run()
            for reporter in reporters:
                reporter.close(Summary())
        finally:
            for reporter in reporters:
                reporter.abort()
