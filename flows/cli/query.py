"""`gossip query`."""

from __future__ import annotations

import click

from gossip.flows.cli.lake import STORAGE_HELP

FORMATS = ("table", "jsonl", "csv", "parquet")


@click.command()
@click.argument("sql", metavar="SQL")
@click.option("--state", metavar="DIR", help="State folder whose lake to ask.")
@click.option("--lake", "uri", metavar="URI", help="Lake to ask: a folder or s3://, gs://, abfs://.")
@click.option("-f", "--format", "fmt", type=click.Choice(FORMATS), help="Default: table on a terminal, else jsonl.")
@click.option("-o", "--output", metavar="FILE", help="Write to FILE, format by extension.")
@click.option("--storage-option", "options", multiple=True, metavar="KEY=VALUE", help=STORAGE_HELP)
def query(
    sql: str, state: str | None, uri: str | None, fmt: str | None, output: str | None, options: tuple[str, ...]
) -> None:
    """Run one SELECT over the lake's views: findings, occurrences, ledger, runs, triage.

    SQL is DuckDB's. It can only read the lake: no files, no network, no settings. `DESCRIBE findings` lists columns.
    """
    from gossip.flows.cli.answering import run_query

    run_query(sql, state=state, uri=uri, fmt=fmt, output=output, options=options)
