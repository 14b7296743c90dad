"""`gossip scan`."""

from __future__ import annotations

import sys

import click

from gossip.flows.cli.lake import STORAGE_HELP
from gossip.flows.cli.options import ScanOptions


@click.command()
@click.argument("targets", nargs=-1, required=True, metavar="TARGET...")
@click.option("-j", "--jobs", type=click.IntRange(1, 256), help="Processes; default: one a CPU, one for small input.")
@click.option(
    "-f", "--format", "fmt", help="Format of stdout: text (default on a terminal), jsonl, json, sarif, csv, junit."
)
@click.option("-o", "--output", "outputs", multiple=True, metavar="FILE", help="Write to FILE, format by extension.")
@click.option("--to", metavar="URL", help="Send findings to this topic, kafka://host/topic, instead of to stdout.")
@click.option("--kafka-option", "kafka_options", multiple=True, metavar="KEY=VALUE", help="TLS, users: docs/stream.md.")
@click.option("--staged", is_flag=True, help="Git: what the index adds to HEAD.")
@click.option("--since", metavar="REV", help="Git: only what commits not reachable from REV introduce.")
@click.option("--branch", "branches", multiple=True, metavar="PATTERN", help="Git: only these branches; * as in globs.")
@click.option("--ref", "refs", multiple=True, metavar="PATTERN", help="Git: only these refs, as v1.* or refs/pull/*.")
@click.option("--exclude-ref", "excluded_refs", multiple=True, metavar="PATTERN", help="Git: all refs but these.")
@click.option("--history/--no-history", default=True, help="Git: every commit, or only the tracked files on disk.")
@click.option("--ignored", is_flag=True, help="Git: the checkout's ignored files too.")
@click.option("--reachable-only", is_flag=True, help="Git: leave out findings in objects that no ref leads to.")
@click.option(
    "--verify-packs", is_flag=True, help="Git: check the checksums of packs and of all that is read from them."
)
@click.option("--gitignore", is_flag=True, help="Files: leave out what .gitignore files name.")
@click.option("--rules", "--config", metavar="FILE", help="Rules, also other tools'; default: built in.")
@click.option("--enable-rule", "enabled_rules", multiple=True, metavar="RULE", help="Only: ID, tag:NAME or file:NAME.")
@click.option(
    "--disable-rule", "disabled_rules", multiple=True, metavar="RULE", help="Without: ID, tag:NAME, file:NAME."
)
@click.option("--min-confidence", type=click.IntRange(0, 10), default=0, help="Leave out findings below, 0 to 10.")
@click.option(
    "--decode",
    type=click.Choice(["off", "anchors", "thorough"]),
    default="anchors",
    show_default=True,
    help="Encoded text: leave alone, decode where a rule's literal shows in it, or decode all.",
)
@click.option("--decode-depth", type=click.IntRange(1, 16), help="Encodings inside one another that are followed: 5.")
@click.option("--archives/--no-archives", default=True, help="Look into archives and structured documents.")
@click.option("--scan-binary", is_flag=True, help="Scan binary content of no known format too.")
@click.option("--show-secrets", is_flag=True, help="Put the secrets into the output. Nothing else ever does.")
@click.option("--tenant-key-file", metavar="FILE", help="32 bytes, or 64 hex digits, that key the secret hashes.")
@click.option("--baseline", metavar="FILE", help="Leave out the secrets that FILE knows: see gossip baseline.")
@click.option("--state", metavar="DIR", help="Remember what was scanned in DIR, and scan and report only what is new.")
@click.option("--lake", metavar="URI", help="With --state: where findings are kept; default: DIR/lake.")
@click.option("--storage-option", "storage_options", multiple=True, metavar="KEY=VALUE", help=STORAGE_HELP)
@click.option("--exit-zero", is_flag=True, help="Exit with 0, not 1, when there are findings.")
@click.option("--segment-bytes", type=int, hidden=True, help="Content handed to one database scan.")
@click.option("--whole-blobs", is_flag=True, hidden=True, help="Scan every blob as if there were no other.")
@click.option("-q", "--quiet", is_flag=True, help="No progress bar and no summary.")
@click.option("--no-progress", is_flag=True, help="No progress bar.")
@click.option("--profile", is_flag=True, help="Show where the time went, by phase and process.")
@click.option("--debug", is_flag=True, help="What each gate rejected, and where errors come from.")
def scan(**values: object) -> None:
    """Scan each TARGET once: a file, a folder, a Git repository (also by URL), or - for standard input.

    A Git worktree's target is its whole history (every blob reachable from any ref) and the files that no commit
    holds yet. A
    folder inside a worktree is just a folder. Findings go to stdout, everything else to stderr.

    With --state a scan can be stopped in any way and goes on when it is started again. It reports what this run found;
    `gossip query --state DIR "FROM findings"` shows what all runs found.
    """
    from gossip.flows.cli.running import run_scan

    sys.exit(run_scan(ScanOptions(**values)))  # type: ignore[arg-type]
