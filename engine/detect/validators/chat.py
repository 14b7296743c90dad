"""Tokens of bots, which begin with the number of the bot."""

from __future__ import annotations

import re
from typing import Final

from gossip.engine.detect.validators.base import INDETERMINATE, Verdict
from gossip.engine.detect.validators.codec import base64, utc

_TELEGRAM: Final = re.compile(rb"([0-9]{6,12}):[A-Za-z0-9_-]{35}")
_DISCORD: Final = re.compile(rb"([A-Za-z0-9_-]{22,28})\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,38}")
_SNOWFLAKE: Final = re.compile(rb"[1-9][0-9]{16,19}")
_DISCORD_EPOCH_MS: Final = 1_420_070_400_000


def telegram_bot(secret: bytes) -> Verdict:
    """The number of the bot is a fact; nothing in the token can be checked."""
    found = _TELEGRAM.fullmatch(secret)
    return INDETERMINATE if found is None else Verdict("indeterminate", (("bot", found[1].decode()),))


def discord_bot(secret: bytes) -> Verdict:
    """The first part is base64 of the bot's snowflake, which holds when the bot was made."""
    found = _DISCORD.fullmatch(secret)
    if found is None:
        return INDETERMINATE
    number = base64(found[1], url=True) or b""
    if _SNOWFLAKE.fullmatch(number) is None or int(number) >= 1 << 63:
        return INDETERMINATE
    created = utc(((int(number) >> 22) + _DISCORD_EPOCH_MS) // 1000)
    return Verdict("valid", (("bot", number.decode()), *((("created", created),) if created else ())))
