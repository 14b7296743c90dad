"""A finding as users see it. One row of the JSON Lines output, of the CSV, and of the lake's `occurrences` table."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal, NamedTuple

Level = Literal["low", "medium", "high"]
Validation = Literal["valid", "invalid", "indeterminate", "none"]

BLOB_SHORT_CHARS = 8
LEVEL_HIGH_MIN = 7
LEVEL_MEDIUM_MIN = 4


def level_of(confidence: int) -> Level:
    """The level of a confidence: 0 to 3 low, 4 to 6 medium, 7 to 10 high."""
    if confidence >= LEVEL_HIGH_MIN:
        return "high"
    return "medium" if confidence >= LEVEL_MEDIUM_MIN else "low"


class Part(NamedTuple):
    """A component of a multi-part finding: another rule's match near the secret."""

    rule_id: str
    secret_hash: str
    preview: str
    line: int
    column: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Finding:
    """One occurrence of one secret. No field but `secret` ever holds secret bytes, and `secret` is None unless asked
    for.

    Offsets are bytes in the scanned object, half-open. Lines and columns are 1-based; columns count bytes; `end_column`
    is the column after the last byte of the secret, in `end_line`.
    """

    finding_id: str
    """Stable id of the secret under this rule in this target: 64 hex digits. Survives edits, moves and rebases."""
    occurrence_id: str
    """Id of this place of the secret: 64 hex digits."""
    rule_id: str
    description: str
    confidence: int
    """0 (a guess) to 10 (checksum proven)."""
    level: Level
    secret_hash: str
    """Keyed BLAKE3 of the secret under the tenant key: 64 hex digits."""
    preview: str
    """Redacted secret: at most its first four characters, then its length."""
    target: str
    """What the user named: a path, a URL, `-`."""
    path: str
    """Relative to the target; bytes that are not UTF-8 are shown as `\\xNN`."""
    start: int
    end: int
    line: int
    column: int
    end_line: int
    end_column: int
    object_id: str = ""
    """Git blob id in hex, else empty."""
    commit: str = ""
    """First commit that introduced the blob at `path`, in hex; empty where there is none (files, staged blobs)."""
    author: str = ""
    email: str = ""
    date: str = ""
    """Author date of `commit`, ISO 8601 with offset."""
    unreachable: bool = False
    """In an object of the repository that no ref leads to: of a deleted branch, an amended commit, a dropped stash.
    `commit` and `path` then name a commit that no ref leads to either, or are empty where there is none.
    """
    decode_path: tuple[str, ...] = ()
    """Transforms from the outermost to the innermost, for example ('base64', 'percent')."""
    container_path: tuple[str, ...] = ()
    """Members of archives from the outermost to the innermost."""
    validation: Validation = "none"
    """What the rule's offline validator says of the secret."""
    facts: tuple[tuple[str, str], ...] = ()
    """What the validator read off it, by name: an account number, an algorithm, a time of expiry."""
    parts: tuple[Part, ...] = ()
    """The components of a multi-part rule, in the rule's order."""
    rule_fingerprint: str = ""
    """BLAKE3 of the rule's definition: 64 hex digits."""
    tags: tuple[str, ...] = ()
    secret: str | None = None
    """The secret itself, only with `--show-secrets`."""

    def __reduce__(self) -> tuple[Any, ...]:
        # The dataclass's own way asks for the list of fields on both sides, for every finding.
        return Finding, tuple(getattr(self, name) for name in (*FINDING_FIELDS, "secret"))

    def to_record(self) -> dict[str, Any]:
        """A flat mapping in the documented field order, led by `type`; `secret` only where it is set."""
        record: dict[str, Any] = {"type": "finding"}
        for name in FINDING_FIELDS:
            value = getattr(self, name)
            record[name] = list(value) if type(value) is tuple else value
        record["facts"] = dict(self.facts)
        record["parts"] = [part._asdict() for part in self.parts]
        if self.secret is not None:
            record["secret"] = self.secret
        return record

    @property
    def shown_path(self) -> str:
        """What stands for the path in outputs for people: of a blob without one, its id; else of no path, the target.

        >>> import dataclasses
        >>> fields = {field.name: "" for field in dataclasses.fields(Finding)}
        >>> Finding(**fields | {"object_id": "12345678" * 5, "unreachable": True}).shown_path
        '<blob 12345678>'
        """
        return self.path or (f"<blob {self.object_id[:BLOB_SHORT_CHARS]}>" if self.unreachable else self.target)

    def sort_key(self) -> tuple[Any, ...]:
        """A total order that does not depend on how the scan was run."""
        return (self.target, self.path, self.start, self.end, self.rule_id, self.object_id, self.occurrence_id)


FINDING_FIELDS: tuple[str, ...] = tuple(f.name for f in fields(Finding) if f.name != "secret")
