"""The views of the lake in SQL, over the tables' rows (`occurrence_rows`, `ledger_rows`, `run_rows`, `triage_rows`).

Rows of a target come through one lane, so that (seq, ordinal) orders all that is said about it. `moment`, in
the view `history`, is both in one number.
"""

from __future__ import annotations

HISTORY = "SELECT *, seq * 2147483648 + ordinal AS moment FROM occurrence_rows"

RULE_EVENTS = """
SELECT tenant, target_id, policy_hash, rule_fingerprint,
       arg_max(kind, moment) = 'retracted' AS gone, max(moment) AS moment
FROM history WHERE kind IN ('retracted', 'restored') GROUP BY ALL
"""
"""The last that was said about what a rule had found in a target under a policy."""

PRESENCE = """
SELECT tenant, occurrence_id, arg_max(kind, moment) AS presence, arg_max(commit, moment) AS presence_commit,
       max(seen_at) AS presence_seen
FROM history WHERE kind IN ('present', 'absent') GROUP BY ALL
"""
"""The last that was said about an occurrence in its target's head."""

# A row changes how many occurrences of its finding are in the head. Rows of one commit in one run hold at once: an edit
# that moves a secret from one blob to another takes away and adds, and is no removal.
HEADS = """
WITH steps AS (
  SELECT tenant, finding_id, run_id, commit, moment,
         (kind = 'present')::INT - coalesce(lag((kind = 'present')::INT) OVER (
           PARTITION BY tenant, occurrence_id ORDER BY moment), 0) AS step
  FROM history WHERE kind IN ('present', 'absent')
), commits AS (
  SELECT tenant, finding_id, run_id, commit, max(moment) AS moment, sum(step) AS step FROM steps GROUP BY ALL
), totals AS (
  SELECT *, sum(step) OVER (PARTITION BY tenant, finding_id ORDER BY moment) AS total FROM commits
), turns AS (
  SELECT *, lag(total) OVER (PARTITION BY tenant, finding_id ORDER BY moment) AS before FROM totals
)
SELECT tenant, finding_id, arg_max(total, moment) > 0 AS at_head,
       coalesce(bool_or(total > 0 AND before = 0), false) AS came_back,
       arg_max(commit, moment) FILTER (total = 0 AND (before > 0 OR before IS NULL)) AS removed_commit
FROM turns GROUP BY ALL
"""
"""Of every finding whose presence is known: in the head or not, whether it had been away, where it was last removed."""

OCCURRENCES = """
SELECT o.* EXCLUDE (kind, moment), coalesce(r.gone AND o.moment < r.moment, false) AS retracted,
       p.presence, p.presence_commit
FROM history o
LEFT JOIN rule_events r USING (tenant, target_id, policy_hash, rule_fingerprint)
LEFT JOIN presence p USING (tenant, occurrence_id)
WHERE o.kind = 'found'
"""

FINDINGS = """
WITH valid AS (
  SELECT *, min(seen_at) OVER one AS born, max(seen_at) OVER one AS last_of_all FROM occurrences
  WINDOW one AS (PARTITION BY tenant, finding_id)
  QUALIFY NOT retracted OR bool_and(retracted) OVER one
), grouped AS (
  SELECT tenant, finding_id,
         any_value(rule_id) AS rule_id, arg_max(description, seen_at) AS description,
         max(confidence) AS confidence, arg_max(level, confidence) AS level,
         any_value(secret_hash) AS secret_hash, any_value(preview) AS preview, any_value(secret_bytes) AS secret_bytes,
         arg_max(target, seen_at) AS target, any_value(target_id) AS target_id,
         count(DISTINCT occurrence_id) AS places, count(DISTINCT path) AS paths,
         min(coalesce(try_cast(date AS TIMESTAMPTZ), seen_at)) AS introduced,
         min(born) AS first_seen, max(last_of_all) AS last_found, bool_and(retracted) AS retracted,
         bool_and(coalesce(unreachable, false)) AS unreachable,
         arg_min({first}, (coalesce(try_cast(date AS TIMESTAMPTZ), 'infinity'), seen_at, path, start)) AS f,
         arg_max(validation, seen_at) AS validation, any_value(rule_fingerprint) AS rule_fingerprint
  FROM valid GROUP BY ALL
), seen AS (
  SELECT tenant, finding_id, max(seen_at) AS seen FROM history WHERE kind = 'present' GROUP BY ALL
)
SELECT tenant, finding_id, rule_id, description, confidence, level,
       CASE WHEN retracted THEN 'retracted' WHEN h.at_head IS NULL THEN 'open' WHEN NOT h.at_head THEN 'removed'
            WHEN h.came_back THEN 'reappeared' ELSE 'present' END AS state,
       coalesce(t.holds, 'open') AS status, t.reason, t.until, t.author AS decided_by, t.decided_at,
       h.at_head, places, paths, introduced, first_seen, greatest(last_found, s.seen) AS last_seen,
       f.commit AS first_commit, f.author AS first_author, f.email AS first_email, f.date AS first_date,
       f.path AS first_path, f.line AS first_line, f.object_id AS first_object_id,
       CASE WHEN NOT h.at_head THEN h.removed_commit END AS removed_commit,
       secret_hash, preview, secret_bytes, validation, unreachable, target, target_id, rule_fingerprint
FROM grouped LEFT JOIN heads h USING (tenant, finding_id) LEFT JOIN seen s USING (tenant, finding_id)
LEFT JOIN triage t USING (tenant, finding_id)
ORDER BY first_seen, rule_id, finding_id
""".replace("{first}", "struct_pack(commit, author, email, date, path, line, object_id)")

LEDGER = """
SELECT * EXCLUDE (rank, code, detail), code, detail FROM (
  SELECT *, CASE status WHEN 'failed_retryable' THEN 1 WHEN 'failed_permanent' THEN 2 WHEN 'skipped' THEN 3
                        WHEN 'scanned_clean' THEN 10 ELSE 11 END AS rank
  FROM ledger_rows
  QUALIFY row_number() OVER (PARTITION BY tenant, policy_hash, unit_id ORDER BY rank DESC, attempts DESC, seq DESC) = 1
)
"""
"""One row a unit and policy: the highest of its statuses, and of those the last."""

TRIAGE = """
SELECT *, coalesce(status = 'accepted' AND until <= now(), false) AS expired,
       CASE WHEN status = 'accepted' AND until <= now() THEN 'open' ELSE status END AS holds
FROM (SELECT * FROM triage_rows
      QUALIFY row_number() OVER (PARTITION BY tenant, finding_id ORDER BY seq DESC) = 1)
"""
"""The last verdict on every finding that has one; `holds` is what it comes to now: an acceptance may be over."""

VIEWS = (
    ("history", HISTORY),
    ("rule_events", RULE_EVENTS),
    ("presence", PRESENCE),
    ("heads", HEADS),
    ("occurrences", OCCURRENCES),
    ("triage", TRIAGE),
    ("findings", FINDINGS),
    ("ledger", LEDGER),
    ("runs", "SELECT * FROM run_rows"),
)
"""Name and text of every view, each after those that it uses."""
