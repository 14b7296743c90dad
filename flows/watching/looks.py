"""Looking at targets: what a lane calls, on a thread beside the dataflow, to learn whether one has changed.

A repository on a server is looked at by refreshing its mirror, which fetches what is new; then the mirror is scanned as
any repository on this machine. Logins are here alone: no target has one, and so neither the lake nor any output.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from gossip.connectors.git.mirror import Mirror
from gossip.connectors.git.selection import RefSelection
from gossip.flows.mirrors import MIRRORS_FOLDER, REMOTE
from gossip.flows.sources import open_source

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from gossip.connectors.git.urls import Remote
    from gossip.schemas.config import ScanConfig
    from gossip.schemas.protocols import RememberedSource
    from gossip.schemas.units import Target


class Looks:
    """The targets of a watch as they lie on this machine, and the way to look at them.

    `remotes`: by target index, with logins; `state`: the folder whose mirrors they have.
    """

    def __init__(self, config: ScanConfig, remotes: Mapping[int, Remote], state: str) -> None:
        self._remotes = dict(remotes)
        self._folder = os.path.join(state, MIRRORS_FOLDER)
        self.config = replace(config, targets=tuple(map(self._here, config.targets)))
        """With mirrors in the place of remote targets, whether they are there yet or not."""

    def __call__(self, target: Target) -> bytes:
        """The target's fingerprint. Raises errors of ours, and of the system."""
        if target.index in self._remotes:
            self._mirror(target).refresh()
        return cast("RememberedSource", open_source(target)).fingerprint()

    def _here(self, target: Target) -> Target:
        if target.index not in self._remotes:
            return target
        options = tuple(pair for pair in target.options if pair[0] != REMOTE)
        return replace(target, location=self._mirror(target).path, options=options)

    def _mirror(self, target: Target) -> Mirror:
        return Mirror(self._remotes[target.index], self._folder, RefSelection.of(target))


def twins(targets: Iterable[Target], remotes: Mapping[int, Remote]) -> frozenset[int]:
    """Targets that share their identity with another one: clones of one repository."""
    from gossip.schemas.errors import GossipError

    known: dict[bytes, list[int]] = {}
    for target in targets:
        if target.index in remotes:
            instance = os.fsencode(remotes[target.index].identity)
        else:
            try:
                instance = open_source(target).instance
            except (GossipError, OSError):
                continue  # looking at it will say why
        known.setdefault(instance, []).append(target.index)
    return frozenset(index for group in known.values() if len(group) > 1 for index in group)
