"""Judging messages: what is found in them, and what of them may be sent on."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from gossip.engine.decode.content import Policy, Text, contents
from gossip.engine.identity import unit_id
from gossip.engine.stream.fields import field_text, places, text_span
from gossip.engine.stream.redact import Span, redacted
from gossip.engine.stream.window import PAIR_SECONDS, PairWindow, Seen
from gossip.schemas.ledger import UnitRecord
from gossip.schemas.stream import Judged, Message, Outgoing, Polled, Position, date_text
from gossip.schemas.summary import Loss
from gossip.schemas.units import Place, UnitResult

if TYPE_CHECKING:
    from gossip.engine.detect.detector import Detector
    from gossip.engine.detect.match import Match
    from gossip.engine.findings import FindingMaker
    from gossip.schemas.finding import Finding

KIND_MESSAGES = "messages"
"""Kind of the ledger's rows for messages; their version says which: see `version_text`."""

_ARCHIVES = (b"\x1f\x8b\x08", b"PK\x03\x04", b"\x28\xb5\x2f\xfd", b"BZh", b"\xfd7zXZ\x00")
_QUIET_KEYS_MAX = 10_000
"""Keys that held nothing are not scanned again while they are remembered: most topics have few."""


@dataclass(frozen=True, slots=True)
class Judging:
    """How the messages of a topic are read, and what becomes of them."""

    target: str
    topic: str
    item: bytes
    field_path: tuple[str, ...] = ()
    """Where in a JSON message the text lies; empty: a message is scanned as it is."""
    min_confidence: int = 0
    """Of what is reported. All that was found is redacted, and kept in a lake."""
    pair_seconds: float = PAIR_SECONDS
    archives: bool = True
    forward: bool = False
    forward_bytes_max: int = 1 << 30
    """Larger messages are not forwarded: they would be refused for ever."""
    dead: bool = False
    recorded: bool = False
    """A ledger wants to know."""


class _Place(NamedTuple):
    """One text of a message, for findings in it."""

    message: Message
    part: str
    """`` for the value, else `#key`, `#header.NAME` or `#` and the field."""


@dataclass(slots=True)
class _Verdict:
    """What is known of one message."""

    spans: dict[str, list[Span]] = field(default_factory=dict)
    """What must not be sent on, by part."""
    poison: str = ""
    """Why it cannot be read as it should be."""


