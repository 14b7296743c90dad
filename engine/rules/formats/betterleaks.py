"""What Betterleaks adds to gitleaks' format."""

from __future__ import annotations

from gossip.engine.rules.filters.split import filter_allowlists
from gossip.engine.rules.filters.syntax import FilterError
from gossip.engine.rules.formats.loading import Loading
from gossip.engine.rules.model import GENERIC_TAG, Allowlist
from gossip.engine.rules.table import Reader

_SPECIFIC = 100


def filters(reader: Reader) -> tuple[Allowlist, ...]:
    """Keys `prefilter` and `filter`: expressions that suppress what they hold for. Raises MisuseError."""
    found: tuple[Allowlist, ...] = ()
    for key in ("prefilter", "filter"):
        text = reader.text(key)
        if not text.strip():
            continue
        try:
            made = filter_allowlists(text)
        except FilterError as err:
            raise reader.error(key, str(err)) from err
        if key == "prefilter" and any(allowlist.place is None for allowlist in made):
            raise reader.error(key, "may only look at attributes; use filter")
        found += made
    return found


def tags(reader: Reader, loading: Loading) -> tuple[str, ...]:
    """`tags`, with that of a generic rule where `specificity` is below the usual; notes what is not used."""
    if reader.text("validate"):
        loading.notes.append(f"{reader.where}: key validate: not used; no provider is ever asked")
    if reader.flag("tokenEfficiency"):
        raise reader.error("tokenEfficiency", "needs the vocabulary of a tokenizer, which Gossip does not have")
    said = reader.texts("tags")
    generic = reader.whole("specificity", 0, 1 << 30, default=_SPECIFIC) < _SPECIFIC
    return (*said, GENERIC_TAG) if generic and GENERIC_TAG not in said else said
