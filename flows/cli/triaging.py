"""What `gossip findings` does once its options are read."""

from __future__ import annotations

import getpass
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from gossip.flows.cli.answering import default_format
from gossip.flows.cli.lake import find_lake, storage_options
from gossip.flows.cli.streams import say
from gossip.schemas.errors import MisuseError
from gossip.schemas.summary import EXIT_CLEAN, EXIT_FINDINGS
from gossip.schemas.triage import REASON_CHARS_MAX, STATUSES

if TYPE_CHECKING:
    from gossip.connectors.lake.found import Findings, Wanted
    from gossip.connectors.lake.storage import Location
    from gossip.connectors.report.base import Output
    from gossip.schemas.triage import VerdictStatus

TABLE_ROWS = 100
"""Rows of a table, unless --limit says something else."""
_ID_SHOWN = 12
_ALL_STATES = ("open", "present", "removed", "reappeared", "retracted")
_CSV_COLUMNS = (
    "finding_id", "rule_id", "description", "level", "confidence", "status", "reason", "until", "decided_by",
    "decided_at", "state", "introduced", "first_seen", "last_seen", "removed_commit", "target", "preview",
    "validation", "unreachable", "places", "authors", "occurrences",
)  # fmt: skip


def lake_named(values: Mapping[str, Any]) -> Location:
    """The lake that `--state` or `--lake` names. Raises MisuseError."""
    from gossip.connectors.state.folder import lake_of

    state, uri = values["state"], values["uri"]
    if (state is None) == (uri is None):
        raise MisuseError("name the lake: either --state DIR or --lake URI")
    return (
        lake_of(state, storage_options(values["options"])) if state is not None else find_lake(uri, values["options"])
    )


def list_findings(values: Mapping[str, Any]) -> int:
    """List findings, and return the exit code. Raises MisuseError and the lake's errors."""
    from gossip.connectors.lake.found import Findings
    from gossip.connectors.report.base import Output

    place = lake_named(values)
    chosen = values["fmt"] or default_format(values["output"])
    if chosen == "parquet":
        raise MisuseError("findings are written as table, jsonl or csv; `gossip query` writes Parquet")
    wanted = wanted_of(values)
    limit = values["limit"]
    if limit is None:
        limit = TABLE_ROWS if chosen == "table" else 0
    out = Output(values["output"])
    try:
        with Findings(place, wanted, limit or None) as found:
            for piece in _WRITERS[chosen](found, out):
                out.write(piece)
            total, shown = found.total, found.shown
        out.commit()
    except BaseException:
        out.abort()
        raise
    if shown < total:
        say(f"gossip: {total - shown} more; --limit 0 shows all {total}\n")
    return EXIT_FINDINGS if total and not values["exit_zero"] else EXIT_CLEAN


def wanted_of(values: Mapping[str, Any]) -> Wanted:
    """Filters as typed. Raises MisuseError for a date that is none."""
    from gossip.connectors.lake.found import Wanted

    given = set(values["statuses"])
    statuses = tuple(status for status in STATUSES if status in given)
    # To the views a finding of which the head is unknown is `open`, too: two words for two things here.
    states = tuple(state for state in _ALL_STATES if ("unknown" if state == "open" else state) in given)
    if not given:
        statuses = ("open",)
    if "all" in given:
        statuses = states = ()
    elif not states:
        states = tuple(state for state in _ALL_STATES if state != "retracted")
    return Wanted(
        rules=values["rules"],
        levels=values["levels"],
        targets=values["targets"],
        paths=values["paths"],
        authors=values["authors"],
        since=None if values["since"] is None else moment(values["since"], "--since"),
        until=None if values["until"] is None else moment(values["until"], "--until", end=True),
        statuses=statuses,
        states=states,
    )


