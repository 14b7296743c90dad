"""A repository that could not be fetched: a target of which everything is lost, so that the others are scanned."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gossip.connectors.git.urls import normal_url
from gossip.schemas.errors import PermanentError
from gossip.schemas.summary import Loss
from gossip.schemas.units import HistoryUnit, PlanReport, ScanUnit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gossip.schemas.protocols import Head, Opened
    from gossip.schemas.units import Target

REASON = "reason"
"""The target's option that says why."""


class LostSource:
    """Plans one loss."""

    connector = "gitlocal"
    reach = ""

    def __init__(self, target: Target) -> None:
        self._target = target

    @property
    def instance(self) -> bytes:
        """The repository's identity, as if it were here."""
        return normal_url(self._target.location).encode("utf-8", "surrogateescape")

    def plan(self) -> Iterator[ScanUnit | HistoryUnit | PlanReport]:
        """No unit, and why."""
        loss = Loss("unreadable", self._target.name, self._target.option(REASON))
        yield PlanReport(self._target.index, 0, 0, 0, (loss,))

    def plan_beyond(self, covered: frozenset[str]) -> Iterator[ScanUnit | HistoryUnit | PlanReport]:
        """As `plan`: what was covered stays so."""
        return self.plan()

    def fresh(self) -> LostSource:
        """Nothing is remembered of a plan."""
        return self

    def head(self) -> Head:
        """Nobody can tell."""
        raise PermanentError(f"{self._target.name}: {self._target.option(REASON)}")

    def fingerprint(self) -> bytes:
        """Always the same."""
        return b""

    def outdated(self, covered: frozenset[str], missing: Iterable[str]) -> bool:
        """Nobody can tell."""
        return False

    def content_key(self, unit: ScanUnit) -> bytes:
        """There is no unit."""
        raise AssertionError(unit.kind)

    def open(self, unit: ScanUnit) -> Iterator[Opened]:
        """There is no unit."""
        raise AssertionError(unit.kind)
