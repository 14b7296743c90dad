"""The lake in a bucket, where an S3 server is at hand: moto's, from wherever it is installed."""

from __future__ import annotations

import urllib.request
from typing import TYPE_CHECKING

import pytest

from gossip.connectors.lake.lane import FencedError
from gossip.connectors.lake.maintain import compact, vacuum, verify
from gossip.connectors.lake.storage import LakeMissingError, Location, location
from gossip.connectors.lake.views import query
from gossip.schemas.errors import RetryableError
from tests.support import s3
from tests.support.cli import TOKEN_RULES, gossip, scan
from tests.support.lake import lane, unit
from tests.support.repos import plain_token

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(s3.moto_command(0) is None, reason="needs moto_server on the path")


def options(port: int) -> dict[str, str]:
    """What the object store needs to be told."""
    return {
        "AWS_ACCESS_KEY_ID": "user",
        "AWS_SECRET_ACCESS_KEY": "hidden",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ALLOW_HTTP": "true",
        "AWS_REGION": "us-east-1",
    }


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Port of a server with an empty bucket."""
    number = s3.free_port()
    command = s3.moto_command(number)
    assert command is not None
    with s3.running(command, number, tmp_path_factory.mktemp("s3")):
        make = urllib.request.Request(f"http://127.0.0.1:{number}/bucket", method="PUT")
        urllib.request.urlopen(make).close()
        yield number


@pytest.fixture
def place(port: int, request: pytest.FixtureRequest) -> Location:
    """A lake of its own in the bucket."""
    return location(f"s3://bucket/deep/{request.node.name}", options(port))


def test_lake_in_a_bucket(place: Location) -> None:
    """Commits, replays, upkeep and queries, with the options of the store."""
    writer = lane(place)
    for number in range(4):
        writer.add(unit(number))
        writer.commit()
    again = lane(place)
    assert [again.add(unit(number)) for number in range(5)] == [False] * 4 + [True]
    assert again.commit() == 5
    assert [done.files_after for done in compact(place)] == [1, 1]
    assert vacuum(place) == {"ledger": 0, "occurrences": 0}
    assert verify(place).violations == ()
    given = [part for key, value in place.options.items() for part in ("--storage-option", f"{key}={value}")]
    ran = gossip("query", "SELECT count(*) AS n FROM occurrences", "--lake", place.uri, *given)
    assert (ran.code, ran.records, ran.err) == (0, [{"n": 4}], b"")


def test_race_in_a_bucket(place: Location) -> None:
    """The store itself decides which of two commits at one moment counts."""
    other = lane(place)
    other.add(unit(1))
    racing = lane(place, hook=lambda at: (other.commit() and None) if at == "before-occurrences" else None)
    racing.add(unit(2))
    with pytest.raises(FencedError):
        racing.commit()
    last = lane(place)
    for number in range(3):
        last.add(unit(number))
    last.commit()
    report = verify(place)
    assert (report.occurrences, report.units, report.violations) == (3, 3, ())


def test_remembered_scan_into_a_bucket(place: Location, tmp_path: Path) -> None:
    """The state has the lake's place and not its keys; the second scan finds everything known."""
    tree, state = tmp_path / "tree", tmp_path / "state"
    tree.mkdir()
    (tree / "a.txt").write_bytes(plain_token(1))
    rules = tmp_path / "rules.toml"
    rules.write_text(TOKEN_RULES)
    given = [part for key, value in place.options.items() for part in ("--storage-option", f"{key}={value}")]
    first = scan("--rules", str(rules), "-j", "2", "--state", str(state), "--lake", place.uri, *given, str(tree))
    assert (first.code, len(first.findings), first.err) == (1, 1, b"")
    again = scan("--rules", str(rules), "-j", "2", "--state", str(state), *given, str(tree))
    assert (again.code, again.findings, again.summary["documents"], again.err) == (0, [], 0, b"")
    assert verify(place).violations == ()
    shown = gossip("status", "--state", str(state), *given)
    assert (shown.code, place.uri.encode() in shown.out) == (0, True)
    assert [path.name for path in state.iterdir() if b"hidden" in path.read_bytes()] == []


def test_what_cannot_be_reached(port: int) -> None:
    """A missing bucket is a mistake, a server that does not answer may come back; neither message has a key."""
    with pytest.raises(LakeMissingError) as missing:
        query(location("s3://no-such-bucket/x", options(port)), "SELECT 1")
    down = {**options(1), "max_retries": "0", "retry_timeout": "1s"}
    with pytest.raises(RetryableError) as unreachable:
        query(location("s3://bucket/x", down), "SELECT 1")
    assert "hidden" not in f"{missing.value} {unreachable.value}"
