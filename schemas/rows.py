"""Findings, events, units and runs as rows of the lake, column by column: what Arrow takes, without a row object each.

A text that is not UTF-8 (lone surrogates in a name) is kept with its odd characters escaped: bad input is data.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from datetime import datetime
from operator import attrgetter
from typing import Any, NamedTuple

from gossip.schemas.finding import FINDING_FIELDS, Finding, Part
from gossip.schemas.ledger import DETAIL_CHARS_MAX, LOSS_NAMES_MAX, Event, LaneContext, RunRecord, Status, UnitRecord
from gossip.schemas.summary import Loss, Summary
from gossip.schemas.tables import KIND_FOUND, LEDGER, OCCURRENCES, RUNS, TABLES, arrow_schema
from gossip.schemas.triage import Verdict

_LENGTH = re.compile(r"\((\d{1,18})\)\Z")
_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]*@")
"""User name and password of a URL: the one secret that a target's name is likely to hold."""
_EVENT_FIELDS = frozenset(f.name for f in fields(Event)) - {"kind"}
_FINDING_COLUMNS = tuple(name for name in FINDING_FIELDS if name != "target")

Columns = dict[str, list[Any]]


class Stamp(NamedTuple):
    """Where in the lake's history rows go."""

    context: LaneContext
    lane: str
    seq: int
    now: datetime


class Accepted(NamedTuple):
    """A unit as a lane has decided to write it: only what the lake does not hold yet, and its row of the ledger."""

    record: UnitRecord
    findings: Sequence[Finding]
    events: Sequence[Event]
    total: int
    """Occurrences of the unit in the lake once this is written."""
    status: Status
    attempts: int


def secret_bytes(preview: str) -> int | None:
    """Length of the secret, as its preview says; None where it does not."""
    found = _LENGTH.search(preview)
    return int(found[1]) if found else None


def occurrence_columns(units: Iterable[Accepted], stamp: Stamp) -> Columns:
    """Columns of `occurrences` for a commit: findings first, then events, unit by unit. All lists are as long."""
    owners: list[UnitRecord] = []
    items: list[Finding | Event] = []
    for unit in units:
        new: list[Finding | Event] = [*unit.findings, *unit.events]
        items.extend(new)
        owners.extend([unit.record] * len(new))
    columns = _lane_columns(owners, stamp)
    count = len(items)
    columns["seen_at"] = [stamp.now] * count
    columns["kind"] = [KIND_FOUND if type(item) is Finding else item.kind for item in items]  # type: ignore[union-attr]
    for name in _FINDING_COLUMNS:
        get: Callable[[Any], Any] = attrgetter(name)
        if name in _EVENT_FIELDS:
            columns[name] = [get(item) if type(item) is Finding else get(item) or None for item in items]
        else:
            columns[name] = [get(item) if type(item) is Finding else None for item in items]
    columns["facts"] = [facts and [f"{name}={value}" for name, value in facts] for facts in columns["facts"]]
    columns["parts"] = [parts and [_part_text(part) for part in parts] for parts in columns["parts"]]
    columns["secret_bytes"] = [None if text is None else secret_bytes(text) for text in columns["preview"]]
    return columns


def without_credentials(text: str) -> str:
    """A URL, or a text with URLs, without user names and passwords."""
    return _CREDENTIALS.sub("", text)


def _part_text(part: Part) -> str:
    return f"{part.rule_id}@{part.line}:{part.column}={part.secret_hash}"


def ledger_columns(units: Sequence[Accepted], stamp: Stamp) -> Columns:
    """Columns of `ledger` for a commit: one row a unit."""
    records = [unit.record for unit in units]
    columns = _lane_columns(records, stamp)
    for name in ("kind", "version", "documents", "bytes", "started_at"):
        columns[name] = [getattr(record, name) for record in records]
    columns["status"] = [unit.status.label for unit in units]
    columns["code"] = [record.code or None for record in records]
    columns["detail"] = [without_credentials(record.detail[:DETAIL_CHARS_MAX]) or None for record in records]
    columns["attempts"] = [unit.attempts for unit in units]
    columns["findings"] = [unit.total for unit in units]
    columns["rules_digest"] = [stamp.context.rules_digest] * len(records)
    columns["recorded_at"] = [stamp.now] * len(records)
    columns["skipped"] = [counts_text(record.skipped) for record in records]
    columns["suppressed"] = [counts_text(record.suppressed) for record in records]
    columns["losses"] = [len(record.losses) for record in records]
    columns["loss_counts"] = [counts_text(Counter(loss.kind for loss in record.losses)) for record in records]
    columns["loss_names"] = [loss_names(record.losses) for record in records]
    return columns


