"""Entries of YAML rule files."""

from __future__ import annotations

import math
from typing import Any

from gossip.engine.rules.table import Reader
from gossip.schemas.errors import MisuseError


def parsed_yaml(text: str, path: str) -> list[dict[str, Any]]:
    """The entries under `rules`. Raises MisuseError for what is not YAML, or has no such list."""
    import yaml

    try:
        data = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as err:
        # The text of the error would quote the file; its place is enough.
        mark = getattr(err, "problem_mark", None)
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark is not None else ""
        raise MisuseError(f"rule file {path}: not YAML{where}: {getattr(err, 'problem', None) or 'malformed'}") from err
    top = Reader(f"rule file {path}", data if isinstance(data, dict) else {}, {"rules", "rulesets"})
    if "rules" not in top.data:
        raise MisuseError(f"rule file {path}: key rules: needed, a list of rules")
    return top.tables("rules")


def entry_reader(entry: dict[str, Any], index: int, path: str, known: frozenset[str]) -> Reader:
    """A reader of one entry. Raises MisuseError for unknown keys and where `id` or `pattern` is missing."""
    name = entry.get("id")
    where = f"{path}: rule {name!r}" if isinstance(name, str) and name else f"{path}: rule number {index + 1}"
    reader = Reader(where, {str(key): value for key, value in entry.items() if value is not None}, known)
    for key in ("id", "pattern"):
        if not reader.text(key):
            raise reader.error(key, "needed, and not empty")
    return reader


def common(reader: Reader) -> dict[str, Any]:
    """The keys that both YAML formats have, as those of a table of our own, less the regex."""
    name, said = reader.text("name"), reader.text("description")
    return {
        "id": reader.text("id"),
        "description": said or name,
        "tags": list(reader.texts("categories")),
        "references": list(reader.texts("references")),
        "examples": list(reader.texts("examples")),
        "counterexamples": list(reader.texts("negative_examples")),
        "verbatim": True,
    }


def finite(value: object) -> bool:
    """Whether YAML gave a plain number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
