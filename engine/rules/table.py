"""Typed, strict reading of one TOML table. Every error names the place, the key and what would be right."""

from __future__ import annotations

from typing import Any, cast

from gossip.engine.rules.model import Allowlist, Condition, RegexTarget
from gossip.schemas.errors import MisuseError

TOP_KEYS = frozenset(
    {
        "allowlist",
        "allowlists",
        "betterleaksMinVersion",
        "description",
        "extend",
        "filter",
        "minVersion",
        "prefilter",
        "rules",
        "title",
    }
)
RULE_KEYS = frozenset(
    {
        "allowlist",
        "allowlists",
        "assignment",
        "charClass",
        "components",
        "confidence",
        "confirmAny",
        "context",
        "counterexamples",
        "description",
        "entropy",
        "entropyGate",
        "examples",
        "filter",
        "id",
        "keywords",
        "minConfidence",
        "mustContain",
        "path",
        "prefilter",
        "references",
        "regex",
        "required",
        "scorer",
        "secretGroup",
        "severity",
        "skipReport",
        "specificity",
        "tags",
        "tokenEfficiency",
        "uuid",
        "validate",
        "validator",
        "verbatim",
    }
)
ALLOWLIST_KEYS = frozenset(
    {"commits", "condition", "description", "paths", "regexTarget", "regexes", "stopwords", "targetRules"}
)
_CONDITIONS = {"": "OR", "OR": "OR", "||": "OR", "AND": "AND", "&&": "AND"}


class Reader:
    """One table of a rule file. `where` starts every message."""

    def __init__(self, where: str, data: dict[str, Any], known: frozenset[str] | set[str]) -> None:
        self.where = where
        self.data = data
        unknown = sorted(set(data) - known)
        if unknown:
            raise self.error(unknown[0], f"unknown key; known are {', '.join(sorted(known))}")

    def error(self, key: str, what: str) -> MisuseError:
        """The error for one key of this table."""
        return MisuseError(f"{self.where}: key {key}: {what}")

    def text(self, key: str) -> str:
        """A string, empty if absent."""
        value = self.data.get(key, "")
        if not isinstance(value, str):
            raise self.error(key, f"must be a string, not {type(value).__name__}")
        return value

    def texts(self, key: str, *, allow_empty: bool = True) -> tuple[str, ...]:
        """A list of strings, empty if absent."""
        value = self.data.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.error(key, "must be a list of strings")
        if not allow_empty and not all(value):
            raise self.error(key, "holds an empty string, which would hold everywhere")
        return tuple(value)

    def flag(self, key: str) -> bool:
        """A truth value, false if absent."""
        value = self.data.get(key, False)
        if not isinstance(value, bool):
            raise self.error(key, "must be true or false")
        return value

    def whole(self, key: str, least: int, most: int, *, default: int = 0) -> int:
        """A whole number within bounds."""
        value = self.data.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise self.error(key, f"must be a whole number from {least} to {most}")
        return value

    def number(self, key: str, least: float, most: float) -> float | None:
        """A number within bounds, None if absent."""
        value = self.data.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            raise self.error(key, f"must be a number from {least} to {most}")
        return float(value)

    def choice(self, key: str, choices: tuple[str, ...], default: str) -> str:
        """One of some strings."""
        value = self.data.get(key, default)
        if value not in choices:
            raise self.error(key, f"must be one of {', '.join(choices)}")
        return str(value)

    def table(self, key: str) -> dict[str, Any]:
        """A sub-table."""
        value = self.data[key]
        if not isinstance(value, dict):
            raise self.error(key, "must be a table")
        return value

    def tables(self, key: str) -> list[dict[str, Any]]:
        """A list of sub-tables, empty if absent."""
        value = self.data.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise self.error(key, f"must be tables: [[{key}]]")
        return value

    def allowlists(self, *, shared: bool) -> tuple[Allowlist, ...]:
        """`[[allowlists]]`, or the older single `[allowlist]`."""
        single = self.data.get("allowlist")
        many = self.tables("allowlists")
        if single is not None:
            if many:
                raise self.error("allowlist", "stands beside allowlists; keep one form")
            many = [self.table("allowlist")]
        return tuple(self._allowlist(entry, index, shared=shared) for index, entry in enumerate(many))

    def _allowlist(self, entry: dict[str, Any], index: int, *, shared: bool) -> Allowlist:
        known = ALLOWLIST_KEYS if shared else ALLOWLIST_KEYS - {"targetRules"}
        reader = Reader(f"{self.where}: allowlist {index + 1}", entry, known)
        condition = _CONDITIONS.get(reader.text("condition").upper())
        if condition is None:
            raise reader.error("condition", "must be OR or AND")
        target = reader.text("regexTarget") or "secret"
        if target not in ("secret", "match", "line"):
            raise reader.error("regexTarget", "must be secret, match or line")
        allowlist = Allowlist(
            description=reader.text("description"),
            condition=cast("Condition", condition),
            commits=tuple(commit.lower() for commit in reader.texts("commits", allow_empty=False)),
            paths=reader.texts("paths", allow_empty=False),
            regexes=reader.texts("regexes", allow_empty=False),
            regex_target=cast("RegexTarget", target),
            stopwords=tuple(word.lower() for word in reader.texts("stopwords", allow_empty=False)),
            target_rules=reader.texts("targetRules", allow_empty=False),
        )
        if not (allowlist.commits or allowlist.paths or allowlist.regexes or allowlist.stopwords):
            raise reader.error("regexes", "an allowlist needs at least one of commits, paths, regexes, stopwords")
        return allowlist
