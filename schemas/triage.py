"""What people decide about a finding. A verdict is never changed: a later one takes its place."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

VerdictStatus = Literal["open", "accepted", "fixed", "false"]
"""`open`: to be acted on; `accepted`: known and left, maybe until a time; `fixed`: the secret was revoked or replaced,
so that its copies are worthless; `false`: it is no secret."""

STATUSES: tuple[VerdictStatus, ...] = ("open", "accepted", "fixed", "false")
REASON_CHARS_MAX = 1000


@dataclass(frozen=True, slots=True)
class Verdict:
    """One decision about one finding. Holds no secret; what people write into `reason` is theirs to keep clean."""

    finding_id: str
    """64 hex digits."""
    status: VerdictStatus
    author: str
    decided_at: datetime
    """With a time zone."""
    reason: str = ""
    until: datetime | None = None
    """End of an acceptance, exclusive, with a time zone."""
