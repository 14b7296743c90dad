"""Which topic of which cluster: `kafka://host[:port][,host[:port]...]/topic`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from gossip.schemas.errors import MisuseError

SCHEME = "kafka://"
PORT = 9092
TOPIC_CHARS_MAX = 249
_TOPIC = re.compile(rf"[A-Za-z0-9._-]{{1,{TOPIC_CHARS_MAX}}}")
_HOST = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?")
_FORM = "write kafka://host[:port][,host[:port]]/topic"


@dataclass(frozen=True, slots=True)
class Address:
    """A topic, and brokers that know its cluster. Holds no credentials, so it may be shown and stored."""

    brokers: tuple[str, ...]
    """Each `host:port`, in the order given."""
    topic: str

    def __str__(self) -> str:
        return f"{SCHEME}{','.join(self.brokers)}/{self.topic}"

    def beside(self, topic: str) -> Address:
        """Another topic of the same cluster, by its name. Raises MisuseError."""
        return Address(self.brokers, checked_topic(topic, topic))


def parse_address(url: str) -> Address:
    """An address as users write it. Raises MisuseError, which never repeats what may be a password.

    >>> str(parse_address("kafka://a,b:9093/events"))
    'kafka://a:9092,b:9093/events'
    """
    if not url.startswith(SCHEME):
        raise MisuseError(f"{url.partition('://')[0]}: not the address of a topic; {_FORM}")
    rest = url.removeprefix(SCHEME)
    if "@" in rest:
        raise MisuseError(f"{SCHEME}...: an address holds no credentials; give them as docs/stream.md says")
    if "?" in rest:
        raise MisuseError(f"{SCHEME}{rest.partition('?')[0]}: an address has no options; use --kafka-option KEY=VALUE")
    hosts, _, topic = rest.partition("/")
    brokers = []
    for host in hosts.split(","):
        found = _HOST.fullmatch(host)
        if found is None or int(found["port"] or PORT) > 0xFFFF:
            raise MisuseError(f"{url}: {host!r} is not a host with a port; {_FORM}")
        brokers.append(f"{found['host']}:{found['port'] or PORT}")
    return Address(tuple(brokers), checked_topic(topic, url))


def checked_topic(topic: str, where: str) -> str:
    """The same name. Raises MisuseError unless a topic may be called so."""
    if _TOPIC.fullmatch(topic) is None or topic in {".", ".."}:
        raise MisuseError(f"{where}: {topic!r} is not the name of a topic: letters, digits, `.`, `_` and `-`; {_FORM}")
    return topic
