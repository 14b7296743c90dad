"""A baseline: which secrets of which rules are known. The text of it is for people and for Git.

    # gossip baseline 1 key 8f0c...
    1b4e...	github-pat	src/upload.py	revoked in March

After the header one line a secret: hash, rule, first place, reason, with tabs between. No line number, no secret, no
date: what is the same stays the same text. Lines are sorted, but any order is read, and a line that is there twice
counts once, so that Git's `merge=union` makes the union of two baselines.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from gossip.schemas.errors import MisuseError

VERSION = 1
_HEADER = re.compile(r"# gossip baseline (\d{1,9})(?: key ([0-9a-f]{64}))?")
_HASH = re.compile(r"[0-9a-f]{64}")
_CONFLICT = re.compile(r"<{7}|={7}|>{7}|\|{7}")
_PLACE_CHARS_MAX = 1024
_REASON_CHARS_MAX = 1024


class Known(NamedTuple):
    """What a line is about: two lines of one Known are one entry."""

    secret_hash: str
    """The finding's: keyed BLAKE3 under the tenant's key, 64 hex digits."""
    rule_id: str


class Entry(NamedTuple):
    """A line of a baseline. Texts are as `entry` makes them: one line each, without tabs."""

    known: Known
    place: str = ""
    """Where the secret was found first, for people: its path. It decides nothing."""
    reason: str = ""

    @property
    def shown(self) -> str:
        """The entry in one line for people."""
        said = f": {self.reason}" if self.reason else ""
        return f"{self.known.secret_hash[:12]} {self.known.rule_id} {self.place or '-'}{said}"


@dataclass
class Baseline:
    """Entries by what they are about. `key_id`: of the tenant key that made the hashes, 64 hex digits."""

    key_id: str
    entries: dict[Known, Entry] = field(default_factory=dict)

    def add(self, entry: Entry) -> None:
        """Take an entry; of two about one secret one stays, and it does not matter which came first."""
        old = self.entries.get(entry.known)
        self.entries[entry.known] = entry if old is None else min(old, entry, key=_rank)

    def __iter__(self) -> Iterator[Entry]:
        """Entries in the order of the file."""
        return iter(sorted(self.entries.values()))

    def __len__(self) -> int:
        """Number of entries."""
        return len(self.entries)


def entry(secret_hash: str, rule_id: str, place: str = "", reason: str = "") -> Entry:
    """An entry of texts as they come: what would break a line is escaped, what is too long is cut."""
    known = Known(secret_hash, _one_line(rule_id).strip())
    return Entry(known, _one_line(place)[:_PLACE_CHARS_MAX].strip(), _one_line(reason)[:_REASON_CHARS_MAX].strip())


def merged(*baselines: Baseline) -> Baseline:
    """The union of baselines, whatever their order. Raises MisuseError where their keys differ."""
    first, *rest = baselines
    union = Baseline(first.key_id, dict(first.entries))
    for other in rest:
        if other.key_id != first.key_id:
            raise MisuseError("the baselines were made with two tenant keys: their hashes cannot be compared")
        for one in other:
            union.add(one)
    return union


def render(baseline: Baseline) -> str:
    """The text of a baseline: the same entries give the same text."""
    lines = [f"# gossip baseline {VERSION} key {baseline.key_id}"]
    lines.extend("\t".join([*one.known, one.place, one.reason]).rstrip("\t") for one in baseline)
    return "\n".join(lines) + "\n"


def parse(text: str, where: str) -> Baseline:
    """The baseline of a text. Raises MisuseError that names the line of `where` that is wrong, and never shows it."""
    keys: set[str] = set()
    entries: list[Entry] = []
    # Not splitlines: a place may hold what Python takes for the end of a line and Git does not.
    for number, raw in enumerate(text.removeprefix("\ufeff").split("\n"), start=1):
        line = raw.removesuffix("\r")
        at = f"{where}:{number}"
        if _CONFLICT.match(line):
            raise MisuseError(f"{at}: an unresolved merge; keep the lines of both sides (or set merge=union for it)")
        if header := _HEADER.fullmatch(line.rstrip()):
            keys.add(_key_of(header, at))
        elif line.strip() and not line.startswith("#"):
            entries.append(_parsed(line, at))
    if not keys:
        raise MisuseError(f"{where}: is no baseline: its first line must be `# gossip baseline {VERSION} key ...`")
    if len(keys) > 1:
        raise MisuseError(f"{where}: holds hashes of {len(keys)} tenant keys; make it anew with one of them")
    baseline = Baseline(keys.pop())
    for one in entries:
        baseline.add(one)
    return baseline


def place_key(date: float | None, path: str) -> tuple[bool, float, str]:
    """Order of places: oldest first; those of which no date is known come last."""
    return (date is None, date or 0.0, path)


def _rank(one: Entry) -> tuple[bool, str, bool, str]:
    """An entry with a reason is worth more than one without."""
    return (not one.reason, one.reason, not one.place, one.place)


def _key_of(header: re.Match[str], at: str) -> str:
    version, key = header.groups()
    if int(version) != VERSION or key is None:
        raise MisuseError(f"{at}: a baseline of version {version}, and this Gossip knows {VERSION}; update Gossip")
    return str(key)


def _parsed(line: str, at: str) -> Entry:
    fields = [text.strip() for text in line.split("\t")]
    if len(fields) < 2 or not _HASH.fullmatch(fields[0]) or not fields[1]:
        raise MisuseError(f"{at}: is no entry: give hash, rule, place and reason, with tabs between")
    return entry(fields[0], fields[1], fields[2] if len(fields) > 2 else "", " ".join(fields[3:]))


def _one_line(text: Iterable[str]) -> str:
    """Characters that no line of a text file holds, or that steer a terminal, as escapes. Twice is as once."""
    return "".join(char if char.isprintable() else _escape(ord(char)) for char in text)


def _escape(code: int) -> str:
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def suppresses(baseline: Baseline, secret_hash: str, rule_id: str) -> Known | None:
    """What in the baseline a finding is; None for a new one."""
    known = Known(secret_hash, _one_line(rule_id).strip())
    return known if known in baseline.entries else None
