"""What a rule asks of the line on which a secret stands. Where the line cannot be seen whole, the answer is yes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gossip.engine.rules.model import LocalContext

_QUOTES = b"\"'`"
_ASSIGNS = re.compile(rb"[=:]")


def context_holds(data: bytes, start: int, end: int, context: LocalContext) -> bool:
    """Whether quotes, assignment and key names stand around data[start:end] as the rule asks."""
    if context.quoted and start and end < len(data):
        before, after = data[start - 1], data[end]
        if before not in _QUOTES or before != after:
            return False
    line = data.rfind(b"\n", max(0, start - context.lookbehind), start)
    if line < 0 and start > context.lookbehind:
        return True
    before_secret = data[line + 1 : start]
    if context.same_line_assignment and not _ASSIGNS.search(before_secret):
        return False
    if context.key_names:
        lowered = before_secret.lower()
        return any(name.lower().encode() in lowered for name in context.key_names)
    return True
