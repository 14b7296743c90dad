"""The done-ledger is a lattice."""

from __future__ import annotations

from functools import reduce

from hypothesis import given
from hypothesis import strategies as st

from gossip.engine.identity import Strength
from gossip.engine.ledger import LedgerKey, LedgerRow, Provenance, Trust, answers, merge, merge_all
from gossip.schemas.ledger import Status

KEY = LedgerKey(b"t" * 32, b"k" * 32, b"p" * 32, b"o" * 32)
small = st.integers(0, 3)
provenances = st.builds(Provenance, small, small, small, small, small)
codes = st.text("ab-", min_size=1, max_size=2)


@st.composite
def rows(draw: st.DrawFn) -> LedgerRow:
    """Any row of one key; few values, so that ties come up."""
    status = draw(st.sampled_from(Status))
    findings = {Status.SCANNED_CLEAN: st.just(0), Status.SCANNED_WITH_FINDINGS: st.integers(1, 3)}
    code = None if status.scanned else draw(codes)
    return LedgerRow(KEY, status, draw(provenances), draw(small), draw(findings.get(status, small)), code)


@given(rows())
def test_merge_is_idempotent(row: LedgerRow) -> None:
    """Writing again changes nothing."""
    assert merge(row, row) == row


@given(rows(), rows())
def test_merge_is_commutative(a: LedgerRow, b: LedgerRow) -> None:
    """It does not matter who was first."""
    assert merge(a, b) == merge(b, a)


@given(rows(), rows(), rows())
def test_merge_is_associative(a: LedgerRow, b: LedgerRow, c: LedgerRow) -> None:
    """Nor through which stores they came."""
    assert merge(merge(a, b), c) == merge(a, merge(b, c))


@given(rows(), rows())
def test_merge_is_monotone_and_absorbs(a: LedgerRow, b: LedgerRow) -> None:
    """The result is no less than either, and either adds nothing to it. Every result is a row that can be."""
    both = merge(a, b)
    assert both.status == max(a.status, b.status)
    assert both.bytes >= max(a.bytes, b.bytes)
    assert merge(both, a) == merge(both, b) == both
    assert both.provenance in (a.provenance, b.provenance)


@given(st.lists(rows(), min_size=1, max_size=6), st.randoms())
def test_any_order_and_number_of_replays_give_one_row(listed: list[LedgerRow], random: object) -> None:
    """Shuffled, with repeats."""
    replayed = listed + listed[::2]
    random.shuffle(replayed)  # type: ignore[attr-defined]
    assert merge_all(replayed) == {KEY: reduce(merge, listed)}


@given(rows(), rows(), st.sampled_from(Strength), st.builds(Trust, st.booleans(), st.booleans(), st.booleans()))
def test_an_answer_once_given_stays(a: LedgerRow, b: LedgerRow, strength: Strength, trust: Trust) -> None:
    """What is written later never makes scanned content unscanned."""
    if a.status.scanned and answers(a, KEY, strength, trust):
        assert answers(merge(a, b), KEY, strength, trust)
