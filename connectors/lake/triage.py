"""Writing verdicts on findings. Append-only, beside whatever else writes to the lake.

All verdicts of a lake share one Delta transaction id, whose number rises by one a commit. Of two writers at once one
loses the race, looks again and takes the next number: both verdicts are kept, and everybody sees the same last one,
whatever their clocks say. A process that ends in the middle has either committed or not.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from gossip.connectors.lake.table import LakeTable
from gossip.schemas.errors import RetryableError
from gossip.schemas.rows import arrow_table, triage_columns
from gossip.schemas.tables import TRIAGE

if TYPE_CHECKING:
    from gossip.connectors.lake.storage import Location
    from gossip.schemas.triage import Verdict

TURNS_MAX = 50
"""How often a writer lets others go first. Each of them has committed then, so somebody always gets on."""
_PAUSE_SECONDS_MAX = 0.05


def record_verdicts(
    place: Location,
    verdicts: Sequence[Verdict],
    *,
    tenant: str = "default",
    hook: Callable[[str], None] = lambda _point: None,
) -> int:
    """Add verdicts in one commit and return its number; durable when this returns. 0 where there are none.

    The table is made if it is not there. Raises RetryableError where others kept coming first, and errors of the
    storage. `hook` is called at `before` and `after` the commit, for tests.
    """
    from deltalake.exceptions import CommitFailedError

    if not verdicts:
        return 0
    table = LakeTable.open_or_create(place, TRIAGE)
    for turn in range(TURNS_MAX):
        seq = table.lane_version(TRIAGE) + 1
        rows = arrow_table(TRIAGE, triage_columns(verdicts, tenant, seq))
        hook("before")
        try:
            table.append(rows, TRIAGE, seq)
        except CommitFailedError:
            time.sleep(random.uniform(0, _PAUSE_SECONDS_MAX) * min(turn + 1, 10))  # noqa: S311 - no secret is drawn
            table.refresh()
            continue
        hook("after")
        return seq
    raise RetryableError(f"{table.shown}: other writers came first {TURNS_MAX} times; try again")
