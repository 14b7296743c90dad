"""The table of sources: target kind to class. One row a source, sorted."""

from __future__ import annotations

from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gossip.schemas.protocols import Source
    from gossip.schemas.units import Target

SOURCES = MappingProxyType(
    {
        "files": "gossip.connectors.files.source:FileSource",
        "git": "gossip.connectors.git.source:GitSource",
        "stdin": "gossip.connectors.files.stdin:StdinSource",
    }
)


def open_source(target: Target) -> Source:
    """The source of a target; its module is imported when first needed. Raises what opening it raises."""
    module, _, name = SOURCES[target.kind].partition(":")
    source: Source = getattr(import_module(module), name)(target)
    return source
