"""What flows through `gossip stream`. Messages hold content and never leave the worker that fetched them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol

from gossip.schemas.finding import Finding
from gossip.schemas.ledger import UnitRecord
from gossip.schemas.units import UnitResult

Headers = Sequence[tuple[str, bytes | None]]


class Message(Protocol):
    """One message of a partition."""

    @property
    def offset(self) -> int:
        """Its place in the partition."""

    @property
    def timestamp(self) -> int:
        """Milliseconds since 1970, of its producer or its broker."""

    @property
    def key(self) -> bytes | None:
        """What it is about; messages of one key are in one partition."""

    @property
    def value(self) -> bytes | None:
        """The content; None says that the key is deleted."""

    @property
    def headers(self) -> Headers:
        """Names and values beside the content."""


class Position(NamedTuple):
    """How far a partition was done."""

    partition: int
    offset: int
    """Of the first message that was not done."""
    rewind: int
    """Of the first message that must be read again to know what `offset` needs to know; at most `offset`."""


class Polled(NamedTuple):
    """Messages of one partition, in their order."""

    partition: int
    start: int
    """Position before them."""
    end: int
    """Position after them."""
    messages: Sequence[Message]
    lost: tuple[str, ...] = ()
    """Why messages before these were never seen, one line each."""


class Outgoing(NamedTuple):
    """A message to send on. Holds no secret that was found in it."""

    key: bytes | None
    value: bytes | None
    headers: Headers
    timestamp: int


@dataclass(slots=True)
class Judged:
    """What became of some messages: to be made durable all at once, together with the position after them."""

    position: Position
    start: int
    result: UnitResult
    forwards: list[Outgoing] = field(default_factory=list)
    dead: list[Outgoing] = field(default_factory=list)

    @property
    def findings(self) -> list[Finding]:
        """What was found, in the order of the messages."""
        return self.result.findings


class Channel(Protocol):
    """One partition: where its messages come from, and where what becomes of them goes. Raises errors of ours."""

    position: Position
    """Where it stood when it was opened. What is read before `position.offset` is only to know, and gives nothing."""

    @property
    def at_end(self) -> bool:
        """Whether all was read that was there when the channel was opened."""

    def poll(self) -> Polled | None:
        """Some messages; None where there are none now. Waits for a few milliseconds at most."""

    def commit(self, judged: Judged) -> None:
        """Make it durable, once: what is committed again after a failure is told by its position."""

    def settle(self, *, now: bool = False) -> None:
        """Make a position durable that had nothing to write with it; `now`, or when it is due."""

    def close(self) -> None:
        """Let go of connections. What was not committed is nowhere."""


class StreamLedger(Protocol):
    """Keeps the findings of one partition beside Kafka, exactly once by their ids."""

    def resume(self) -> Position | None:
        """How far it came; None where it has nothing yet."""

    def write(self, record: UnitRecord) -> None:
        """Take a run of messages, and return when it is durable. One that it has already changes nothing."""


def date_text(milliseconds: int) -> str:
    """A message's time as ISO 8601 in UTC; empty where it has none that a calendar knows."""
    if milliseconds < 0:
        return ""
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds")
    except (OverflowError, ValueError, OSError):
        return ""


EVENT_VERSION = "1"
"""Goes up when a field of a finding's event changes its meaning or goes away; new fields may come at any time."""

EVENT_HEADERS = (("gossip-schema", EVENT_VERSION.encode()), ("content-type", b"application/json"))

_TEXT = {"type": "string"}
_HASH = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
_TEXTS = {"type": "array", "items": _TEXT}
_COUNT = {"type": "integer", "minimum": 0}
_PLACE = {"type": "integer", "minimum": 1}

_PART_FIELDS: dict[str, Any] = {
    "rule_id": _TEXT,
    "secret_hash": _HASH,
    "preview": _TEXT,
    "line": _PLACE,
    "column": _PLACE,
    "start": _COUNT,
    "end": _COUNT,
}

_FIELDS: dict[str, Any] = {
    "type": {"const": "finding"},
    "finding_id": _HASH,
    "occurrence_id": _HASH,
    "rule_id": _TEXT,
    "description": _TEXT,
    "confidence": {"type": "integer", "minimum": 0, "maximum": 10},
    "level": {"enum": ["low", "medium", "high"]},
    "secret_hash": _HASH,
    "preview": _TEXT,
    "target": _TEXT,
    "path": _TEXT,
    "start": _COUNT,
    "end": _COUNT,
    "line": _PLACE,
    "column": _PLACE,
    "end_line": _PLACE,
    "end_column": _PLACE,
    "object_id": _TEXT,
    "commit": _TEXT,
    "author": _TEXT,
    "email": _TEXT,
    "date": _TEXT,
    "unreachable": {"type": "boolean"},
    "decode_path": _TEXTS,
    "container_path": _TEXTS,
    "validation": {"enum": ["valid", "invalid", "indeterminate", "none"]},
    "facts": {"type": "object", "additionalProperties": _TEXT},
    "parts": {
        "type": "array",
        "items": {"type": "object", "properties": _PART_FIELDS, "required": list(_PART_FIELDS)},
    },
    "rule_fingerprint": _TEXT,
    "tags": _TEXTS,
}

EVENT_SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "A secret that Gossip found",
    "description": f"Value of an event with the header gossip-schema={EVENT_VERSION}; its key is finding_id.",
    "type": "object",
    "properties": _FIELDS,
    "required": list(_FIELDS),
}
"""JSON Schema of an event's value. No field holds the secret."""
