from __future__ import annotations

from pathlib import Path

import pytest

from gossip.connectors.lake.storage import LakeMissingError, location
from gossip.connectors.lake.views import query
from gossip.schemas.errors import MisuseError
from gossip.schemas.finding import Finding
from gossip.schemas.ledger import Event
from tests.support.lake import RULE_FINGERPRINT, digest, finding, lane, unit


def rows(folder: Path, sql: str) -> list[tuple[object, ...]]:
    """All rows of a query."""
    return list(query(location(str(folder)), sql).rows())


def presence(kind: str, f: Finding, commit: str) -> Event:
    """An event about an occurrence."""
    return Event(kind, finding_id=f.finding_id, occurrence_id=f.occurrence_id, commit=commit)  # type: ignore[arg-type]


RETRACTED = Event("retracted", rule_id="token", rule_fingerprint=RULE_FINGERPRINT)
RESTORED = Event("restored", rule_id="token", rule_fingerprint=RULE_FINGERPRINT)
OLD, NEW = finding(1, secret=7), finding(2, secret=7)

LIVES: list[tuple[str, list[list[Event]], tuple[object, ...]]] = [
    ("nothing is known of the head", [], ("open", None, None)),
    ("it is in the head", [[presence("present", OLD, "c1")]], ("present", True, None)),
    (
        "one of two places left",
        [[presence("present", OLD, "c1"), presence("present", NEW, "c1")], [presence("absent", OLD, "c2")]],
        ("present", True, None),
    ),
    (
        "both places left",
        [
            [presence("present", OLD, "c1"), presence("present", NEW, "c1")],
            [presence("absent", OLD, "c2")],
            [presence("absent", NEW, "c3")],
        ],
        ("removed", False, "c3"),
    ),
    (
        "it was never in the head",
        [[presence("absent", OLD, "c1"), presence("absent", NEW, "c1")]],
        ("removed", False, "c1"),
    ),
    (
        "an edit moved it to another blob",
        [[presence("present", OLD, "c1")], [presence("absent", OLD, "c2"), presence("present", NEW, "c2")]],
        ("present", True, None),
    ),
    (
        "it came back in another blob",
        [[presence("present", OLD, "c1")], [presence("absent", OLD, "c2")], [presence("present", NEW, "c3")]],
        ("reappeared", True, None),
    ),
    (
        "it came back and left again",
        [
            [presence("present", OLD, "c1")],
            [presence("absent", OLD, "c2")],
            [presence("present", NEW, "c3")],
            [presence("absent", NEW, "c4")],
        ],
        ("removed", False, "c4"),
    ),
    (
        "the same is said twice",
        [
            [presence("present", OLD, "c1")],
            [presence("present", OLD, "c2")],
            [presence("absent", OLD, "c3")],
            [presence("absent", OLD, "c4")],
        ],
        ("removed", False, "c3"),
    ),
    ("its rule left the policy", [[RETRACTED]], ("retracted", None, None)),
    ("its rule came back", [[RETRACTED], [RESTORED]], ("open", None, None)),
    (
        "its rule came back and left",
        [[RETRACTED], [RESTORED], [Event("retracted", rule_fingerprint=RULE_FINGERPRINT)]],
        ("retracted", None, None),
    ),
    ("another rule left", [[Event("retracted", rule_fingerprint=digest("other"))]], ("open", None, None)),
]


@pytest.mark.parametrize(("events", "expected"), [life[1:] for life in LIVES], ids=[life[0] for life in LIVES])
def test_life_of_a_finding(tmp_path: Path, events: list[list[Event]], expected: tuple[object, ...]) -> None:
    """The findings view tells whether a finding is in the head, where it was removed, that it came back, or was
    retracted.
    """
    writer = lane(tmp_path)
    writer.add(unit(1, [OLD, NEW]))
    writer.commit()
    for number, group in enumerate(events):
        writer.add(unit(100 + number, [], kind="head", events=group))
        writer.commit()
    assert rows(tmp_path, "SELECT state, at_head, removed_commit FROM findings") == [expected]


