"""`gossip baseline`: create, update, check and import."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import click

from gossip.flows.cli.baselining import DEFAULT_NAME, BaselineOptions

KINDS = ("auto", "betterleaks", "detect-secrets", "gitleaks", "kingfisher", "trufflehog")


def _scanning(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of a scan that decide what it finds. Give those of the scan that will use the baseline."""
    for option in (
        click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors on stderr."),
        click.option("-j", "--jobs", type=click.IntRange(1, 256), help="Processes."),
        click.option("--tenant-key-file", metavar="FILE", help="Key of the hashes; of a state: DIR/tenant.key."),
        click.option("--archives/--no-archives", default=True, help="Look into archives and structured documents."),
        click.option("--decode", type=click.Choice(["off", "anchors", "thorough"]), default="anchors", help="As scan."),
        click.option("--history/--no-history", default=True, help="Git: every commit, or only the files on disk."),
        click.option("--min-confidence", type=click.IntRange(0, 10), default=0, help="Leave out findings below."),
        click.option("--disable-rule", "disabled_rules", multiple=True, metavar="RULE", help="Without: as scan."),
        click.option("--enable-rule", "enabled_rules", multiple=True, metavar="RULE", help="Only: as scan."),
        click.option("--rules", "--config", metavar="FILE", help="Rules; default: built in."),
        click.option("-b", "--baseline", "file", default=DEFAULT_NAME, show_default=True, help="The baseline."),
        click.argument("targets", nargs=-1, metavar="[TARGET...]"),
    ):
        command = option(command)
    return command


@click.group()
def baseline() -> None:
    """Keep known secrets in a file, so that scans leave them out: `gossip scan --baseline FILE`.

    The file holds a keyed hash, rule, place and reason for each secret. It has no line numbers: a secret stays known
    when it moves, in a file or to another one, and when history is rewritten. TARGET is what `gossip scan` takes;
    default: this folder.

    Exit codes: 0 done; 1 check: entries match nothing, import: something matched nothing; 2 bad usage; 3 something
    could not be scanned.
    """


@baseline.command()
@_scanning
@click.option("--reason", default="", help="Why these secrets are left as they are.")
def create(**values: Any) -> None:
    """Write a new baseline of all that a scan finds."""
    from gossip.flows.cli import baselining

    sys.exit(baselining.create(BaselineOptions(**values)))


@baseline.command()
@_scanning
@click.option("--reason", default="", help="Why the new ones are left as they are.")
@click.option("--prune", is_flag=True, help="Remove entries that match nothing any more.")
def update(*, prune: bool, **values: Any) -> None:
    """Add what a scan finds; what is there stays, with its reasons."""
    from gossip.flows.cli import baselining

    sys.exit(baselining.update(BaselineOptions(**values), prune=prune))


@baseline.command()
@_scanning
def check(**values: Any) -> None:
    """Name entries that match nothing any more; exit code 1 if there are."""
    from gossip.flows.cli import baselining

    sys.exit(baselining.check(BaselineOptions(**values)))


@baseline.command("import")
@click.argument("source", metavar="SOURCE")
@_scanning
@click.option("--kind", type=click.Choice(KINDS), default="auto", show_default=True, help="Whose file SOURCE is.")
@click.option("--reason", default="", help="Reason of the entries; default: where they come from.")
@click.option("--hmac-key-file", metavar="FILE", help="betterleaks: the key of its HMAC digests.")
def import_(source: str, kind: str, hmac_key_file: str | None, **values: Any) -> None:
    """Take over what another scanner was told to leave out.

    SOURCE: .gitleaksignore, .betterleaksignore, .secrets.baseline, a baseline of Kingfisher, or a JSON report of
    gitleaks, betterleaks or trufflehog. TARGET is scanned; what SOURCE means among the findings is added to the
    baseline, which is made if it is not there. What matches nothing is listed.
    """
    from gossip.flows.cli import baselining

    sys.exit(baselining.import_(BaselineOptions(**values), source, kind, hmac_key_file))
