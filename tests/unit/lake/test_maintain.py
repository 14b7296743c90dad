from __future__ import annotations

import os
from pathlib import Path

import pyarrow as pa
import pytest

from gossip.connectors.lake import maintain
from gossip.connectors.lake.maintain import Compacted, compact, needs_compaction, vacuum, verify
from gossip.connectors.lake.runs import write_run
from gossip.connectors.lake.storage import (
    LakeMissingError,
    Location,
    NewerFormatError,
    classed,
    find_location,
    location,
)
from gossip.connectors.lake.table import LakeTable
from gossip.connectors.lake.views import query
from gossip.schemas.errors import GossipError, MisuseError, PermanentError, RetryableError
from gossip.schemas.ledger import LaneContext, RunRecord, Status
from gossip.schemas.rows import Accepted, Columns, Stamp, arrow_table, ledger_columns, occurrence_columns
from gossip.schemas.summary import Summary
from gossip.schemas.tables import LEDGER, OCCURRENCES, TABLE_VERSION, TABLES, arrow_schema
from tests.support.lake import START, context, digest, finding, lane, unit


@pytest.fixture
def place(tmp_path: Path) -> Location:
    """A lake of ten commits."""
    writer = lane(tmp_path)
    for number in range(10):
        writer.add(unit(number))
        writer.commit()
    return location(str(tmp_path))


def test_compaction_changes_no_row(place: Location) -> None:
    """Ten files become one; rows, commit numbers and fences stay."""
    sql = "SELECT * FROM ledger_rows ORDER BY unit_id"
    before = list(query(place, sql).rows())
    assert compact(place) == [Compacted("ledger", 10, 1), Compacted("occurrences", 6, 1)]
    assert list(query(place, sql).rows()) == before
    assert LakeTable.open(place, LEDGER).lane_version("lane-00") == 10
    assert not lane(place).add(unit(3))
    assert verify(place).violations == ()


def test_lane_goes_on_over_a_compaction(place: Location) -> None:
    """A lane that was built before a compaction commits after it."""
    writer = lane(place)
    compact(place)
    writer.add(unit(11))
    assert writer.commit() == 11
    assert verify(place).violations == ()


