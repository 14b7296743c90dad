"""What `gossip stream` was asked to do, checked against the cluster before anything is started."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gossip.connectors.kafka.address import Address, parse_address
from gossip.connectors.kafka.channel import RECORD_OVERHEAD_BYTES, Outputs, Route, Start
from gossip.connectors.kafka.client import Client
from gossip.engine.findings import item_of
from gossip.operators.judge import Judging
from gossip.schemas.errors import MisuseError

if TYPE_CHECKING:
    from gossip.connectors.kafka.security import Security

CONNECTOR = "kafka"


@dataclass(frozen=True, slots=True)
class StreamSettings:
    """What was asked for."""

    source: str
    to: str | None = None
    forward: str | None = None
    dead_letter: str | None = None
    group: str = "gossip"
    start: Start = "earliest"
    field: str | None = None
    pair_seconds: float = 60.0
    min_confidence: int = 0
    archives: bool = True
    recorded: bool = False
    """With a state."""


def route_of(settings: StreamSettings, security: Security) -> tuple[Route, Judging]:
    """Where messages come from and go to, and how they are judged. Raises MisuseError, and what the cluster raises."""
    source = parse_address(settings.source)
    named = {
        "--to": None if settings.to is None else parse_address(settings.to),
        "--forward": _topic_beside(source, settings.forward),
        "--dead-letter": _topic_beside(source, settings.dead_letter),
    }
    if not settings.group:
        raise MisuseError("--group: needs a name, not an empty text (is a variable unset?)")
    if settings.start not in {"earliest", "latest"}:
        raise MisuseError(f"--start {settings.start}: must be earliest or latest")
    for option, address in named.items():
        if address is not None and address.topic == source.topic and address.brokers == source.brokers:
            raise MisuseError(f"{option} {address.topic}: is the topic that is read; choose another one")
    client = Client(source, security)
    topic = client.topic(source)
    found = {}
    for option, address in named.items():
        if address is None:
            continue
        there = Client(address, security).topic(address)
        if there.cluster != topic.cluster:
            raise MisuseError(
                f"{option} {address}: lies in another cluster than {source}; positions are stored with what is "
                "sent, in one transaction, so both must be in one"
            )
        found[option] = there
    outputs = Outputs(found.get("--to"), found.get("--forward"), found.get("--dead-letter"))
    room = 1 << 30 if outputs.forward is None else outputs.forward.message_bytes_max
    judging = Judging(
        target=str(source),
        topic=source.topic,
        item=item_of(CONNECTOR, f"{topic.cluster}/{source.topic}".encode()),
        field_path=tuple(settings.field.split(".")) if settings.field else (),
        min_confidence=settings.min_confidence,
        pair_seconds=settings.pair_seconds,
        archives=settings.archives,
        forward=outputs.forward is not None,
        forward_bytes_max=room - 2 * RECORD_OVERHEAD_BYTES,
        dead=outputs.dead is not None,
        recorded=settings.recorded,
    )
    return Route(client, topic, settings.group, settings.start, outputs), judging


def _topic_beside(source: Address, name: str | None) -> Address | None:
    """A topic of the same cluster by its bare name, or by a whole address."""
    if name is None:
        return None
    return parse_address(name) if "://" in name else source.beside(name)
