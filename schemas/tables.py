"""The tables of the lake: every column with its type, unit and source, and the Arrow schemas made of them.

Columns are flat. No column ever holds a secret: there is none to hold it, and `tests` keep it that way. `docs/lake.md`
shows the same tables; a test compares them.
"""

from __future__ import annotations

from functools import cache
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

OCCURRENCES = "occurrences"
LEDGER = "ledger"
RUNS = "runs"
TRIAGE = "triage"

TABLE_VERSION = 2
"""Format of all tables. A reader accepts its own version and older ones; it refuses a newer one.

1: the first. 2: `unreachable` in `occurrences`. The table `triage` came later; a lake without it has no verdicts.
"""

META_TABLE = "gossip.table"
META_VERSION = "gossip.version"

ColumnType = Literal["string", "int64", "bool", "timestamp", "strings"]
"""`timestamp` is microseconds, UTC; `strings` is a list of strings."""

KIND_FOUND = "found"
KIND_RETRACTED = "retracted"
KIND_RESTORED = "restored"
KIND_PRESENT = "present"
KIND_ABSENT = "absent"
KINDS = (KIND_FOUND, KIND_RETRACTED, KIND_RESTORED, KIND_PRESENT, KIND_ABSENT)


class Column(NamedTuple):
    """One column. `required`: it is never null."""

    name: str
    type: ColumnType
    doc: str
    required: bool = False


_LANE = (
    Column("tenant", "string", "Name of the tenant; from the run's configuration.", required=True),
    Column("lane", "string", "Commit lane that wrote the row; decides with `seq` in which order rows hold.", True),
    Column("seq", "int64", "Number of the lane's commit, from 1, ascending without gaps.", True),
    Column("ordinal", "int64", "Position of the row in its commit, from 0.", True),
    Column("run_id", "string", "Run that wrote the row.", True),
    Column("unit_id", "string", "Unit of work that the row belongs to: the key of the ledger.", True),
    Column("policy_hash", "string", "Policy that the unit was scanned under: 64 hex digits.", True),
    Column("target", "string", "What the user named: a path, a URL, `-`. Never with credentials.", True),
    Column("target_id", "string", "Stable id of the target, whatever the spelling of its name.", True),
)

OCCURRENCES_COLUMNS: tuple[Column, ...] = (
    Column("kind", "string", "`found`, or an event: `retracted`, `restored`, `present`, `absent`.", True),
    *_LANE,
    Column(
        "seen_at", "timestamp", "When the lane took the row in: for `found`, first seen. Clock of the worker.", True
    ),
    Column("finding_id", "string", "The secret under its rule in its target: 64 hex digits. Null for rule events."),
    Column("occurrence_id", "string", "This place of the secret: 64 hex digits. Null for rule events."),
    Column("rule_id", "string", "Rule that matched; of a rule event, the rule it is about."),
    Column("rule_fingerprint", "string", "BLAKE3 of the rule's definition: 64 hex digits."),
    Column("description", "string", "What the rule says that it finds."),
    Column("confidence", "int64", "0 (a guess) to 10 (checksum proven)."),
    Column("level", "string", "`low`, `medium` or `high`: the confidence in words."),
    Column("secret_hash", "string", "Keyed BLAKE3 of the secret under the tenant's key: 64 hex digits."),
    Column("preview", "string", "Redacted secret: at most its first four characters, then its length."),
    Column("secret_bytes", "int64", "Length of the secret in bytes; read off the preview."),
    Column("path", "string", "Relative to the target; bytes that are not UTF-8 as `\\xNN`."),
    Column("start", "int64", "First byte of the secret in the scanned object, from 0."),
    Column("end", "int64", "Byte after the last one."),
    Column("line", "int64", "Line of the first byte, from 1."),
    Column("column", "int64", "Byte column of the first byte, from 1."),
    Column("end_line", "int64", "Line of the last byte."),
    Column("end_column", "int64", "Byte column after the last byte."),
    Column("object_id", "string", "Git blob id in hex; empty where there is none."),
    Column(
        "commit",
        "string",
        "`found`: first commit with the blob at the path. `present`, `absent`: the commit that shows it.",
    ),
    Column("author", "string", "Author of `commit`."),
    Column("email", "string", "The author's address."),
    Column("date", "string", "Author date of `commit`, ISO 8601 with offset."),
    Column("unreachable", "bool", "Whether it lies in a Git object that no ref led to when it was found."),
    Column("decode_path", "strings", "Transforms from the outermost to the innermost."),
    Column("container_path", "strings", "Members of archives from the outermost to the innermost."),
    Column("validation", "string", "`valid`, `invalid`, `indeterminate` or `none`."),
    Column("facts", "strings", "What the validator read off the secret, each `name=value`."),
    Column("parts", "strings", "Components of a multi-part rule, each `rule_id@line:column=secret_hash`."),
    Column("tags", "strings", "Tags of the rule."),
)

