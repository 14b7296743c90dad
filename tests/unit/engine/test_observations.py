from __future__ import annotations

from dataclasses import replace

import pytest

from gossip.engine.identity import finding_id, observation_id, occurrence_id
from gossip.engine.observations import (
    Batch,
    BatchError,
    FindingRow,
    ObservationRow,
    OccurrenceRow,
    Sight,
    fold,
    merge_observations,
)

TENANT, OTHER = b"t" * 32, b"u" * 32
ITEM, RULE, HASHED, VERSION, POLICY, OVID = (letter * 32 for letter in (b"i", b"r", b"s", b"v", b"p", b"o"))
FINDING = FindingRow(finding_id(TENANT, ITEM, RULE, HASHED), TENANT, ITEM, RULE, HASHED)
OCCURRENCE = OccurrenceRow(occurrence_id(FINDING.id, VERSION, 3, 9), FINDING.id, VERSION, 3, 9)
SIGHT = Sight(100, 2, 7, 1, OVID, "src/a.py")
OBSERVATION = ObservationRow(observation_id(TENANT, POLICY, OCCURRENCE.id), TENANT, POLICY, OCCURRENCE.id, SIGHT)
WHOLE = Batch((FINDING,), (OCCURRENCE,), (OBSERVATION,))


def seen(at: int, **fields: object) -> ObservationRow:
    """The observation at another time."""
    return replace(OBSERVATION, sight=SIGHT._replace(seen_at=at, **fields))


def test_replay_adds_no_rows() -> None:
    """A batch twice, or inside another, is the batch; folding it again changes nothing."""
    twice = Batch(*(rows * 2 for rows in WHOLE))
    assert fold(TENANT, twice) == fold(TENANT, fold(TENANT, twice)) == WHOLE


def test_later_sight_stays() -> None:
    """In whichever order; a tie is settled by the rest, so the result never depends on order."""
    for rows in ((seen(99), seen(101), seen(100)), (seen(101), seen(100), seen(99))):
        assert fold(TENANT, WHOLE._replace(observations=rows)).observations == (seen(101),)
    tied = (seen(99, shard=5), seen(99, shard=4))
    assert merge_observations(*tied) == merge_observations(*tied[::-1]) == tied[0]


def test_no_orphans() -> None:
    """A parent is in the batch or durable, or the batch is refused."""
    with pytest.raises(BatchError, match="1 occurrences without"):
        fold(TENANT, WHOLE._replace(findings=()))
    with pytest.raises(BatchError, match="1 observations without"):
        fold(TENANT, WHOLE._replace(occurrences=()))
    fold(TENANT, WHOLE._replace(findings=()), findings={FINDING.id})
    alone = Batch(observations=(OBSERVATION,))
    assert fold(TENANT, alone, occurrences=[OCCURRENCE.id]) == alone


@pytest.mark.parametrize(
    "batch",
    [
        WHOLE._replace(findings=(replace(FINDING, rule=b"x" * 32),)),
        WHOLE._replace(findings=(FINDING, replace(FINDING, secret_hash=b"x" * 32))),
        WHOLE._replace(occurrences=(replace(OCCURRENCE, offset=4),)),
        WHOLE._replace(occurrences=(replace(OCCURRENCE, length=0),)),
        WHOLE._replace(observations=(replace(OBSERVATION, policy=b"x" * 32),)),
    ],
)
def test_same_id_with_other_content_is_a_conflict(batch: Batch) -> None:
    """An id is that of its fields, or the batch is refused."""
    with pytest.raises(BatchError):
        fold(TENANT, batch)


def test_a_batch_has_one_tenant() -> None:
    """Neither a foreign finding nor a foreign observation."""
    with pytest.raises(BatchError, match="2 rows of other tenants") as caught:
        fold(OTHER, WHOLE)
    assert TENANT.hex() not in str(caught.value)


def test_observations_merge_by_identity() -> None:
    """What is fixed stays fixed."""
    with pytest.raises(BatchError, match="differ in more"):
        merge_observations(OBSERVATION, replace(OBSERVATION, policy=b"x" * 32))


def test_text_shows_no_hash_of_a_secret() -> None:
    """A keyed hash is still that of a secret."""
    assert "ssss" not in repr(FINDING)


def test_rows_keep_the_order_of_first_appearance() -> None:
    """So that equal batches are written alike."""
    other = replace(OCCURRENCE, offset=4, id=occurrence_id(FINDING.id, VERSION, 4, 9))
    assert fold(TENANT, Batch((FINDING,), (other, OCCURRENCE, other))).occurrences == (other, OCCURRENCE)