def run_columns(run: RunRecord, summary: Summary) -> Columns:
    """Columns of `runs` for one run: its record, and the totals that users saw."""
    row = {
        "run_id": run.run_id,
        "tenant": run.tenant,
        "status": summary.status,
        "config_digest": run.config_digest,
        "policy_hash": summary.policy_hash,
        "rules_digest": run.rules_digest,
        "rules": summary.rules,
        "rule_fingerprints": sorted(f"{rule}={fingerprint}" for rule, fingerprint in run.rule_fingerprints),
        "targets": [without_credentials(target) for target in summary.targets],
        "units": summary.units,
        "documents": summary.documents,
        "bytes": summary.bytes,
        "findings": summary.findings,
        "skipped": counts_text(summary.skipped),
        "suppressed": counts_text(summary.suppressed),
        "losses": sum(summary.losses.values()),
        "loss_counts": counts_text(summary.losses),
        "loss_names": loss_names(summary.losses_named),
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "duration_ms": round(summary.seconds * 1000),
        "gossip_version": summary.version,
    }
    return {name: [value] for name, value in row.items()}


def triage_columns(verdicts: Sequence[Verdict], tenant: str, seq: int) -> Columns:
    """Columns of `triage` for a commit: one row a verdict."""
    columns: Columns = {f.name: [getattr(verdict, f.name) for verdict in verdicts] for f in fields(Verdict)}
    columns["reason"] = [verdict.reason or None for verdict in verdicts]
    columns["tenant"] = [tenant] * len(verdicts)
    columns["seq"] = [seq] * len(verdicts)
    return columns


def arrow_table(table: str, columns: Columns) -> Any:
    """The `pyarrow.Table` of a table's columns, given in any order and complete."""
    import pyarrow as pa

    schema = arrow_schema(table)
    if columns.keys() != set(schema.names):
        odd = sorted(columns.keys() ^ set(schema.names))
        msg = f"columns given and columns of {table} differ in {odd}"
        raise AssertionError(msg)
    arrays = []
    for field in schema:
        try:
            arrays.append(pa.array(columns[field.name], field.type))
        except UnicodeEncodeError:
            arrays.append(pa.array([_encodable(value) for value in columns[field.name]], field.type))
    return pa.Table.from_arrays(arrays, schema=schema)


def counts_text(counts: Counter[str]) -> str:
    """Counters as a JSON object with sorted names."""
    return json.dumps(dict(sorted(counts.items())), separators=(",", ":"))


def loss_names(losses: Iterable[Loss]) -> list[str]:
    """The first LOSS_NAMES_MAX losses, for people."""
    named: list[str] = []
    for loss in losses:
        if len(named) == LOSS_NAMES_MAX:
            break
        named.append(without_credentials(": ".join(part for part in (loss.kind, loss.where, loss.detail) if part)))
    return named


def _lane_columns(owners: Sequence[UnitRecord], stamp: Stamp) -> Columns:
    count = len(owners)
    context = stamp.context
    return {
        "tenant": [context.tenant] * count,
        "lane": [stamp.lane] * count,
        "seq": [stamp.seq] * count,
        "ordinal": list(range(count)),
        "run_id": [context.run_id] * count,
        "policy_hash": [owner.policy or context.policy_hash for owner in owners],
        "unit_id": [owner.unit_id for owner in owners],
        "target": [without_credentials(owner.target) for owner in owners],
        "target_id": [owner.target_id for owner in owners],
    }


def _encodable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    return [_encodable(part) for part in value] if isinstance(value, (list, tuple)) else value


_ALL = {column.name for column in TABLES[OCCURRENCES]}
assert set(_FINDING_COLUMNS) <= _ALL, "a field of Finding has no column"
assert "secret" not in {c.name for table in (OCCURRENCES, LEDGER, RUNS) for c in TABLES[table]}
