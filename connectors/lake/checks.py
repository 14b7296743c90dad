"""What must hold between and inside the tables of a lake, as SQL that gives the ids of the rows that break it."""

from __future__ import annotations

IDS_NAMED_MAX = 20

_UNIT = "tenant, policy_hash, unit_id"

CHECKS: tuple[tuple[str, str, str], ...] = (
    (
        "unit-missing",
        "an occurrence's unit is not in the ledger (a scan ended in the middle of a commit: run it again)",
        (
            f"SELECT unit_id || '/' || coalesce(occurrence_id, rule_fingerprint, '') AS id FROM occurrence_rows "
            f"ANTI JOIN ledger_rows USING ({_UNIT})"
        ),
    ),
    (
        "unit-open",
        "an occurrence's unit is in the ledger, but not done, though nothing in it was lost (run the scan again)",
        (
            f"SELECT unit_id || '/' || coalesce(occurrence_id, rule_fingerprint, '') AS id FROM occurrence_rows "
            f"SEMI JOIN (SELECT * FROM ledger WHERE status = 'failed_retryable' AND losses = 0) USING ({_UNIT})"
        ),
    ),
    (
        "occurrence-twice",
        "an occurrence or event of a unit is there more than once",
        (
            f"SELECT any_value(coalesce(occurrence_id, rule_fingerprint)) AS id FROM occurrence_rows "
            f"GROUP BY {_UNIT}, kind, coalesce(occurrence_id, rule_fingerprint) HAVING count(*) > 1"
        ),
    ),
    (
        "unit-twice",
        "an attempt at a unit is in the ledger more than once",
        f"SELECT unit_id AS id FROM ledger_rows GROUP BY {_UNIT}, attempts HAVING count(*) > 1",
    ),
    (
        "unit-after-done",
        "a unit was done, and was written again",
        (
            f"SELECT unit_id AS id FROM ledger_rows WHERE status <> 'failed_retryable' "
            f"GROUP BY {_UNIT} HAVING count(*) > 1"
        ),
    ),
    (
        "count-differs",
        "the ledger counts other occurrences of a unit than there are",
        (
            f"SELECT unit_id AS id FROM "
            f"(SELECT {_UNIT}, arg_max(findings, attempts) AS told FROM ledger_rows GROUP BY ALL) "
            f"LEFT JOIN (SELECT {_UNIT}, count(*) AS found FROM occurrence_rows WHERE kind = 'found' GROUP BY ALL) "
            f"USING ({_UNIT}) WHERE told <> coalesce(found, 0)"
        ),
    ),
    (
        "status-shape",
        "a ledger row's status does not go with its count or its code",
        (
            "SELECT unit_id AS id FROM ledger_rows WHERE CASE status WHEN 'scanned_clean' THEN findings <> 0 "
            "WHEN 'scanned_with_findings' THEN findings < 1 WHEN 'skipped' THEN code IS NULL "
            "WHEN 'failed_permanent' THEN code IS NULL WHEN 'failed_retryable' THEN code IS NULL ELSE true END"
        ),
    ),
    (
        "seq-gap",
        "the commit numbers of a lane do not run from 1 without gaps",
        (
            "SELECT lane AS id FROM (SELECT lane, seq FROM occurrence_rows UNION SELECT lane, seq FROM ledger_rows) "
            "GROUP BY lane HAVING min(seq) <> 1 OR max(seq) <> count(*)"
        ),
    ),
    (
        "position-twice",
        "two rows of one commit have the same position",
        (
            "SELECT lane || '#' || seq || '.' || ordinal AS id FROM occurrence_rows GROUP BY lane, seq, ordinal "
            "HAVING count(*) > 1 UNION ALL SELECT lane || '#' || seq || '.' || ordinal FROM ledger_rows "
            "GROUP BY lane, seq, ordinal HAVING count(*) > 1"
        ),
    ),
    (
        "finding-conflict",
        "a finding id stands for two secrets, rules or targets",
        (
            "SELECT finding_id AS id FROM occurrence_rows WHERE kind = 'found' GROUP BY tenant, finding_id "
            "HAVING count(DISTINCT secret_hash) > 1 OR count(DISTINCT rule_fingerprint) > 1 "
            "OR count(DISTINCT target_id) > 1"
        ),
    ),
    (
        "kind-shape",
        "a row of occurrences has an unknown kind, or lacks what its kind needs",
        (
            "SELECT unit_id AS id FROM occurrence_rows WHERE CASE WHEN kind = 'found' THEN secret_hash IS NULL "
            "OR occurrence_id IS NULL OR finding_id IS NULL "
            "WHEN kind IN ('present', 'absent') THEN occurrence_id IS NULL OR finding_id IS NULL "
            "WHEN kind IN ('retracted', 'restored') THEN rule_fingerprint IS NULL ELSE true END"
        ),
    ),
    (
        "triage-shape",
        "a verdict has an unknown status, no finding's id, or an end though it is no acceptance",
        (
            "SELECT finding_id AS id FROM triage_rows WHERE status NOT IN ('open', 'accepted', 'fixed', 'false') "
            "OR NOT regexp_full_match(finding_id, '[0-9a-f]{64}') OR (until IS NOT NULL AND status <> 'accepted')"
        ),
    ),
    (
        "triage-twice",
        "two verdicts on a finding have the same number, so that neither is the last",
        "SELECT finding_id AS id FROM triage_rows GROUP BY tenant, finding_id, seq HAVING count(*) > 1",
    ),
    (
        "preview-shape",
        "a preview shows more than four characters and a length, or a hash is no hash",
        (
            r"SELECT occurrence_id AS id FROM occurrence_rows WHERE kind = 'found' AND NOT ("
            r"regexp_full_match(preview, '(.{0,4}\.\.\.\([0-9]+\))?') "
            r"AND regexp_full_match(secret_hash, '[0-9a-f]{64}'))"
        ),
    ),
)
"""(Name, what it means that rows are found, SQL with a column `id`)."""

TEXT_COLUMNS: tuple[tuple[str, str, str], ...] = (
    ("occurrence_rows", "target", "occurrence_id"),
    ("occurrence_rows", "description", "occurrence_id"),
    ("occurrence_rows", "author", "occurrence_id"),
    ("occurrence_rows", "email", "occurrence_id"),
    ("occurrence_rows", "preview", "occurrence_id"),
    ("occurrence_rows", "date", "occurrence_id"),
    ("ledger_rows", "target", "unit_id"),
    ("ledger_rows", "version", "unit_id"),
    ("ledger_rows", "detail", "unit_id"),
    ("ledger_rows", "array_to_string(loss_names, ' ')", "unit_id"),
    ("triage_rows", "reason", "finding_id"),
    ("triage_rows", "author", "finding_id"),
    ("run_rows", "array_to_string(targets, ' ')", "run_id"),
    ("run_rows", "array_to_string(loss_names, ' ')", "run_id"),
)
"""(Rows, text, id) where a secret could get by mistake; paths may hold one by nature, and ids are digests."""
