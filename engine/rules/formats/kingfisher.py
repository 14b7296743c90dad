"""Rules of Kingfisher."""

from __future__ import annotations

from typing import Any

from gossip.engine.rules.formats.loading import Loading
from gossip.engine.rules.formats.translate import translated
from gossip.engine.rules.formats.yaml import common, entry_reader, finite
from gossip.engine.rules.table import Reader

OWN_KEYS = frozenset(
    {
        "confidence",
        "depends_on_rule",
        "min_entropy",
        "pattern_requirements",
        "prevalidated",
        "revocation",
        "tls_mode",
        "validation",
        "visible",
    }
)
"""Keys that tell these rules from Nosey Parker's."""
_KEYS = OWN_KEYS | {
    "categories",
    "description",
    "examples",
    "id",
    "name",
    "negative_examples",
    "pattern",
    "references",
}
_CONFIDENCE = {"low": 3, "medium": 5, "high": 8}
_LEAST = {
    "min_digits": "[0-9]",
    "min_lowercase": "[a-z]",
    "min_uppercase": "[A-Z]",
}
_LEAST_MAX = 256
_ONLINE = ("validation", "revocation", "tls_mode", "prevalidated")
_SPECIAL = "!@#$%^&*()_+-=[]{}|;:'\",.<>?/\\`~"


def tables(entries: list[dict[str, Any]], path: str, loading: Loading) -> list[dict[str, Any]]:
    """The same rules as tables of our own."""
    ids = {str(entry.get("id")) for entry in entries}
    return loading.each(_table, ((entry, index, path, ids, loading) for index, entry in enumerate(entries)))


def _table(entry: dict[str, Any], index: int, path: str, ids: set[str], loading: Loading) -> dict[str, Any]:
    reader = entry_reader(entry, index, path, _KEYS)
    made = common(reader)
    made["regex"], groups = translated(reader.text("pattern"), reader)
    if "TOKEN" in groups:
        made["secretGroup"] = groups["TOKEN"]
    if "min_entropy" in reader.data:
        if not finite(reader.data["min_entropy"]):
            raise reader.error("min_entropy", "must be a number")
        made["entropy"] = min(8.0, max(0.0, float(reader.data["min_entropy"])))
    made["confidence"] = _CONFIDENCE[reader.choice("confidence", tuple(_CONFIDENCE), "medium")]
    made["skipReport"] = "visible" in reader.data and not reader.flag("visible")
    made["components"] = _components(reader, ids, loading)
    if "pattern_requirements" in reader.data:
        _requirements(reader, made, loading)
    for key in _ONLINE:
        if key in reader.data:
            loading.notes.append(f"{reader.where}: key {key}: not used; no provider is ever asked")
    return made


def _components(reader: Reader, ids: set[str], loading: Loading) -> list[dict[str, Any]]:
    """A rule depends on others for what it asks the provider, so it is reported without them too."""
    found = []
    for number, entry in enumerate(reader.tables("depends_on_rule")):
        inner = Reader(f"{reader.where}: depends_on_rule {number + 1}", entry, {"rule_id", "variable", "optional"})
        rule = inner.text("rule_id")
        if rule in ids and rule != reader.data["id"]:
            found.append({"id": rule, "optional": True})
        else:
            loading.notes.append(f"{inner.where}: rule {rule!r} is not in this file, so nothing is joined")
    return found


def _requirements(reader: Reader, made: dict[str, Any], loading: Loading) -> None:
    known = {*_LEAST, "min_special_chars", "special_chars", "ignore_if_contains", "checksum"}
    inner = Reader(f"{reader.where}: pattern_requirements", reader.table("pattern_requirements"), known)
    classes = dict(_LEAST)
    special = inner.text("special_chars") or _SPECIAL
    classes["min_special_chars"] = "[" + "".join(f"\\x{{{ord(char):x}}}" for char in special) + "]"
    lacks = []
    for key, chars in classes.items():
        least = inner.whole(key, 0, _LEAST_MAX)
        if least:
            lacks.append(f"!matchesAny(finding.secret, [`(?s)(?:{chars}.*?){{{least}}}`])")
    made["filter"] = " || ".join(lacks)
    words = inner.texts("ignore_if_contains", allow_empty=False)
    if words:
        made["allowlists"] = [{"stopwords": list(words)}]
    if "checksum" in inner.data:
        loading.notes.append(f"{inner.where}: key checksum: not checked")
