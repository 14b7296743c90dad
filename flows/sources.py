"""The table of sources: target kind to class. One row a source, sorted."""

from __future__ import annotations

from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gossip.schemas.protocols import Source
    from gossip.schemas.units import Target

SOURCES = MappingProxyType(
    {
        "files": "gossip.connectors.files.source:FileSource",
        "git": "gossip.connectors.git.source:GitSource",
        "lost": "gossip.connectors.git.lost:LostSource",
        "pushed": "gossip.connectors.git.pushed:PushedSource",
        "stdin": "gossip.connectors.files.stdin:StdinSource",
    }
)


PACKS_HELD_MAX = 128
"""Packs that are opened beforehand: each holds two file handles. Later repositories are opened when they are needed."""


def open_source(target: Target) -> Source:
    """The source of a target; its module is imported when first needed. Raises what opening it raises."""
    module, _, name = SOURCES[target.kind].partition(":")
    source: Source = getattr(import_module(module), name)(target)
    return source


class OpenedSources:
    """Sources that were opened before the processes of a run are forked: all of them see a repository as it was then,
    whatever is packed anew or deleted meanwhile.
    """

    def __init__(self, targets: Iterable[Target]) -> None:
        """Raises what opening them raises."""
        self._sources: dict[int, Source] = {}
        self._packs = 0
        self.add(targets)

    def add(self, targets: Iterable[Target]) -> None:
        """Open more. Raises what opening them raises."""
        for target in targets:
            source = open_source(target)
            prepare = getattr(source, "prepare", None)
            if prepare is not None and self._packs < PACKS_HELD_MAX:
                self._packs += prepare()
                self._sources[target.index] = source

    def __call__(self, target: Target) -> Source:
        """The source of a target, for one thread of a process."""
        return self._sources.get(target.index) or open_source(target)
