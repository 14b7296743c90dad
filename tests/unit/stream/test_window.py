"""Pairs across messages: which parts meet, for how long, and what of it a restart needs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.stream.messages import Sent, judge, places, polled

SECOND = 1000
PAIR = [("pair", "0/0")]


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ([Sent(0, b"sec_0001 id_0001", b"k")], PAIR),
        ([Sent(0, b"id_0001", b"k"), Sent(1, b"x", b"k"), Sent(2, b"sec_0001", b"k")], [("pair", "0/2")]),
        ([Sent(0, b"sec_0001", b"k"), Sent(1, b"id_0001", b"k")], PAIR),
        ([Sent(0, b"sec_0001", b"k"), Sent(1, b"id_0001", b"other")], []),
        ([Sent(0, b"sec_0001"), Sent(1, b"id_0001")], []),
        ([Sent(0, b"id_0001", b"k"), Sent(1, b"sec_0001", b"k", 60 * SECOND)], [("pair", "0/1")]),
        ([Sent(0, b"id_0001", b"k"), Sent(1, b"sec_0001", b"k", 60 * SECOND + 1)], []),
        ([Sent(0, b"id_0001\n\n\n\nsec_0001", b"k")], []),
        ([Sent(0, b"id_0001", b"k"), Sent(1, b"sec_0001 sec_0002", b"k")], [("pair", "0/1")] * 2),
        ([Sent(0, b"sec_0001", b"k"), Sent(1, b"id_0001", b"k"), Sent(2, b"id_0002", b"k")], PAIR),
        ([Sent(0, b"", b"id_0001"), Sent(1, b"sec_0001", b"id_0001")], [("pair", "0/1")]),
    ],
)
def test_which_parts_meet(messages: list[Sent], expected: list[tuple[str, str]]) -> None:
    """In one message the rule's own distances hold, across messages the key and the time."""
    together = judge()
    assert places(together.judge(polled(*messages))) == expected
    one_by_one = judge()
    assert [p for m in messages for p in places(one_by_one.judge(polled(m)))] == expected


def test_the_position_says_where_to_read_on() -> None:
    """A message that may still be needed is read again; once its time has passed it is not."""
    used = judge()
    first = used.judge(polled(Sent(0, b"x", b"k"), Sent(1, b"id_0001", b"k"), Sent(2, b"x", b"k")))
    assert first.position == (0, 3, 1)
    later = used.judge(polled(Sent(3, b"id_0002", b"k", 61 * SECOND), Sent(4, b"x", b"k", 61 * SECOND)))
    assert later.position == (0, 5, 3)


def test_a_match_that_nothing_came_to_is_counted() -> None:
    """It fell for want of a component, and says so when its time has passed."""
    used = judge()
    used.judge(polled(Sent(0, b"sec_0001", b"k")))
    told = used.judge(polled(Sent(1, b"id_0001", b"k", 61 * SECOND)))
    assert dict(told.result.suppressed) == {"component-missing": 1}


def test_parts_are_bounded() -> None:
    """Of one key only so many are kept: the oldest go first, and are counted."""
    used = judge()
    flood = used.judge(polled(*(Sent(n, b"id_%04d" % n, b"k") for n in range(100))))
    assert dict(flood.result.suppressed) == {"pair-window-full": 36}
    assert flood.position.rewind == 36


texts = st.sampled_from([b"x", b"id_0001", b"id_0002", b"sec_0001", b"sec_0002", b"id_0003 sec_0003", b"tok_12345678"])
messages = st.lists(st.tuples(texts, st.sampled_from([b"a", b"b", None]), st.integers(0, 40 * SECOND)), max_size=20)


@given(messages, st.data())
def test_a_restart_changes_nothing(steps: list[tuple[bytes, bytes | None, int]], data: st.DataObject) -> None:
    """Stopped anywhere, and gone on from the stored position with a silent look back: the same findings, each once."""
    time, sent = 0, []
    for offset, (text, key, wait) in enumerate(steps):
        time += wait
        sent.append(Sent(offset, text, key, time))
    whole = judge()
    expected = [p for m in sent for p in places(whole.judge(polled(m)))]
    cut = data.draw(st.integers(0, len(sent)))
    before, found, position = judge(), [], (0, 0, 0)
    for message in sent[:cut]:
        judged = before.judge(polled(message))
        found += places(judged)
        position = judged.position
    after = judge()
    for message in sent[position[2] : cut]:
        assert places(after.judge(polled(message), silent=True)) == []
    found += [p for m in sent[cut:] for p in places(after.judge(polled(m)))]
    assert found == expected
