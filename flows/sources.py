"""The table of sources: target kind to class. One row a source, sorted."""

from __future__ import annotations

from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING

from gossip.schemas.errors import MisuseError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from importlib.metadata import EntryPoint, EntryPoints

    from gossip.schemas.protocols import Source
    from gossip.schemas.units import Target

SOURCES = MappingProxyType(
    {
        "files": "gossip.connectors.files.source:FileSource",
        "git": "gossip.connectors.git.source:GitSource",
        "kafka": "gossip.connectors.kafka.source:TopicSource",
        "lost": "gossip.connectors.git.lost:LostSource",
        "objects": "gossip.connectors.objects.source:ObjectSource",
        "pushed": "gossip.connectors.git.pushed:PushedSource",
        "stdin": "gossip.connectors.files.stdin:StdinSource",
    }
)


GROUP = "gossip.connectors"
"""Entry points of other packages: scheme of a URL to `module:SourceClass`. What is in the table cannot be replaced."""

PACKS_HELD_MAX = 128
"""Packs that are opened beforehand: each holds two file handles. Later repositories are opened when they are needed."""


def open_source(target: Target) -> Source:
    """The source of a target; its module is imported when first needed. Raises what opening it raises."""
    if target.kind in SOURCES:
        module, _, name = SOURCES[target.kind].partition(":")
        made = getattr(import_module(module), name)
    else:
        made = _installed(target.kind).load()
    source: Source = made(target)
    return source


def has_connector(name: str) -> bool:
    """Whether an installed package brings the source of a scheme, such as `notes` for `notes://...`."""
    return name not in SOURCES and name in _installed_points().names


def _installed_points() -> EntryPoints:
    """What packages have installed. Its library takes 10 ms to import: only who names a URL pays for it."""
    from importlib.metadata import entry_points

    return entry_points(group=GROUP)


def _installed(name: str) -> EntryPoint:
    """What a package has installed under a name. Raises MisuseError where that is not one thing."""
    found = {point.value: point for point in _installed_points().select(name=name)}
    if not found:
        raise MisuseError(f"{name}: no installed package has a connector of that name; is it in this environment?")
    if len(found) > 1:
        raise MisuseError(f"{name}: several packages have a connector of that name ({', '.join(sorted(found))})")
    return next(iter(found.values()))


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
