"""The string leaves of a JSON text, one by one, with their place in the bytes.

Not `json.loads`: its tree takes up to fifty times the text, all of it is lost when the last bracket is missing, and it
does not tell where a value stood. Strings are still read by the C scanner of the standard library.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import NamedTuple

from gossip.engine.decode.documents.limits import (
    DEPTH_MAX,
    JSON_GROUP_LEAVES_MAX,
    JSON_TOKENS_MAX,
    NAME_CHARS_MAX,
    NAMES_MAX,
    OUTPUT_BYTES_MAX,
)
from gossip.engine.decode.documents.parts import Output


class Leaf(NamedTuple):
    """A string value of a JSON text."""

    path: tuple[str | int, ...]
    """Names and 0-based indexes that lead to it."""
    value: str
    start: int
    """Half-open span [start, end) in the bytes, quotes included."""
    end: int


_TOKEN = re.compile(r"[ \t\r\n,:]*+(?:([\"{}\[\]])|[^ \t\r\n,:\"{}\[\]]++)")
_AFTER_KEY = re.compile(r"[ \t\r\n]*+:")


def leaves(data: bytes, out: Output) -> Iterator[Leaf]:
    """Yield the string values of `data`, lenient about commas and colons. Damage and caps are noted in `out` and end
    the iteration; nothing is raised.
    """
    # Latin-1 makes every byte one character, so that positions in the string are positions in the document.
    text = data.decode("latin-1")
    position = 3 if data.startswith(b"\xef\xbb\xbf") else 0
    path: list[str | int] = []
    for _ in range(JSON_TOKENS_MAX):
        token = _TOKEN.match(text, position)
        if token is None:
            if path:
                out.damaged("JSON ends in the middle")
            return
        position = token.end()
        mark = token[1]
        if mark == '"':
            value, position = _string(text, position, data)
            if position < 0:
                out.damaged("JSON has a string without end or with a wrong escape")
                return
            if path and isinstance(path[-1], str) and _AFTER_KEY.match(text, position):
                path[-1] = value[:NAME_CHARS_MAX]
                continue
            yield Leaf(tuple(path), value, token.start(1), position)
        elif mark in {"{", "["}:
            if len(path) >= DEPTH_MAX:
                out.damaged("JSON is nested too deeply")
                return
            path.append("" if mark == "{" else 0)
            continue
        elif mark is not None and path:
            path.pop()
        if path and isinstance(path[-1], int):
            path[-1] += 1
    out.cut()


def _string(text: str, position: int, data: bytes) -> tuple[str, int]:
    """The string whose first character is at `position`, and where it ends; the end is -1 if it is damaged."""
    try:
        value, end = scanstring(text, position, False)
        if len(value) > OUTPUT_BYTES_MAX:
            # Nobody can keep all of it, and the exact way below takes several times its size. Escapes of what is not
            # Latin-1 are lost here.
            value = value[: OUTPUT_BYTES_MAX + 1].encode("latin-1", "replace").decode("utf-8", "replace")
        elif not value.isascii():
            # Now the bytes must be read as what they are: UTF-8.
            value, _ = scanstring(data[position:end].decode("utf-8", "replace"), 0, False)
    except ValueError:
        return "", -1
    return value, end


def batches(group: Iterator[Leaf]) -> Iterator[list[Leaf]]:
    """The leaves of one group in lists that are short enough to be held."""
    while batch := list(islice(group, JSON_GROUP_LEAVES_MAX)):
        yield batch


def dotted(path: tuple[str | int, ...]) -> str:
    """A path for people: `auths.registry.auth`, `users[3].name`."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path[-NAMES_MAX:])
    return text.removeprefix(".")