def test_compaction_when_needed(place: Location, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table is left alone until it has too many small files."""
    assert not needs_compaction(LakeTable.open(place, LEDGER))
    assert compact(place, only_if_needed=True) == [Compacted("ledger", 10, 10), Compacted("occurrences", 6, 6)]
    monkeypatch.setattr(maintain, "SMALL_FILES_MAX", 7)
    assert compact(place, only_if_needed=True) == [Compacted("ledger", 10, 1), Compacted("occurrences", 6, 6)]


def test_vacuum_keeps_what_readers_need(place: Location) -> None:
    """By default files that a running query has open stay, and so do those of a writer that has not committed yet."""
    answer = query(place, "SELECT count(*) FROM ledger")
    folder = Path(place.local or "") / LEDGER
    (folder / "part-of-a-writer.parquet").write_bytes(b"x")
    compact(place)
    assert vacuum(place) == {LEDGER: 0, OCCURRENCES: 0}
    assert list(answer.rows()) == [(10,)]
    assert len(list(folder.glob("*.parquet"))) == 12


def test_vacuum_without_retention(place: Location) -> None:
    """Less than the default must be forced; then only files in use stay."""
    compact(place)
    with pytest.raises(MisuseError, match="force"):
        vacuum(place, retention_hours=0)
    assert vacuum(place, retention_hours=0, force=True, dry_run=True) == {LEDGER: 10, OCCURRENCES: 6}
    assert vacuum(place, retention_hours=0, force=True) == {LEDGER: 10, OCCURRENCES: 6}
    assert len(list((Path(place.local or "") / LEDGER).glob("*.parquet"))) == 1
    assert verify(place).violations == ()


def add_rows(place: Location, table: str, number: int, **changes: object) -> None:
    """Append one good row with some columns changed, past all checks."""
    found = finding(900 + number)
    record = unit(900 + number, [found])
    stamp = Stamp(context(), "lane-00", number, START)
    accepted = [Accepted(record, [found], [], 1, Status.SCANNED_WITH_FINDINGS, 1)]
    columns: Columns = ledger_columns(accepted, stamp) if table == LEDGER else occurrence_columns(accepted, stamp)
    columns |= {name: [value] for name, value in changes.items()}
    opened = LakeTable.open(place, table)
    opened.append(arrow_table(table, columns), "lane-00", number)


BROKEN: list[tuple[str, list[tuple[str, dict[str, object]]], dict[str, tuple[str, ...]]]] = [
    ("no ledger row", [(OCCURRENCES, {})], {"unit-missing": (f"unit-911/{digest('occurrence', 911)}",)}),
    ("no occurrence", [(LEDGER, {})], {"count-differs": ("unit-911",)}),
    (
        "unit is open",
        [(OCCURRENCES, {}), (LEDGER, {"status": "failed_retryable", "code": "x"})],
        {"unit-open": (f"unit-911/{digest('occurrence', 911)}",)},
    ),
    (
        "occurrence twice",
        [(OCCURRENCES, {}), (OCCURRENCES, {"ordinal": 1}), (LEDGER, {"findings": 2})],
        {"occurrence-twice": (digest("occurrence", 911),)},
    ),
    (
        "unit twice",
        [(OCCURRENCES, {}), (LEDGER, {}), (LEDGER, {"ordinal": 1})],
        {"unit-twice": ("unit-911",), "unit-after-done": ("unit-911",)},
    ),
    (
        "gap",
        [(OCCURRENCES, {"seq": 13}), (LEDGER, {"seq": 13})],
        {"seq-gap": ("lane-00",), "seq-unlogged": ("occurrences:lane-00", "ledger:lane-00")},
    ),
    ("status", [(OCCURRENCES, {}), (LEDGER, {"status": "odd"})], {"status-shape": ("unit-911",)}),
    (
        "clean with findings",
        [(OCCURRENCES, {}), (LEDGER, {"status": "scanned_clean"})],
        {"status-shape": ("unit-911",)},
    ),
    (
        "kind",
        [(OCCURRENCES, {"kind": "odd"}), (LEDGER, {"status": "scanned_clean", "findings": 0})],
        {"kind-shape": ("unit-911",)},
    ),
    (
        "preview",
        [(OCCURRENCES, {"preview": "the whole of it"}), (LEDGER, {})],
        {"preview-shape": (digest("occurrence", 911),)},
    ),
    (
        "position",
        [(OCCURRENCES, {}), (LEDGER, {}), (LEDGER, {"unit_id": "u", "findings": 0, "status": "scanned_clean"})],
        {"position-twice": ("lane-00#11.0",)},
    ),
    (
        "conflict",
        [(OCCURRENCES, {"finding_id": digest("finding", 10)}), (LEDGER, {})],
        {"finding-conflict": (digest("finding", 10),)},
    ),
]


@pytest.mark.parametrize(("added", "expected"), [case[1:] for case in BROKEN], ids=[case[0] for case in BROKEN])
def test_verify_names_what_is_wrong(
    place: Location, added: list[tuple[str, dict[str, object]]], expected: dict[str, tuple[str, ...]]
) -> None:
    """Each check fails alone, and gives the ids of the rows."""
    for table, changes in added:
        add_rows(place, table, 11, **changes)
    report = verify(place)
    assert {violation.check: violation.ids for violation in report.violations} == expected


def test_verify_finds_a_secret_and_does_not_say_it(place: Location) -> None:
    """A text that the rules take for a secret is named by its row."""
    text = "GSP" + "TOKEN123456Q"
    add_rows(place, OCCURRENCES, 11, author=f"Ann {text}")
    add_rows(place, LEDGER, 11)
    (violation,) = verify(place, lambda value: text in value).violations
    assert (violation.check, violation.ids) == ("secret-like", (digest("occurrence", 911),))
    assert text not in repr(violation)


def test_verify_reports_columns_of_others(place: Location) -> None:
    """A column that Gossip does not write could hold anything."""
    from deltalake import Field
    from deltalake.schema import PrimitiveType

    LakeTable.open(place, OCCURRENCES).delta.alter.add_columns(Field("secret", PrimitiveType("string")))
    (violation,) = verify(place).violations
    assert (violation.check, violation.ids) == ("column-unknown", ("secret",))


def test_run_is_written_once(tmp_path: Path) -> None:
    """A run that ends twice, because it was replayed, has one row."""
    run = RunRecord("run-1", "default", digest("config"), digest("rules"), (("b", "2"), ("a", "1")), START, START)
    summary = Summary(
        targets=["https://me:pw@example.com/"], findings=2, units=3, policy_hash=digest("p"), seconds=1.5, version="1"
    )
    where = location(str(tmp_path))
    assert write_run(where, run, summary)
    assert not write_run(where, run, summary)
    sql = "SELECT run_id, status, rule_fingerprints, targets, findings, duration_ms, loss_counts FROM runs"
    assert list(query(where, sql).rows()) == [
        ("run-1", "complete", ["a=1", "b=2"], ["https://example.com/"], 2, 1500, "{}")
    ]


def make_delta(folder: Path, **configuration: str) -> Location:
    """A Delta table where the ledger would be."""
    from deltalake import DeltaTable

    (folder / LEDGER).mkdir(parents=True)
    DeltaTable.create(
        str(folder / LEDGER), arrow_schema(LEDGER), configuration=configuration, raise_if_key_not_exists=False
    )
    return location(str(folder))


@pytest.mark.parametrize("action", [verify, compact, vacuum, lane, lambda where: query(where, "FROM ledger")])
def test_newer_format_is_refused(tmp_path: Path, action: object) -> None:
    """Nothing reads or writes a lake of a later version; the message says what to do."""
    where = make_delta(tmp_path, **{"gossip.table": LEDGER, "gossip.version": "3"})
    with pytest.raises(NewerFormatError, match=r"format 3, and this Gossip knows up to 2; upgrade Gossip"):
        action(where)  # type: ignore[operator]


def test_foreign_table_is_refused(tmp_path: Path) -> None:
    """A Delta table that is not ours is left alone."""
    with pytest.raises(PermanentError, match="none of Gossip"):
        LakeTable.open(make_delta(tmp_path), LEDGER)


def test_place_with_odd_characters(tmp_path: Path) -> None:
    """Spaces, signs of URLs and letters beyond ASCII are fine; a percent sign is refused before anything is made."""
    folder = tmp_path / "a b#?é&"
    writer = lane(folder)
    writer.add(unit(1))
    writer.commit()
    assert list(query(location(str(folder)), "SELECT unit_id FROM ledger").rows()) == [("unit-1",)]
    assert lane(folder).is_done("unit-1")
    with pytest.raises(MisuseError, match="percent sign"):
        location(str(tmp_path / "a%20b"))


def test_a_state_folder_stands_for_its_lake(tmp_path: Path) -> None:
    """Users name the state folder, the lake in it, or its URI."""
    (tmp_path / "lake").mkdir()
    inside = location(str(tmp_path / "lake"))
    assert find_location(str(tmp_path)) == inside
    assert find_location(str(tmp_path / "lake")) == inside
    assert find_location(inside.uri) == inside
    assert find_location("s3://bucket/lake/").uri == "s3://bucket/lake"


def test_location_shows_no_credentials() -> None:
    """Neither options nor the user of a URI are in any text about a lake."""
    where = location("s3://me:pw@bucket/x", {"AWS_SECRET_ACCESS_KEY": "hidden-value"})
    assert where.shown == "s3://bucket/x"
    assert "hidden-value" not in repr(where)


def test_missing_and_broken_files(place: Location) -> None:
    """A lake that is not there, and one that lost a file, are told apart."""
    with pytest.raises(LakeMissingError):
        vacuum(location(f"{place.local}/none"))
    for path in (Path(place.local or "") / LEDGER).glob("*.parquet"):
        os.unlink(path)
    with pytest.raises(GossipError, match="gone"):
        lane(place)
    with pytest.raises(GossipError, match="gone"):
        list(query(place, "SELECT max(version) FROM ledger").rows())


def test_denied_is_not_missing(place: Location, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lake that may not be read is no missing lake."""

    def denied(_path: str) -> list[str]:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "listdir", denied)
    with pytest.raises(MisuseError, match="permission denied, cannot read it"):
        LakeTable.open(place, LEDGER)


