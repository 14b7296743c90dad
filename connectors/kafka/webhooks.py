"""Push events: bodies of webhooks of GitHub, GitLab, Gitea, Forgejo and Bitbucket, and what they say has changed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from gossip.connectors.kafka.client import told

if TYPE_CHECKING:
    from gossip.connectors.kafka.client import Client

BODY_BYTES_MAX = 25 << 20
"""GitHub sends no larger ones."""
_URLS = ("clone_url", "ssh_url", "git_http_url", "git_ssh_url", "html_url", "web_url", "git_url", "http_url", "url")
_NAMES = ("full_name", "path_with_namespace")
_POLL_MS = 500


def repository_names(body: bytes) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """(URLs, full names) of the repository that a webhook's body is about; None where it names none.

    >>> repository_names(b'{"repository": {"full_name": "a/b", "clone_url": "https://h/a/b.git"}}')
    (('https://h/a/b.git',), ('a/b',))
    """
    if len(body) > BODY_BYTES_MAX:
        return None
    try:
        value = json.loads(body.decode())
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict):
        return None
    about = [value[name] for name in ("repository", "project") if isinstance(value.get(name), dict)]
    urls = tuple(dict.fromkeys(url for each in about for url in _texts(each, _URLS)))
    names = tuple(dict.fromkeys(name for each in about for name in _texts(each, _NAMES)))
    return (urls, names) if urls or names else None


def _texts(value: dict[str, Any], fields: tuple[str, ...]) -> Iterator[str]:
    for field in fields:
        if isinstance(value.get(field), str):
            yield value[field]
    links = value.get("links")
    html = links.get("html") if isinstance(links, dict) else None
    if fields is _URLS and isinstance(html, dict) and isinstance(html.get("href"), str):
        yield html["href"]


def bodies(client: Client, going_on: Callable[[], bool]) -> Iterator[bytes]:
    """Values of a topic's messages from now on, while `going_on` says so. Raises errors of ours.

    No position is kept: events only say where to look first, and whoever starts looks everywhere.
    """
    from kafka import TopicPartition

    topic = client.topic(client.address)
    consumer = client.consumer(None)
    try:
        with told(client.address, client.security):
            parts = [TopicPartition(client.address.topic, number) for number in range(topic.partitions)]
            consumer.assign(parts)
            for part, end in consumer.end_offsets(parts).items():
                consumer.seek(part, end)
        while going_on():
            with told(client.address, client.security):
                polled = consumer.poll(timeout_ms=_POLL_MS)
            for messages in polled.values():
                yield from (message.value for message in messages if message.value)
    finally:
        consumer.close(autocommit=False)
