"""Keys of payment services, and card numbers."""

from __future__ import annotations

import re
from typing import Final

from gossip.engine.detect.validators.base import INDETERMINATE, INVALID, Verdict

_STRIPE: Final = re.compile(rb"([rs]k)_(?:org_)?(live|test)_[A-Za-z0-9]{16,}")
_STRIPE_KINDS: Final = {b"sk": "secret", b"rk": "restricted"}
_CARD: Final = re.compile(rb"[0-9]{12,19}")
_DOUBLED: Final = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


def stripe(secret: bytes) -> Verdict:
    """Kind and mode are facts; the rest of the key is random and proves nothing."""
    found = _STRIPE.fullmatch(secret)
    if found is None:
        return INDETERMINATE
    return Verdict("indeterminate", (("kind", _STRIPE_KINDS[found[1]]), ("mode", found[2].decode())))


def luhn(secret: bytes) -> Verdict:
    """12 to 19 digits, spaces and hyphens between them, whose last is the check digit of ISO/IEC 7812."""
    digits = secret.replace(b" ", b"").replace(b"-", b"")
    if _CARD.fullmatch(digits) is None:
        return INDETERMINATE
    total = 0
    for place, char in enumerate(reversed(digits)):
        total += _DOUBLED[char - 48] if place % 2 else char - 48
    # Digits that are all the same sum up right often enough, and are never a card.
    if total % 10 or len(set(digits)) == 1:
        return INVALID
    return Verdict("valid", (("digits", str(len(digits))),))