@pytest.mark.parametrize(
    ("err", "kind"),
    [
        (OSError("Generic S3 error: error sending request"), RetryableError),
        (PermissionError(13, "Permission denied"), MisuseError),
        (Exception("\x1b[31mAccess Denied\x1b[0m"), MisuseError),
        (Exception("Generic error: No space left on device"), RetryableError),
        (Exception("https://me:pw@host/x: invalid checkpoint"), PermanentError),
    ],
)
def test_errors_are_classed(err: Exception, kind: type[GossipError]) -> None:
    """What a library says decides only whether to try again; colours and credentials go."""
    found = classed(err, "read it", "table ledger")
    assert type(found) is kind
    assert "\x1b" not in str(found)
    assert "pw" not in str(found)


def test_columns_are_documented() -> None:
    """The page of the lake lists every column as the code has it."""
    page = (Path(__file__).resolve().parents[3] / "docs" / "lake.md").read_text("utf-8")
    for table in TABLES:
        for column in TABLES[table]:
            null = "" if column.required else ", may be null"
            assert f"| `{column.name}` | {column.type}{null} | {column.doc} |" in page


def test_context_is_plain() -> None:
    """A context can be compared, so that tests and states can hold it."""
    assert LaneContext("t", "p", "r", "x") == LaneContext("t", "p", "r", "x")


