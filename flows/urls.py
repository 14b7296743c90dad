"""Targets that are URLs, but for those of Git: of other packages' connectors, and of everything that fsspec reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gossip.flows.sources import has_connector
from gossip.schemas.rows import without_credentials
from gossip.schemas.units import Target

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gossip.schemas.config import ScanConfig

_LOCAL = frozenset({"files", "git", "lost", "stdin"})


def is_url(text: str) -> bool:
    """Whether a target names something that is neither here nor a Git repository."""
    if "://" not in text:
        return False
    from gossip.connectors.objects.names import is_objects

    return is_objects(text)


def url_target(text: str, index: int) -> Target:
    """The target of a URL, without its login, which this process keeps. Raises MisuseError."""
    scheme = text.partition("://")[0].lower()
    if has_connector(scheme):
        return Target(scheme, text, without_credentials(text), index=index)
    if scheme == "kafka":
        from gossip.connectors.kafka.address import parse_address

        address = str(parse_address(text))
        return Target("kafka", address, address, index=index)
    from gossip.connectors.objects.access import remember_login
    from gossip.connectors.objects.names import check_protocol, parse_url

    place = parse_url(text)
    check_protocol(place)
    remember_login(place)
    return Target("objects", place.url, place.shown, index=index)


def is_elsewhere(target: Target) -> bool:
    """Whether a target's location is a URL and no path, and how much it holds cannot be seen from here."""
    return target.kind not in _LOCAL


def use_storage_options(config: ScanConfig, options: Mapping[str, str]) -> bool:
    """Keep the options for the targets that are object stores; whether there are any."""
    if not any(target.kind == "objects" for target in config.targets):
        return False
    from gossip.connectors.objects.access import use_options

    use_options(options)
    return True
