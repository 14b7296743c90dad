"""`gossip eval`."""

from __future__ import annotations

import sys

import click

from gossip.flows.cli.evaluating import EvalOptions

KINDS = ("creddata", "manifest", "counts")


@click.command("eval")
@click.argument("corpus", metavar="LABELS")
@click.option(
    "--kind",
    type=click.Choice(KINDS),
    default="creddata",
    show_default=True,
    help="Labels: CSV rows with lines (a file, or a folder of them), a JSON array of places, or counts a file.",
)
@click.option("--root", metavar="DIR", help="Folder that labels' paths begin in: taken off findings' paths.")
@click.option("--scan", metavar="DIR", help="Scan this folder of --root now, with --rules.")
@click.option("--findings", multiple=True, metavar="FILE", help="What a scanner found, instead; may be given again.")
@click.option("--rules", metavar="FILE", help="Rules for --scan; default: built in.")
@click.option(
    "--min-level", type=click.Choice(["low", "medium", "high"]), default="low", help="Leave out what is below."
)
@click.option(
    "--view", type=click.Choice(["core", "all"]), default="core", show_default=True, help="Categories counted."
)
@click.option("--baseline", metavar="FILE", help="An earlier JSON report: exit with 1 where accuracy fell by 2 points.")
@click.option("--interval-waives/--no-interval-waives", default=True, help="Pass while the earlier figure is likely.")
@click.option("--bootstrap", "rounds", type=click.IntRange(0, 100_000), default=1000, show_default=True, help="Rounds.")
@click.option("-f", "--format", "fmt", type=click.Choice(["json", "table"]), help="Default: table, but JSON with -o.")
@click.option("-o", "--output", metavar="FILE", help="Write to FILE.")
def evaluate(**values: object) -> None:
    """Measure how well findings agree with LABELS.

    Exit code 0: measured, and not worse than --baseline; 1: worse; 2: bad usage. Reports name places, never what stands
    there.
    """
    from gossip.flows.cli.evaluating import run_eval

    sys.exit(run_eval(EvalOptions(**values)))  # type: ignore[arg-type]
