"""`gossip explain`."""

from __future__ import annotations

import click


@click.command()
@click.argument("places", nargs=-1, required=True, metavar="FILE[:LINE]...")
@click.option("--rules", "--config", metavar="FILE", help="Rules, also other tools'; default: built in.")
@click.option("--enable-rule", "enabled_rules", multiple=True, metavar="RULE", help="Only: ID, tag:NAME or file:NAME.")
@click.option("--disable-rule", "disabled_rules", multiple=True, metavar="RULE", help="Without these.")
@click.option(
    "--decode",
    type=click.Choice(["off", "anchors", "thorough"]),
    default="anchors",
    show_default=True,
    help="As in `gossip scan`.",
)
@click.option("-f", "--format", "fmt", type=click.Choice(["text", "jsonl"]), default="text", help="Of stdout.")
def explain(places: tuple[str, ...], **values: str) -> None:
    """Say why a LINE of FILE is a finding, or none: every match of a rule's pattern, and what each gate measured.

    Without a LINE, of all lines. A candidate ends at the gate that rejected it. Secrets are never shown, only their
    first characters and their length. Exit code 0, or 2 for what cannot be read.
    """
    from gossip.flows.explaining import run_explain

    run_explain(places, **values)  # type: ignore[arg-type]
