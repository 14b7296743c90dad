"""What may be shown of a secret."""

from __future__ import annotations

from gossip.engine.limits import PREVIEW_CHARS_MAX

_SHOWN_PART = 5
"""At most one character in this many is shown, so that a short password stays one."""


def preview(secret: bytes) -> str:
    """The first few printable characters, then how many bytes there are: `ghp_...(40)`."""
    shown = secret[: min(PREVIEW_CHARS_MAX, len(secret) // _SHOWN_PART)]
    text = "".join(chr(byte) if 0x21 <= byte < 0x7F else "." for byte in shown)
    return f"{text}...({len(secret)})"
