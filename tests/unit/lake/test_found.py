from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gossip.connectors.lake.found import Findings, Wanted, resolve
from gossip.connectors.lake.storage import location
from gossip.connectors.lake.triage import record_verdicts
from gossip.connectors.lake.views import query
from gossip.schemas.errors import MisuseError
from gossip.schemas.ledger import Event
from gossip.schemas.triage import Verdict
from tests.support.lake import RULE_FINGERPRINT, START, context, digest, finding, lane, unit

PLACES = [
    finding(1, secret=1, path="src/a.py", date="2025-03-01T00:00:00+00:00"),
    finding(2, secret=1, path="src/deep/b.py", date="2025-02-01T00:00:00+02:00", author="Bob", email="bob@example.com"),
    finding(3, secret=1, path="c.py", date="", commit="", author="", email=""),
    finding(
        4, secret=4, path="conf/x.ini", date="2025-01-15T00:00:00+00:00", rule_id="other", level="low", confidence=2
    ),
    finding(5, secret=5, path="src.txt", date="2025-02-20T00:00:00+00:00", author="=Eve", email="eve@example.com"),
]


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    """A lake with three secrets in five places; one has a verdict."""
    writer = lane(tmp_path)
    writer.add(unit(1, PLACES[:3]))
    writer.add(unit(2, PLACES[3:4], target="other", target_id=digest("other")))
    writer.add(unit(3, PLACES[4:]))
    writer.commit()
    record_verdicts(location(str(tmp_path)), [Verdict(digest("finding", 5), "false", "Ann", START, "a test value")])
    return tmp_path


def found(folder: Path, limit: int | None = None, **wanted: Any) -> list[dict[str, Any]]:
    """Rows of an answer."""
    with Findings(location(str(folder)), Wanted(**wanted), limit) as answer:
        return list(answer.rows())


def which(folder: Path, **wanted: Any) -> list[int]:
    """Which secrets are found, in order."""
    numbers = {digest("finding", number): number for number in (1, 4, 5)}
    return [numbers[row["finding_id"]] for row in found(folder, **wanted)]


def test_one_row_a_secret(lake: Path) -> None:
    """Oldest first, and its places oldest first; those of which no date is known count by when they were seen."""
    fourth, first, fifth = found(lake)
    assert [row["places"] for row in (fourth, first, fifth)] == [1, 3, 1]
    assert [place["path"] for place in first["occurrences"]] == ["src/deep/b.py", "src/a.py", "c.py"]
    assert first["introduced"] == "2025-01-31T22:00:00.000000Z"
    assert (fifth["status"], fifth["reason"], fifth["decided_by"]) == ("false", "a test value", "Ann")
    assert (first["status"], first["reason"], first["state"]) == ("open", None, "open")
    assert (first["type"], first["target"], fourth["target"]) == ("secret", "repo", "other")


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        ({}, [4, 1, 5]),
        ({"rules": ("token",)}, [1, 5]),
        ({"rules": ("o*",)}, [4]),
        ({"rules": ("o*", "token")}, [4, 1, 5]),
        ({"levels": ("low", "medium")}, [4]),
        ({"targets": ("oth*",)}, [4]),
        ({"paths": ("src",)}, [1]),
        ({"paths": ("src/",)}, [1]),
        ({"paths": ("src*",)}, [1, 5]),
        ({"paths": ("*.ini", "src/a.py")}, [4, 1]),
        ({"authors": ("BOB",)}, [1]),
        ({"authors": ("*@example.com",)}, [4, 1, 5]),
        ({"authors": ("bob",), "paths": ("c.py",)}, []),
        ({"since": datetime(2025, 2, 20, tzinfo=UTC)}, [5]),
        ({"until": datetime(2025, 1, 31, 23, tzinfo=UTC)}, [4, 1]),
        ({"statuses": ("open",)}, [4, 1]),
        ({"statuses": ("false", "fixed")}, [5]),
        ({"states": ("present", "removed")}, []),
        ({"ids": (digest("finding", 4),)}, [4]),
        ({"rules": ("'; DROP TABLE x",), "paths": ("%' OR true --",)}, []),
    ],
)
def test_filters(lake: Path, wanted: dict[str, Any], numbers: list[int]) -> None:
    """Each by itself; all that are given hold at once, path and author at one place."""
    assert which(lake, **wanted) == numbers


def test_limit(lake: Path) -> None:
    """The first ones are shown, and all are counted."""
    with Findings(location(str(lake)), Wanted(), 2) as answer:
        assert (answer.total, answer.shown) == (3, 2)
        rows = list(answer.rows())
    assert rows == found(lake)[:2]


def test_many_rows_are_the_same_rows(lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The way that many rows take gives what the way of few does."""
    few = found(lake)
    monkeypatch.setattr("gossip.connectors.lake.found._LISTED_MAX", 0)
    assert found(lake) == few
    assert found(lake, 2) == few[:2]


def test_a_place_of_two_policies_is_one(lake: Path) -> None:
    """Another policy saw the same places again: the row stays as it was."""
    before = found(lake)
    writer = lane(lake, context=context(policy="other"))
    writer.add(unit(1, PLACES[:3]))
    writer.commit()
    after = found(lake)
    assert [(row["places"], row["occurrences"]) for row in after] == [
        (row["places"], row["occurrences"]) for row in before
    ]


def test_retracted_places(tmp_path: Path) -> None:
    """What its rule no longer finds is left out, unless nothing else of the finding is left."""
    writer = lane(tmp_path)
    writer.add(unit(1, [finding(1)]))
    writer.add(unit(2, events=[Event("retracted", rule_fingerprint=RULE_FINGERPRINT)], findings=[]))
    writer.commit()
    assert [(row["state"], len(row["occurrences"])) for row in found(tmp_path)] == [("retracted", 1)]
    again = lane(tmp_path, context=context(policy="other"))
    again.add(unit(3, [finding(2, secret=1)]))
    again.commit()
    (row,) = found(tmp_path)
    assert (row["state"], [place["path"] for place in row["occurrences"]]) == ("open", ["src/file2.py"])


def test_the_view_has_the_verdict(lake: Path) -> None:
    """SQL sees what the command sees."""
    rows = query(location(str(lake)), "SELECT status, reason, introduced FROM findings WHERE status <> 'open'").rows()
    assert list(rows) == [("false", "a test value", datetime(2025, 2, 20, tzinfo=UTC))]


def test_names_of_findings(lake: Path) -> None:
    """A whole id, or the beginning of one."""
    whole = digest("finding", 1)
    assert resolve(location(str(lake)), [whole, whole[:8].upper()]) == [("default", whole)] * 2


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("abc", "at least the first 8"),
        ("x" * 64, "give its id"),
        ("0" * 65, "give its id"),
        ("0" * 64, "not in the lake"),
    ],
)
def test_names_of_no_finding(lake: Path, name: str, why: str) -> None:
    """Said with what to do."""
    with pytest.raises(MisuseError, match=why):
        resolve(location(str(lake)), [name])


def test_an_ambiguous_name(tmp_path: Path) -> None:
    """Two findings that begin alike need more digits."""
    writer = lane(tmp_path)
    ids = ["ab" * 31 + end for end in ("00", "11")]
    writer.add(unit(1, [finding(n, finding_id=name) for n, name in enumerate(ids)]))
    writer.commit()
    with pytest.raises(MisuseError, match="more digits"):
        resolve(location(str(tmp_path)), ["ab" * 5])
