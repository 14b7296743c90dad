"""How the walks of a history are sent out."""

from __future__ import annotations

import pytest

from gossip.operators.attribute import BATCHES_PER_WORKER, WANTED_PER_HISTORY, batches
from gossip.schemas.units import HistoryUnit


@pytest.mark.parametrize("workers", [1, 2, 16])
@pytest.mark.parametrize("wanted", [0, 1, WANTED_PER_HISTORY, WANTED_PER_HISTORY + 1, 50 * WANTED_PER_HISTORY])
@pytest.mark.parametrize("count", [0, 1, 7, 500])
def test_every_history_once_and_enough_for_all(count: int, wanted: int, workers: int) -> None:
    """In order; one by one where little is wanted; else what is wanted travels seldom, and no worker goes without."""
    histories = [HistoryUnit(0, number) for number in range(count)]
    blobs = frozenset(number.to_bytes(20, "big") for number in range(wanted))
    sent = batches(histories, blobs, workers)
    assert [history for batch in sent for history in batch.histories] == histories
    assert all(batch.wanted is blobs for batch in sent)
    assert len(sent) >= min(count, BATCHES_PER_WORKER * workers)
    if wanted <= WANTED_PER_HISTORY:
        assert len(sent) == count
    assert len(sent) * wanted <= max(count, 2 * BATCHES_PER_WORKER * workers * 50) * WANTED_PER_HISTORY
