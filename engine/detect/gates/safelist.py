"""What is never a secret, whatever the rule: things people write where a secret would go.

Tier one looks at the whole match, tier two at the secret alone and only as a whole, so that a real secret with a
placeholder's word inside stays; tier three are UUIDs, which name things.
"""

from __future__ import annotations

import re
from functools import cache

from gossip.engine.rules.patterns import Pattern

_MATCH = (
    r"(?i)\b(?:insert|enter|paste|put|add|type)[_ -](?:your|the|my)[_ -]",
    r"(?i)\byour[_-](?:[a-z]{2,12}[_-]){0,3}(?:key|token|secret|password|id)(?:[_-]here)?\b",
    r"(?i)\b(?:key|token|secret|password|value)[_-](?:goes[_-])?here\b",
    r"(?i)<(?:your|insert|enter|my|the|replace)[^<>\n]{0,60}>",
    r"(?i)\b(?:change|replace)[_-]?(?:me|this)\b",
    r"(?i)\b(?:fake|mock|dummy|sample)[_-](?:[a-z]{2,12}[_-]){0,2}(?:key|token|secret|password|credentials?)\b",
    r"(?i)\bexample[_-](?:[a-z]{2,12}[_-]){0,2}(?:key|token|secret|password)\b",
    r"(?i)\b(?:not|no)[_-]?a?[_-]?real[_-]",
    r"(?i)://(?:user(?:name)?|login|usr):(?:pass(?:word|wd)?|pwd|secret)@",
    r"(?i)://[^\s/@]{1,200}@(?:[a-z0-9-]{1,60}\.){0,4}example\.(?:com|org|net)\b",
    r"\bxmlns(?::[A-Za-z0-9]{1,40})?=",
    r"(?m)^(?:<{7}|>{7}|={7}|\|{7})(?: |$)",
    r"\*{6,}",
    r"(?i)x{10,}",
    r"\b(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{0,12}EXAMPLE",
    r"wJalrXUtnFEMI|bPxRfiCYEXAMPLEKEY",
    r"(?i)\b(?:ZXhhbXBsZ[QS]|cGxhY2Vob2xkZX[I])",
    r"(?i)\bredacted\b",
)
_SECRET = (
    (
        r"(?i)(?:your|my|insert|enter|put|some|the)[_ .-]?(?:[a-z]{2,12}[_ .-]?){0,4}"
        r"(?:key|token|secret|password|passwd|pwd|pass|id|value|here)(?:[_ .-]?here)?"
    ),
    r"(?i)(?:change|replace|fill|set|update)[_ .-]?(?:me|this|it|in|here)[!.]{0,3}",
    r"(?i)x{4,}|\*{3,}|\.{3,}|_{4,}|-{4,}|#{3,}|\?{3,}|0{6,}",
    r"<[^<>\n]{1,200}>|\[[^\[\]\n]{1,200}\]|\{\{?[^{}\n]{1,200}\}?\}|%[A-Za-z_][A-Za-z0-9_]*%",
    r"\$\{?\{?[A-Za-z_][A-Za-z0-9_.: -]*\}?\}?|\$\([^()\n]{1,200}\)|@\{?[A-Za-z_][A-Za-z0-9_.]*\}",
    r"(?i)null|none|nil|undefined|true|false|empty|todo|tbd|n/a|redacted|removed|hidden|masked|placeholder|changeit",
    r"(?i)(?:process\.env|os\.environ|os\.getenv|system\.getenv|config\.get|env)[.(\[][^\n]{0,200}",
    r"[A-Za-z0-9/+]{0,60}EXAMPLE(?:KEY)?",
    r"(?i)ZXhhbXBsZ[QS]={0,2}|cGFzc3dvcmQ={0,2}|c2VjcmV0={0,2}|dGVzdA={0,2}",
)
_UUID = re.compile(rb"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")


@cache
def _compiled(patterns: tuple[str, ...], *, whole: bool) -> Pattern:
    joined = "|".join(f"(?:{pattern})" for pattern in patterns)
    return Pattern((rf"\A(?:{joined})\z" if whole else joined).encode("ascii"))


def documented(match: bytes) -> bool:
    """Tier one: the match, with what it needs around the secret, is documentation or noise."""
    return _compiled(_MATCH, whole=False).holds(match)


def placeholder(secret: bytes) -> bool:
    """Tier two: the secret as a whole is something typed in its place."""
    return _compiled(_SECRET, whole=True).holds(secret)


def is_uuid(secret: bytes) -> bool:
    """Tier three: 8-4-4-4-12 hex digits, of any version and case."""
    return _UUID.fullmatch(secret) is not None