def test_an_older_format_is_read_and_then_upgraded(tmp_path: Path) -> None:
    """Rows without the newer columns stay, as null; the first writer adds the columns and raises the number."""
    from deltalake import DeltaTable

    old = [field for field in arrow_schema(OCCURRENCES) if field.name != "unreachable"]
    for name, schema in ((OCCURRENCES, old), (LEDGER, list(arrow_schema(LEDGER)))):
        DeltaTable.create(
            str(tmp_path / name),
            pa.schema(schema),
            configuration={"gossip.table": name, "gossip.version": "1"},
            raise_if_key_not_exists=False,
        )
    where = location(str(tmp_path))
    stamp = Stamp(context(), "lane-00", 1, START)
    accepted = Accepted(unit(1), [finding(1)], (), 1, Status.SCANNED_WITH_FINDINGS, 1)
    rows = arrow_table(OCCURRENCES, occurrence_columns([accepted], stamp))
    LakeTable.open(where, OCCURRENCES).append(rows.drop_columns("unreachable"), "lane-00", 1)
    LakeTable.open(where, LEDGER).append(arrow_table(LEDGER, ledger_columns([accepted], stamp)), "lane-00", 1)
    assert list(query(where, "SELECT unreachable FROM occurrences").rows()) == [(None,)]
    writer = lane(tmp_path)
    writer.add(unit(2, [finding(2, unreachable=True)]))
    writer.commit()
    assert {LakeTable.open(where, name).version for name in (OCCURRENCES, LEDGER)} == {TABLE_VERSION}
    sql = "SELECT unreachable FROM occurrences ORDER BY seq"
    assert list(query(where, sql).rows()) == [(None,), (True,)]
    assert verify(where).violations == ()
