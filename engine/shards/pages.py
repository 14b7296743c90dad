"""What a connector lists: pages of keys, checked before anything is done with them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gossip.engine.identity import opaque
from gossip.engine.limits import KEY_BYTES_MAX, TOKEN_BYTES_MAX
from gossip.engine.shards.cursor import INITIAL, Cursor
from gossip.engine.shards.errors import PageInvalidError

if TYPE_CHECKING:
    from gossip.engine.shards.ranges import KeyRange

RULES = {
    1: "the range has a start before its end",
    2: "the cursor that was asked with is in the range, or at its end",
    3: "the next cursor is in the range, or at its end, and fits",
    4: "items are in the range, fit, and do not descend",
    5: "an empty page does not move the cursor",
    6: "a page with items has a next key",
    7: "the first item is behind the cursor that was asked with",
    8: "the next key is not behind it",
    9: "the next key is not before the last item",
}
"""The rules, in the order in which they are checked. The first that is broken is reported. The first one holds of
every KeyRange, which cannot be made otherwise.
"""


@dataclass(frozen=True, slots=True)
class Page:
    """One answer of a connector. `keys` are those of its items, in order."""

    keys: tuple[bytes, ...] = field(repr=False)
    next: Cursor = INITIAL
    """Where to ask on. Of an empty page, the cursor that was asked with."""
    exhausted: bool = False
    """Nothing follows in the range. Only this ends a shard: a key at its end does not, and an empty page does not."""


def check_page(span: KeyRange, asked: Cursor, page: Page) -> None:
    """Raise PageInvalidError, with the number of the first rule that a page breaks."""
    keys, key = page.keys, page.next.key
    broken = _broken_place(span, asked, page)
    if broken is None and not keys and page.next != asked:
        broken = 5
    if broken is None and keys:
        if key is None:
            broken = 6
        elif asked.key is not None and keys[0] <= asked.key:
            broken = 7
        elif asked.key is not None and key < asked.key:
            broken = 8
        elif key < keys[-1]:
            broken = 9
    if broken is not None:
        first = opaque("first key", keys[0]) if keys else "no item"
        raise PageInvalidError(
            f"page rule {broken}: {RULES[broken]}; asked with {asked!r} in {span!r}, {len(keys)} items, {first},"
            f" next {page.next!r}",
            broken,
        )


def checkpoint_of(span: KeyRange, page: Page) -> Cursor | None:
    """The cursor to store once a sound page is handled: its next one, or that of its last item where the next one is
    at the end of the range. None where there is none to store: the page was empty.
    """
    if not page.keys:
        return None
    return page.next if page.next.key is not None and page.next.key in span else Cursor(page.keys[-1])


def _broken_place(span: KeyRange, asked: Cursor, page: Page) -> int | None:
    if not _reaches(span, asked):
        return 2
    if not _reaches(span, page.next):
        return 3
    keys = page.keys
    fits = all(0 < len(key) <= KEY_BYTES_MAX and key in span for key in keys)
    return None if fits and list(keys) == sorted(keys) else 4


def _reaches(span: KeyRange, cursor: Cursor) -> bool:
    key, token = cursor.key, cursor.token
    if key is None:
        return True
    fits = len(key) <= KEY_BYTES_MAX and (token is None or len(token) <= TOKEN_BYTES_MAX)
    return fits and (key in span or (span.end != b"" and key == span.end))
