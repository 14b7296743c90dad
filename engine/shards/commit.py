"""What must be durable before what: findings, then the ledger, then the cursor.

So the ledger never says of content that it was scanned while its findings can still be lost, and no cursor passes work
that nothing durable remembers. Each step needs the receipt of the one before, for this very page.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

from gossip.engine.identity import opaque
from gossip.engine.shards.errors import CommitOrderError


class BoundaryKind(IntEnum):
    """What a boundary's bytes are: two kinds may have the same ones and never mean the same."""

    ORDERED_CONTENT = 0
    """A cursor's key."""
    REPOSITORY_FRONTIER = 1
    """A digest of the tips up to which a history was scanned."""


@dataclass(frozen=True, slots=True)
class PageScope:
    """The page that a receipt is for, from whoever wrote it."""

    tenant: bytes
    policy: bytes
    run: int
    shard: int
    fence: int
    units: int
    """How many units the page has; each has one ledger row."""
    boundary: tuple[BoundaryKind, bytes] = field(repr=False)


@dataclass(frozen=True, slots=True)
class FindingsReceipt:
    """All findings, occurrences and observations of the page are durable."""

    scope: PageScope


@dataclass(frozen=True, slots=True)
class LedgerReceipt:
    """The page's ledger rows are durable: `rows` of them."""

    scope: PageScope
    rows: int


@dataclass(frozen=True, slots=True)
class CheckpointReceipt:
    """The page's boundary is durable: whatever is read back begins behind it."""

    scope: PageScope


class CommitStage(IntEnum):
    """How far the commit of a page is."""

    AWAITING_FINDINGS = 0
    FINDINGS_DURABLE = 1
    ITEMS_DURABLE = 2
    CHECKPOINT_DURABLE = 3


class PageCommit:
    """The commit of one page. A receipt that comes too early, twice, or from another page raises CommitOrderError, and
    the stage stays as it was. Can be pickled.
    """

    __slots__ = ("_scope", "_stage")

    def __init__(self, scope: PageScope) -> None:
        if scope.units < 0:
            raise CommitOrderError(f"a page of {scope.units} units")
        self._scope = scope
        self._stage = CommitStage.AWAITING_FINDINGS

    def __repr__(self) -> str:
        return f"PageCommit({self._stage.name.lower()}, {self._scope!r})"

    @property
    def scope(self) -> PageScope:
        """The page."""
        return self._scope

    @property
    def stage(self) -> CommitStage:
        """How far it is."""
        return self._stage

    def findings_durable(self, receipt: FindingsReceipt) -> None:
        """First: from now on, the ledger may be written."""
        self._step(CommitStage.AWAITING_FINDINGS, receipt.scope)
        self._stage = CommitStage.FINDINGS_DURABLE

    def ledger_durable(self, receipt: LedgerReceipt) -> None:
        """Second, with a row for every unit: from now on, the cursor may be stored."""
        self._step(CommitStage.FINDINGS_DURABLE, receipt.scope)
        if receipt.rows != self._scope.units:
            raise CommitOrderError(f"{receipt.rows} ledger rows for a page of {self._scope.units} units")
        self._stage = CommitStage.ITEMS_DURABLE

    def checkpoint_durable(self, receipt: CheckpointReceipt) -> None:
        """Last: the page will not be seen again."""
        self._step(CommitStage.ITEMS_DURABLE, receipt.scope)
        self._stage = CommitStage.CHECKPOINT_DURABLE

    def check_may_write_ledger(self) -> None:
        """Raise CommitOrderError unless the page's findings are durable and its ledger is not."""
        self._step(CommitStage.FINDINGS_DURABLE, self._scope)

    def check_may_checkpoint(self) -> None:
        """Raise CommitOrderError unless the page's ledger is durable and its cursor is not."""
        self._step(CommitStage.ITEMS_DURABLE, self._scope)

    def _step(self, needed: CommitStage, scope: PageScope) -> None:
        if self._stage is not needed:
            raise CommitOrderError(
                f"page of shard {self._scope.shard} is {self._stage.name.lower()}; this step needs"
                f" {needed.name.lower()}"
            )
        if scope != self._scope:
            names = [name for name in PageScope.__slots__ if getattr(scope, name) != getattr(self._scope, name)]
            shown = opaque("boundary", self._scope.boundary[1])
            raise CommitOrderError(f"receipt of another page than that with {shown}: {', '.join(names)} differ")
