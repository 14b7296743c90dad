"""What a test of coordination believes of a run, and what it lets the operations refuse."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from gossip.engine.identity import tenant_id
from gossip.engine.limits import SHARD_OPS_KEPT
from gossip.engine.shards.records import Outcome

TENANT, OTHER, RUN = tenant_id(b"acme"), tenant_id(b"rival"), 7
LEASE_TIME, COOLDOWN, FAILURES = 20, 3, 3
UNIVERSE = [bytes([letter]) for letter in range(0x61, 0x7B)]

COMMON = {"ShardNotFound", "TenantMismatch", "StaleFence", "LeaseExpired", "ShardTerminal"}
CURSORS = {"CheckpointMissingKey", "CursorRegression", "CursorOutOfBounds", "CursorKeyTooLarge", "CursorTokenTooLarge"}
MAY_RAISE = {
    "acquire": {"ShardNotFound", "TenantMismatch", "ShardTerminal", "AlreadyLeased"},
    "renew": COMMON,
    "checkpoint": COMMON | CURSORS | {"OpIdConflict"},
    "complete": COMMON | CURSORS | {"OpIdConflict"},
    "park": COMMON | {"OpIdConflict"},
    "fail": COMMON | {"OpIdConflict"},
    "split_replace": COMMON | {"OpIdConflict", "SplitInvalid", "HintInvalid", "ShardLimit"},
    "split_residual": COMMON | {"OpIdConflict", "SplitInvalid", "HintInvalid", "ShardLimit"},
    "unpark": {"ShardNotFound", "TenantMismatch", "RunTerminal", "NotParked", "OpIdConflict"},
    "claim": {"NoneAvailable", "Throttled", "RunTerminal", "RunNotFound"},
}
"""What each operation may refuse with."""


@dataclass
class Believed:
    """What the model knows of a shard."""

    low: bytes
    high: bytes
    key: bytes | None = None
    status: str = "ACTIVE"
    fence: int = 1
    owner: int | None = None
    deadline: int = 0
    failures: int = 0
    done: deque[tuple[Callable[[int], Outcome], tuple[int, ...]]] = field(
        default_factory=lambda: deque(maxlen=SHARD_OPS_KEPT)
    )
    """Operations that the log still has: how to ask again, and the answer."""

    def mine(self) -> list[bytes]:
        """The letters of the range."""
        return [letter for letter in UNIVERSE if self.low <= letter and (not self.high or letter < self.high)]

    def ahead(self) -> list[bytes]:
        """Those that nobody has handled."""
        return [letter for letter in self.mine() if self.key is None or letter > self.key]
