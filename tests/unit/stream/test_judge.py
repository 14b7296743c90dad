"""What becomes of messages: what is found where, what is sent on, what cannot be read."""

from __future__ import annotations

import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gossip.schemas.stream import Outgoing, Position
from tests.unit.stream.messages import TOKEN, Sent, judge, places, polled


def mark(found: object) -> bytes:
    """What stands in for the secret of a finding."""
    return b"gossip:" + found.secret_hash.encode()  # type: ignore[attr-defined]


def test_every_part_of_a_message_is_scanned_and_redacted() -> None:
    """Value, key and headers; what holds nothing goes on as it was."""
    message = Sent(7, b"v " + TOKEN, b"k/" + TOKEN, 1_700_000_000_123, [("h", b"h=" + TOKEN), ("n", None)])
    judged = judge(forward=True).judge(polled(message, Sent(9, None, b"gone"), Sent(12, b"plain")))
    assert places(judged) == [("token", "0/7#key"), ("token", "0/7#header.h"), ("token", "0/7")]
    assert {found.date for found in judged.findings} == {"2023-11-14T22:13:20.123+00:00"}
    assert len({found.finding_id for found in judged.findings}) == 1
    hashed = mark(judged.findings[0])
    assert judged.forwards == [
        Outgoing(b"k/" + hashed, b"v " + hashed, [("h", b"h=" + hashed), ("n", None)], 1_700_000_000_123),
        Outgoing(b"gone", None, (), 0),
        Outgoing(None, b"plain", (), 0),
    ]
    assert (judged.position, judged.result.documents, judged.result.bytes) == (Position(0, 13, 13), 3, 19)


def test_a_field_alone_is_scanned() -> None:
    """Places are those in its text; the message is redacted where that text lies, escapes included."""
    text = 'caf\u00e9 "' + TOKEN.decode() + '"\n'
    value = json.dumps({"id": TOKEN.decode(), "log": {"message": text}}).encode()
    judged = judge(field_path=("log", "message"), forward=True).judge(polled(Sent(0, value)))
    (found,) = judged.findings
    assert (found.path, found.start, found.end) == ("0/0#log.message", 7, 19)
    sent = json.loads(judged.forwards[0].value or b"")
    assert sent == {"id": TOKEN.decode(), "log": {"message": text.replace(TOKEN.decode(), mark(found).decode())}}


@pytest.mark.parametrize("value", [b"not json " + TOKEN, b"\xff" + TOKEN])
def test_poison_is_scanned_as_it_is_and_told(value: bytes) -> None:
    """It goes to the dead letters where there are some, else on; without its secrets in both cases."""
    for settings, dead in (({"dead": True}, 1), ({}, 0)):
        judged = judge(field_path=("a",), forward=True, **settings).judge(polled(Sent(3, value)))
        assert [(loss.kind, loss.where) for loss in judged.result.losses] == [("poison", "t/0/3")]
        assert (len(judged.dead), len(judged.forwards)) == (dead, 1 - dead)
        sent = (judged.dead or judged.forwards)[0]
        assert sent.value == value.replace(TOKEN, mark(judged.findings[0]))
        assert [name for name, _ in sent.headers] == ["gossip-source", "gossip-reason"] * dead


def test_a_field_that_is_missing_is_no_loss() -> None:
    """Such messages are counted and sent on."""
    judged = judge(field_path=("a",), forward=True).judge(polled(Sent(0, b'{"b": 1}')))
    assert (dict(judged.result.skipped), judged.result.losses, len(judged.forwards)) == ({"no-field": 1}, [], 1)


def test_compressed_messages_are_looked_into() -> None:
    """A secret inside cannot be taken out in place: the whole value goes."""
    judged = judge(forward=True).judge(polled(Sent(0, gzip.compress(b"a " + TOKEN)), Sent(1, gzip.compress(b"a"))))
    assert places(judged) == [("token", "0/0")]
    assert [sent.value for sent in judged.forwards] == [mark(judged.findings[0]), gzip.compress(b"a")]


def test_what_does_not_fit_is_not_sent_on() -> None:
    """It is a loss; a dead letter of it has no value."""
    judged = judge(forward=True, forward_bytes_max=10, dead=True).judge(polled(Sent(0, b"x" * 11), Sent(1, b"x" * 10)))
    assert [loss.kind for loss in judged.result.losses] == ["oversized"]
    assert ([sent.value for sent in judged.dead], [sent.value for sent in judged.forwards]) == ([None], [b"x" * 10])


def test_confidence_decides_what_is_reported_not_what_is_redacted() -> None:
    """A finding below the least confidence is still not sent on."""
    judged = judge(forward=True, min_confidence=10).judge(polled(Sent(0, TOKEN)))
    assert judged.findings == []
    assert TOKEN not in (judged.forwards[0].value or b"")


def test_the_ledger_is_told_of_everything() -> None:
    """A run of messages is one unit, named by where it begins; its version says where it ends."""
    used = judge(recorded=True, min_confidence=10)
    first = used.judge(polled(Sent(5, TOKEN), Sent(6, b"x"))).result.record
    again = judge(recorded=True).judge(polled(Sent(5, TOKEN))).result.record
    assert first is not None
    assert again is not None
    assert (first.version, again.version, first.unit_id == again.unit_id) == ("0:5-7@7", "0:5-6@6", True)
    assert len(first.findings) == 1


pieces = st.lists(st.sampled_from([TOKEN, b"a", b"\n", b"tok_", b"12345678", b"\x00", b" "]), max_size=6)


@given(st.lists(pieces, min_size=1, max_size=8))
def test_a_batch_gives_what_each_message_gives(lists: list[list[bytes]]) -> None:
    """Messages never see each other but for pairs; nothing of a secret is sent on."""
    sent = [Sent(n, b"".join(parts)) for n, parts in enumerate(lists)]
    together = judge(forward=True).judge(polled(*sent))
    alone = [judge(forward=True).judge(polled(message)) for message in sent]
    assert together.findings == [found for judged in alone for found in judged.findings]
    assert together.forwards == [message for judged in alone for message in judged.forwards]
    assert all(TOKEN not in (message.value or b"") for message in together.forwards)