def moment(text: str, option: str, *, end: bool = False) -> datetime:
    """A day, or a time in ISO 8601, UTC where it says nothing else. `end`: of a day, its end. Raises MisuseError."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        pass
    else:
        return datetime.combine(day + timedelta(days=end), time(), UTC)
    try:
        found = datetime.fromisoformat(text)
    except ValueError as err:
        raise MisuseError(f"{option} {text!r}: give a date such as 2026-12-31, or a time in ISO 8601") from err
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def judge(values: Mapping[str, Any], status: VerdictStatus) -> None:
    """Write what somebody decides about findings. Raises MisuseError and the lake's errors."""
    from gossip.connectors.lake.found import resolve
    from gossip.connectors.lake.triage import record_verdicts
    from gossip.schemas.triage import Verdict

    now = datetime.now(UTC)
    reason = str(values["reason"]).strip()
    if not reason and status in {"accepted", "false"}:
        raise MisuseError("--reason: needs a text, not an empty one (is a variable unset?)")
    if len(reason) > REASON_CHARS_MAX:
        raise MisuseError(f"--reason: has {len(reason)} characters; give at most {REASON_CHARS_MAX}")
    until = moment(values["until"], "--until", end=True) if values.get("until") else None
    if until is not None and until <= now:
        raise MisuseError(f"--until {values['until']}: is over already")
    author = values["author"] or _login()
    place = lake_named(values)
    by_tenant: dict[str, list[str]] = {}
    for tenant, finding in dict.fromkeys(resolve(place, values["ids"])):
        by_tenant.setdefault(tenant, []).append(finding)
    proto = Verdict("", status, author, now, reason, until)
    for tenant, ids in sorted(by_tenant.items()):
        record_verdicts(place, [replace(proto, finding_id=finding) for finding in ids], tenant=tenant)
    count = sum(map(len, by_tenant.values()))
    say(f"gossip: {count} finding{'s are' if count != 1 else ' is'} {status} now\n")


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def show_finding(name: str, values: Mapping[str, Any]) -> None:
    """Write all about one finding to stdout. Raises MisuseError and the lake's errors."""
    from gossip.connectors.lake.found import Findings, Wanted, resolve
    from gossip.connectors.report.base import Output
    from gossip.connectors.report.display import json_utf8
    from gossip.flows.cli.finding_text import finding_lines

    place = lake_named(values)
    ((_, finding),) = resolve(place, [name])
    with Findings(place, Wanted(ids=(finding,))) as found:
        row = next(iter(found.rows()))
    row["references"] = _references(row["rule_id"], values["rules_file"])
    out = Output(None)
    if values["fmt"] == "json":
        out.write(json_utf8(row) + b"\n")
    else:
        out.write("".join(f"{line}\n" for line in finding_lines(row)).encode())
    out.commit()


def _references(rule_id: str, path: str | None) -> list[str]:
    from pathlib import Path

    from gossip.engine.rules.loader import load_builtin, load_file

    rules = load_builtin() if path is None else load_file(Path(path))
    return [reference for rule in rules.rules if rule.id == rule_id for reference in rule.references]


def _jsonl(found: Findings, _out: Output) -> Iterator[bytes]:
    from gossip.connectors.report.display import safe_json

    for text in found.json():
        yield safe_json(text) + b"\n"


def _csv(found: Findings, _out: Output) -> Iterator[bytes]:
    from gossip.connectors.report.csv_ import csv_row

    yield csv_row(_CSV_COLUMNS)
    for row in found.rows():
        row["authors"] = list(dict.fromkeys(o["email"] or o["author"] for o in row["occurrences"] if o["author"]))
        row["occurrences"] = [f"{o['path']}:{o['line']}" for o in row["occurrences"]]
        yield csv_row("" if row[name] is None else row[name] for name in _CSV_COLUMNS)


def _table(found: Findings, out: Output) -> Iterator[bytes]:
    import io

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from gossip.connectors.report.display import utf8, visible

    table = Table()
    for name in ("finding", "level", "rule", "status", "introduced", "places", "first place", "who", "secret"):
        table.add_column(name, overflow="fold", no_wrap=name in {"finding", "level"})
    for row in found.rows():
        table.add_row(*(Text(visible(text)) for text in _cells(row)))
    text = io.StringIO()
    # Files and pipes get whole cells: a width is a property of a terminal.
    Console(file=text, width=None if out.is_terminal else 10_000, force_terminal=False, color_system=None).print(table)
    yield utf8("\n".join(line.rstrip() for line in text.getvalue().splitlines()) + "\n")


def _cells(row: Mapping[str, Any]) -> Iterable[str]:
    first = row["occurrences"][0]
    state = "" if row["state"] == "open" else f", {row['state']}"
    yield row["finding_id"][:_ID_SHOWN]
    yield row["level"]
    yield row["rule_id"]
    yield f"{row['status']}{state}"
    yield row["introduced"][:10]
    yield str(row["places"])
    yield f"{row['target']}: {first['path'] or '-'}:{first['line']}"
    yield first["author"] or ""
    yield row["preview"]


_WRITERS = {"csv": _csv, "jsonl": _jsonl, "table": _table}
