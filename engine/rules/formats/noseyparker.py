"""Rules of Nosey Parker."""

from __future__ import annotations

from typing import Any

from gossip.engine.rules.formats.loading import Loading
from gossip.engine.rules.formats.translate import translated
from gossip.engine.rules.formats.yaml import common, entry_reader

_KEYS = frozenset(
    {"categories", "description", "examples", "id", "name", "negative_examples", "pattern", "references", "visible"}
)
FUZZY = "fuzzy"
"""A category of rules that find more than secrets."""


def tables(entries: list[dict[str, Any]], path: str, loading: Loading) -> list[dict[str, Any]]:
    """The same rules as tables of our own."""
    return loading.each(_table, ((entry, index, path) for index, entry in enumerate(entries)))


def _table(entry: dict[str, Any], index: int, path: str) -> dict[str, Any]:
    reader = entry_reader(entry, index, path, _KEYS)
    made = common(reader)
    # Their groups are all parts of a finding; the first one that is not empty is taken for the secret.
    made["regex"], _ = translated(reader.text("pattern"), reader)
    made["confidence"] = 3 if FUZZY in made["tags"] or "generic" in made["tags"] else 6
    return made
