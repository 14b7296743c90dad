"""Standard input as one document."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gossip.connectors.files.reading import open_handle
from gossip.schemas.units import HistoryUnit, PlanReport, ScanUnit, Target

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gossip.schemas.protocols import Opened

_HANDLE = 0
_PATH = b"-"


class StdinSource:
    """What is piped in. It can be read once, so a run that has it stays in one process."""

    connector = "stdin"

    def __init__(self, target: Target) -> None:
        self._index = target.index

    @property
    def instance(self) -> bytes:
        """Standard input is the same everywhere."""
        return b"stdin"

    def plan(self) -> Iterator[ScanUnit | HistoryUnit | PlanReport]:
        """One unit of unknown size."""
        yield ScanUnit(self._index, "stdin", None)
        yield PlanReport(self._index, 1, 0, 0)

    def open(self, unit: ScanUnit) -> Iterator[Opened]:
        """The one document."""
        yield from open_handle(_HANDLE, _PATH)
