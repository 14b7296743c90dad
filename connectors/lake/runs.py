"""Writing the row of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gossip.connectors.lake.table import LakeTable
from gossip.schemas.rows import arrow_table, run_columns
from gossip.schemas.tables import RUNS

if TYPE_CHECKING:
    from gossip.connectors.lake.storage import Location
    from gossip.schemas.ledger import RunRecord
    from gossip.schemas.summary import Summary


def write_run(location: Location, run: RunRecord, summary: Summary) -> bool:
    """Add the run's row; False where it is there already. Raises errors of ours.

    Of two processes that end the same run, one writes.
    """
    from deltalake.exceptions import CommitFailedError

    table = LakeTable.open_or_create(location, RUNS)
    app_id = f"run:{run.run_id}"
    if table.lane_version(app_id):
        return False
    try:
        table.append(arrow_table(RUNS, run_columns(run, summary)), app_id, 1)
    except CommitFailedError:
        return False
    return True
