from __future__ import annotations

import pytest

from gossip.engine.limits import KEY_BYTES_MAX, TOKEN_BYTES_MAX
from gossip.engine.shards.cursor import INITIAL, Cursor
from gossip.engine.shards.errors import PageInvalidError
from gossip.engine.shards.pages import RULES, Page, check_page, checkpoint_of
from gossip.engine.shards.ranges import EVERYTHING, KeyRange

SPAN = KeyRange(b"b", b"y")
LONG = b"c" * (KEY_BYTES_MAX + 1)


def page(*keys: bytes, following: bytes | None = None, token: bytes | None = None) -> Page:
    """A page of items and the next key."""
    return Page(keys, Cursor(following, token))


SOUND: list[tuple[Cursor, Page]] = [
    (INITIAL, page()),
    (Cursor(b"m"), page(following=b"m")),
    (Cursor(b"y"), page(following=b"y")),
    (INITIAL, page(b"b", following=b"b")),
    (INITIAL, page(b"b", b"b", b"c", following=b"x")),
    (INITIAL, page(b"x", following=b"y")),
    (Cursor(b"m"), page(b"m\0", following=b"m\0", token=b"t")),
]


@pytest.mark.parametrize(("asked", "sound"), SOUND)
def test_sound_pages(asked: Cursor, sound: Page) -> None:
    """Empty ones, equal keys, and a next key ahead of the last item, up to the end."""
    check_page(SPAN, asked, sound)


BROKEN: list[tuple[int, Cursor, Page]] = [
    (2, Cursor(b"a"), page()),
    (2, Cursor(b"z"), page()),
    (2, Cursor(b"c", b"t" * (TOKEN_BYTES_MAX + 1)), page()),
    (3, INITIAL, page(b"c", following=b"z")),
    (3, INITIAL, page(b"c", following=b"a")),
    (3, INITIAL, page(b"c", following=LONG)),
    (3, INITIAL, page(b"c", following=b"c", token=b"t" * (TOKEN_BYTES_MAX + 1))),
    (4, INITIAL, page(b"a", following=b"c")),
    (4, INITIAL, page(b"y", following=b"y")),
    (4, INITIAL, page(b"d", b"c", following=b"d")),
    (4, INITIAL, page(b"", following=b"d")),
    (4, INITIAL, page(LONG, following=b"d")),
    (5, INITIAL, page(following=b"c")),
    (5, Cursor(b"c"), page()),
    (5, Cursor(b"c"), page(following=b"c", token=b"t")),
    (6, INITIAL, page(b"c")),
    (7, Cursor(b"c"), page(b"c", b"d", following=b"d")),
    (7, Cursor(b"d"), page(b"c", following=b"d")),
    (8, Cursor(b"m"), page(b"n", following=b"l")),
    (9, Cursor(b"m"), page(b"n", b"p", following=b"o")),
]


@pytest.mark.parametrize(("rule", "asked", "broken"), BROKEN)
def test_page_rules(rule: int, asked: Cursor, broken: Page) -> None:
    """Each rule refuses what breaks it, by its number and name."""
    with pytest.raises(PageInvalidError, match=f"page rule {rule}: ") as caught:
        check_page(SPAN, asked, broken)
    assert caught.value.rule == rule
    assert RULES[rule] in str(caught.value)


def test_every_rule_has_a_case() -> None:
    """The first holds of every range: see the tests of ranges."""
    assert {rule for rule, *_ in BROKEN} | {1} == set(RULES) == set(range(1, 10))


def test_first_broken_rule_wins() -> None:
    """A page with everything wrong, mended one rule after the other."""
    wrongs = [
        (2, Cursor(b"a"), page(b"z", following=b"z")),
        (3, Cursor(b"m"), page(b"z", following=b"z")),
        (4, Cursor(b"m"), page(b"z", following=b"c")),
        (7, Cursor(b"m"), page(b"d", following=b"c")),
        (8, Cursor(b"m"), page(b"n", following=b"c")),
        (9, Cursor(b"m"), page(b"n", following=b"m")),
    ]
    for rule, asked, broken in wrongs:
        with pytest.raises(PageInvalidError) as caught:
            check_page(SPAN, asked, broken)
        assert caught.value.rule == rule


def test_errors_show_no_key() -> None:
    """Lengths and hashes."""
    with pytest.raises(PageInvalidError) as caught:
        check_page(EVERYTHING, Cursor(b"secret-a"), page(b"secret-0", following=b"secret-b", token=b"secret"))
    assert "secret" not in str(caught.value)
    assert "secret" not in repr(page(b"secret"))


def test_checkpoint_is_never_on_the_end() -> None:
    """The next cursor where it can be stored, else that of the last item; none of an empty page."""
    assert checkpoint_of(SPAN, page(b"c", b"d", following=b"f", token=b"t")) == Cursor(b"f", b"t")
    assert checkpoint_of(SPAN, page(b"c", b"d", following=b"y", token=b"t")) == Cursor(b"d")
    assert checkpoint_of(SPAN, page(following=b"m")) is None
    assert checkpoint_of(SPAN, page()) is None
