"""`gossip status` and `gossip unpark`: what a state remembers of its targets, and what it has given up on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from gossip.flows.cli.lake import STORAGE_HELP, storage_options
from gossip.schemas.errors import MisuseError
from gossip.schemas.ledger import ATTEMPTS_MAX, KIND_COVERED, UNITS_WITHOUT_CONTENT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gossip.connectors.lake.storage import Location

_POLICY = """(target_id, policy_hash) IN (SELECT target_id, arg_max(policy_hash, recorded_at) FROM ledger_rows
WHERE kind <> 'change' GROUP BY target_id)"""
"""Each target under the rules of its last scan."""
_CONTENT = f"kind NOT IN {UNITS_WITHOUT_CONTENT}"
TARGETS = f"""
SELECT target_id, arg_max(target, recorded_at) AS target, any_value(lane) AS lane,
       count(DISTINCT unit_id) FILTER (status IN ('scanned_clean', 'scanned_with_findings') AND {_CONTENT}) AS done,
       count(DISTINCT unit_id) FILTER (status = 'failed_permanent' AND {_CONTENT}) AS failed_permanent,
       count(*) FILTER (kind = '{KIND_COVERED}') > 0 AS covered,
       coalesce(sum(documents), 0)::BIGINT AS documents, coalesce(sum(bytes), 0)::BIGINT AS bytes,
       max(recorded_at) AS recorded_at
FROM ledger GROUP BY target_id ORDER BY target
"""  # noqa: S608 - made of constants
FAILED = f"""
SELECT target_id, unit_id, max(attempts)::BIGINT AS attempts, any_value(code) AS code
FROM ledger_rows WHERE {_POLICY} AND {_CONTENT}
GROUP BY target_id, unit_id HAVING bool_and(status = 'failed_retryable') ORDER BY ALL
"""  # noqa: S608 - made of constants
LAST_RUN = """
SELECT run_id, status, started_at, finished_at, documents, bytes, findings, losses, gossip_version
FROM runs ORDER BY started_at DESC LIMIT 1
"""


@click.command()
@click.option("--state", metavar="DIR", required=True, help="State folder of a remembered scan.")
@click.option(
    "-f", "--format", "fmt", type=click.Choice(["text", "json"]), default="text", show_default=True, help="Of stdout."
)
@click.option("--storage-option", "options", multiple=True, metavar="KEY=VALUE", help=STORAGE_HELP)
def status(state: str, fmt: str, options: tuple[str, ...]) -> None:
    """Show what a state remembers: targets, lanes, units done, failed and parked, and the last run."""
    from gossip.connectors.report.display import json_utf8

    found = read_status(state, options)
    if fmt == "json":
        click.echo(json_utf8(found).decode("utf-8"))
        return
    for line in _lines(found):
        click.echo(line)


@click.command()
@click.argument("units", nargs=-1, metavar="[UNIT...]")
@click.option("--state", metavar="DIR", required=True, help="State folder of a remembered scan.")
@click.option("--storage-option", "options", multiple=True, metavar="KEY=VALUE", help=STORAGE_HELP)
def unpark(units: tuple[str, ...], state: str, options: tuple[str, ...]) -> None:
    """Let the next scan, or the watch that runs, try parked units again: those named, or all.

    A unit is parked when it could not be scanned in full three times. `gossip status` lists parked units.
    """
    from gossip.connectors.state import folder

    lake = folder.lake_of(state, storage_options(options))
    failed = _rows(lake, FAILED)
    parked = {row["unit_id"]: row["attempts"] for row in _parked(failed, folder.unparked_of(state))}
    unknown = sorted(set(units) - parked.keys())
    if unknown:
        raise MisuseError(f"{unknown[0]}: no parked unit of {state}; `gossip status` lists them")
    chosen = {unit: parked[unit] for unit in units or parked}
    folder.unpark(state, chosen)
    click.echo(f"{len(chosen)} units will be tried again")


def read_status(state: str, options: Iterable[str]) -> dict[str, Any]:
    """What `gossip status` shows, as JSON can hold it. Raises MisuseError and the lake's errors."""
    from gossip.connectors.state import folder
    from gossip.flows.watching.metrics import label_of

    lake = folder.lake_of(state, storage_options(options))
    failed = _rows(lake, FAILED)
    parked = _parked(failed, folder.unparked_of(state))
    targets = _rows(lake, TARGETS)
    for target in targets:
        gone = [row["unit_id"] for row in parked if row["target_id"] == target["target_id"]]
        tried = sum(row["target_id"] == target["target_id"] for row in failed)
        target |= {"failed": tried - len(gone), "parked": gone, "label": label_of(target["target"])}
    runs = _rows(lake, LAST_RUN)
    return {"lake": lake.shown, "targets": targets, "last_run": runs[0] if runs else None}


def parked_units(lake: Location, state: str) -> list[str]:
    """Ids of the units that were given up on. Raises the lake's errors."""
    from gossip.connectors.state import folder

    return [row["unit_id"] for row in _parked(_rows(lake, FAILED), folder.unparked_of(state))]


def _parked(failed: list[dict[str, Any]], forgiven: dict[str, int]) -> list[dict[str, Any]]:
    return [row for row in failed if row["attempts"] - forgiven.get(row["unit_id"], 0) >= ATTEMPTS_MAX]


def _rows(lake: Location, sql: str) -> list[dict[str, Any]]:
    from gossip.connectors.lake.views import query
    from gossip.flows.cli.answering import plain

    answer = query(lake, sql)
    try:
        return [dict(zip(answer.columns, map(plain, row), strict=True)) for row in answer.rows()]
    finally:
        answer.close()


def _lines(found: dict[str, Any]) -> Iterable[str]:
    from gossip.connectors.report.display import visible

    yield f"Lake: {visible(found['lake'])}"
    for target in found["targets"]:
        place = f"{target['lane']}, label {target['label']}, last written {target['recorded_at']}"
        yield f"{visible(target['target'])} ({place})"
        yield (
            f"  {target['done']:,} units done, {target['failed']} to be tried again, {len(target['parked'])} parked, "
            f"{target['failed_permanent']} failed for good; {target['documents']:,} documents, "
            f"{target['bytes']:,} bytes{'; history covered' if target['covered'] else ''}"
        )
        yield from (f"  parked: {unit}" for unit in target["parked"])
    run = found["last_run"]
    if run is None:
        yield "No run has come to its end yet"
    else:
        yield (
            f"Last run: {run['status']}, {run['started_at']} to {run['finished_at']}, {run['documents']:,} documents, "
            f"{run['findings']:,} findings, {run['losses']} losses"
        )
