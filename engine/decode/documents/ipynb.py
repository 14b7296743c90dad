"""Jupyter notebooks, formats 3 and 4."""

from __future__ import annotations

import re
from itertools import groupby

from gossip.engine.decode.documents.jsontext import Leaf, batches, leaves
from gossip.engine.decode.documents.parts import Output

_SOURCES = frozenset({"source", "input"})
_OUTPUT_TEXTS = re.compile(r"text(?:/[\w.+-]+)?|evalue|traceback|html|latex")
_TERMINAL_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def extract_ipynb(data: bytes, out: Output, _name: str) -> None:
    """Parts: the source of each cell (`cell 3`, counted from 1), and each text of each of its outputs (`cell 3 output
    1`): streams, text/plain and other text types, tracebacks.

    The reference system ignored outputs. Much of what leaks from notebooks leaks there: a printed environment, a data
    frame of users, the URL in a stack trace.
    """
    for key, group in groupby(leaves(data, out), _unit):
        for found in batches(group) if key else ():
            text = "".join(leaf.value for leaf in found)
            if "output" in key:
                # Colours come between the characters of a traceback and would split a token.
                text = _TERMINAL_COLOUR.sub("", text)
            if text.strip():
                text = text if text.endswith("\n") else text + "\n"
                out.add(text, key.partition(":")[0], found[0].start, found[-1].end)


def _unit(leaf: Leaf) -> str:
    """Which unit of text a value belongs to: its label, a colon, and what tells units with one label apart;
    nothing if it is no text.
    """
    path = leaf.path
    if len(path) > 2 and path[0] == "worksheets":
        worksheet, path = path[1], path[2:]
    else:
        worksheet = 0
    if len(path) < 3 or path[0] != "cells" or not isinstance(path[1], int):
        return ""
    label = f"cell {path[1] + 1}"
    if path[2] in _SOURCES:
        return f"{label}:{worksheet}"
    if path[2] != "outputs" or len(path) < 5 or not isinstance(path[3], int):
        return ""
    name = path[5] if path[4] == "data" and len(path) > 5 else path[4]
    if isinstance(name, str) and _OUTPUT_TEXTS.fullmatch(name):
        return f"{label} output {path[3] + 1}:{worksheet} {name}"
    return ""