def test_found_again_after_its_rule_left(tmp_path: Path) -> None:
    """A row found later than the retraction stands."""
    writer = lane(tmp_path)
    writer.add(unit(1, [OLD]))
    writer.add(unit(2, [], events=[RETRACTED]))
    writer.commit()
    writer.add(unit(3, [NEW]))
    writer.commit()
    assert rows(tmp_path, "SELECT path, retracted FROM occurrences ORDER BY path") == [
        ("src/file1.py", True),
        ("src/file2.py", False),
    ]
    assert rows(tmp_path, "SELECT state FROM findings") == [("open",)]


def test_findings_are_grouped_and_introduced(tmp_path: Path) -> None:
    """Places of a finding are counted, and the oldest commit is its introduction, whatever was scanned first."""
    writer = lane(tmp_path)
    late = finding(1, secret=7, date="2025-06-01T00:00:00+02:00")
    early = finding(2, secret=7, date="2025-05-31T23:00:00+00:00", path="old.py", author="Bob")
    earliest = finding(3, secret=7, date="2025-05-31T20:00:00+00:00", path="older.py", author="Cy")
    unknown = finding(4, secret=7, date="no date", path="x.py", author="Di")
    writer.add(unit(1, [late, early]))
    writer.commit()
    writer.add(unit(2, [earliest, unknown]))
    writer.add(unit(3, [finding(5)]))
    writer.commit()
    sql = "SELECT finding_id, places, paths, first_path, first_author, last_seen > first_seen FROM findings"
    assert rows(tmp_path, sql) == [
        (digest("finding", 7), 4, 4, "older.py", "Cy", True),
        (digest("finding", 5), 1, 1, "src/file5.py", "Ann", False),
    ]


REFUSED = [
    "COPY findings TO 'out.csv'",
    "EXPLAIN ANALYZE COPY findings TO 'out.csv'",
    "INSTALL httpfs",
    "LOAD httpfs",
    "ATTACH 'x.db'",
    "CREATE TABLE t AS SELECT 1",
    "SET threads = 1",
    "DROP VIEW findings",
    "EXPORT DATABASE 'd'",
    "PRAGMA database_list",
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM read_blob('/etc/passwd')",
    "SELECT * FROM glob('/etc/*')",
    "SELECT * FROM '/etc/passwd'",
    "SELECT * FROM read_parquet('https://example.com/x.parquet')",
    "SELECT 1; SELECT 2",
    "",
    "SELEC 1",
    "SELECT nothing FROM findings",
    "SELECT * FROM connection",
    "SELECT CAST(path AS INT) FROM occurrences",
]


@pytest.mark.parametrize("sql", REFUSED)
def test_sql_can_only_read_the_lake(tmp_path: Path, sql: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No file, no extension, no setting; the message says so, and nothing is left behind."""
    writer = lane(tmp_path / "lake")
    writer.add(unit(1))
    writer.commit()
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.chdir(empty)
    with pytest.raises(MisuseError, match=r"^the query "):
        list(query(location(str(tmp_path / "lake")), sql).rows())
    assert list(empty.iterdir()) == []


@pytest.mark.parametrize(
    "sql", ["EXPLAIN SELECT 1", "DESCRIBE findings", "SHOW TABLES", "SUMMARIZE ledger", "FROM runs"]
)
def test_sql_may_look_around(tmp_path: Path, sql: str) -> None:
    """What only reads is allowed, and an empty lake has all views."""
    lane(tmp_path)
    rows(tmp_path, sql)


def test_parameters_are_no_sql(tmp_path: Path) -> None:
    """A value goes in beside the text."""
    writer = lane(tmp_path)
    writer.add(unit(1))
    writer.commit()
    where = location(str(tmp_path))
    answer = query(where, "SELECT count(*) AS n FROM findings WHERE rule_id = $rule", {"rule": "token' OR 1=1 --"})
    assert answer.columns == ("n",)
    assert list(answer.rows()) == [(0,)]


def test_missing_lake(tmp_path: Path) -> None:
    """A place without a lake is a mistake of the caller, and the message names it."""
    with pytest.raises(LakeMissingError, match=rf"^{tmp_path}/none: no lake there"):
        query(location(str(tmp_path / "none")), "SELECT 1")
