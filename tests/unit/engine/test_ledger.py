from __future__ import annotations

import pickle
from dataclasses import replace

import pytest

from gossip.engine.identity import Strength
from gossip.engine.ledger import (
    LedgerKey,
    LedgerRow,
    LedgerRowError,
    Provenance,
    Trust,
    answers,
    merge,
    merge_all,
    status_of,
)
from gossip.schemas.ledger import CODE_CHARS_MAX, Status

KEY = LedgerKey(b"t" * 32, b"k" * 32, b"p" * 32, b"o" * 32)
RETRYABLE, PERMANENT, SKIPPED, CLEAN, FOUND = Status


def row(status: Status, finished: int = 10, **fields: object) -> LedgerRow:
    """A row that fits its status, unless told otherwise."""
    sound = {"findings": int(status is FOUND), "code": None if status.scanned else "why"} | fields
    return LedgerRow(KEY, status, Provenance(finished, 1, 2, 7, 3), **sound)


def test_ranks_do_not_change() -> None:
    """They are stored."""
    assert [(one.name, int(one)) for one in Status] == [
        ("FAILED_RETRYABLE", 1),
        ("FAILED_PERMANENT", 2),
        ("SKIPPED", 3),
        ("SCANNED_CLEAN", 10),
        ("SCANNED_WITH_FINDINGS", 11),
    ]
    assert [status_of(int(one)) for one in Status] == list(Status)


@pytest.mark.parametrize("rank", [-1, 0, 4, 9, 12])
def test_unknown_rank_is_damage(rank: int) -> None:
    """Never taken for a known one."""
    with pytest.raises(LedgerRowError, match=f"status {rank} is unknown"):
        status_of(rank)


@pytest.mark.parametrize("place", range(4))
def test_key_has_a_fixed_width(place: int) -> None:
    """Four ids of 32 bytes, without a shard."""
    parts = [b"t" * 32, b"k" * 32, b"p" * 32, b"o" * 32]
    assert LedgerKey(*parts).encode() == b"".join(parts)
    parts[place] = parts[place][:-1]
    with pytest.raises(LedgerRowError, match="give four of 32"):
        LedgerKey(*parts)


@pytest.mark.parametrize(
    ("status", "fields"),
    [
        (CLEAN, {"findings": 1}),
        (CLEAN, {"code": "why"}),
        (FOUND, {"findings": 0}),
        (FOUND, {"code": "why"}),
        *[(status, {"code": None}) for status in (RETRYABLE, PERMANENT, SKIPPED)],
        (SKIPPED, {"code": ""}),
        (SKIPPED, {"code": "   "}),
        (SKIPPED, {"code": "a\n"}),
        (SKIPPED, {"code": "caf\u00e9"}),
        (SKIPPED, {"code": "a" * (CODE_CHARS_MAX + 1)}),
        (CLEAN, {"bytes": -1}),
        (SKIPPED, {"findings": -1}),
    ],
)
def test_record_shape(status: Status, fields: dict[str, object]) -> None:
    """Counts and codes fit the status."""
    with pytest.raises(LedgerRowError):
        row(status, **fields)


@pytest.mark.parametrize("code", ["a", "A b_c-d.e:f/9", " x", "a" * CODE_CHARS_MAX])
def test_codes(code: str) -> None:
    """Plain characters, up to a length."""
    assert row(SKIPPED, code=code).code == code


def test_scanned_is_never_downgraded() -> None:
    """Whatever comes later, in whichever order."""
    for higher in (CLEAN, FOUND):
        for lower in Status:
            if lower < higher:
                for one, other in ((row(higher, 1), row(lower, 99)), (row(lower, 99), row(higher, 1))):
                    assert merge(one, other) == row(higher, 1)


def test_provenance_travels_as_a_unit() -> None:
    """From the later of two with one status; never mixed."""
    early = row(SKIPPED, code="early")
    late = replace(early, provenance=Provenance(11, 0, 0, 0, 0), code="late")
    assert merge(early, late) == merge(late, early) == late
    by_code = replace(early, code="zzz")
    assert merge(early, by_code) == merge(by_code, early) == by_code


def test_counts_of_a_merge() -> None:
    """Bytes: the most. Findings: of scans with findings if there is one, none if clean, else the most."""
    failed = row(RETRYABLE, bytes=900, findings=7)
    assert merge(failed, row(CLEAN, bytes=5)) == row(CLEAN, bytes=900)
    assert merge(failed, row(FOUND, bytes=5, findings=2)) == row(FOUND, bytes=900, findings=2)
    assert merge(row(FOUND, findings=4), row(FOUND, 99, findings=2)) == row(FOUND, 99, findings=4)
    assert merge(failed, row(SKIPPED, findings=3)) == row(SKIPPED, bytes=900, findings=7)


def test_only_rows_of_one_key_merge() -> None:
    """Others answer different questions."""
    with pytest.raises(LedgerRowError, match="different keys"):
        merge(row(CLEAN), replace(row(CLEAN), key=replace(KEY, ovid=b"x" * 32)))


def test_merge_all() -> None:
    """One row for each key, where it first appeared."""
    other = replace(row(CLEAN), key=replace(KEY, ovid=b"x" * 32))
    merged = merge_all([row(RETRYABLE), other, row(FOUND), row(PERMANENT)])
    assert list(merged.items()) == [(KEY, row(FOUND)), (other.key, other)]
    assert merge_all([]) == {}


TRUST_ALL = Trust(weak_versions=True, skipped=True, failed_permanent=True)


@pytest.mark.parametrize(
    ("status", "strong", "weak", "strong_trusted"),
    [
        (RETRYABLE, False, False, False),
        (PERMANENT, False, False, True),
        (SKIPPED, False, False, True),
        (CLEAN, True, False, True),
        (FOUND, True, False, True),
    ],
)
def test_what_answers(status: Status, *, strong: bool, weak: bool, strong_trusted: bool) -> None:
    """By default content that was seen, under a version that changes with it; the rest if trusted, a failure that may
    pass never.
    """
    one = row(status)
    assert answers(one, KEY, Strength.STRONG) is strong
    assert answers(one, KEY, Strength.WEAK) is weak
    assert answers(one, KEY, Strength.STRONG, TRUST_ALL) is strong_trusted
    assert answers(one, KEY, Strength.WEAK, TRUST_ALL) is strong_trusted


@pytest.mark.parametrize("trust", [Trust(weak_versions=True), Trust(skipped=True), Trust(failed_permanent=True)])
def test_each_trust_is_its_own(trust: Trust) -> None:
    """One does not bring another."""
    assert answers(row(SKIPPED), KEY, Strength.STRONG, trust) is trust.skipped
    assert answers(row(PERMANENT), KEY, Strength.STRONG, trust) is trust.failed_permanent
    assert answers(row(CLEAN), KEY, Strength.WEAK, trust) is trust.weak_versions
    assert answers(row(CLEAN), KEY, Strength.STRONG, trust)


@pytest.mark.parametrize("part", ["tenant", "key_id", "policy", "ovid"])
def test_only_a_row_of_the_very_key_answers(part: str) -> None:
    """Not another tenant's, not one under other rules, not one whose hashes were made with another key."""
    other = replace(KEY, **{part: b"x" * 32})
    assert not answers(row(CLEAN), other, Strength.STRONG, TRUST_ALL)
    assert not answers(None, KEY, Strength.STRONG, TRUST_ALL)


def test_rows_can_be_pickled() -> None:
    """They travel to the lane that writes them."""
    assert pickle.loads(pickle.dumps(row(FOUND))) == row(FOUND)
