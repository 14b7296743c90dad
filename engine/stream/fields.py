"""The text that a JSON message holds in one of its fields, and where its bytes lie in the message as it was sent."""

from __future__ import annotations

import json
import re

_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+', re.DOTALL)
_PART = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\.|[^\\]+", re.DOTALL
)


def field_text(data: bytes, path: tuple[str, ...]) -> bytes | None:
    """The text at a path, as UTF-8; None where the message has none there. Numbers in a path go into lists.

    Raises ValueError for what is not JSON in UTF-8.

    >>> field_text(b'{"a": [{"b": "text"}]}', ("a", "0", "b"))
    b'text'
    """
    try:
        value = json.loads(data.decode())
    except RecursionError as err:
        raise ValueError("nested too deeply") from err
    for name in path:
        if isinstance(value, dict) and name in value:
            value = value[name]
        elif isinstance(value, list) and name.isdecimal() and int(name) < len(value):
            value = value[int(name)]
        else:
            return None
    return value.encode("utf-8", "surrogatepass") if isinstance(value, str) else None


class _Level:
    """An object or a list that is being read."""

    __slots__ = ("at", "at_key", "keyed")

    def __init__(self, *, keyed: bool) -> None:
        self.keyed = keyed
        self.at_key = keyed
        self.at = "" if keyed else "0"


def text_span(data: bytes, path: tuple[str, ...]) -> tuple[int, int] | None:
    """Where the string at a path lies in valid JSON, without its quotes: what `field_text` decoded.

    >>> text_span(b'{"a": "text"}', ("a",))
    (7, 11)
    """
    levels: list[_Level] = []
    found = None
    for token in _TOKEN.finditer(data):
        text = token[0]
        top = levels[-1] if levels else None
        if text in {b"{", b"["}:
            levels.append(_Level(keyed=text == b"{"))
        elif text in {b"}", b"]"}:
            levels.pop()
        elif top is not None and text == b",":
            top.at_key = top.keyed
            top.at = top.at if top.keyed else str(int(top.at) + 1)
        elif top is not None and top.at_key:
            top.at, top.at_key = json.loads(text), False
        elif text[:1] == b'"' and tuple(level.at for level in levels) == path:
            found = token.start() + 1, token.end() - 1  # of repeated keys the last one counts, as it does for readers
    return found


def places(raw: bytes) -> list[int]:
    """For each byte of what a JSON string decodes to, and for its end: where its character begins in the raw string.

    >>> places(rb"a\\nb")
    [0, 1, 3, 4]
    """
    found: list[int] = []
    for part in _PART.finditer(raw):
        if part[0][:1] == b"\\":
            decoded = json.loads(b'"' + part[0] + b'"').encode("utf-8", "surrogatepass")
            found.extend([part.start()] * len(decoded))
        else:
            found.extend(range(part.start(), part.end()))
    found.append(len(raw))
    return found
