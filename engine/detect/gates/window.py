"""Gates over the window of a match: cheap looks at the text around it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from gossip.engine.limits import WINDOW_RADIUS_BYTES

if TYPE_CHECKING:
    from gossip.engine.rules.model import CharClass

_ASSIGNMENT = re.compile(rb"[=:>][\s=:>\"'`]*[A-Za-z0-9_.-]{10}")
_NOT_LOWER = bytes(set(range(256)) - set(b"abcdefghijklmnopqrstuvwxyz"))


def window(data: bytes, start: int, end: int) -> bytes:
    """A match and WINDOW_RADIUS_BYTES on each side."""
    return data[max(0, start - WINDOW_RADIUS_BYTES) : end + WINDOW_RADIUS_BYTES]


def assignment_shape(text: bytes) -> bool:
    """Whether something of at least ten word characters is assigned: after `=`, `:` or `>`, spaces and quotes."""
    return _ASSIGNMENT.search(text) is not None


def too_much_prose(text: bytes, gate: CharClass) -> bool:
    """Whether lower-case letters make up more of a window than the rule allows."""
    if len(text) < gate.min_window:
        return False
    return len(text.translate(None, _NOT_LOWER)) * 100 > len(text) * gate.max_lower_pct
