"""HTTP archives: what browsers save of their traffic, cookies and bearer tokens included."""

from __future__ import annotations

import base64
from itertools import groupby

from gossip.engine.decode.documents.jsontext import Leaf, batches, leaves
from gossip.engine.decode.documents.parts import Output

_PAIRS = frozenset({"headers", "cookies", "params"})


def extract_har(data: bytes, out: Output, _name: str) -> None:
    """Parts per entry, counted from 1: `entry 3 request` (method, URL, a line per header), `entry 3 request body`,
    `entry 3 response`, `entry 3 response body` (decoded if it is base64).
    """
    for label, group in groupby(leaves(data, out), _message):
        for message in batches(group) if label else ():
            _emit(message, label, out)


def _message(leaf: Leaf) -> str:
    """Label of the request or response that a value belongs to; nothing for the rest."""
    path = leaf.path
    if len(path) < 5 or path[:2] != ("log", "entries") or path[3] not in {"request", "response"}:
        return ""
    return f"entry {path[2] + 1} {path[3]}" if isinstance(path[2], int) else ""


def _emit(message: list[Leaf], label: str, out: Output) -> None:
    """Add the head and the body of one message."""
    lines: list[str] = []
    body: dict[str, Leaf] = {}
    pairs: dict[tuple[str | int, ...], dict[str, str]] = {}
    for leaf in message:
        path = leaf.path[4:]
        if path[0] in {"method", "url", "redirectURL"} and leaf.value:
            lines.append(leaf.value + "\n")
        elif path[0] in {"postData", "content"} and len(path) == 2:
            body[str(path[1])] = leaf
        elif len(path) >= 3 and path[-3] in _PAIRS:
            pairs.setdefault(path[:-1], {})[str(path[-1])] = leaf.value
    lines += [f"{pair.get('name', '')}: {pair.get('value', '')}\n" for pair in pairs.values()]
    out.add("".join(lines), label, message[0].start, message[-1].end)
    text = body.get("text")
    if text is not None:
        encoding = body.get("encoding")
        out.add(_decoded(text.value, encoding.value if encoding else "", out), f"{label} body", text.start, text.end)


def _decoded(text: str, encoding: str, out: Output) -> bytes | str:
    if encoding.lower() != "base64":
        return text
    try:
        return base64.b64decode(text)
    except ValueError:
        out.damaged("a body is not the base64 it is said to be")
        return text
