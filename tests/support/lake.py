"""Findings, units and lanes of the lake tests, made from numbers."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from gossip.connectors.lake.lane import CommitLane
from gossip.connectors.lake.storage import location
from gossip.schemas.finding import Finding
from gossip.schemas.ledger import LaneContext, UnitRecord

if TYPE_CHECKING:
    from pathlib import Path

    from gossip.connectors.lake.storage import Location

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
RULE_FINGERPRINT = hashlib.sha256(b"rule").hexdigest()


def digest(*parts: object) -> str:
    """64 hex digits made of `parts`."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def context(run: str = "run-1", policy: str = "policy") -> LaneContext:
    """A lane's context."""
    return LaneContext("default", digest(policy), digest("rules"), run)


def finding(number: int, *, secret: int | None = None, **changes: Any) -> Finding:
    """Occurrence `number`, of secret `secret` (default: its own)."""
    which = number if secret is None else secret
    values: dict[str, Any] = {
        "finding_id": digest("finding", which),
        "occurrence_id": digest("occurrence", number),
        "rule_id": "token",
        "description": "Token of the tests.",
        "confidence": 8,
        "level": "high",
        "secret_hash": digest("secret", which),
        "preview": "GSPT...(20)",
        "target": "repo",
        "path": f"src/file{number}.py",
        "start": 10 * number,
        "end": 10 * number + 20,
        "line": number + 1,
        "column": 1,
        "end_line": number + 1,
        "end_column": 21,
        "object_id": digest("blob", number)[:40],
        "commit": digest("commit", number)[:40],
        "author": "Ann",
        "email": "ann@example.com",
        "date": f"2025-01-{1 + number % 28:02d}T00:00:00+00:00",
        "rule_fingerprint": RULE_FINGERPRINT,
    }
    return Finding(**(values | changes))


def unit(number: int, findings: list[Finding] | None = None, **changes: Any) -> UnitRecord:
    """Unit `number`; without findings given, it has `number % 3` of its own."""
    own = [finding(10 * number + k) for k in range(number % 3)] if findings is None else findings
    values: dict[str, Any] = {
        "unit_id": f"unit-{number}",
        "target": "repo",
        "target_id": digest("repo"),
        "kind": "pack",
        "version": f"{number}..{number + 1}",
        "findings": own,
        "documents": 1,
        "bytes": 100,
    }
    return UnitRecord(**(values | changes))


class Clock:
    """A clock that goes on by a second whenever it is asked."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        """The next second."""
        self.now += timedelta(seconds=1)
        return self.now


def lane(place: Path | Location, name: str = "lane-00", **options: Any) -> CommitLane:
    """A commit lane of the lake at a folder."""
    where = place if not hasattr(place, "joinpath") else location(str(place))
    options.setdefault("context", context())
    options.setdefault("clock", Clock())
    return CommitLane(where, name, **options)  # type: ignore[arg-type]
