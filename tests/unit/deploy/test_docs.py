"""Commands in the documents of this part are commands, with options that exist."""

from __future__ import annotations

import re
import shlex

import pytest

from tests.support.cli import ROOT
from tests.support.shells import accepts

_BLOCK = re.compile(r"^```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`(gossip [^`]+)`")
_SYNTAX = re.compile(r"\.\.\.|\[|\|")


def commands(name: str) -> list[list[str]]:
    """The words of every `gossip ...` in code."""
    text = (ROOT / "docs" / name).read_text()
    lines = [line.removeprefix("$ ") for block in _BLOCK.findall(text) for line in block.splitlines()]
    found = [line for line in lines if line.startswith("gossip ")]
    found += [" ".join(code.split()) for code in _INLINE.findall(_BLOCK.sub("", text)) if not _SYNTAX.search(code)]
    return [shlex.split(line, comments=True)[1:] for line in found]


@pytest.mark.parametrize("name", ["hooks.md", "operations.md"])
def test_commands_of_a_document(name: str) -> None:
    """With fewer arguments than needed they are names of commands; else they are taken whole."""
    found = commands(name)
    assert len(found) > 4
    for words in found:
        bare = len(words) <= 2 and not any(word.startswith("-") for word in words)
        if not (bare and words[0] in {"query", "scan", "status"}):
            accepts(words)