class PartitionJudge:
    """Judges the messages of one partition, in their order: pairs are found across them."""

    def __init__(self, judging: Judging, partition: int, detector: Detector, maker: FindingMaker) -> None:
        self._judging = judging
        self._partition = partition
        self._detector = detector
        self._maker = maker
        self._window = PairWindow(detector.joiner, judging.pair_seconds)
        self._policy = Policy(archives=judging.archives, binary=True)
        self._quiet_keys: set[bytes] = set()

    def judge(self, polled: Polled, *, silent: bool = False) -> Judged:
        """What becomes of some messages; nothing where they are only read to know (`silent`)."""
        started = datetime.now(UTC)
        result = UnitResult(0, units=1)
        result.losses = [Loss("expired", self._judging.target, why) for why in polled.lost]
        before = self._detector.suppressed.copy()
        forwards: list[Outgoing] = []
        dead: list[Outgoing] = []
        for message in polled.messages:
            value = message.value
            if value is not None:
                result.bytes += len(value)
            verdict = self._verdict(message, result)
            if silent:
                continue
            if self._judging.forward or (verdict is not None and verdict.poison):
                self._send_on(message, verdict, result, forwards, dead)
        result.documents = len(polled.messages)
        result.suppressed = self._detector.suppressed - before + self._window.suppressed
        self._window.suppressed = Counter()
        rewind = self._window.rewind
        end = polled.end
        position = Position(polled.partition, end, end if rewind is None else min(rewind, end))
        if silent:
            return Judged(position, polled.start, UnitResult(0))
        found = result.findings
        if self._judging.recorded:
            result.record = self._record(polled, position, result, started)
        result.findings = [one for one in found if one.confidence >= self._judging.min_confidence]
        return Judged(position, polled.start, result, forwards, dead)

    def _verdict(self, message: Message, result: UnitResult) -> _Verdict | None:
        """None where nothing is to be said: the way of nearly all messages."""
        quiet = self._detector.quiet
        texts: list[tuple[str, bytes]] = []
        key, value = message.key, message.value
        poison = ""
        if key and key not in self._quiet_keys:
            if quiet(key):
                if len(self._quiet_keys) >= _QUIET_KEYS_MAX:
                    self._quiet_keys.clear()
                self._quiet_keys.add(key)
            else:
                texts.append(("#key", key))
        if message.headers:
            texts.extend((f"#header.{name}", data) for name, data in message.headers if data and not quiet(data))
        if value:
            if not self._judging.field_path:
                if not quiet(value) or value.startswith(_ARCHIVES):
                    texts.append(("", value))
            else:
                poison = self._field(value, texts, result)
        if not texts and not poison:
            return None
        verdict = _Verdict(poison=poison)
        if poison:
            result.losses.append(Loss("poison", self._where(message), poison))
        self._scan(message, texts, verdict, result)
        return verdict

    def _field(self, value: bytes, texts: list[tuple[str, bytes]], result: UnitResult) -> str:
        """Add a field's text; say why a message has none that can be read. It is scanned as it is then."""
        path = self._judging.field_path
        try:
            text = field_text(value, path)
        except ValueError:
            texts.append(("", value))
            return "not JSON in UTF-8; it was scanned as it is"
        if text is None:
            result.skipped["no-field"] += 1
        elif not self._detector.quiet(text):
            texts.append(("#" + ".".join(path), text))
        return ""

    def _scan(self, message: Message, texts: list[tuple[str, bytes]], verdict: _Verdict, result: UnitResult) -> None:
        for part, data in texts:
            seen = Seen(message.offset, message.timestamp, message.key, _Place(message, part))
            if data.startswith(_ARCHIVES):
                self._scan_archive(seen, data, verdict, result)
                continue
            matches, dropped = self._detector.candidates([data])
            self._note(dropped, message, result)
            for match, where in self._window.add(seen, matches) if matches else ():
                finding = self._finding(match, where.source, result)
                if finding is not None and where is seen:
                    span = Span(match.start, match.end, finding.secret_hash)
                    verdict.spans.setdefault(part, []).append(span)

    def _scan_archive(self, seen: Seen, data: bytes, verdict: _Verdict, result: UnitResult) -> None:
        """What compressed content holds. It cannot be taken out in place: the whole part is replaced."""
        part = seen.source.part
        for item in contents("", iter([data]), self._policy, time.monotonic, None):
            if not isinstance(item, Text):
                reason = getattr(item, "reason", "unreadable")
                result.losses.append(Loss(reason, self._where(seen.source.message), "inside the message"))
                continue
            matches, dropped = self._detector.scan(item.chunks)
            self._note(dropped, seen.source.message, result)
            for match in matches:
                finding = self._finding(match, seen.source, result, item.container)
                if finding is not None:
                    verdict.spans.setdefault(part, []).append(Span(0, len(data), finding.secret_hash))

    def _note(self, dropped: Counter[str], message: Message, result: UnitResult) -> None:
        for cause, count in sorted(dropped.items()):
            detail = f"{count} times; the rest of the message was scanned"
            result.losses.append(Loss(f"budget-{cause}", self._where(message), detail))

    def _finding(
        self, match: Match, source: _Place, result: UnitResult, container: tuple[str, ...] = ()
    ) -> Finding | None:
        place = f"{self._partition}/{source.message.offset}{source.part}".encode()
        version = self._judging.topic.encode() + b"/" + place
        sighting = self._maker.sighting(match, version, "", container)
        where = Place(place, date=date_text(source.message.timestamp))
        finding = self._maker.finding(sighting, where, self._judging.target, self._judging.item)
        if finding is not None:
            result.findings.append(finding)
        return finding

    def _where(self, message: Message) -> str:
        return f"{self._judging.topic}/{self._partition}/{message.offset}"

    def _send_on(
        self,
        message: Message,
        verdict: _Verdict | None,
        result: UnitResult,
        forwards: list[Outgoing],
        dead: list[Outgoing],
    ) -> None:
        if verdict is None:
            sent = Outgoing(message.key, message.value, message.headers, message.timestamp)
            poison = ""
        else:
            sent, poison = self._redacted(message, verdict.spans), verdict.poison
        if self._judging.forward and len(sent.value or b"") > self._judging.forward_bytes_max:
            poison = f"{len(sent.value or b'')} bytes: more than the topic to forward to takes"
            result.losses.append(Loss("oversized", self._where(message), poison))
            sent = sent._replace(value=None)
            if not self._judging.dead:
                return
        if poison and self._judging.dead:
            reason = (("gossip-source", self._where(message).encode()), ("gossip-reason", poison.encode()))
            dead.append(sent._replace(headers=[*sent.headers, *reason]))
        elif self._judging.forward:
            forwards.append(sent)

    def _redacted(self, message: Message, spans: dict[str, list[Span]]) -> Outgoing:
        key, value = message.key, message.value
        if "#key" in spans and key is not None:
            key = redacted(key, spans["#key"])
        headers = [
            (name, redacted(data, spans.get(f"#header.{name}", ())) if data else data) for name, data in message.headers
        ]
        path = self._judging.field_path
        inside = spans.get("#" + ".".join(path)) if path else None
        if value is not None and inside:
            value = redacted(value, _outer(value, path, inside))
        elif value is not None and "" in spans:
            value = redacted(value, spans[""])
        return Outgoing(key, value, headers, message.timestamp)

    def _record(self, polled: Polled, position: Position, result: UnitResult, started: datetime) -> UnitRecord:
        """What the ledger will say. The id is that of the first message alone: the next attempt may end elsewhere."""
        name = f"{self._judging.topic}/{polled.partition}/{polled.start}".encode()
        losses = result.losses
        return UnitRecord(
            unit_id=unit_id(self._judging.item, KIND_MESSAGES, name).hex(),
            target=self._judging.target,
            target_id=self._judging.item.hex(),
            kind=KIND_MESSAGES,
            version=version_text(position, polled.start),
            outcome="failed_permanent" if losses else "scanned",
            code=losses[0].kind if losses else "",
            detail=losses[0].detail if losses else "",
            findings=list(result.findings),
            documents=result.documents,
            bytes=result.bytes,
            skipped=result.skipped,
            suppressed=result.suppressed,
            losses=list(losses),
            started_at=started,
        )


def _outer(value: bytes, path: tuple[str, ...], spans: Iterable[Span]) -> Iterator[Span]:
    """Spans of a field's text as spans of the message."""
    found = text_span(value, path)
    if found is None:  # cannot be: the text was read from there
        yield from (Span(0, len(value), span.secret_hash) for span in spans)
        return
    at = places(value[found[0] : found[1]])
    for span in spans:
        yield Span(found[0] + at[span.start], found[0] + at[span.end], span.secret_hash)


def version_text(position: Position, start: int) -> str:
    """Which messages a ledger row is about: partition, offsets, and where to read on from.

    >>> version_text(Position(3, 20, 15), 10)
    '3:10-20@15'
    """
    return f"{position.partition}:{start}-{position.offset}@{position.rewind}"


def read_version(text: str) -> Position:
    """The position in what `version_text` gave. Raises ValueError for anything else."""
    partition, _, rest = text.partition(":")
    span, _, rewind = rest.partition("@")
    return Position(int(partition), int(span.partition("-")[2]), int(rewind))