LEDGER_COLUMNS: tuple[Column, ...] = (
    *_LANE,
    Column("kind", "string", "What the unit is; from its source: `files`, `pack`, `walk`, ...", True),
    Column("version", "string", "Object version or range that the unit covers; from its source.", True),
    Column(
        "status",
        "string",
        "`failed_retryable`, `failed_permanent`, `skipped`, `scanned_clean`, `scanned_with_findings`.",
        True,
    ),
    Column("code", "string", "Why it was not scanned in full: a stable code. Null where it was."),
    Column("detail", "string", "The same in a few words. Never document bytes."),
    Column("attempts", "int64", "Which attempt at the unit this row is, from 1.", True),
    Column("rules_digest", "string", "Digest of the rules that ran over the unit: 64 hex digits.", True),
    Column("findings", "int64", "Occurrences of the unit in the lake after this row's commit.", True),
    Column("documents", "int64", "Files or blobs whose content was scanned.", True),
    Column("bytes", "int64", "Content bytes scanned.", True),
    Column("skipped", "string", "Documents left out by policy, by reason: a JSON object of counts.", True),
    Column("suppressed", "string", "Candidates rejected, by gate: a JSON object of counts.", True),
    Column("losses", "int64", "What should have been scanned and was not.", True),
    Column("loss_counts", "string", "The same by kind: a JSON object of counts.", True),
    Column("loss_names", "strings", "The first losses, each as `kind: where: why`."),
    Column("started_at", "timestamp", "When work on the unit began. Clock of the worker that scanned it."),
    Column("recorded_at", "timestamp", "When the lane took the row in.", True),
)

RUNS_COLUMNS: tuple[Column, ...] = (
    Column("run_id", "string", "The run.", True),
    Column("tenant", "string", "Name of the tenant.", True),
    Column("status", "string", "`complete` or `incomplete`: whether anything was lost.", True),
    Column("config_digest", "string", "Digest of the run's configuration, without keys: 64 hex digits.", True),
    Column("policy_hash", "string", "Policy of the run: 64 hex digits.", True),
    Column("rules_digest", "string", "Digest of the rule set: 64 hex digits.", True),
    Column("rules", "int64", "Number of rules.", True),
    Column("rule_fingerprints", "strings", "Every rule as `id=fingerprint`, sorted: what a later run compares with."),
    Column("targets", "strings", "What the user named."),
    Column("units", "int64", "Units done.", True),
    Column("documents", "int64", "Files or blobs whose content was scanned.", True),
    Column("bytes", "int64", "Content bytes scanned.", True),
    Column("findings", "int64", "Findings reported.", True),
    Column("skipped", "string", "Left out by policy, by reason: a JSON object of counts.", True),
    Column("suppressed", "string", "Candidates rejected, by gate: a JSON object of counts.", True),
    Column("losses", "int64", "What should have been scanned and was not.", True),
    Column("loss_counts", "string", "The same by kind: a JSON object of counts.", True),
    Column("loss_names", "strings", "The first losses, each as `kind: where: why`."),
    Column("started_at", "timestamp", "Beginning of the run.", True),
    Column("finished_at", "timestamp", "End of the run.", True),
    Column("duration_ms", "int64", "Duration in milliseconds, by a clock that never steps.", True),
    Column("gossip_version", "string", "Version of Gossip.", True),
)

TRIAGE_COLUMNS: tuple[Column, ...] = (
    Column("tenant", "string", "Name of the tenant that the finding belongs to.", True),
    Column("finding_id", "string", "The finding that was judged: 64 hex digits.", True),
    Column("seq", "int64", "Number of the commit, from 1: of two verdicts on a finding the later one holds.", True),
    Column("status", "string", "`open`, `accepted`, `fixed` or `false`.", True),
    Column("reason", "string", "Why, as its author wrote it."),
    Column("until", "timestamp", "When an acceptance ends and the finding is open again; null: never."),
    Column("author", "string", "Who judged: a name that the author gave, or that of the login.", True),
    Column("decided_at", "timestamp", "When. Clock of the author's machine.", True),
)

TABLES = MappingProxyType(
    {LEDGER: LEDGER_COLUMNS, OCCURRENCES: OCCURRENCES_COLUMNS, RUNS: RUNS_COLUMNS, TRIAGE: TRIAGE_COLUMNS}
)
"""Name of a table -> its columns, sorted by name."""


@cache
def arrow_schema(table: str) -> Any:
    """The `pyarrow.Schema` of a table: column docs as field comments, table name and version as metadata."""
    import pyarrow as pa

    types = {
        "string": pa.string(),
        "int64": pa.int64(),
        "bool": pa.bool_(),
        "timestamp": pa.timestamp("us", tz="UTC"),
        "strings": pa.list_(pa.string()),
    }
    fields = [
        pa.field(column.name, types[column.type], nullable=not column.required, metadata={"comment": column.doc})
        for column in TABLES[table]
    ]
    return pa.schema(fields, metadata={META_TABLE: table, META_VERSION: str(TABLE_VERSION)})
