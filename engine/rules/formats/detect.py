"""Which format a rule file has, by what is in it: TOML, or YAML of Kingfisher or Nosey Parker."""

from __future__ import annotations

import re
import tomllib
from typing import Any

from gossip.engine.rules.formats import kingfisher, noseyparker
from gossip.engine.rules.formats.loading import Loading
from gossip.engine.rules.formats.yaml import parsed_yaml
from gossip.schemas.errors import MisuseError

_YAML = re.compile(r"(?m)^(?:rules|rulesets)\s*:")


def tables(text: str, path: str, loading: Loading) -> dict[str, Any]:
    """The tables of a rule file. Raises MisuseError for what is neither TOML nor YAML with `rules`."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as err:
        if not _YAML.search(text):
            raise MisuseError(f"rule file {path}: not TOML: {err}") from err
    entries = parsed_yaml(text, path)
    if any(entry.keys() & kingfisher.OWN_KEYS for entry in entries):
        return {"rules": kingfisher.tables(entries, path, loading)}
    return {"rules": noseyparker.tables(entries, path, loading)}
